"""Evidence of names: the words of the label's name that the document has."""

from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from .evidence import Candidates, Training


class NameEvidence:
    """Share and number of the words of the label's name that the document has, and their share of the name's weight.

    names: CSR (num_labels, num_words), the features of the names as texts; words that training never had are not there.
    """

    name = "names"
    columns = ("share of the name", "words of the name", "weight of the name")

    def __init__(self, names: csr_array) -> None:
        self.names = names

    @classmethod
    def learn(cls, training: Training) -> "NameEvidence | None":
        """Keep the words of the names; None where features are no words."""
        return None if training.names is None else cls(training.names)

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return the values of each candidate, float32 (B, S, 3); 0 for a name without a known word."""
        values = np.zeros((*candidates.labels.shape, len(self.columns)), np.float32)
        X, names = candidates.X.sparse, self.names
        is_there = np.zeros(X.shape[1], np.bool_)
        _match(X.indptr, X.indices, names.indptr, names.indices, names.data, is_there, candidates.labels, values)
        return values  # (B, S, 3)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        names = self.names
        return {"indptr": names.indptr, "words": names.indices, "weights": names.data, "num_words": names.shape[1]}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "NameEvidence":
        """Return the evidence whose `state` this is."""
        shape = (len(state["indptr"]) - 1, state["num_words"])
        return cls(csr_array((state["weights"], state["words"], state["indptr"]), shape))


@njit(nogil=True, cache=True)
def _match(
    X_indptr: np.ndarray,
    X_indices: np.ndarray,
    indptr: np.ndarray,
    words: np.ndarray,
    weights: np.ndarray,
    is_there: np.ndarray,
    labels: np.ndarray,
    values: np.ndarray,
) -> None:
    for doc in range(len(labels)):
        for entry in range(X_indptr[doc], X_indptr[doc + 1]):
            is_there[X_indices[entry]] = True
        for slot in range(labels.shape[1]):
            label = labels[doc, slot]
            if label < 0 or indptr[label] == indptr[label + 1]:
                continue
            found, weight, whole = 0, np.float32(0), np.float32(0)
            for place in range(indptr[label], indptr[label + 1]):
                square = weights[place] * weights[place]
                whole += square
                if is_there[words[place]]:
                    found += 1
                    weight += square
            values[doc, slot, 0] = found / (indptr[label + 1] - indptr[label])
            values[doc, slot, 1] = found
            values[doc, slot, 2] = weight / whole
        for entry in range(X_indptr[doc], X_indptr[doc + 1]):
            is_there[X_indices[entry]] = False
