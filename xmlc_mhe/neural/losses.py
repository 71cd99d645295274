"""Losses that several heads share: logits and true labels in, the mean over the batch out."""

import torch.nn.functional as F
from torch import Tensor

FIRST_BIAS = -4.0  # of a label's logit in one-vs-all: nearly all labels are wrong, which need not be learned first


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax cross-entropy, -log softmax(o)_y. Logits (B, C), labels int64 (B,)."""
    return F.cross_entropy(logits, labels)


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """One-vs-all cross-entropy, the sum over labels of log(1 + exp(-t o)), t = 1 or -1.

    Logits (B, C), labels int64 (B, P), -1 pads; no (B, C) target is made: log(1 + e^-o) = log(1 + e^o) - o.
    """
    return (F.softplus(logits).sum() - true_logits(logits, labels).sum()) / len(logits)


def squared_hinge(logits: Tensor, labels: Tensor) -> Tensor:
    """One-vs-all squared hinge, the sum over labels of max(0, 1 - t o)^2. Logits (B, C), labels int64 (B, P)."""
    true = true_logits(logits, labels)
    as_positive, as_negative = (1 - true).relu().square(), (1 + true).relu().square()
    correction = ((as_positive - as_negative) * (labels >= 0)).sum()
    return ((1 + logits).relu().square().sum() + correction) / len(logits)


def frobenius(logits: Tensor, labels: Tensor) -> Tensor:
    """Squared Frobenius distance to one-hot rows, |O - Y|^2 / B. Logits (B, C), labels int64 (B,)."""
    true = logits.gather(1, labels[:, None])
    return (logits.square().sum() - 2 * true.sum()) / len(logits) + 1


def true_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logits (B, P) of the true labels, int64 (B, P); 0 at the pads, -1."""
    return logits.gather(1, labels.clamp(min=0)) * (labels >= 0)


ONE_LABEL_LOSSES = {"softmax": cross_entropy, "frobenius": frobenius}
MANY_LABEL_LOSSES = {"bce": binary_cross_entropy, "squared_hinge": squared_hinge}
