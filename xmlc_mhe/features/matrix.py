"""Matrices of features: rows of unit length; and two blocks, CSR and dense, side by side."""

from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.utils.extmath import row_norms
from sklearn.utils.sparsefuncs_fast import inplace_csr_row_normalize_l2

UNIT_TOLERANCE = 1e-5  # of a row's length, below which it counts as one


@dataclass(frozen=True, eq=False)
class HybridMatrix:
    """Rows of features whose first columns are those of `sparse`, the others those of `dense`.

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


def unit_rows(X: csr_array, *, copy: bool = True) -> csr_array:
    """Return X, its rows scaled to unit Euclidean length; empty rows stay empty."""
    norms = row_norms(X)
    if np.all((np.abs(norms - 1) < UNIT_TOLERANCE) | (norms == 0)):  # as after TF-IDF, or no rows: saves the copy
        return X
    X = X.copy() if copy else X
    inplace_csr_row_normalize_l2(X)  # `normalize` without its checks, which take as long as tagging a document
    return X
