"""Features in two blocks, CSR and dense, side by side: neither is turned into the other."""

from dataclasses import dataclass
from typing import Any, Union

import numpy as np
from scipy.sparse import csr_array, hstack


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
