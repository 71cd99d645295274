"""The documents of each step, and their labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

BUCKET_BATCHES = 50  # shuffled batches whose documents are sorted by length together, so that batches have less padding


def batches_of_epoch(
    num_docs: int, batch_size: int, *, lengths: np.ndarray | None = None, seed: int = 0, epoch: int = 0
) -> Sequence[np.ndarray]:
    """Return the documents of each step of an epoch, every document once.

    With lengths, the documents of BUCKET_BATCHES shuffled batches are sorted by length and cut again, so that a batch
    has documents of like length.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(num_docs)
    starts = range(0, num_docs, batch_size)
    if lengths is None:
        return [order[start : start + batch_size] for start in starts]
    size = BUCKET_BATCHES * batch_size
    buckets = [order[start : start + size] for start in range(0, num_docs, size)]
    order = np.concatenate([bucket[np.argsort(lengths[bucket], kind="stable")] for bucket in buckets])
    batches = [order[start : start + batch_size] for start in starts]
    return [batches[number] for number in random.permutation(len(batches))]


def labels_of(Y: csr_array, docs: np.ndarray, head: Any) -> Tensor:
    """Return the true labels of documents, int64 (B,), or (B, P) with -1 pads for a head that takes many."""
    if not head.takes_many_labels:
        return torch.from_numpy(Y.indices[Y.indptr[docs]].astype(np.int64))
    rows = Y[docs]
    counts = np.diff(rows.indptr)
    labels = np.full((len(docs), max(1, counts.max())), -1, np.int64)
    labels[np.arange(labels.shape[1]) < counts[:, None]] = rows.indices
    return torch.from_numpy(labels)


def check_one_label(head_name: str, Y: csr_array) -> None:
    """Raise ValueError unless every document has exactly one label."""
    counts = np.diff(Y.indptr)
    if (counts != 1).any():
        doc = int(np.argmax(counts != 1))
        mend = 'use head="mhc" or head="vanilla" for several' if counts[doc] else "leave such documents out"
        raise ValueError(f'head "{head_name}" takes one label a document. Got {counts[doc]} in document {doc}; {mend}.')
