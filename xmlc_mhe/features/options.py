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
        weighting: "tfidf" weights a word by (1 + log tf) * idf. "bow" gives 1 to each word that occurs. In both cases
            rows are then scaled to unit Euclidean length.
        sublinear_tf: whether "tfidf" takes 1 + log tf, or False for tf itself.
        min_df: a word that occurs in fewer documents than this is dropped. It has no effect with hashing.
        ngram_range: the fewest and the most words of a feature, for example (1, 2) for single words and pairs.
        hashing_bits: above 0, features are hashed to 2**hashing_bits columns, and no vocabulary is kept.
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
