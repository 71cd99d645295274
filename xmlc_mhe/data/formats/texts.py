"""Texts in one file, a document a line, and their labels on the same line of another, or in a matrix."""

from collections.abc import Iterator
from pathlib import Path

from scipy.sparse import csr_array

from ...errors import DataError
from .lines import batches, read_texts, write_lines
from .matrices import read_label_matrix, write_matrix
from .part import Part, id_names, join_labels, labels_matrix, rows_of_part, split_labels


def stream_texts(path: Path | None, batch_size: int, encoding: str | None) -> Iterator[list[str]]:
    """Yield the texts of a file (None: standard input) in lists of batch_size."""
    return batches(read_texts(path, encoding=encoding), batch_size)


def read_text_part(texts_path: Path, labels_path: Path, encoding: str | None) -> Part:
    """Return the part of a texts file and a labels file; names are in alphabetical order."""
    texts = list(read_texts(texts_path, encoding=encoding))
    Y, names = _read_labels(labels_path, encoding)
    _check_lengths(texts, Y, texts_path, labels_path, kind="lines, a line", mend="a blank line")
    return Part(texts, Y, names)


def read_label_names(labels_path: Path, encoding: str | None) -> list[str]:
    return _read_labels(labels_path, encoding)[1]


def _read_labels(path: Path, encoding: str | None) -> tuple[csr_array, list[str]]:
    lines = enumerate(read_texts(path, encoding=encoding), 1)
    return labels_matrix((f"{path}:{number}", split_labels(line, None)) for number, line in lines)


def write_text_part(part: Part, texts_path: Path, labels_path: Path) -> None:
    """Write a line for each text, and its labels, parted by spaces, on the same line of the other file."""
    texts, names = part.documents, part.names or []
    write_lines(texts, texts_path)
    rows = rows_of_part(texts, part.Y, names)
    write_lines((join_labels(labels, None, f"{labels_path.name}") for _, labels in rows), labels_path)


def read_texts_and_matrix(texts_path: Path, y_path: Path, encoding: str | None) -> Part:
    """Return the part of a texts file and a label matrix of scipy.sparse.save_npz."""
    texts, Y = list(read_texts(texts_path, encoding=encoding)), read_label_matrix(y_path)
    _check_lengths(texts, Y, texts_path, y_path, kind="rows, a row", mend="an empty row")
    return Part(texts, Y, None)


def read_matrix_label_names(y_path: Path, encoding: str | None) -> list[str]:
    return id_names(read_label_matrix(y_path).shape[1])


def write_texts_and_matrix(part: Part, texts_path: Path, y_path: Path) -> None:
    write_lines(part.documents, texts_path)
    write_matrix(part.Y, y_path)


def _check_lengths(
    texts: list[str], Y: csr_array, texts_path: Path, labels_path: Path, *, kind: str, mend: str
) -> None:
    if Y.shape[0] != len(texts):
        raise DataError(
            f"{labels_path} must have {len(texts)} {kind} for each of {texts_path.name}. Got {Y.shape[0]}; "
            f"give a document without labels {mend}."
        )
