"""The k best labels of each document, and the kernel that keeps them; ties go to the lower id."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit


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
