"""Matrices of features: rows of unit length; and two blocks, CSR and dense, side by side."""

from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from numba import njit
from scipy.sparse import csr_array, hstack

UNIT_TOLERANCE = 1e-5  # of a row's length, below which it counts as one


@dataclass(frozen=True, eq=False)
class HybridMatrix:
    """Rows of features in two blocks: the columns of `sparse` come first, and those of `dense` follow.

    sparse: CSR float32 (num_docs, num_sparse). dense: float32 (num_docs, num_dense), C-contiguous.
    """

    sparse: csr_array
    dense: np.ndarray

    @classmethod
    def of(cls, X: Union["HybridMatrix", csr_array, np.ndarray]) -> "HybridMatrix":
        """Return X, CSR or dense, as a matrix whose other block has no columns."""
        if isinstance(X, HybridMatrix):
            return X
        if isinstance(X, np.ndarray):
            return cls(csr_array((X.shape[0], 0), dtype=np.float32), np.ascontiguousarray(X, np.float32))
        return cls(X, np.zeros((X.shape[0], 0), np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        return self.sparse.shape[0], self.sparse.shape[1] + self.dense.shape[1]

    def __len__(self) -> int:
        return self.sparse.shape[0]

    def __getitem__(self, rows: Any) -> "HybridMatrix":
        return HybridMatrix(self.sparse[rows], np.ascontiguousarray(self.dense[rows]))

    def scaled(self, scale: float) -> "HybridMatrix":
        """Return the matrix with its dense block multiplied."""
        return HybridMatrix(self.sparse, self.dense * np.float32(scale))

    def with_columns(self, more: csr_array) -> "HybridMatrix":
        """Return the matrix with more sparse columns, after those it has."""
        return HybridMatrix(csr_array(hstack([self.sparse, more], format="csr")), self.dense)


def unit_rows(X: csr_array) -> csr_array:
    """Return X, which stays as it is, with rows of unit Euclidean length; empty rows stay empty."""
    lengths = row_lengths(X.indptr, X.data)
    if np.all((np.abs(lengths - 1) < UNIT_TOLERANCE) | (lengths == 0)):  # or no rows: saves the copy
        return X
    X = X.copy()
    divide_rows(X.indptr, X.data, lengths)
    return X


def unit_length(X: np.ndarray) -> np.ndarray:
    """Return dense rows, scaled to unit Euclidean length; rows of zeros stay."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(lengths == 0, 1, lengths)


@njit(nogil=True, cache=True)
def row_lengths(indptr: np.ndarray, data: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of each row, float64 (num_rows,)."""
    lengths = np.empty(len(indptr) - 1)
    for row in range(len(lengths)):
        squares = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            squares += np.float64(data[entry]) * np.float64(data[entry])
        lengths[row] = np.sqrt(squares)
    return lengths


@njit(nogil=True, cache=True)
def divide_rows(indptr: np.ndarray, data: np.ndarray, lengths: np.ndarray) -> None:
    """Divide each row by its length, in place; rows of length 0 stay."""
    for row in range(len(lengths)):
        if lengths[row] > 0:
            for entry in range(indptr[row], indptr[row + 1]):
                data[entry] /= lengths[row]
