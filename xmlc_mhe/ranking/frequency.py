"""Evidence of frequency: how many training documents a candidate has, and how long the document is."""

from typing import Any

import numpy as np

from .evidence import Candidates, Training


class FrequencyEvidence:
    """Logarithm of the label's training documents, and of the number of the document's features."""

    name = "frequency"
    columns = ("log documents of the label", "log features of the document")

    def __init__(self, log_counts: np.ndarray) -> None:
        self.log_counts = log_counts

    @classmethod
    def learn(cls, training: Training) -> "FrequencyEvidence":
        """Count the documents of each label."""
        counts = np.bincount(training.Y.indices, minlength=training.Y.shape[1])
        return cls(np.log1p(counts).astype(np.float32))

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return the values of each candidate, float32 (B, S, 2)."""
        values = np.empty((*candidates.labels.shape, len(self.columns)), np.float32)
        values[:, :, 0] = self.log_counts[candidates.labels]
        values[:, :, 1] = np.log1p(np.diff(candidates.X.sparse.indptr))[:, None]
        return values

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return {"log_counts": self.log_counts}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FrequencyEvidence":
        """Return the evidence whose `state` this is."""
        return cls(state["log_counts"])
