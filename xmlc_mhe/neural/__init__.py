"""Heads that are torch modules on a learned body: one file a head, losses, ranking, one training loop.

A head is an nn.Module with `name`, `takes_many_labels`, `is_fixed` (True: it learns nothing; the body must, and ends
without a ReLU, as fixed prototypes point everywhere), where its groups are ranges of labels `orders_labels` (True:
labels are numbered in `label_order` for it), and
    __init__(num_labels, dim, *, options of its own)
    loss(features, labels)   mean over the batch; features (B, dim); labels int64 (B,), or (B, P) with -1 pads where
                             takes_many_labels
    top_k(features, k)       labels int64 (B, k) and scores (B, k), best first: exact, ties to the lower label
"""

from typing import Any

from .heads import HEADS, check_head

__all__ = ["HEADS", "check_head", "load_neural_head"]


def load_neural_head(name: Any) -> Any:
    """Return NeuralHead, which trains the head of this name, or of this class; raises ImportError without torch."""
    HEADS[name]
    from .neural_head import NeuralHead

    return NeuralHead
