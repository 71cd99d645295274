"""Readers of a part of a data set: texts and labels, the Extreme Classification Repository's text format, scipy's npz.

LAYOUTS says which file names stand for which format. A refusal is one DataError that names the file, the line where it
has lines (from 1), and the mend.
"""

import codecs
import contextlib
import gzip
import io
import lzma
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

import numpy as np
from scipy.sparse import csr_array, load_npz, vstack

from .csr import check_csr, check_labels, first_duplicate
from .errors import DataError

Item = TypeVar("Item")

COMPRESSIONS: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".xz": lzma.open}
PART_IN_PECOS = {"train": "trn", "test": "tst"}  # other parts go by their own name
BATCH_SIZE = 4096  # documents, where the caller names no other number

_HEADER = re.compile(rb"\s*(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})\s*")
_ROW = re.compile(rb"[\d,]*( \d+:\S+)+\s*")
_PAIR = re.compile(rb"[-+]?\d{1,18}:[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


# what load_npz raises for pickles, arrays that are not sparse, other files and broken ones
_NOT_SPARSE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)


class Part(NamedTuple):
    """What the files of a part hold; names are those of Y's columns, None where a label is known by its id alone."""

    documents: list[str] | csr_array
    Y: csr_array
    names: list[str] | None


# --- lines and texts --------------------------------------------------------------------------------------------------


def read_lines(path: Path | None) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for None, without their ends and without a BOM at the start.

    Lines are cut at "\\n" alone, as form feeds and U+2028 occur inside texts; one "\\r" before it is dropped.
    """
    is_empty = True
    try:
        with _open(path) as file:
            for line in file:
                if is_empty:
                    line, is_empty = line.removeprefix(codecs.BOM_UTF8), False
                yield line.removesuffix(b"\n").removesuffix(b"\r")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        suffix = path.suffix if path else ""
        kind = f"a whole {suffix} file" if suffix in COMPRESSIONS else "a file that can be read"
        raise DataError(f"{_name_of(path)} must be {kind}. Got: {error}; write or fetch it again.") from None
    if is_empty:
        raise DataError(f"{_name_of(path)} must hold a line for each document. Got nothing; check where it comes from.")


def read_texts(path: Path | None) -> Iterator[str]:
    """Yield the texts of a file (None: standard input), a document a line."""
    for number, line in enumerate(read_lines(path), 1):
        yield _decode(line, path, number)


def stream_texts(path: Path | None, batch_size: int) -> Iterator[list[str]]:
    """Yield the texts in lists of batch_size; a file in the format of a matrix is refused."""
    texts = read_texts(path)
    first = list(islice(texts, 2))
    if _looks_like_xrc(first):
        raise DataError(
            f'{_name_of(path)} must hold texts. Got features below the header "{first[0]}"; '
            "give the folder that holds the file."
        )
    yield from _batches(chain(first, texts), batch_size)


def read_text_part(texts_path: Path, labels_path: Path) -> Part:
    """Return the part of a texts file and a labels file; names are in alphabetical order."""
    texts = list(read_texts(texts_path))
    Y, names = read_labels(labels_path)
    if Y.shape[0] != len(texts):
        raise DataError(
            f"{labels_path} must have {len(texts)} lines, a line for each of {texts_path.name}. Got {Y.shape[0]}; "
            "give a document without labels a blank line."
        )
    return Part(texts, Y, names)


def read_labels(path: Path) -> tuple[csr_array, list[str]]:
    """Return Y, (num_docs, names in the file), and the names in alphabetical order; ASCII whitespace parts names."""
    ids: dict[bytes, int] = {}
    found: list[int] = []
    counts: list[int] = []
    for number, line in enumerate(read_lines(path), 1):
        _decode(line, path, number)
        names = line.split()
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(
                f"{path}:{number}: a line must name a label once. Got {_quote(twice)} {names.count(twice)} times; "
                "remove the repeats."
            )
        found += [ids.setdefault(name, len(ids)) for name in names]
        counts.append(len(names))
    ordered = sorted(ids)  # UTF-8 sorts as its characters do
    columns = np.empty(len(ids), np.int64)
    columns[[ids[name] for name in ordered]] = np.arange(len(ids))
    Y = _rows(np.ones(len(found)), columns[found], counts, num_columns=len(ids))
    return Y, [name.decode() for name in ordered]


def read_label_names(labels_path: Path) -> list[str]:
    return read_labels(labels_path)[1]


def _batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of the given size, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _name_of(path: Path | None) -> str:
    return "standard input" if path is None else str(path)


def _open(path: Path | None) -> contextlib.AbstractContextManager[BinaryIO]:
    if path is None:
        return contextlib.nullcontext(sys.stdin.buffer)
    file = COMPRESSIONS.get(path.suffix, open)(path, "rb")
    return file if path.suffix not in COMPRESSIONS else io.BufferedReader(file)  # faster lines from .gz and .xz


def _decode(line: bytes, path: Path | None, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{_name_of(path)}:{number}: the text must be UTF-8. Got byte 0x{line[error.start]:02x} at byte "
            f"{error.start + 1} of the line; convert the file, and name a compressed one .gz or .xz."
        ) from None


def _quote(token: bytes) -> str:
    text = token.decode(errors="replace")
    return f'"{text}"' if len(text) <= 60 else f'"{text[:60]}..."'


def _rows(data: np.ndarray, columns: np.ndarray, counts: list[int], *, num_columns: int) -> csr_array:
    """Return the CSR, sorted columns and float32, of entries that stand row after row, counts[i] of them in row i."""
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    X = csr_array((data.astype(np.float32, copy=False), columns, indptr), shape=(len(counts), num_columns))
    X.sort_indices()
    return X


# --- the Extreme Classification Repository's text format --------------------------------------------------------------


def read_xrc_part(path: Path) -> Part:
    """Return the part of a file in the text format: a header "N D L", then a line "l1,l2 f:v f:v" a document."""
    X, Y = zip(*_iter_xrc(path, BATCH_SIZE), strict=True)
    return Part(vstack(X, format="csr"), vstack(Y, format="csr"), None)


def stream_xrc(path: Path, batch_size: int) -> Iterator[csr_array]:
    return (X for X, _ in _iter_xrc(path, batch_size))


def read_xrc_label_names(path: Path) -> list[str]:
    return id_names(_read_header(next(read_lines(path)), path)[2])


def id_names(num_labels: int) -> list[str]:
    """Return the names of labels that are known by their ids alone."""
    return [str(label) for label in range(num_labels)]


def _iter_xrc(path: Path, batch_size: int) -> Iterator[tuple[csr_array, csr_array]]:
    lines = read_lines(path)
    num_docs, num_features, num_labels = _read_header(next(lines), path)
    num_read = 0
    for batch in _batches(lines, batch_size):
        if num_read + len(batch) > num_docs:
            raise DataError(
                f"{path}:{num_docs + 2}: the file must end after {num_docs} documents, the N of its header. "
                "Got another line; mend the header, or remove lines at the end."
            )
        try:
            rows = _parse_xrc(batch, num_features, num_labels)
        except ValueError:  # one of these lines is wrong: find it
            for number, line in enumerate(batch, num_read + 2):
                try:
                    _parse_xrc([line], num_features, num_labels)
                except ValueError as error:
                    raise DataError(f"{path}:{number}: {error}") from None
            raise
        num_read += len(batch)
        yield rows
    if num_read < num_docs:
        raise DataError(
            f"{path}:1: the header must tell the number of documents first. Got N={num_docs} above {num_read} "
            "documents; mend the header, or fetch the whole file."
        )


def _looks_like_xrc(first_lines: list[str]) -> bool:
    header, *row = (line.encode() for line in first_lines)
    return bool(row and _HEADER.fullmatch(header) and _ROW.fullmatch(row[0]))


def _read_header(line: bytes, path: Path) -> tuple[int, int, int]:
    match = _HEADER.fullmatch(line)
    sizes = [int(size) for size in match.groups()] if match else [0]
    if min(sizes) < 1 or max(sizes) >= 2**31:
        raise DataError(
            f'{path}:1: the file must begin with its numbers of documents, features and labels, "N D L", '
            f"each at least 1. Got {_quote(line)}; add that line."
        )
    num_docs, num_features, num_labels = sizes
    return num_docs, num_features, num_labels


def _parse_xrc(lines: list[bytes], num_features: int, num_labels: int) -> tuple[csr_array, csr_array]:
    """Return X and Y of some lines; the message of a ValueError is right when just one line was given."""
    label_lists, pair_lists = zip(*(line.partition(b" ")[::2] for line in lines), strict=True)
    labels = [label for label_list in label_lists if label_list for label in label_list.split(b",")]
    if not all(map(bytes.isdigit, labels)) or max(map(len, labels), default=0) > 18:
        raise ValueError(
            f'labels must be ids parted by commas, "l1,l2". Got {_quote(label_lists[0])}; mend them, '
            "and begin the line of a document without labels with a space."
        )
    pairs = b" ".join(pair_lists).split()
    numbers = b":".join(pairs).split(b":") if pairs else []
    # without its numbers, each pair must leave one colon
    colons = b" ".join(pairs).translate(None, b"0123456789+-.eE")
    try:
        if colons != b" ".join([b":"] * len(pairs)):
            raise ValueError
        features = np.fromiter(map(int, numbers[::2]), np.int64, len(pairs))
        values = np.fromiter(map(float, numbers[1::2]), np.float64, len(pairs))
    except (ValueError, OverflowError):
        wrong = next((pair for pair in pairs if not _PAIR.fullmatch(pair)), b"")
        raise ValueError(f'a feature must be "id:value", finite numbers. Got {_quote(wrong)}; mend it.') from None
    wrong_values = ~((values >= 0) & (values <= np.finfo(np.float32).max))
    if wrong_values.any():
        wrong = pairs[int(wrong_values.argmax())]
        raise ValueError(f"a feature must be at least 0 and finite in float32. Got {_quote(wrong)}; shift or scale it.")
    label_counts = [label_list.count(b",") + 1 if label_list else 0 for label_list in label_lists]
    pair_counts = [pair_list.count(b":") for pair_list in pair_lists]
    X = _rows_of_ids(values, features, pair_counts, num_ids=num_features, kind="feature")
    label_ids = np.fromiter(map(int, labels), np.int64, len(labels))
    Y = _rows_of_ids(np.ones(len(labels)), label_ids, label_counts, num_ids=num_labels, kind="label")
    return X, Y


def _rows_of_ids(data: np.ndarray, ids: np.ndarray, counts: list[int], *, num_ids: int, kind: str) -> csr_array:
    outside = (ids < 0) | (ids >= num_ids)
    if outside.any():
        raise ValueError(
            f"{kind} ids must be 0 to {num_ids - 1}, by the header. Got {ids[outside.argmax()]}; "
            "mend the id or the header, and count ids from 0."
        )
    X = _rows(data, ids, counts, num_columns=num_ids)
    if (entry := first_duplicate(X)) is not None:
        raise ValueError(f"a line must name a {kind} once. Got {kind} {X.indices[entry]} twice; remove one.")
    return X


# --- scipy's npz ------------------------------------------------------------------------------------------------------


def read_npz_part(x_path: Path, y_path: Path) -> Part:
    """Return the part of two files of scipy.sparse.save_npz; a non-zero of Y is a true label."""
    X, Y = _read_features(x_path), _read_matrix(y_path, check_labels)
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
    return id_names(_read_matrix(y_path, check_labels).shape[1])


def _read_features(path: Path) -> csr_array:
    X = _read_matrix(path, check_csr)
    if (X.data < 0).any():
        raise DataError(f"{path} must hold no negative feature. Got {X.data.min():g}; shift or scale the values.")
    return X


def _read_matrix(path: Path, check: Callable[[Any, str], csr_array]) -> csr_array:
    try:
        with path.open("rb") as file:
            matrix = load_npz(file)  # never unpickles
    except _NOT_SPARSE as error:
        raise DataError(
            f"{path} must be a whole file of scipy.sparse.save_npz. Got {type(error).__name__}: {error}; "
            "write it again."
        ) from None
    try:
        matrix = check(matrix, str(path))
    except ValueError as error:
        raise DataError(str(error)) from None
    if matrix.shape[0] == 0:
        raise DataError(
            f"{path} must hold a row for each document. Got shape {matrix.shape}; check where it comes from."
        )
    return matrix


# --- which files stand for which format -------------------------------------------------------------------------------


class Layout(NamedTuple):
    """A format, its file names (documents first, labels last) and its readers, each given the paths it reads."""

    files: tuple[str, ...]
    read: Callable[..., Part]  # all files
    read_label_names: Callable[[Path], list[str]]  # the last file
    stream: Callable[[Path, int], Iterator[list[str]] | Iterator[csr_array]]  # the first file, and the batch size


LAYOUTS = (
    Layout(("{part}_texts.txt", "{part}_labels.txt"), read_text_part, read_label_names, stream_texts),
    Layout(("{part}.txt",), read_xrc_part, read_xrc_label_names, stream_xrc),
    Layout(("X_{part}.npz", "Y_{part}.npz"), read_npz_part, read_npz_label_names, stream_npz),
    Layout(("X.{trn}.npz", "Y.{trn}.npz"), read_npz_part, read_npz_label_names, stream_npz),
)


def candidates(folder: Path, part: str, needed: slice = slice(None)) -> list[tuple[Layout, list[Path]]]:
    """Return the layouts of which a folder has the needed files of a part, with the paths of those."""
    found = []
    for layout in LAYOUTS:
        paths = [variant for name in layout.files[needed] if (variant := _existing(folder, _fill(name, part)))]
        if len(paths) == len(layout.files[needed]):
            found.append((layout, paths))
    return found


def find_part(folder: Path, part: str, needed: slice = slice(None)) -> tuple[Layout, list[Path]]:
    """Return the one layout of which a folder has the needed files of a part, with the paths of those."""
    found = candidates(folder, part, needed)
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(paths[0].name for _, paths in found)
        raise DataError(f"{folder} must hold {part} in one layout. Got {names}; move one of them elsewhere.")
    wanted = "; or ".join(" and ".join(_fill(name, part) for name in layout.files[needed]) for layout in LAYOUTS)
    present = sorted(path.name for path in folder.iterdir()) or ["an empty folder"]
    got = ", ".join(present[:8]) + (f" and {len(present) - 8} more" if len(present) > 8 else "")
    raise DataError(
        f"{folder} must hold {part} as {wanted} (a .txt also as .txt.gz or .txt.xz). Got {got}; "
        "add or rename the files."
    )


def _fill(name: str, part: str) -> str:
    return name.format(part=part, trn=PART_IN_PECOS.get(part, part))


def _existing(folder: Path, name: str) -> Path | None:
    """Return the file of that name, plain or compressed, if there is one."""
    suffixes = COMPRESSIONS if name.endswith(".txt") else [""]
    paths = [path for suffix in suffixes if (path := folder / f"{name}{suffix}").is_file()]
    if len(paths) > 1:
        raise DataError(f"{folder} must hold {name} once. Got {paths[0].name} and {paths[1].name}; remove one.")
    return paths[0] if paths else None
