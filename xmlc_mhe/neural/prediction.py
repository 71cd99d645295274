"""The best labels of documents by a trained model, a few hundred documents at a time."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..features.picking import pick
from ..predictions import Predictions, concatenate_predictions, empty_predictions
from .body import HeadOnBody

PREDICT_DOCS = 512  # documents whose features exist at a time


def top_k(model: HeadOnBody, documents: Any, docs: Sequence[int], k: int, *, order: np.ndarray) -> Predictions:
    """Return the k best labels of the chosen documents; order (num_labels,) has the label of each code."""
    starts = range(0, len(docs), PREDICT_DOCS)
    pieces = (model.features(pick(documents, np.asarray(docs[start : start + PREDICT_DOCS]))) for start in starts)
    return _top_k_of_pieces(model, pieces, k, order)


def top_k_of_features(model: HeadOnBody, features: np.ndarray, k: int, *, order: np.ndarray) -> Predictions:
    """Return the k best labels of documents with these features, float32 (num_docs, dim); see `top_k`."""
    starts = range(0, len(features), PREDICT_DOCS)
    pieces = (torch.from_numpy(features[start : start + PREDICT_DOCS]).to(model.device) for start in starts)
    return _top_k_of_pieces(model, pieces, k, order)


def features_of(model: HeadOnBody, documents: Any, *, dim: int) -> np.ndarray:
    """Return the features of documents, float32 (num_docs, dim)."""
    pieces = [np.zeros((0, dim), np.float32)] if not len_of(documents) else []
    for start in range(0, len_of(documents), PREDICT_DOCS):
        pieces.append(model.features(pick(documents, slice(start, start + PREDICT_DOCS))).float().cpu().numpy())
    return np.concatenate(pieces)


def len_of(documents: Any) -> int:
    """Return the number of documents, which are rows of a matrix or what an encoder's `prepare` returns."""
    return documents.shape[0] if hasattr(documents, "shape") else len(documents)


def _top_k_of_pieces(model: HeadOnBody, pieces: Iterable[Tensor], k: int, order: np.ndarray) -> Predictions:
    batches = [empty_predictions(0, k)]
    for features in pieces:
        codes, scores = model.head.top_k(features, k)
        batches.append(Predictions(order[codes.cpu().numpy()], scores.float().cpu().numpy()))
    return concatenate_predictions(batches)
