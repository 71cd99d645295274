"""Evidence of the nearest training documents: how many of them, weighted by cosine, have a label.

The share of a label is the sum of cosine^power over the neighbours that have it, divided by that over all neighbours.
"""

from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from ..errors import DataError
from ..features.matrix import unit_length
from ..linear.scorer import label_dtype
from ..state import part
from .document_index import DenseIndex, DocumentIndex, Neighbours
from .evidence import Candidates, Training
from .first_words import FirstWords

POWERS = (2, 6)  # of the cosine: all neighbours speak, or mostly the very nearest


class NeighbourEvidence:
    """Share of a label among the nearest training documents, for each block of features and each of POWERS.

    indices: of the blocks, "words" and "dense", that features have. Y: CSR of the training documents' labels.
    first_words: of the training documents, for people; None where there were no texts.
    """

    name = "neighbours"

    def __init__(
        self, indices: dict[str, DocumentIndex | DenseIndex], Y: csr_array, first_words: FirstWords | None = None
    ) -> None:
        self.indices, self.Y, self.first_words = indices, Y, first_words
        self.columns = tuple(f"share by cosine^{power}, {block}" for block in indices for power in POWERS)

    @classmethod
    def learn(cls, training: Training) -> "NeighbourEvidence":
        """Keep the training documents."""
        indices: dict[str, DocumentIndex | DenseIndex] = {}
        if training.X.sparse.shape[1]:
            indices["words"] = DocumentIndex.from_rows(training.X.sparse)
        if training.X.dense.shape[1]:
            indices["dense"] = DenseIndex.from_rows(unit_length(training.X.dense))
        return cls(indices, training.Y, None if training.texts is None else FirstWords.of(training.texts))

    def nearest(self, candidates: Candidates) -> dict[str, Neighbours]:
        """Return the training documents nearest to each document, by block of features."""
        X = candidates.X
        blocks = {"words": X.sparse, "dense": X.dense}
        return {
            block: index.nearest(blocks[block] if block == "words" else unit_length(X.dense))
            for block, index in self.indices.items()
        }

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return the shares of each candidate, float32 (B, S, len(columns))."""
        found = self.nearest(candidates)
        shares = [
            label_shares(found[block], self.Y, candidates.labels, power=power)
            for block in self.indices
            for power in POWERS
        ]
        return np.stack(shares, axis=2)  # (B, S, columns)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        labels = self.Y.indices.astype(label_dtype(self.Y.shape[1]))
        state: dict[str, Any] = {"indptr": self.Y.indptr, "labels": labels, "num_labels": self.Y.shape[1]}
        state["blocks"] = {block: index.num_features for block, index in self.indices.items()}
        for block, index in self.indices.items():
            state |= index.state(block)
        if self.first_words is not None:
            state |= {f"first_words.{name}": value for name, value in self.first_words._asdict().items()}
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "NeighbourEvidence":
        """Return the evidence whose `state` this is; raises DataError where its arrays do not fit together."""
        num_docs, indptr, labels = len(state["indptr"]) - 1, state["indptr"], state["labels"]
        if not (
            indptr[0] == 0
            and indptr[-1] == len(labels)
            and (np.diff(indptr) >= 0).all()
            and 0 <= labels.min(initial=0) <= labels.max(initial=0) < state["num_labels"]
        ):
            raise DataError("neighbours must have labels of documents. Got arrays that do not fit together; fit again.")
        kinds: dict[str, Any] = {"words": DocumentIndex, "dense": DenseIndex}
        indices = {
            block: kinds[block].from_state(state, block, num_docs=num_docs, num_features=num_features)
            for block, num_features in state["blocks"].items()
        }
        ones = np.ones(len(state["labels"]), np.float32)
        Y = csr_array((ones, state["labels"].astype(np.int32), state["indptr"]), (num_docs, state["num_labels"]))
        first_words = part(state, "first_words.")
        return cls(indices, Y, FirstWords(**first_words) if first_words else None)


def label_shares(neighbours: Neighbours, Y: csr_array, candidates: np.ndarray, *, power: float) -> np.ndarray:
    """Return the share of each candidate among a document's neighbours, float32 (num_docs, S), 0 to 1.

    candidates: int32 (num_docs, S), -1 pads, whose share is 0; so is every share of a document without neighbours.
    """
    shares = np.zeros(candidates.shape, np.float32)
    _label_shares(*neighbours, Y.indptr, Y.indices, Y.shape[1], candidates, power, shares)
    return shares


@njit(nogil=True, cache=True)
def _add_up(
    docs: np.ndarray,
    cosines: np.ndarray,
    Y_indptr: np.ndarray,
    Y_indices: np.ndarray,
    power: float,
    sums: np.ndarray,
) -> np.float32:
    """Add cosine^power of the neighbours to the sum of each of their labels, float32 (num_labels,); return that of all.

    Once seen, `sums` must be set to 0 again for these labels; `_clear` does.
    """
    total = np.float32(0)
    for slot in range(len(docs)):
        if docs[slot] < 0:
            break
        weight = np.float32(cosines[slot] ** power)
        total += weight
        for entry in range(Y_indptr[docs[slot]], Y_indptr[docs[slot] + 1]):
            sums[Y_indices[entry]] += weight
    return total


@njit(nogil=True, cache=True)
def _clear(docs: np.ndarray, Y_indptr: np.ndarray, Y_indices: np.ndarray, sums: np.ndarray) -> None:
    """Set the sums of the neighbours' labels to 0."""
    for doc in docs:
        if doc < 0:
            break
        for entry in range(Y_indptr[doc], Y_indptr[doc + 1]):
            sums[Y_indices[entry]] = 0


@njit(nogil=True, cache=True)
def _label_shares(
    docs: np.ndarray,
    cosines: np.ndarray,
    Y_indptr: np.ndarray,
    Y_indices: np.ndarray,
    num_labels: int,
    candidates: np.ndarray,
    power: float,
    shares: np.ndarray,
) -> None:
    sums = np.zeros(num_labels, np.float32)
    for row in range(len(candidates)):
        total = _add_up(docs[row], cosines[row], Y_indptr, Y_indices, power, sums)
        for slot in range(candidates.shape[1]):
            if candidates[row, slot] >= 0 and total > 0:
                shares[row, slot] = sums[candidates[row, slot]] / total
        _clear(docs[row], Y_indptr, Y_indices, sums)
