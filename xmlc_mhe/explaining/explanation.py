"""Explanation: why a document has a label, or has it not."""

from dataclasses import asdict, dataclass
from typing import Any

from ..features.spans import Span

BY_WEIGHTS, BY_LEAVING_OUT = "weights", "leaving out"


@dataclass(frozen=True)
class Word:
    """What a word of the document said of the label; also an n-gram, a column of given features, or an encoder.

    value: of the feature. weight: of the label on it. contribution: their product; or by how much the margin falls when
        the word is left out. spans: where the word stands in the text, none for what is no word.
    """

    word: str
    value: float
    weight: float
    contribution: float
    spans: list[Span]


@dataclass(frozen=True)
class EvidenceChange:
    """How the probability changes without one kind of evidence: below 0 where that kind spoke for the label."""

    name: str
    change: float


@dataclass(frozen=True)
class SimilarDocument:
    """A training document near the one explained; its first words are None where the model keeps none."""

    text: str | None
    labels: list[str]
    similarity: float
    has_label: bool


@dataclass(frozen=True)
class NameWord:
    """A word of the label's name that the text has."""

    word: str
    spans: list[Span]


@dataclass(frozen=True)
class Explanation:
    """Why a document has a label, or has it not.

    Attributes:
        label: its name.
        probability: as `predict` gives it; None where the model gives margins alone.
        margin: what the label's own classifier says, above 0 for yes.
        bias: the margin of a document without words.
        words: by falling size of their contribution. Where words_by is "weights", bias and contributions sum to the
            margin. Where it is "leaving out", each word was left out of the document in turn, as no weights belong to
            words in a learned encoder or a neural head; such contributions have no sum, and the bias is the margin
            less all of them.
        evidence: of the ranking stage, each kind left out in turn; empty for a label beyond its candidates, and where
            it calibrates the margin alone.
        neighbours: the training documents nearest to this one, nearest first; empty where the model keeps none.
        name_words: the words of the label's name that the text has.
    """

    label: str
    probability: float | None
    margin: float
    bias: float
    words: list[Word]
    words_by: str
    evidence: list[EvidenceChange]
    neighbours: list[SimilarDocument]
    name_words: list[NameWord]

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values; a span is a list of two numbers."""
        values = asdict(self)
        for word in (*values["words"], *values["name_words"]):
            word["spans"] = [list(span) for span in word["spans"]]
        return values
