"""The features of documents by an encoder that does not learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..progress import track
from .picking import lengths_of, pick


@torch.inference_mode()
def embed(encoder: Any, documents: Sequence[Any], *, batch_size: int, title: str | None = None) -> np.ndarray:
    """Return the features, float32 (num_docs, dim), of what the encoder's `prepare` returned.

    Args:
        batch_size: documents encoded together; documents of like length go together.
        title: of the progress bar; None: there is none.
    """
    features = np.empty((len(documents), encoder.dim), np.float32)
    lengths = lengths_of(documents)
    assert lengths is not None, "prepare gives a sequence"
    order = np.argsort(lengths, kind="stable")[::-1]  # the longest first, so that memory is short at once or never
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    for docs in batches if title is None else track(batches, total=len(batches), title=title):
        features[docs] = encoder(pick(documents, docs)).float().cpu().numpy()
    return features
