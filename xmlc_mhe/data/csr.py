"""The few CSR operations we need beyond scipy's: checking matrices of features and of labels, adding columns."""

from copy import copy
from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix, issparse

from ..errors import in_short


def check_csr(X: Any, name: str) -> csr_array:
    """Return X as a csr_array of finite float32, columns ascending and unique within each row.

    Args:
        X: scipy sparse matrix or array of any format, or a dense 2-D array; never changed, and not copied when it fits.
        name: what the user calls X, for the messages.
    Returns: csr_array of X's shape; indices and indptr are int32 (int64 from 2**31 entries on). Stored zeros are kept.
    Raises: ValueError: not 2-D, not real numbers, broken indices, a column twice in a row, NaN or infinite in float32.
    """
    if not issparse(X):
        X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"{name} must have two dimensions (num_docs, columns). Got shape {X.shape}; reshape it first.")
    if X.dtype.kind not in "buif":
        raise ValueError(f"{name} must hold real numbers. Got dtype {X.dtype}; convert it first.")
    if hasattr(X, "check_format"):
        try:
            copy(X).check_format(full_check=True)  # it may replace arrays of the matrix that it checks
        except ValueError as error:
            raise ValueError(
                f"{name} must be a well-formed {X.format} matrix. Got: {in_short(error)}; build it again."
            ) from None
    X = X.tocsr() if issparse(X) else csr_array(X)
    index_dtype = np.int32 if max(X.nnz, *X.shape) < 2**31 else np.int64
    with np.errstate(over="ignore"):
        data = X.data.astype(np.float32, copy=False)
    indices, indptr = X.indices.astype(index_dtype, copy=False), X.indptr.astype(index_dtype, copy=False)
    X = csr_array((data, indices, indptr), shape=X.shape)  # without the flags of the original, which may be out of date
    if not X.has_sorted_indices:
        X = X.sorted_indices()
    if (entry := first_duplicate(X)) is not None:
        raise ValueError(
            f"{name} must name a column once in a row. Got {_place(X, entry)} twice; "
            "sum or drop the repeats (scipy's sum_duplicates) first."
        )
    if not np.isfinite(X.data).all():
        entry = int(np.flatnonzero(~np.isfinite(X.data))[0])
        raise ValueError(
            f"{name} must be finite in float32; NaN and infinity are not. Got {X.data[entry]} in {_place(X, entry)}; "
            "replace it."
        )
    return X


def check_labels(Y: Any, name: str) -> csr_array:
    """Return Y as check_csr does, with a one for every value above 0 and no stored zeros; negative ones are refused."""
    Y = check_csr(Y, name)
    if (Y.data < 0).any():
        entry = int(np.argmax(Y.data < 0))
        raise ValueError(
            f"{name} must not be negative. Got {Y.data[entry]:g} in {_place(Y, entry)}; "
            "write 0 for a label that is not true."
        )
    true = Y.data != 0
    indptr = np.concatenate([[0], np.cumsum(true)])[Y.indptr].astype(Y.indptr.dtype)
    return csr_array((np.ones(indptr[-1], np.float32), Y.indices[true], indptr), shape=Y.shape)


def first_duplicate(X: csr_array) -> int | None:
    """Return the first stored entry with the column of the entry before it in its row, or None; rows must be sorted."""
    repeats = np.concatenate([[False], X.indices[1:] == X.indices[:-1]])
    first_of_row = X.indptr[:-1]
    repeats[first_of_row[first_of_row < X.nnz]] = False
    return int(np.argmax(repeats)) if repeats.any() else None


def _place(X: csr_array, entry: int) -> str:
    """Return where a stored entry stands, counted from 0."""
    return f"row {np.searchsorted(X.indptr, entry, side='right') - 1}, column {X.indices[entry]}"


def pad_columns(X: csr_array, *, num_columns: int) -> csr_array:
    """Return X, sharing its arrays, with empty columns added up to num_columns; never with fewer than it has."""
    return csr_array((X.data, X.indices, X.indptr), shape=(X.shape[0], max(X.shape[1], num_columns)))


def true_labels(Y: csr_matrix | csr_array) -> csr_array:
    """Return Y as CSR with sorted columns, each once, and no stored zeros; Y itself is left as it was."""
    truth = csr_array(Y)
    if not (truth.has_canonical_format and np.all(truth.data)):
        truth = truth.copy()
        truth.eliminate_zeros()
        truth.data = np.ones(truth.nnz)  # so that no entries stored twice can cancel
        truth.sum_duplicates()
    return truth
