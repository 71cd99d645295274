"""Evidence of the heads: the margin of a candidate, and where it stands among those of the other candidates."""

from typing import Any

import numpy as np

from .evidence import Candidates, Training

FIFTH = 4  # rank, from 0


class MarginEvidence:
    """Margin, rank, distances to the best and to the fifth margin, the best margin and its distance to the second."""

    name = "margins"
    columns = ("margin", "log rank", "to the best", "to the fifth", "best", "best to second")

    @classmethod
    def learn(cls, training: Training) -> "MarginEvidence":
        """There is nothing to learn."""
        return cls()

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return the values of each candidate, float32 (B, S, 6)."""
        margins = candidates.margins  # (B, S)
        num_docs, num_candidates = margins.shape
        best, second, fifth = (margins[:, [min(rank, num_candidates - 1)]] for rank in (0, 1, FIFTH))  # (B, 1)
        ranks = np.log1p(np.arange(num_candidates, dtype=np.float32))
        values = np.empty((num_docs, num_candidates, len(self.columns)), np.float32)
        for column, value in enumerate((margins, ranks, best - margins, margins - fifth, best, best - second)):
            values[:, :, column] = value
        return values  # (B, S, 6)

    def state(self) -> dict[str, Any]:
        """Return nothing: there is nothing to keep."""
        return {}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "MarginEvidence":
        """Return the evidence."""
        return cls()
