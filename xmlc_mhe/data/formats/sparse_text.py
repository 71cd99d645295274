"""Sparse rows as text: the Extreme Classification Repository's format, pyxclib's two files, svmlight."""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_array, vstack

from ...errors import DataError, in_short
from ..csr import check_csr, first_duplicate, pad_columns
from . import part as defaults
from .lines import batches, quote, read_lines, write_lines
from .part import Part, csr_rows, id_names

Rows = TypeVar("Rows")

_SIZES = re.compile(rb"\s*(\d{1,18}(?:\s+\d{1,18})*)\s*")
_ROW = re.compile(rb"[\d,]*( \d+:\S+)+\s*")
_PAIR = re.compile(rb"[-+]?\d{1,18}:[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_PAIRS_ROW = re.compile(rb"\s*\d+:\S+(\s+\d+:\S+)*\s*")

XRC_SIZES = ("documents", "features", "labels")
PYXCLIB_SIZES = ("rows", "columns")
MAX_SVMLIGHT_LABELS = 1 << 24  # no header tells their number: a stray id must not make a list of billions


def looks_like_xrc(lines: list[bytes]) -> bool:
    """Whether the first lines of a file are those of the repository's format, in which texts hardly begin."""
    return _begins_with_sizes(lines, count=3, row=_ROW)


def looks_like_pyxclib(lines: list[bytes]) -> bool:
    """Whether the first lines of a file are those of pyxclib's sparse rows."""
    return _begins_with_sizes(lines, count=2, row=_PAIRS_ROW)


def _begins_with_sizes(lines: list[bytes], *, count: int, row: re.Pattern[bytes]) -> bool:
    if len(lines) < 2 or not row.fullmatch(lines[1]):
        return False
    header = _SIZES.fullmatch(lines[0])
    return bool(header and len(header[1].split()) == count)


def _read_sizes(line: bytes, path: Path, of: tuple[str, ...]) -> list[int]:
    match = _SIZES.fullmatch(line)
    sizes = [int(size) for size in match[1].split()] if match else []
    if len(sizes) != len(of) or min(sizes) < 1 or max(sizes) >= 2**31:
        letters = " ".join(("N", "D", "L")[: len(of)])
        raise DataError(
            f'{path}:1: the file must begin with its numbers of {", ".join(of[:-1])} and {of[-1]}, "{letters}", '
            f"each at least 1. Got {quote(line)}; add that line."
        )
    return sizes


def _in_batches(
    path: Path, lines: Iterable[bytes], parse: Callable[[list[bytes]], Rows], *, first: int, batch_size: int
) -> Iterator[tuple[int, Rows]]:
    """Yield the line number after a batch and what parse makes of its lines; a ValueError becomes one with its line."""
    number = first
    for batch in batches(lines, batch_size):
        try:
            rows = parse(batch)
        except ValueError:  # one of these lines is wrong: find it
            for place, line in enumerate(batch, number):
                try:
                    parse([line])
                except ValueError as error:
                    raise DataError(f"{path}:{place}: {error}") from None
            raise
        number += len(batch)
        yield number, rows


def _with_header(
    path: Path, of: tuple[str, ...], make_parse: Callable[..., Callable[[list[bytes]], Rows]], batch_size: int
) -> Iterator[Rows]:
    """Yield what a file holds below its header of sizes, whose first is checked against the number of lines."""
    lines = read_lines(path)
    num_rows, *sizes = _read_sizes(next(lines), path, of)
    number = 2
    for number, rows in _in_batches(path, lines, make_parse(*sizes), first=2, batch_size=batch_size):
        if number - 2 > num_rows:
            raise DataError(
                f"{path}:{num_rows + 2}: the file must end after {num_rows} {of[0]}, the N of its header. "
                "Got another line; mend the header, or remove lines at the end."
            )
        yield rows
    if number - 2 < num_rows:
        raise DataError(
            f"{path}:1: the header must tell the number of {of[0]} first. Got N={num_rows} above {number - 2} "
            f"{of[0]}; mend the header, or fetch the whole file."
        )


# --- the Extreme Classification Repository's text format --------------------------------------------------------------


def read_xrc_part(path: Path) -> Part:
    """Return the part of a file in the text format: a header "N D L", then a line "l1,l2 f:v f:v" a document."""
    X, Y = zip(*_with_header(path, XRC_SIZES, _xrc_parser, defaults.BATCH_SIZE), strict=True)
    return Part(vstack(X, format="csr"), vstack(Y, format="csr"), None)


def stream_xrc(path: Path, batch_size: int) -> Iterator[csr_array]:
    return (X for X, _ in _with_header(path, XRC_SIZES, _xrc_parser, batch_size))


def read_xrc_label_names(path: Path) -> list[str]:
    return id_names(_read_sizes(next(read_lines(path)), path, XRC_SIZES)[2])


def write_xrc_part(part: Part, path: Path) -> None:
    """Write the header "N D L" and a line a document; values are the shortest that read the same."""
    X, Y = part.documents, part.Y
    rows = (
        f"{','.join(map(str, labels))} {pairs}"
        for labels, pairs in zip(np.split(Y.indices, Y.indptr[1:-1]), _pairs(X), strict=True)
    )
    write_lines((line for lines in ([f"{X.shape[0]} {X.shape[1]} {Y.shape[1]}"], rows) for line in lines), path)


def _pairs(X: csr_array) -> Iterator[str]:
    """Yield the stored entries of each row as "id:value id:value"."""
    for columns, values in zip(np.split(X.indices, X.indptr[1:-1]), np.split(X.data, X.indptr[1:-1]), strict=True):
        yield " ".join(f"{column}:{value!s}" for column, value in zip(columns, values, strict=True))


def _xrc_parser(num_features: int, num_labels: int) -> Callable[[list[bytes]], tuple[csr_array, csr_array]]:
    def parse(lines: list[bytes]) -> tuple[csr_array, csr_array]:
        label_lists, pair_lists = zip(*(line.partition(b" ")[::2] for line in lines), strict=True)
        labels = [label for label_list in label_lists if label_list for label in label_list.split(b",")]
        if not all(map(bytes.isdigit, labels)) or max(map(len, labels), default=0) > 18:
            raise ValueError(
                f'labels must be ids parted by commas, "l1,l2". Got {quote(label_lists[0])}; mend them, '
                "and begin the line of a document without labels with a space."
            )
        label_counts = [label_list.count(b",") + 1 if label_list else 0 for label_list in label_lists]
        X = _parse_pairs(pair_lists, num_features, kind="feature")
        label_ids = np.fromiter(map(int, labels), np.int64, len(labels))
        Y = _rows_of_ids(np.ones(len(labels)), label_ids, label_counts, num_ids=num_labels, kind="label")
        return X, Y

    return parse


def _parse_pairs(rows: Iterable[bytes], num_ids: int, *, kind: str) -> csr_array:
    """Return the CSR of rows "id:value id:value"; the message of a ValueError is right when just one was given."""
    rows = list(rows)
    pairs = b" ".join(rows).split()
    numbers = b":".join(pairs).split(b":") if pairs else []
    # without its numbers, each pair must leave one colon
    colons = b" ".join(pairs).translate(None, b"0123456789+-.eE")
    try:
        if colons != b" ".join([b":"] * len(pairs)):
            raise ValueError
        ids = np.fromiter(map(int, numbers[::2]), np.int64, len(pairs))
        values = np.fromiter(map(float, numbers[1::2]), np.float64, len(pairs))
    except (ValueError, OverflowError):
        wrong = next((pair for pair in pairs if not _PAIR.fullmatch(pair)), b"")
        raise ValueError(f'a {kind} must be "id:value", finite numbers. Got {quote(wrong)}; mend it.') from None
    wrong_values = ~((values >= 0) & (values <= np.finfo(np.float32).max))
    if wrong_values.any():
        wrong = pairs[int(wrong_values.argmax())]
        raise ValueError(f"a {kind} must be at least 0 and finite in float32. Got {quote(wrong)}; shift or scale it.")
    return _rows_of_ids(values, ids, [row.count(b":") for row in rows], num_ids=num_ids, kind=kind)


def _rows_of_ids(data: np.ndarray, ids: np.ndarray, counts: list[int], *, num_ids: int, kind: str) -> csr_array:
    outside = (ids < 0) | (ids >= num_ids)
    if outside.any():
        raise ValueError(
            f"{kind} ids must be 0 to {num_ids - 1}, by the header. Got {ids[outside.argmax()]}; "
            "mend the id or the header, and count ids from 0."
        )
    X = csr_rows(data, ids, counts, num_columns=num_ids)
    if (entry := first_duplicate(X)) is not None:
        raise ValueError(f"a line must name a {kind} once. Got {kind} {X.indices[entry]} twice; remove one.")
    return X


# --- pyxclib's files of sparse rows -----------------------------------------------------------------------------------


def read_pyxclib_part(x_path: Path, y_path: Path) -> Part:
    """Return the part of two files of sparse rows: a header "N D", then a line "id:value id:value" a document."""
    X, Y = _read_pyxclib(x_path, kind="feature"), _read_pyxclib(y_path, kind="label")
    if X.shape[0] != Y.shape[0]:
        raise DataError(
            f"{y_path} must have {X.shape[0]} rows, a row for each of {x_path.name}. Got {Y.shape[0]}; "
            "give both the same documents."
        )
    Y.eliminate_zeros()
    return Part(X, Y, None)


def stream_pyxclib(x_path: Path, batch_size: int) -> Iterator[csr_array]:
    return _with_header(x_path, PYXCLIB_SIZES, _pyxclib_parser("feature"), batch_size)


def read_pyxclib_label_names(y_path: Path) -> list[str]:
    return id_names(_read_sizes(next(read_lines(y_path)), y_path, PYXCLIB_SIZES)[1])


def write_pyxclib_part(part: Part, x_path: Path, y_path: Path) -> None:
    for X, path in ((part.documents, x_path), (part.Y, y_path)):
        write_lines((line for lines in ([f"{X.shape[0]} {X.shape[1]}"], _pairs(X)) for line in lines), path)


def _read_pyxclib(path: Path, *, kind: str) -> csr_array:
    return vstack(list(_with_header(path, PYXCLIB_SIZES, _pyxclib_parser(kind), defaults.BATCH_SIZE)), format="csr")


def _pyxclib_parser(kind: str) -> Callable[[int], Callable[[list[bytes]], csr_array]]:
    return lambda num_ids: lambda lines: _parse_pairs(lines, num_ids, kind=kind)


# --- svmlight ---------------------------------------------------------------------------------------------------------


def read_svmlight_part(path: Path, *, num_features: int | None) -> Part:
    """Return the part of a file "l1,l2 f:v f:v" without a header, read by scikit-learn; a label's name is its id.

    Ids of features are taken as they are: those of a file that counts from 1 leave column 0 empty.
    """
    X, Y = zip(*_iter_svmlight(path, defaults.BATCH_SIZE, num_features), strict=True)
    return Part(_stack(X), _stack(Y), None)


def read_svmlight_label_names(path: Path) -> list[str]:
    return id_names(max(Y.shape[1] for _, Y in _iter_svmlight(path, defaults.BATCH_SIZE, None)))


def _stack(pieces: Sequence[csr_array]) -> csr_array:
    width = max(X.shape[1] for X in pieces)
    return vstack([pad_columns(X, num_columns=width) for X in pieces], format="csr")


def stream_svmlight(path: Path, batch_size: int, *, num_features: int | None) -> Iterator[csr_array]:
    return (X for X, _ in _iter_svmlight(path, batch_size, num_features))


def write_svmlight_part(part: Part, path: Path) -> None:
    """Write a line "l1,l2 f:v f:v" a document; one with neither cannot be told from a blank line, and is refused."""
    X, Y = part.documents, part.Y
    empty = (np.diff(X.indptr) == 0) & (np.diff(Y.indptr) == 0)
    if empty.any():
        raise DataError(
            f"a document must have a label or a feature in an svmlight file. Got neither for document {empty.argmax()} "
            f"of {path.name}; choose xrc, or leave the document out."
        )
    labels = (",".join(map(str, row)) for row in np.split(Y.indices, Y.indptr[1:-1]))
    write_lines((f"{of_doc} {pairs}" for of_doc, pairs in zip(labels, _pairs(X), strict=True)), path)


def _iter_svmlight(path: Path, batch_size: int, num_features: int | None) -> Iterator[tuple[csr_array, csr_array]]:
    from sklearn.datasets import load_svmlight_file  # here: it takes longer to import than all of formats

    def parse(lines: list[bytes]) -> tuple[csr_array, csr_array]:
        if any(not line.partition(b"#")[0].strip() for line in lines):
            raise ValueError("a line must hold a label or a feature. Got a blank one; remove it.")
        try:
            X, label_rows = load_svmlight_file(io.BytesIO(b"\n".join(lines)), multilabel=True, zero_based=True)
            X = check_csr(X, "the features")
        except (ValueError, OverflowError, IndexError, MemoryError) as error:
            raise ValueError(
                f'a line must be "l1,l2 f:v f:v", the ids of features ascending. Got {quote(lines[0])}: '
                f"{in_short(error)}; mend it."
            ) from None
        if (X.data < 0).any():
            raise ValueError(f"a feature must be at least 0. Got {X.data.min():g}; shift or scale it.")
        ids = np.array([label for row in label_rows for label in row], np.float64)
        wrong = ~((ids >= 0) & (ids < MAX_SVMLIGHT_LABELS) & (ids == np.floor(ids)))
        if wrong.any():
            got = ids[wrong.argmax()]
            raise ValueError(f"a label must be an id from 0 to {MAX_SVMLIGHT_LABELS - 1}. Got {got:g}; renumber it.")
        num_ids = int(ids.max(initial=-1)) + 1
        counts = [len(row) for row in label_rows]
        Y = _rows_of_ids(np.ones(len(ids)), ids.astype(np.int64), counts, num_ids=num_ids, kind="label")
        return _first_columns(X, num_features), Y

    return (rows for _, rows in _in_batches(path, read_lines(path), parse, first=1, batch_size=batch_size))


def _first_columns(X: csr_array, num_columns: int | None) -> csr_array:
    """Return X with just num_columns columns: those beyond are left out, missing ones are empty; None keeps X."""
    if num_columns is None:
        return X
    return pad_columns(X, num_columns=num_columns) if X.shape[1] <= num_columns else X[:, :num_columns]
