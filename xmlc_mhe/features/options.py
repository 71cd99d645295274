"""The options for words, their defaults and their checks; light, as `xmlc-mhe fit --help` shows them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..checks import check_option, check_whole, is_whole
from ..errors import in_short
from ..estimator import Estimator
from ..state import MOST_LENGTH, Field, Fields, choice, flag, items, optional, text, whole, words

WEIGHTINGS = ("tfidf", "bow")
ANALYZERS = ("auto", "word", "char", "char_wb", "word+char_wb")
OF_WORDS = ("auto", "word", "word+char_wb")
OWN = "own"  # stands for an analyzer of the user's own
NORMAL_FORMS = ("NFC", "NFKC", None)
CASES = ("lower", "turkish", "keep")
MOST_HASHING_BITS = 30  # columns are int32
# Option -> the analyzers with which it has an effect, where that is not all
ANALYZER_USES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("normalization", "case", "strip_accents"), ANALYZERS),
    "token_pattern": OF_WORDS,
    **dict.fromkeys(("stem", "stop_words"), (*OF_WORDS, OWN)),
    "char_ngram_range": ("word+char_wb",),
}
BEFORE_ANALYZERS = {"analyzer": "word", "normalization": None}  # what models were fitted with that do not say


class WordOptions(Estimator):
    """The options of `TextFeatures`: which words count, and how much. docs/languages.md has examples.

    Args:
        weighting: "tfidf" weights a word by (1 + log tf) * idf. "bow" gives 1 to each word that occurs. In both cases
            rows are then scaled to unit Euclidean length.
        analyzer: "auto": words of two or more letters, digits or underscores; in scripts without spaces, as those of
            Chinese, Japanese, Thai, Lao, Khmer and Burmese, single letters and pairs. "word": words in all scripts, as
            scikit-learn's pattern has them. "char": n-grams of characters; "char_wb": so, within words and the spaces
            around them. "word+char_wb": words, and n-grams of characters, side by side. Or a function of your own from
            a text to a list of its words, or "package.module:function".
        normalization: "NFC", "NFKC" or None, the normal form of Unicode in which characters are compared. In both, i
            with a dot above it is i.
        case: "lower": words are counted in lower case. "turkish": I is the capital of ı, and İ that of i. "keep".
        strip_accents: whether é counts as e.
        token_pattern: a regular expression that finds the words in place of the analyzer.
        stem: a language of snowballstemmer, such as "german": words count as their stems.
        stop_words: words that are left out: a list, or a language of stop-words, such as "german".
        sublinear_tf: whether "tfidf" takes 1 + log tf, or False for tf itself.
        min_df: a word that occurs in fewer documents than this is dropped. It has no effect with hashing.
        ngram_range: the fewest and the most words of a feature, for example (1, 2) for single words and pairs; with
            "char" and "char_wb", the fewest and the most characters.
        char_ngram_range: the same of the characters of "word+char_wb".
        hashing_bits: above 0, features are hashed to 2**hashing_bits columns, and no vocabulary is kept.
    """

    def __init__(
        self,
        weighting: str = "tfidf",
        *,
        analyzer: Any = "auto",
        normalization: str | None = "NFC",
        case: str = "lower",
        strip_accents: bool = False,
        token_pattern: str | None = None,
        stem: str | None = None,
        stop_words: str | Sequence[str] | None = None,
        sublinear_tf: bool = True,
        min_df: int = 2,
        ngram_range: tuple[int, int] = (1, 1),
        char_ngram_range: tuple[int, int] = (3, 5),
        hashing_bits: int = 0,
    ) -> None:
        self.weighting = weighting
        self.analyzer = analyzer
        self.normalization = normalization
        self.case = case
        self.strip_accents = strip_accents
        self.token_pattern = token_pattern
        self.stem = stem
        self.stop_words = stop_words
        self.sublinear_tf = sublinear_tf
        self.min_df = min_df
        self.ngram_range = ngram_range
        self.char_ngram_range = char_ngram_range
        self.hashing_bits = hashing_bits

    def check_values(self) -> None:
        """Raise ValueError unless each option is one that it may be, and has an effect or its default."""
        check_option("weighting", self.weighting, WEIGHTINGS)
        if kind_of_analyzer(self.analyzer) is None:
            raise ValueError(
                f"analyzer must be one of {', '.join(ANALYZERS)}, a function from a text to its words, or "
                f"package.module:function. Got {in_short(repr(self.analyzer))}; choose one of them."
            )
        for name, allowed in (("normalization", NORMAL_FORMS), ("case", CASES)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, allowed))}. Got {getattr(self, name)!r}; choose one of "
                    "them."
                )
        if not isinstance(self.strip_accents, bool):
            raise ValueError(f"strip_accents must be True or False. Got {self.strip_accents!r}; choose one.")
        if self.token_pattern is not None:
            check_pattern(self.token_pattern)
        if not isinstance(self.stem, str | None):
            raise ValueError(f"stem must be None or a language. Got {self.stem!r}; write for example 'english'.")
        if not (isinstance(self.stop_words, str | None) or _are_words(self.stop_words)):
            raise ValueError(
                "stop_words must be None, a list of words, or a language. Got "
                f"{in_short(repr(self.stop_words))}; write for example ['a', 'the']."
            )
        check_whole("min_df", self.min_df)
        check_whole("hashing_bits", self.hashing_bits, least=0, most=MOST_HASHING_BITS)
        for name in ("ngram_range", "char_ngram_range"):
            lengths: Sequence[Any] = getattr(self, name) if isinstance(getattr(self, name), Sequence) else ()
            if not (len(lengths) == 2 and all(map(is_whole, lengths)) and lengths[0] <= lengths[1]):
                raise ValueError(
                    f"{name} must be the shortest and the longest run of words, or characters, from 1. "
                    f"Got {getattr(self, name)!r}; write for example (1, 2)."
                )
        defaults = WordOptions()
        given = [name for name in ANALYZER_USES if getattr(self, name) != getattr(defaults, name)]
        for name, analyzers in without_analyzer(given, self.analyzer):
            raise ValueError(
                f"{name} must be {getattr(defaults, name)!r} with analyzer={in_short(repr(self.analyzer))}. Got "
                f"{in_short(repr(getattr(self, name)))}; leave it out, or choose analyzer {analyzers}."
            )


def kind_of_analyzer(analyzer: Any) -> str | None:
    """Return the name of an analyzer, OWN for one of the user's own, None for what is none."""
    if isinstance(analyzer, str):
        return analyzer if analyzer in ANALYZERS else OWN if ":" in analyzer else None
    return OWN if callable(analyzer) and not isinstance(analyzer, type) else None


def without_analyzer(options: Sequence[str], analyzer: Any) -> Iterator[tuple[str, str]]:
    """Yield each option that has no effect with an analyzer, and the names of those that it goes with."""
    for name in options:
        if kind_of_analyzer(analyzer) not in ANALYZER_USES.get(name, (*ANALYZERS, OWN)):
            *first, last = ["one of your own" if known == OWN else known for known in ANALYZER_USES[name]]
            yield name, f"{', '.join(first)} or {last}" if first else last


def check_pattern(pattern: Any) -> None:
    """Raise ValueError unless a value is a regular expression that finds words, in a group or without one."""
    try:
        num_groups = re.compile(pattern).groups if isinstance(pattern, str) else None
        found = "it" if num_groups is None else f"{num_groups} groups"
    except (re.error, OverflowError, RecursionError) as error:
        num_groups, found = None, in_short(error)
    if num_groups not in (0, 1):
        raise ValueError(
            "token_pattern must be a regular expression with one group at most. Got "
            f"{in_short(repr(pattern))} ({found}); write (?:...) for a group that is not the word."
        )


def _are_words(values: Any) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, str) for value in values)


def word_option_fields(state: Mapping[str, Any]) -> Fields:
    """Yield what the options must be in a saved model, as `WordOptions.check_values` has it."""
    yield "weighting", choice(WEIGHTINGS)
    yield "sublinear_tf", flag()
    yield "min_df", whole()
    is_range = ("the second no less than the first", lambda lengths: lengths[0] <= lengths[1])
    lengths = items(whole(1, MOST_LENGTH), least=2, most=2, rule=is_range)
    yield "ngram_range", lengths
    yield "hashing_bits", whole(0, MOST_HASHING_BITS)
    if "analyzer" not in state:  # BEFORE_ANALYZERS
        return
    yield (
        "analyzer",
        Field(
            f"one of {', '.join(ANALYZERS)}, or package.module:function",
            lambda value: isinstance(value, str) and kind_of_analyzer(value) is not None,
        ),
    )
    yield "normalization", choice(NORMAL_FORMS)
    yield "case", choice(CASES)
    yield "strip_accents", flag()
    yield "token_pattern", optional(Field("a regular expression with one group at most", _is_pattern))
    yield "stem", optional(text())
    yield "stop_words", Field("null, a language or a list of words", lambda value: isinstance(value, str | None) or (
        _are_words(value)
    ))  # fmt: skip
    yield "stop_list", optional(words())
    yield "char_ngram_range", lengths


def _is_pattern(value: Any) -> bool:
    try:
        check_pattern(value)
    except ValueError:
        return False
    return True
