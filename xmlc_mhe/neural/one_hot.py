"""The plain classifier, one weight vector a label: the yardstick of all others."""

import torch
from torch import Tensor, nn

from ..checks import check_option
from .losses import FIRST_BIAS, MANY_LABEL_LOSSES, cross_entropy
from .ranking import best_of_blocks, in_blocks

LOSSES = {"softmax": cross_entropy, "bce": MANY_LABEL_LOSSES["bce"]}


class OneHot(nn.Module):
    """O = W F + b, W (C, dim).

    Args:
        loss: "softmax", cross-entropy of one label; "bce", one-vs-all for several.
    Source: the one-hot encoding that Liang et al., TPAMI 2025, arXiv:2412.10182, compare with ("vanilla").
    """

    name = "softmax"
    is_fixed = False

    def __init__(self, num_labels: int, dim: int, *, loss: str = "softmax") -> None:
        super().__init__()
        check_option("loss", loss, LOSSES)
        self.takes_many_labels = loss in MANY_LABEL_LOSSES
        self.loss_name = loss
        self.classifier = nn.Linear(dim, num_labels)
        if self.takes_many_labels:
            nn.init.constant_(self.classifier.bias, FIRST_BIAS)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the batch; labels (B,), or (B, P) with -1 pads for "bce"."""
        return LOSSES[self.loss_name](self.classifier(features), labels)

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels of the largest logits, (B, k), and these."""
        return top_k_of_linear(features, self.classifier.weight, self.classifier.bias, k)


def top_k_of_linear(features: Tensor, weight: Tensor, bias: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the labels and logits of the k largest of weight F + bias, weight (C, dim), bias (C,)."""

    def logits_of(labels: slice) -> Tensor:
        return torch.addmm(bias[labels], features, weight[labels].T)

    return best_of_blocks(in_blocks(logits_of, len(weight), num_docs=len(features)), k)
