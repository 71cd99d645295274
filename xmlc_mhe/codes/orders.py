"""The order in which labels get their codes; labels that follow each other share a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # the names of the orders are wanted where scipy is not: xmlc-mhe fit --help
    from scipy.sparse import csr_array


def frequency_order(Y: csr_array, seed: int) -> np.ndarray:
    """Labels by descending number of documents; ties by ascending id."""
    return np.argsort(-np.bincount(Y.indices, minlength=Y.shape[1]), kind="stable").astype(np.int32)


def given_order(Y: csr_array, seed: int) -> np.ndarray:
    """Labels by ascending id."""
    return np.arange(Y.shape[1], dtype=np.int32)


def random_order(Y: csr_array, seed: int) -> np.ndarray:
    """Labels shuffled by the seed."""
    return np.random.default_rng(seed).permutation(Y.shape[1]).astype(np.int32)


LABEL_ORDERS = {"frequency": frequency_order, "given": given_order, "random": random_order}
