"""What every format is read into and written from, and how rows of a text and its labels become that."""

import importlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ...errors import DataError, in_short
from .lines import batches, quote

_NAME = re.compile(r"[^ \t\n\r\f\v]+")  # a no-break space is part of a name

BATCH_SIZE = 4096  # documents, where the caller names no other number


class Part(NamedTuple):
    """What the files of a part hold; names are those of Y's columns, None where a label is known by its id alone."""

    documents: Any  # list[str], or csr_array (num_docs, num_features)
    Y: csr_array
    names: list[str] | None


class Row(NamedTuple):
    """One document of a format that keeps text and labels together."""

    place: str  # for messages, e.g. "train.csv:12"
    text: str
    labels: list[str]


def part_of_rows(rows: Iterable[Row]) -> Part:
    """Return the part that the rows make; names are in alphabetical order."""
    texts: list[str] = []

    def labels_of_rows() -> Iterator[tuple[str, list[str]]]:
        for row in rows:
            texts.append(row.text)
            yield row.place, row.labels

    Y, names = labels_matrix(labels_of_rows())
    return Part(texts, Y, names)


def texts_of_rows(rows: Iterable[Row], batch_size: int) -> Iterator[list[str]]:
    """Yield the texts of the rows in lists of batch_size."""
    return batches((row.text for row in rows), batch_size)


def labels_matrix(rows: Iterable[tuple[str, list[str]]]) -> tuple[csr_array, list[str]]:
    """Return Y, (num_docs, names that occur), and the names in alphabetical order, from (place, label names) rows."""
    ids: dict[str, int] = {}
    found: list[int] = []
    counts: list[int] = []
    for place, names in rows:
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(
                f"{place}: a line must name a label once. Got {quote(twice)} {names.count(twice)} times; "
                "remove the repeats."
            )
        found += [ids.setdefault(name, len(ids)) for name in names]
        counts.append(len(names))
    ordered = sorted(ids)
    columns = np.empty(len(ids), np.int64)
    columns[[ids[name] for name in ordered]] = np.arange(len(ids))
    return csr_rows(np.ones(len(found)), columns[found], counts, num_columns=len(ids)), ordered


def split_labels(cell: str, separator: str | None) -> list[str]:
    """Return the labels in a string; ASCII white space (None) or the separator parts them, empty ones are dropped."""
    if separator is None:
        return _NAME.findall(cell)
    return [label for piece in cell.split(separator) if (label := piece.strip())]


def join_labels(labels: list[str], separator: str | None, place: str) -> str:
    """Return the labels as one string that split_labels takes apart; raises DataError where it would not."""
    cell = (separator or " ").join(labels)
    if split_labels(cell, separator) != labels:
        name = next(label for label in labels if split_labels(label, separator) != [label])
        raise DataError(
            f"{place}: a label name must be read back as it was from a string of labels. Got {quote(name)}; choose "
            "another --to-separator, or a format with lists, such as jsonl."
        )
    return cell


def csr_rows(data: np.ndarray, columns: np.ndarray, counts: list[int], *, num_columns: int) -> csr_array:
    """Return the CSR, sorted columns and float32, of entries that stand row after row, counts[i] of them in row i."""
    indptr = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    X = csr_array((data.astype(np.float32, copy=False), columns, indptr), shape=(len(counts), num_columns))
    X.sort_indices()
    return X


def rows_of_part(texts: list[str], Y: csr_array, names: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each document's text and label names."""
    for text, start, end in zip(texts, Y.indptr[:-1], Y.indptr[1:], strict=True):
        yield text, [names[label] for label in Y.indices[start:end]]


def id_names(num_labels: int) -> list[str]:
    """Return the names of labels that are known by their ids alone."""
    return [str(label) for label in range(num_labels)]


def need(package: str, extra: str) -> Any:
    """Return an optional package, or raise ImportError with the line that installs it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f'this needs the package {package}. Got: {in_short(error)}; install it: pip install "xmlc-mhe[{extra}]".'
        ) from None
