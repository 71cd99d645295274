"""The options for words, their defaults and their checks; light, as `xmlc-mhe fit --help` shows them."""

from collections.abc import Sequence

from ..checks import check_option, check_whole, is_whole
from ..estimator import Estimator
from ..state import MOST_LENGTH, Fields, choice, flag, items, whole

WEIGHTINGS = ("tfidf", "bow")
MOST_HASHING_BITS = 30  # columns are int32


class WordOptions(Estimator):
    """The options of `TextFeatures`: which words count, and how much.

    Args:
        weighting: "tfidf": (1 + log tf) * idf; "bow": 1 for a word that occurs. Rows have unit Euclidean length.
        sublinear_tf: with "tfidf", 1 + log tf in place of tf.
        min_df: words in fewer documents than this are dropped; no use with hashing.
        ngram_range: shortest and longest run of words that is a feature, e.g. (1, 2) for words and pairs.
        hashing_bits: features are hashed to 2**hashing_bits columns and no vocabulary is kept; 0: no hashing.
    """

    def __init__(
        self,
        weighting: str = "tfidf",
        *,
        sublinear_tf: bool = True,
        min_df: int = 2,
        ngram_range: tuple[int, int] = (1, 1),
        hashing_bits: int = 0,
    ) -> None:
        self.weighting = weighting
        self.sublinear_tf = sublinear_tf
        self.min_df = min_df
        self.ngram_range = ngram_range
        self.hashing_bits = hashing_bits

    def check_values(self) -> None:
        """Raise ValueError unless each option is one that it may be."""
        check_option("weighting", self.weighting, WEIGHTINGS)
        check_whole("min_df", self.min_df)
        check_whole("hashing_bits", self.hashing_bits, least=0, most=MOST_HASHING_BITS)
        lengths = self.ngram_range if isinstance(self.ngram_range, Sequence) else ()
        if not (len(lengths) == 2 and all(map(is_whole, lengths)) and lengths[0] <= lengths[1]):
            raise ValueError(
                "ngram_range must be the shortest and the longest run of words, from 1. "
                f"Got {self.ngram_range!r}; write for example (1, 2)."
            )


def word_option_fields() -> Fields:
    """Yield what the options must be in a saved model, as `WordOptions.check_values` has it."""
    yield "weighting", choice(WEIGHTINGS)
    yield "sublinear_tf", flag()
    yield "min_df", whole()
    is_range = ("the second no less than the first", lambda lengths: lengths[0] <= lengths[1])
    yield "ngram_range", items(whole(1, MOST_LENGTH), least=2, most=2, rule=is_range)
    yield "hashing_bits", whole(0, MOST_HASHING_BITS)
