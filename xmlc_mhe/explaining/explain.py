"""Explain why a document has its labels: words, evidence, similar documents, words of the name."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..features.given import GivenFeatures
from ..features.matrix import HybridMatrix
from ..features.spans import terms_of
from ..predictions import Predictions
from ..ranking.candidates import NUM_CANDIDATES
from .explanation import BY_LEAVING_OUT, BY_WEIGHTS, Explanation, NameWord, SimilarDocument
from .label_names import label_id
from .ranked import RankedDocument
from .words import has_weights, parts_by_leaving_out, parts_by_weights

TopMargins = Callable[[Any, int], tuple[HybridMatrix | None, Predictions]]


def explain(
    model: Any, top_margins: TopMargins, document: Any, label: str | Iterable[str] | None, k: int
) -> list[Explanation]:
    """Return an explanation for each label; see `XMLCClassifier.explain`.

    Args:
        model: a fitted classifier.
        top_margins: of documents and a number; returns their features, None where nothing ranks, and the labels of
            greatest margin.
    """
    document, names = _in_rows(model, document), model.label_names_
    if label is None:
        labels = [found for found in model.predict(document, min(k, len(names))).labels[0].tolist() if found >= 0]
    else:
        labels = [label_id(names, name) for name in ([label] if isinstance(label, str) else label)]

    def margins_of(documents: Any) -> np.ndarray:
        found = top_margins(documents, len(names))[1]
        return np.stack([_in_columns(*row, len(names))[labels] for row in zip(*found, strict=True)])

    by_weights = has_weights(model)
    parts = parts_by_weights(model, document, labels) if by_weights else parts_by_leaving_out(document, margins_of)
    X, best = top_margins(document, min(NUM_CANDIDATES, len(names)))
    ranked = None if X is None else RankedDocument(model.ranking_, X, best)
    similar = [] if ranked is None else ranked.similar()
    terms = terms_of(document[0]) if isinstance(document, list) else {}
    explanations = []
    for found, margin, bias, words in zip(labels, *parts, strict=True):
        name = names[found]
        explanation = Explanation(
            label=name,
            probability=None if ranked is None else ranked.probability(found, margin),
            margin=float(margin),
            bias=float(bias),
            words=words,
            words_by=BY_WEIGHTS if by_weights else BY_LEAVING_OUT,
            evidence=[] if ranked is None else ranked.changes(found),
            neighbours=[
                SimilarDocument(row.text, [names[other] for other in row.labels], row.cosine, found in row.labels)
                for row in similar
            ],
            name_words=[NameWord(word, terms[word]) for word in terms_of(name.replace("_", " ")) if word in terms],
        )
        explanations.append(explanation)
    return explanations


def _in_rows(model: Any, document: Any) -> Any:
    """Return one document as what the encoder takes: a list of one text, or a CSR of one row."""
    if not isinstance(model.encoder_, GivenFeatures):
        if not isinstance(document, str):
            raise ValueError(f"text must be one text, a str. Got {type(document).__name__}; explain texts one by one.")
        return [document]
    shape: tuple[int, ...] = getattr(document, "shape", ())
    if not ((len(shape) == 2 and shape[0] == 1) or len(shape) == 1):
        got = f"shape {shape}" if shape else type(document).__name__
        raise ValueError(f'text must be one row of features, with encoder="given". Got {got}; pass X[[0]], say.')
    return csr_array(document if issparse(document) else np.reshape(document, (1, -1)))


def _in_columns(labels: np.ndarray, margins: np.ndarray, num_labels: int) -> np.ndarray:
    """Return the margin of each label, float32 (num_labels,); what a beam did not reach has the lowest."""
    there = labels >= 0
    columns = np.full(num_labels, margins[there].min(initial=0), np.float32)
    columns[labels[there]] = margins[there]
    return columns
