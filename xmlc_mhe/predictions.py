"""The k best labels of each document, and the kernel that keeps them; ties go to the lower id."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.sparse import csr_array


class Predictions(NamedTuple):
    """The k best labels of each document, best first.

    labels: int32 (num_docs, k), -1 pads. scores: float32 (num_docs, k), -inf pads.
    """

    labels: np.ndarray
    scores: np.ndarray


def empty_predictions(num_docs: int, k: int) -> Predictions:
    """Predictions of padding alone, to be filled in."""
    return Predictions(np.full((num_docs, k), -1, np.int32), np.full((num_docs, k), -np.inf, np.float32))


def concatenate_predictions(batches: Sequence[Predictions]) -> Predictions:
    """Return the predictions of one batch after the other as one."""
    return Predictions(*(np.concatenate(column) for column in zip(*batches, strict=True)))


def probs_of(predictions: Predictions) -> np.ndarray:
    """Return the scores as probabilities, float32 (num_docs, k), -inf for padding.

    Raises: ValueError: the score of a label is no probability.
    """
    labels, scores = predictions
    is_wrong = (labels >= 0) & ~((scores >= 0) & (scores <= 1))
    if is_wrong.any():
        raise ValueError(
            f"scores must be probabilities, from 0 to 1. Got {scores[is_wrong][0]:g}; predict with a model that ranks."
        )
    return np.where(labels >= 0, scores, -np.inf).astype(np.float32, copy=False)


def keep_labels(predictions: Predictions, is_kept: np.ndarray) -> Predictions:
    """Return the labels with a True in is_kept, bool (num_docs, k), where they stand, and padding for the others."""
    labels, scores = predictions
    return Predictions(np.where(is_kept, labels, np.int32(-1)), np.where(is_kept, scores, np.float32(-np.inf)))


def as_csr(predictions: Predictions, num_labels: int) -> csr_array:
    """Return the scores of the predicted labels as CSR (num_docs, num_labels) float32, columns ascending."""
    docs, ranks = np.nonzero(predictions.labels >= 0)
    labels, scores = predictions.labels[docs, ranks], predictions.scores[docs, ranks]
    order = np.lexsort((labels, docs))
    indptr = np.searchsorted(docs, np.arange(len(predictions.labels) + 1)).astype(np.int32)
    return csr_array((scores[order], labels[order], indptr), (len(predictions.labels), num_labels))


@njit(nogil=True, cache=True)
def keep_best(candidates: np.ndarray, first: int, labels: np.ndarray, scores: np.ndarray) -> None:
    """Merge the labels first, first + 1, ... with scores `candidates`, float32 (n,), into the best so far.

    labels, scores: (k,), best first, padded; a candidate must beat the last to enter, so that of equal scores the one
    offered first stays: offer labels in ascending order.
    """
    last = len(scores) - 1
    for offset in range(len(candidates)):
        score = candidates[offset]
        if score > scores[last]:
            place = last
            while place > 0 and score > scores[place - 1]:
                scores[place] = scores[place - 1]
                labels[place] = labels[place - 1]
                place -= 1
            scores[place] = score
            labels[place] = first + offset
