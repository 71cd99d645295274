"""The classifier of one label, taken out of an index that is stored by feature."""

from typing import NamedTuple

import numpy as np
from numba import njit

from .scorer import InvertedIndex, first_at_least
from .simd import LANES


class LabelWeights(NamedTuple):
    """The weights of a label: its margin is bias + the sum of weight times value.

    features: int64 (n,), ascending, the sparse features. weights: float32 (n,). dense: float32 (num_dense,), the
    weights of the dense features.
    """

    features: np.ndarray
    weights: np.ndarray
    dense: np.ndarray
    bias: np.float32


def label_weights(index: InvertedIndex, label: int, features: np.ndarray | None = None) -> LabelWeights:
    """Return the weights of a label of the index.

    Args:
        features: the sparse features to look at, ascending, where most would be in vain; None: all whose weight is
            kept, which reads the whole index once.
    """
    if features is None:
        places = np.flatnonzero(index.labels == label)
        features = np.searchsorted(index.indptr, places, side="right") - 1
        weights = index.levels[index.codes[places]]
    else:
        weights = np.zeros(len(features), np.float32)
        _look_up(index, features, label, weights)
    group, place = divmod(label, index.width)
    tile = index.tiles[group * -(-index.width // LANES) + place // LANES]
    return LabelWeights(features, weights, tile[:, place % LANES], index.bias[label])


@njit(nogil=True, cache=True)
def _look_up(index: InvertedIndex, features: np.ndarray, label: int, weights: np.ndarray) -> None:
    """Set the weights of a label on features; those that are not stored stay."""
    for number in range(len(features)):
        stop = index.indptr[features[number] + 1]
        place = first_at_least(index.labels, label, index.indptr[features[number]], stop)
        if place < stop and index.labels[place] == label:
            weights[number] = index.levels[index.codes[place]]
