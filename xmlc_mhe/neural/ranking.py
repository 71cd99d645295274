"""The k best of many logits, exactly: ties go to the lower label, and no step holds the logits of all labels."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

BLOCK_ELEMENTS = 1 << 22  # logits that exist at a time, 16 MiB in float32


def best(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the columns, int64 (B, k), and values of the k largest of each row of scores (B, n), k <= n."""
    if k == scores.shape[1]:
        values, columns = scores.sort(dim=1, descending=True, stable=True)
        return columns, values
    values, columns = scores.topk(k + 1, dim=1)
    is_tied = values[:, k] == values[:, k - 1]  # topk may have taken any of the equal ones
    columns = columns[:, :k].sort(dim=1).values
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    columns = columns.gather(1, order)
    if is_tied.any():
        sorted_values, sorted_columns = scores[is_tied].sort(dim=1, descending=True, stable=True)
        values[is_tied], columns[is_tied] = sorted_values[:, :k], sorted_columns[:, :k]
    return columns, values


def best_of_blocks(blocks: Iterable[Tensor], k: int) -> tuple[Tensor, Tensor]:
    """Return the labels and logits of the k largest, from logits (B, n) of labels 0, 1, ..., block after block."""
    labels: Tensor | None = None
    first = 0
    for logits in blocks:
        block_labels, block_scores = best(logits, min(k, logits.shape[1]))
        block_labels = block_labels + first
        first += logits.shape[1]
        if labels is None:
            labels, scores = block_labels, block_scores
            continue
        scores, order = torch.cat([scores, block_scores], dim=1).sort(dim=1, descending=True, stable=True)
        labels = torch.cat([labels, block_labels], dim=1).gather(1, order)[:, :k]  # the lower label stands first
        scores = scores[:, :k]
    assert labels is not None, "no blocks"
    return labels, scores


def in_blocks(logits_of: Callable[[slice], Tensor], num_labels: int, *, num_docs: int) -> Iterator[Tensor]:
    """Yield logits_of(labels) for slices of labels that keep num_docs rows within BLOCK_ELEMENTS."""
    size = max(1, BLOCK_ELEMENTS // max(num_docs, 1))
    for start in range(0, num_labels, size):
        yield logits_of(slice(start, min(start + size, num_labels)))
