"""What users pass as documents and labels, checked and in one form."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..data.csr import check_labels, pad_columns
from ..data.dataset import Dataset

BATCH_SIZE = 512  # documents that one thread predicts at a time


def documents_of(X: Any) -> Any:
    """Return the texts or the features of a Dataset, and anything else as it is."""
    return (X.texts if X.X is None else X.X) if isinstance(X, Dataset) else X


def num_docs_of(X: Any) -> int:
    """Return the number of documents; raises ValueError for what is neither a list nor a matrix."""
    if isinstance(X, str | bytes) or not (issparse(X) or np.ndim(X) if hasattr(X, "ndim") else hasattr(X, "__len__")):
        raise ValueError(
            f"X must be a list of texts, or a matrix. Got {type(X).__name__}; put one text in a list: [text]."
        )
    return X.shape[0] if hasattr(X, "shape") else len(X)


def in_pieces(X: Any) -> Iterator[Any]:
    """Cut documents into pieces of BATCH_SIZE; no documents at all make one empty piece."""
    if (num_docs := num_docs_of(X)) <= BATCH_SIZE:  # as it is: cutting takes longer than tagging a single document
        yield X
        return
    X = csr_array(X) if issparse(X) else X
    for start in range(0, num_docs, BATCH_SIZE):
        yield X[start : start + BATCH_SIZE]


def documents_and_labels(X: Any, Y: Any, *, known: list[str] | None = None) -> tuple[Any, csr_array, list[str]]:
    """Return documents, their labels as CSR (num_docs, num_labels) of ones, and the names of the labels.

    Args:
        X, Y: as for `XMLCClassifier.fit`.
        known: the label names of a model. A label that it does not know gets a column behind those that it knows, and
            has no name.
    """
    if isinstance(X, Dataset):
        if Y is not None:
            raise ValueError("Y must be None with a Dataset, which has its own. Got both; pass one of them.")
        if known is not None and X.label_names != known:
            raise ValueError(
                f"X must have the label names of the model. Got a Dataset with {X.num_labels} others; "
                "read it with load_part(source, part, model.label_names_)."
            )
        return documents_of(X), X.Y, X.label_names
    if Y is None:
        raise ValueError("Y must be given with texts or features. Got None; pass the labels, or a Dataset as X.")
    if issparse(Y) or getattr(Y, "ndim", 1) == 2:
        labels = check_labels(Y, "Y")
        if known is not None:
            return X, pad_columns(labels, num_columns=len(known)), known
        return X, labels, [str(label) for label in range(labels.shape[1])]
    if isinstance(Y, str) or not isinstance(Y, Iterable) or getattr(Y, "ndim", 1) != 1:
        raise ValueError(
            f"Y must be one list of label names a document, one name a document, or a matrix. Got {type(Y).__name__}"
            f"{f' of shape {Y.shape}' if hasattr(Y, 'shape') else ''}; write for example [['a', 'b'], ['a']]."
        )
    labels, names = labels_of_names(Y, known)
    return X, labels, names


def labels_of_names(Y: Iterable[Any], known: list[str] | None = None) -> tuple[csr_array, list[str]]:
    """Return labels as CSR and their names, from one list of names a document or one name a document."""
    rows = [[row] if isinstance(row, str) or not isinstance(row, Iterable) else row for row in Y]
    names = [list(dict.fromkeys(map(str, row))) for row in rows]
    ids = {name: label for label, name in enumerate(known or sorted({name for row in names for name in row}))}
    num_known = len(ids)
    for name in chain.from_iterable(names):
        ids.setdefault(name, len(ids))
    indptr = np.cumsum([0, *map(len, names)]).astype(np.int32)  # as read from files: kernels compile once
    indices = np.fromiter((ids[name] for name in chain.from_iterable(names)), np.int32, indptr[-1])
    labels = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(names), len(ids)))
    labels.sort_indices()
    return labels, list(ids)[:num_known]


def check_training(X: Any, Y: csr_array, label_names: list[str]) -> None:
    """Raise ValueError unless documents can be trained on: with a row of Y each, and a true label among them all."""
    if num_docs_of(X) != Y.shape[0]:
        raise ValueError(
            f"X and Y must have a row for each document. Got {num_docs_of(X)} and {Y.shape[0]}; align them."
        )
    if Y.shape[1] > len(label_names):
        raise ValueError(
            f"Y must have {len(label_names)} columns, one for each of label_names. Got {Y.shape[1]}; "
            "name all labels, or fit on the part train."
        )
    if Y.nnz == 0:
        raise ValueError(f"Y must have a true label. Got {Y.shape[0]} documents without any; check the labels.")
