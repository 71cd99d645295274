"""What the words of a document say of a label: by their weights, or by leaving them out in turn."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..features.hybrid import HybridFeatures
from ..features.matrix import HybridMatrix
from ..features.spans import Span, terms_of, terms_of_columns
from ..features.words import TextFeatures
from ..linear.label_weights import label_weights
from .explanation import Word

ENCODER = "(learned encoder)"  # no word has a parenthesis
GROUP = "(group {} of labels)"
MOST_LEFT_OUT = 300  # words, the first of a text: each costs an encoding
PIECE_DOCS = 32  # margins of all labels that are in memory at once

Margins = Callable[[Any], np.ndarray]  # of documents, for the labels explained: float32 (num_docs, num_explained)


class Parts(NamedTuple):
    """What the margins of some labels are made of; margins: float32 (n,), biases: float32 (n,)."""

    margins: np.ndarray
    biases: np.ndarray
    words: list[list[Word]]


def has_weights(model: Any) -> bool:
    """Return whether margins are sums of the weights of words or columns, and at most one part of an encoder."""
    return hasattr(model.head_, "label_index") and _sparse_encoder(model) is not None


def _sparse_encoder(model: Any) -> Any:
    """Return what makes the sparse features: words or given columns; None for a learned encoder alone."""
    encoder = model.encoder_
    if isinstance(encoder, HybridFeatures):
        return encoder.words
    return None if hasattr(encoder, "module_") else encoder


def parts_by_weights(model: Any, document: Any, labels: Sequence[int]) -> Parts:
    """Return the parts of labels of a document by the weights of the label's classifier."""
    head = model.head_
    X = head.label_features(HybridMatrix.of(model.encoder_.transform(document)))
    columns, values = X.sparse.indices, X.sparse.data
    names = _names_of(model, document, columns)
    margins, biases, words = [], [], []
    for label in labels:
        weights = label_weights(head.label_index, int(head.code.position[label]), columns)
        contributions = values * weights.weights
        found = [
            Word(name, float(value), float(weight), float(contribution), spans)
            for (name, spans), value, weight, contribution in zip(
                names, values, weights.weights, contributions, strict=True
            )
        ]
        if X.dense.shape[1]:
            by_encoder = float(X.dense[0] @ weights.dense)
            found.append(Word(ENCODER, 1.0, by_encoder, by_encoder, []))
        margins.append(weights.bias + sum(word.contribution for word in found))
        biases.append(weights.bias)
        words.append(strongest_first(found))
    return Parts(np.array(margins, np.float32), np.array(biases, np.float32), words)


def parts_by_leaving_out(document: Any, margins_of: Margins) -> Parts:
    """Return the parts of labels of a document, each distinct word or column left out in turn.

    Args:
        document: a list of one text, or a matrix of one row.
        margins_of: of a list of texts, or of a matrix, for the labels explained.
    """
    names, variants = _variants_of(document)
    margins = margins_of(document)[0]
    pieces = [variants(start, start + PIECE_DOCS) for start in range(0, len(names), PIECE_DOCS)]
    without = [margins_of(piece) for piece in pieces]
    changes = margins - np.concatenate([np.empty((0, len(margins)), np.float32), *without])  # (num_names, num_labels)
    words = []
    for of_label in changes.T:
        found = [
            Word(name, 1.0, float(change), float(change), spans)
            for (name, spans), change in zip(names, of_label, strict=True)
        ]
        words.append(strongest_first(found))
    return Parts(margins, margins - changes.sum(axis=0), words)


def strongest_first(words: list[Word]) -> list[Word]:
    """Return words by falling size of their contribution, those of equal size in the order of the text."""
    return sorted(words, key=lambda word: (-abs(word.contribution), word.spans[:1]))


def _names_of(model: Any, document: Any, columns: np.ndarray) -> list[tuple[str, list[Span]]]:
    """Return what each column is called, and where it stands in the text."""
    sparse = _sparse_encoder(model)
    if not isinstance(sparse, TextFeatures):
        num_own = sparse.num_features_
        return [
            (f"column {column}" if column < num_own else GROUP.format(column - num_own), [])
            for column in columns.tolist()
        ]
    num_own = sparse.num_features
    own = columns[columns < num_own].tolist()
    groups: list[tuple[str, list[Span]]] = [
        (GROUP.format(column - num_own), []) for column in columns[columns >= num_own].tolist()
    ]
    return terms_of_columns(sparse, document[0], own) + groups


def _variants_of(document: Any) -> tuple[list[tuple[str, list[Span]]], Callable[[int, int], Any]]:
    """Return the words or columns that can be left out, and the documents without one of those from start to stop."""
    if isinstance(document, list):
        names = list(terms_of(document[0]).items())[:MOST_LEFT_OUT]
        return names, lambda start, stop: [_without(document[0], spans) for _, spans in names[start:stop]]
    columns = document.indices

    def without_columns(start: int, stop: int) -> Any:
        rows = document[np.zeros(len(columns[start:stop]), int)].tolil()
        for row, column in enumerate(columns[start:stop]):
            rows[row, column] = 0
        return rows.tocsr()

    return [(f"column {column}", []) for column in columns.tolist()], without_columns


def _without(text: str, spans: list[Span]) -> str:
    """Return a text without some stretches of it."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return "".join(text[end:start] for end, start in zip(ends, starts, strict=True))
