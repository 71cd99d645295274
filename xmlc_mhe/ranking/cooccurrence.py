"""Evidence of the other candidates: how often a label goes with those that the heads are sure of."""

from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from .evidence import Candidates, Training

SURE = 10  # best candidates that speak for others
STEEPNESS = 4.0  # of the sigmoid that makes a weight of a margin
KEPT_LABELS = 32  # companions kept of each label, the most likely ones
LEAST_DOCS = 2  # documents that two labels must share


class CooccurrenceEvidence:
    """Sum and maximum over the SURE best candidates j of sigmoid(STEEPNESS margin_j) P(label | j).

    Row j of a CSR has the companions of label j: indptr int32 (num_labels + 1,); labels, int32, ascending; shares,
    uint8, 255 P(label | j), of the training documents with label j those that have the other label, too.
    """

    name = "cooccurrence"
    columns = ("sum of companions", "best companion")

    def __init__(self, indptr: np.ndarray, labels: np.ndarray, shares: np.ndarray) -> None:
        self.indptr, self.labels, self.shares = indptr, labels, shares

    @classmethod
    def learn(cls, training: Training) -> "CooccurrenceEvidence":
        """Count pairs of labels; those of a label that are kept are the most frequent, ties to the lower label."""
        Y = training.Y
        docs = csr_array(Y.T)  # (num_labels, num_docs)
        return cls(*_companions(docs.indptr, docs.indices, Y.indptr, Y.indices))

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return the values of each candidate, float32 (B, S, 2)."""
        values = np.zeros((*candidates.labels.shape, len(self.columns)), np.float32)
        slots = np.full(len(self.indptr) - 1, -1, np.int32)
        _gather(self.indptr, self.labels, self.shares, slots, candidates.labels, candidates.margins, values)
        return values  # (B, S, 2)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return {"indptr": self.indptr, "labels": self.labels, "shares": self.shares}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "CooccurrenceEvidence":
        """Return the evidence whose `state` this is."""
        return cls(state["indptr"], state["labels"], state["shares"])


@njit(nogil=True, cache=True)
def _companions(
    label_indptr: np.ndarray, label_docs: np.ndarray, doc_indptr: np.ndarray, doc_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each label its companions, as the arrays of a CSR."""
    num_labels = len(label_indptr) - 1
    counts, touched = np.zeros(num_labels, np.int64), np.empty(num_labels, np.int64)
    indptr = np.zeros(num_labels + 1, np.int32)
    labels, shares = np.empty(num_labels * KEPT_LABELS, np.int32), np.empty(num_labels * KEPT_LABELS, np.uint8)
    end = 0
    for label in range(num_labels):
        num_touched = 0
        for place in range(label_indptr[label], label_indptr[label + 1]):
            doc = label_docs[place]
            for other_place in range(doc_indptr[doc], doc_indptr[doc + 1]):
                other = doc_labels[other_place]
                if other == label:
                    continue
                if counts[other] == 0:
                    touched[num_touched] = other
                    num_touched += 1
                counts[other] += 1
        found = np.sort(touched[:num_touched])
        num_docs = label_indptr[label + 1] - label_indptr[label]
        order = np.argsort(-counts[found], kind="mergesort")[:KEPT_LABELS]
        kept = np.sort(found[order])
        for other in kept:
            if counts[other] >= LEAST_DOCS:
                labels[end], shares[end] = other, round(255 * counts[other] / num_docs)
                end += 1
        counts[found] = 0
        indptr[label + 1] = end
    return indptr, labels[:end].copy(), shares[:end].copy()


@njit(nogil=True, cache=True)
def _gather(
    indptr: np.ndarray,
    companions: np.ndarray,
    shares: np.ndarray,
    slots: np.ndarray,
    labels: np.ndarray,
    margins: np.ndarray,
    values: np.ndarray,
) -> None:
    """Fill values; slots, int32 (num_labels,) of -1, is scratch: where the candidates of a document stand."""
    num_candidates = labels.shape[1]
    for doc in range(len(labels)):
        for slot in range(num_candidates):
            if labels[doc, slot] >= 0:
                slots[labels[doc, slot]] = slot
        for slot in range(min(SURE, num_candidates)):
            label = labels[doc, slot]
            if label < 0:
                continue
            weight = np.float32(1 / (1 + np.exp(-STEEPNESS * margins[doc, slot])))
            for place in range(indptr[label], indptr[label + 1]):
                other = slots[companions[place]]
                if other >= 0:
                    value = weight * np.float32(shares[place]) / np.float32(255)
                    values[doc, other, 0] += value
                    values[doc, other, 1] = max(values[doc, other, 1], value)
        for slot in range(num_candidates):
            if labels[doc, slot] >= 0:
                slots[labels[doc, slot]] = -1
