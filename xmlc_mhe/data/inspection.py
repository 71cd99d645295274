"""What a data set is like: sizes, labels, their frequencies, repeated and empty documents."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from .dataset import Dataset

CURVE_RANKS = (1, 2, 5)  # times each power of ten


@dataclass(frozen=True)
class PartReport:
    """One part; averages are over all its documents, empty ones too.

    Args:
        documents, labels: how many; of labels, those that occur.
        labels_per_document, documents_per_label: averages; the second over the labels that occur.
        most_labels: the most that one document has.
        length: words of a text, or non-zero features, on average.
        features: columns of X; None for texts.
        empty_documents, unlabelled_documents: how many.
        repeated_documents: documents that are the same as an earlier one of the part.
        in_train: documents that train has too; None for train itself.
        unknown_labels: labels that train has not; None for train itself.
        unknown_share: the share of the part's (document, label) pairs that are of such labels.
    """

    documents: int
    labels: int
    labels_per_document: float
    documents_per_label: float
    most_labels: int
    length: float
    features: int | None
    empty_documents: int
    unlabelled_documents: int
    repeated_documents: int
    in_train: int | None
    unknown_labels: int | None
    unknown_share: float | None


@dataclass(frozen=True)
class DataReport:
    """All parts, and the frequencies of the labels in the first of them.

    Args:
        labels: label names known: those of train.
        parts: a report of each.
        curve: (rank, documents of the label of that rank), the most frequent label first.
        singletons: labels with one document.
        half: how many of the most frequent labels hold half of all (document, label) pairs.
    """

    labels: int
    parts: dict[str, PartReport]
    curve: list[tuple[int, int]]
    singletons: int
    half: int


def inspect_data(datasets: Mapping[str, Dataset]) -> DataReport:
    """Return what the parts are like; the first of them, train, is what the others are compared with."""
    first = next(iter(datasets.values()))
    seen = Counter(_keys(first))
    reports = {part: _inspect_part(dataset, None if dataset is first else seen) for part, dataset in datasets.items()}
    frequencies = np.sort(np.bincount(first.Y.indices, minlength=first.Y.shape[1]))[::-1]
    frequencies = frequencies[frequencies > 0]
    curve = [(rank, int(frequencies[rank - 1])) for rank in _ranks(len(frequencies))]
    half = int(np.searchsorted(np.cumsum(frequencies), frequencies.sum() / 2) + 1) if len(frequencies) else 0
    return DataReport(first.num_labels, reports, curve, int((frequencies == 1).sum()), half)


def _inspect_part(dataset: Dataset, train: Counter[bytes] | None) -> PartReport:
    counts = np.diff(dataset.Y.indptr)
    num_pairs = int(dataset.Y.nnz)
    occurring = np.unique(dataset.Y.indices)
    keys = list(_keys(dataset))
    lengths = _lengths(dataset)
    num_docs = max(dataset.num_docs, 1)
    unknown_pairs = int((dataset.Y.indices >= dataset.num_labels).sum())
    return PartReport(
        documents=dataset.num_docs,
        labels=len(occurring),
        labels_per_document=num_pairs / num_docs,
        documents_per_label=num_pairs / max(len(occurring), 1),
        most_labels=int(counts.max(initial=0)),
        length=float(lengths.sum() / num_docs),
        features=None if dataset.X is None else dataset.X.shape[1],
        empty_documents=int((lengths == 0).sum()),
        unlabelled_documents=int((counts == 0).sum()),
        repeated_documents=len(keys) - len(set(keys)),
        in_train=None if train is None else sum(key in train for key in keys),
        unknown_labels=None if train is None else int((occurring >= dataset.num_labels).sum()),
        unknown_share=None if train is None else unknown_pairs / max(num_pairs, 1),
    )


def _lengths(dataset: Dataset) -> np.ndarray:
    """Return the words, or the non-zero features, of each document, int (num_docs,)."""
    if dataset.X is not None:
        return np.diff(dataset.X.indptr)
    return np.array([len(text.split()) for text in dataset.texts or ()], int)


def _keys(dataset: Dataset) -> Iterator[bytes]:
    """Yield for each document what is the same for the same ones; of texts, white space does not count."""
    if dataset.texts is not None:
        yield from (" ".join(text.split()).encode(errors="surrogatepass") for text in dataset.texts)
        return
    X: csr_array = dataset.X
    for start, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        yield X.indices[start:end].tobytes() + X.data[start:end].tobytes()


def _ranks(count: int) -> list[int]:
    """Return 1, 2, 5, 10, 20, ... and the last."""
    powers = (factor * 10**power for power in range(len(str(count)) + 1) for factor in CURVE_RANKS)
    return [rank for rank in powers if rank < count] + [count] * (count > 0)


def curve_lines(curve: list[tuple[int, int]], *, width: int = 50) -> list[str]:
    """Return the curve as a plot of text: a line a rank, the length of its bar as the logarithm of its documents."""
    if not curve:
        return []
    most = np.log1p(curve[0][1])
    rank_width = max(len(f"{rank:,}") for rank, _ in curve)
    count_width = max(len(f"{count:,}") for _, count in curve)
    return [
        f"{rank:>{rank_width},}  {count:>{count_width},} {'#' * max(1, round(width * np.log1p(count) / most))}"
        for rank, count in curve
    ]
