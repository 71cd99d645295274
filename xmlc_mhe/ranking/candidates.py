"""The labels of a document that are ranked: those with the greatest margins."""

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from ..features.matrix import HybridMatrix
from ..predictions import Predictions
from .evidence import Candidates

NUM_CANDIDATES = 30  # of a document; with 20 or 50, P@k is the same: recipes/studies/ranking.py


def candidates_of(X: HybridMatrix, best: Predictions, most: int = NUM_CANDIDATES) -> Candidates:
    """Return the `most` best of the labels that a head gave the documents, or all where it gave fewer."""
    labels, margins = (column[:, :most] for column in best)
    is_padding = labels < 0
    if is_padding.any():
        last = np.where(is_padding, np.inf, margins).min(axis=1, keepdims=True, initial=np.inf)
        margins = np.where(is_padding, np.where(np.isfinite(last), last, 0), margins).astype(np.float32)
    return Candidates(X, labels, margins)


def truth_of(labels: np.ndarray, Y: csr_array) -> np.ndarray:
    """Return which of the labels, int32 (B, S), -1 pads, are true, bool (B, S); Y CSR (B, num_labels), sorted rows."""
    is_true = np.zeros(labels.shape, np.bool_)
    _mark(Y.indptr, Y.indices, labels, is_true)
    return is_true


@njit(nogil=True, cache=True)
def _mark(indptr: np.ndarray, true_labels: np.ndarray, labels: np.ndarray, is_true: np.ndarray) -> None:
    for doc in range(len(labels)):
        for slot in range(labels.shape[1]):
            for place in range(indptr[doc], indptr[doc + 1]):
                is_true[doc, slot] |= true_labels[place] == labels[doc, slot]
