"""ARFF, as Mulan and MEKA have it: dense or sparse rows of attributes, some of which are the labels."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, vstack

from ...errors import DataError
from .arff_header import UNSURE, Header, read_header, unquoted
from .lines import batches, quote, read_texts, write_lines
from .options import ReadOptions
from .part import BATCH_SIZE, Part, csr_rows

LARGEST = float(np.finfo(np.float32).max)


# --- rows -------------------------------------------------------------------------------------------------------------


def read_arff_part(path: Path, options: ReadOptions) -> Part:
    """Return the part of a file; labels are in the order of the XML file, or of their columns.

    A number stays one feature, as do values that are numbers; any other nominal attribute has a feature a value.
    """
    lines = read_texts(path, encoding=options.encoding)
    header = read_header(path, lines, options)
    rows = list(_iter_rows(path, lines, header, BATCH_SIZE))
    if not rows:
        raise DataError(f"{path} must have a row for each document below @data. Got none; fetch the whole file.")
    X, Y = (vstack(pieces, format="csr") for pieces in zip(*rows, strict=True))
    if len(others := Y.data[Y.data != 1]):
        raise DataError(f"{path}: a label must be 0 or 1. Got {others[0]:g}; {UNSURE}.")
    return Part(X, Y, [header.attributes[label].name for label in header.labels])


def read_arff_label_names(path: Path, options: ReadOptions) -> list[str]:
    header = read_header(path, read_texts(path, encoding=options.encoding), options)
    return [header.attributes[label].name for label in header.labels]


def stream_arff(path: Path, batch_size: int, options: ReadOptions) -> Iterator[csr_array]:
    """Yield the features in batches."""
    lines = read_texts(path, encoding=options.encoding)
    header = read_header(path, lines, options)
    return (X for X, _ in _iter_rows(path, lines, header, batch_size))


def _iter_rows(
    path: Path, lines: Iterator[str], header: Header, batch_size: int
) -> Iterator[tuple[csr_array, csr_array]]:
    columns = _Columns(header)
    numbered = (
        (n, line) for n, line in enumerate(lines, header.first_line) if line.strip() and line.lstrip()[0] != "%"
    )
    for batch in batches(numbered, batch_size):
        X_rows, Y_rows = zip(*(columns.split(line, f"{path}:{number}") for number, line in batch), strict=True)
        yield _matrix(X_rows, columns.num_features), _matrix(Y_rows, len(header.labels))


def _matrix(rows: Sequence[list[tuple[int, float]]], num_columns: int) -> csr_array:
    entries = list(chain.from_iterable(rows))
    ids = np.fromiter((column for column, _ in entries), np.int64, len(entries))
    values = np.fromiter((value for _, value in entries), np.float64, len(entries))
    return csr_rows(values, ids, [len(row) for row in rows], num_columns=num_columns)


class _Columns:
    """Where the entries of attributes go: a column of X or of Y, or a column of X for each value."""

    def __init__(self, header: Header) -> None:
        self.attributes = header.attributes
        self.label_of = {column: label for label, column in enumerate(header.labels)}
        self.first: list[int] = []  # of each attribute, in X
        self.values: list[dict[str, float] | None] = []  # of a nominal one, the number or the column that it stands for
        self.is_spread: list[bool] = []
        self.num_features = 0
        for column, (_, values) in enumerate(header.attributes):
            numbers = None if values is None else _as_numbers(values)
            is_spread = values is not None and numbers is None
            self.values.append(
                {value: place for place, value in enumerate(values)} if is_spread and values else numbers
            )
            self.is_spread.append(is_spread)
            self.first.append(self.num_features)
            if column not in self.label_of:
                self.num_features += len(values) if is_spread and values else 1
        # of a sparse row, an entry that is missing has the first value of its attribute
        self.absent = [
            (column, values[0]) for column, (_, values) in enumerate(header.attributes)
            if values is not None and (self.is_spread[column] or float(values[0]) != 0)
        ]  # fmt: skip

    def split(self, line: str, place: str) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Return the entries of a row in X and in Y, those that are not 0."""
        X: list[tuple[int, float]] = []
        Y: list[tuple[int, float]] = []
        for column, token in self._cells(line.strip(), place):
            known = self.values[column]
            try:
                value = float(token) if known is None else known[token]
                if not abs(value) <= LARGEST:
                    raise ValueError
            except (ValueError, KeyError):
                raise DataError(
                    f"{place}: {quote(self.attributes[column].name)} must be a finite number, or one of its values. "
                    f"Got {quote(token)}; mend it, or fill in what is missing."
                ) from None
            if column in self.label_of:
                Y += [(self.label_of[column], value)] * (value != 0)
            elif self.is_spread[column]:
                X.append((self.first[column] + int(value), 1.0))
            elif value != 0:
                X.append((self.first[column], value))
        return X, Y

    def _cells(self, line: str, place: str) -> list[tuple[int, str]]:
        """Return the columns and the tokens of a row."""
        num_columns = len(self.attributes)
        if not line.startswith("{"):
            tokens = _tokens(line)
            if len(tokens) != num_columns:
                raise DataError(f"{place}: a row must have {num_columns} values. Got {len(tokens)}; mend it.")
            return list(enumerate(tokens))
        cells: dict[int, str] = {}
        inside = line[1:-1].strip() if line.endswith("}") else None
        for pair in [] if inside == "" else _tokens(inside, is_pair=True) if inside is not None else [""]:
            column, _, token = pair.partition(" ")
            if not (column.isascii() and column.isdigit() and len(column) < 10 and token.strip()):
                raise DataError(
                    f'{place}: a sparse row must be "{{column value, ...}}". Got {quote(pair or line)}; mend it.'
                )
            if not int(column) < num_columns or int(column) in cells:
                raise DataError(
                    f"{place}: a row must name columns from 0 to {num_columns - 1}, each once. Got {column}; mend it."
                )
            cells[int(column)] = unquoted(token.strip())
        return [*cells.items(), *((column, value) for column, value in self.absent if column not in cells)]


def _as_numbers(values: tuple[str, ...]) -> dict[str, float] | None:
    """Return the values as the numbers that all of them are, if they are."""
    try:
        return {value: float(value) for value in values}
    except ValueError:
        return None


_CELL = re.compile(r"""\s*((?:[^,'"]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|['"])*?)\s*(?:,|$)""")


def _tokens(text: str, *, is_pair: bool = False) -> list[str]:
    """Return the cells between commas, of which some may be in quotes."""
    if "'" not in text and '"' not in text:
        cells = [cell.strip() for cell in text.split(",")]
        return [" ".join(cell.split(None, 1)) for cell in cells] if is_pair else cells
    cells, start = [], 0
    while start <= len(text):
        match = _CELL.match(text, start)
        if match is None:
            return []
        cell = match[1]
        cells.append(" ".join(cell.split(None, 1)) if is_pair else unquoted(cell) if cell else cell)
        if match.end() == len(text) and not match[0].endswith(","):
            break
        start = match.end()
    return cells


# --- writing ----------------------------------------------------------------------------------------------------------


def write_arff(part: Part, path: Path, options: ReadOptions) -> None:
    """Write sparse rows, the labels as the last columns, of which the relation tells the number as MEKA reads it."""
    X, Y, names = part.documents, part.Y, part.names or []
    taken = set(names)
    features = [f"feature_{column}" for column in range(X.shape[1])]
    if taken.intersection(features):
        features = [f"_{name}" for name in features]
    if (name := next((name for name in names if not name.strip() or set(name) & set("\n\r")), None)) is not None:
        raise DataError(
            f"a label name must be one line that is not blank in {path.name}. Got {quote(name)}; rename it."
        )

    def lines() -> Iterator[str]:
        yield f"@relation 'documents: -C -{len(names)}'"
        yield from (f"@attribute {name} numeric" for name in features)
        yield from (f"@attribute {_quoted(name)} {{0,1}}" for name in names)
        yield "@data"
        for row in range(X.shape[0]):
            of_X, of_Y = slice(*X.indptr[row : row + 2]), slice(*Y.indptr[row : row + 2])
            pairs = [f"{column} {value!s}" for column, value in zip(X.indices[of_X], X.data[of_X], strict=True)]
            pairs += [f"{label + X.shape[1]} 1" for label in Y.indices[of_Y]]
            yield f"{{{','.join(pairs)}}}"

    write_lines(lines(), path)


def _quoted(name: str) -> str:
    return "'" + re.sub(r"([\\'])", r"\\\1", name) + "'"
