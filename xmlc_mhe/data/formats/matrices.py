"""Matrices in scipy's npz."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scipy.sparse import csr_array, load_npz, save_npz

from ...errors import DataError, data_error_of
from ..csr import check_csr, check_labels
from .part import Part, id_names


def read_npz_part(x_path: Path, y_path: Path) -> Part:
    """Return the part of two files of scipy.sparse.save_npz; a non-zero of Y is a true label."""
    X, Y = _read_features(x_path), read_label_matrix(y_path)
    if X.shape[0] != Y.shape[0]:
        raise DataError(
            f"{y_path} must have {X.shape[0]} rows, a row for each of {x_path.name}. Got {Y.shape[0]}; "
            "give both the same documents."
        )
    return Part(X, Y, None)


def stream_npz(x_path: Path, batch_size: int) -> Iterator[csr_array]:
    X = _read_features(x_path)  # whole: the format is not made for reading by rows
    return (X[start : start + batch_size] for start in range(0, X.shape[0], batch_size))


def read_npz_label_names(y_path: Path) -> list[str]:
    return id_names(read_label_matrix(y_path).shape[1])


def read_label_matrix(path: Path) -> csr_array:
    """Return the CSR of ones in a file of scipy.sparse.save_npz."""
    return _read_matrix(path, check_labels)


def write_npz_part(part: Part, x_path: Path, y_path: Path) -> None:
    write_matrix(part.documents, x_path)
    write_matrix(part.Y, y_path)


def write_matrix(matrix: csr_array, path: Path) -> None:
    save_npz(path, matrix)


def _read_features(path: Path) -> csr_array:
    X = _read_matrix(path, check_csr)
    if (X.data < 0).any():
        raise DataError(f"{path} must hold no negative feature. Got {X.data.min():g}; shift or scale the values.")
    return X


def _read_matrix(path: Path, check: Callable[[Any, str], csr_array]) -> csr_array:
    must = f"{path} must be a whole file of scipy.sparse.save_npz"
    with data_error_of(must, "write it again"), path.open("rb") as file:
        matrix = load_npz(file)  # never unpickles
    try:
        matrix = check(matrix, str(path))
    except ValueError as error:
        raise DataError(str(error)) from None
    if matrix.shape[0] == 0:
        raise DataError(
            f"{path} must hold a row for each document. Got shape {matrix.shape}; check where it comes from."
        )
    return matrix
