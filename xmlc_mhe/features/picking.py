"""Some of the documents: rows of a matrix, or items that an encoder prepared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse

from .matrix import HybridMatrix


def pick(documents: Any, rows: np.ndarray | slice) -> Any:
    """Return some documents: rows of a matrix, or a list of items of a sequence, as `Encoder.prepare` gives."""
    if issparse(documents) or isinstance(documents, np.ndarray | HybridMatrix):
        return documents[rows]
    chosen: Sequence[int] = range(*rows.indices(len(documents))) if isinstance(rows, slice) else rows.tolist()
    return [documents[row] for row in chosen]


def lengths_of(documents: Any) -> np.ndarray | None:
    """Return the lengths of the documents of a sequence, int64 (num_docs,); None for the rows of a matrix."""
    if issparse(documents) or isinstance(documents, np.ndarray | HybridMatrix):
        return None
    if hasattr(documents, "lengths"):
        return documents.lengths
    return np.fromiter((len(item) for item in documents), np.int64, len(documents))
