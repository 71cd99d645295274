"""The first words of the training documents, by which people know them again."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..state import Fields, Rule, array, ascends

MOST_CHARACTERS = 80  # of a document


class FirstWords(NamedTuple):
    """The first MOST_CHARACTERS of each text, white space as single spaces, in arrays that stay on disk until asked.

    characters: uint8, UTF-8, one text after the other. ends: int64 (num_docs,).
    """

    characters: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, texts: Iterable[str]) -> "FirstWords":
        """Return the first words of texts."""
        beginnings = (" ".join(text.lstrip()[: 2 * MOST_CHARACTERS].split())[:MOST_CHARACTERS] for text in texts)
        parts = [text.encode("utf-8", "replace") for text in beginnings]
        ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
        return cls(np.frombuffer(b"".join(parts), np.uint8), ends)

    def of_doc(self, doc: int) -> str:
        """Return those of one document."""
        start = self.ends[doc - 1] if doc > 0 else 0
        return self.characters[start : self.ends[doc]].tobytes().decode("utf-8", "replace")

    @staticmethod
    def state_fields(state: dict[str, Any], *, num_docs: int) -> Fields:
        """Yield what the arrays must be."""
        yield "characters", array("uint8", (None,))
        most = len(state["characters"])
        rule: Rule = ("ascending", ascends)
        yield "ends", array("int64", (num_docs,), least=0, most=most, rule=rule)
