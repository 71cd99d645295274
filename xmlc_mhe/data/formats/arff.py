"""ARFF, as Mulan and MEKA have it: dense or sparse rows of attributes, some of which are the labels.

Which ones is told, in this order, by the option num_labels (the last columns), an XML file of Mulan beside the data,
or the option -C in the name of the relation, as MEKA writes it.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from scipy.sparse import csr_array, vstack

from ...errors import DataError, in_short
from .lines import batches, quote, read_texts, write_lines
from .options import ReadOptions
from .part import BATCH_SIZE, Part, csr_rows

_NAME = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{},'"]+)\s*""")
_MEKA = re.compile(r"-C\s+(-?\d{1,9})\b")
LARGEST = float(np.finfo(np.float32).max)
NUMBERS = ("numeric", "real", "integer")
UNSURE = "name the last columns that are labels with --num-labels, or add the XML file of the data set"


class Attribute(NamedTuple):
    """A column: its name, and its values where it is nominal, the first of which is that of a missing entry."""

    name: str
    values: tuple[str, ...] | None


class Header(NamedTuple):
    """What stands above the rows: the attributes, the columns that are labels, and the number of the first row."""

    attributes: list[Attribute]
    labels: list[int]
    first_line: int


# --- the header -------------------------------------------------------------------------------------------------------


def _read_header(path: Path, lines: Iterator[str], options: ReadOptions) -> Header:
    """Read the lines up to @data."""
    attributes: list[Attribute] = []
    relation, number = "", 0
    for number, line in enumerate(lines, 1):
        keyword, rest = [*line.split(None, 1), "", ""][:2]
        keyword = keyword.lower()
        if not keyword or keyword.startswith("%"):
            continue
        if keyword == "@relation":
            relation = rest
        elif keyword == "@attribute":
            attributes.append(_attribute(rest, f"{path}:{number}"))
        elif keyword == "@data":
            break
        else:
            raise DataError(
                f"{path}:{number}: a line above @data must begin with @relation or @attribute. Got {quote(line)}; mend "
                "it."
            )
    else:
        raise DataError(f"{path} must have a line @data. Got none in {number} lines; fetch the whole file.")
    places = {attribute.name: place for place, attribute in enumerate(attributes)}
    if len(places) < len(attributes):
        name = next(a.name for place, a in enumerate(attributes) if places[a.name] != place)
        raise DataError(f"{path} must name each attribute once. Got {quote(name)} twice; rename one.")
    labels = _label_columns(path, places, relation, options.num_labels)
    for label in labels:
        values = attributes[label].values
        if values is not None and not {"0", "1"} >= set(values):
            raise DataError(
                f"{path}: a label must have the values 0 and 1. Got {quote(attributes[label].name)} with "
                f"{quote(', '.join(values))}; {UNSURE}."
            )
    if len(labels) == len(attributes):
        raise DataError(f"{path} must have a feature. Got {len(labels)} labels and nothing else; {UNSURE}.")
    return Header(attributes, labels, number + 1)


def _attribute(text: str, place: str) -> Attribute:
    match = _NAME.match(text)
    kind = text[match.end() :].strip() if match else ""
    if match and kind.startswith("{") and kind.endswith("}"):
        values = tuple(_unquoted(value[1]) for value in _NAME.finditer(kind[1:-1]))
        if values and len(set(values)) == len(values):
            return Attribute(_unquoted(match[1]), values)
    elif match and kind.lower() in NUMBERS:
        return Attribute(_unquoted(match[1]), None)
    raise DataError(
        f"{place}: an attribute must be numeric, or have its values in braces. Got {quote(text)}; remove the column."
    )


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[0] in "'\"" else token


def _label_columns(path: Path, places: dict[str, int], relation: str, num_labels: int | None) -> list[int]:
    """Return the columns that are labels, in the order of their ids."""
    xml = _xml_of(path) if num_labels is None else None
    if xml is not None:
        names = _names_in(xml)
        if (unknown := next((name for name in names if name not in places), None)) is not None:
            raise DataError(f"{xml} must name attributes of {path.name}. Got {quote(unknown)}; {UNSURE}.")
        return [places[name] for name in names]
    meka = _MEKA.search(relation)
    count = -max(num_labels, 0) if num_labels is not None else int(meka[1]) if meka else 0
    if not 0 < abs(count) <= len(places):
        got = f"{abs(count)} labels of {len(places)} columns" if count else "no word of them"
        raise DataError(f"{path} must say which columns are labels. Got {got}; {UNSURE}.")
    return list(range(count)) if count > 0 else list(range(len(places) + count, len(places)))


def _xml_of(path: Path) -> Path | None:
    """Return the XML file beside a data file: the one whose name its name begins with, or the only one."""
    found = sorted(path.parent.glob("*.xml"), key=lambda xml: -len(xml.stem))
    named = [xml for xml in found if path.name.startswith(xml.stem)]
    return named[0] if named else found[0] if len(found) == 1 else None


def _names_in(xml: Path) -> list[str]:
    """Return the names of the labels in an XML file of Mulan; those of a hierarchy are all labels."""
    try:
        root = ElementTree.fromstring(xml.read_bytes())
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"{xml} must be the XML file of the labels. Got: {in_short(error)}; mend it.") from None
    names = [element.get("name", "") for element in root.iter() if element.tag.rpartition("}")[2] == "label"]
    if not names or "" in names or len(set(names)) < len(names):
        raise DataError(f"{xml} must have elements <label name=...>, each name once. Got {len(names)} labels; mend it.")
    return names


# --- rows -------------------------------------------------------------------------------------------------------------


def read_arff_part(path: Path, options: ReadOptions) -> Part:
    """Return the part of a file; labels are in the order of the XML file, or of their columns.

    A number stays one feature, as do values that are numbers; any other nominal attribute has a feature a value.
    """
    lines = read_texts(path, encoding=options.encoding)
    header = _read_header(path, lines, options)
    rows = list(_iter_rows(path, lines, header, BATCH_SIZE))
    if not rows:
        raise DataError(f"{path} must have a row for each document below @data. Got none; fetch the whole file.")
    X, Y = (vstack(pieces, format="csr") for pieces in zip(*rows, strict=True))
    if (Y.nnz and Y.data.min() != 1) or (Y.nnz and Y.data.max() != 1):
        raise DataError(f"{path}: a label must be 0 or 1. Got {Y.data[Y.data != 1][0]:g}; {UNSURE}.")
    return Part(X, Y, [header.attributes[label].name for label in header.labels])


def read_arff_label_names(path: Path, options: ReadOptions) -> list[str]:
    header = _read_header(path, read_texts(path, encoding=options.encoding), options)
    return [header.attributes[label].name for label in header.labels]


def stream_arff(path: Path, batch_size: int, options: ReadOptions) -> Iterator[csr_array]:
    """Yield the features in batches."""
    lines = read_texts(path, encoding=options.encoding)
    header = _read_header(path, lines, options)
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
            if values is not None and not (not self.is_spread[column] and float(values[0]) == 0)
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
            cells[int(column)] = _unquoted(token.strip())
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
        cells.append(" ".join(cell.split(None, 1)) if is_pair else _unquoted(cell) if cell else cell)
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
