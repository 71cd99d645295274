"""RBF-Softmax: logits that fall with the distance of feature and prototype."""

import torch
from torch import Tensor, nn

from ..checks import check_number
from .losses import cross_entropy
from .ranking import best_of_blocks, in_blocks


class RBFSoftmax(nn.Module):
    """O_j = s exp(-|F - w_j|^2 / gamma), one prototype w_j (dim) a label; loss: cross-entropy.

    Logits lie between 0 and s, so that no probability passes e^s / (e^s + C - 1): take s above log C.

    Args:
        s: the largest logit.
        gamma: squared distance at which a logit has fallen to s / e.
    Source: Zhang et al., "RBF-Softmax: Learning Deep Representative Prototypes", ECCV 2020.
    """

    name = "rbf"
    takes_many_labels = False
    is_fixed = False

    def __init__(self, num_labels: int, dim: int, *, s: float = 16.0, gamma: float = 4.0) -> None:
        super().__init__()
        check_number("s", s, above=0)
        check_number("gamma", gamma, above=0)
        self.s, self.gamma = s, gamma
        self.prototypes = nn.Parameter(torch.randn(num_labels, dim) * dim**-0.5)  # of length about 1

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of labels (B,), mean over the batch."""
        return cross_entropy(rbf_logits(features, self.prototypes, s=self.s, gamma=self.gamma), labels)

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels of the largest logits, (B, k), and these; far from all prototypes many are 0."""

        def logits_of(labels: slice) -> Tensor:
            return rbf_logits(features, self.prototypes[labels], s=self.s, gamma=self.gamma)

        return best_of_blocks(in_blocks(logits_of, len(self.prototypes), num_docs=len(features)), k)


def rbf_logits(features: Tensor, prototypes: Tensor, *, s: float, gamma: float) -> Tensor:
    """Return s exp(-d^2 / gamma), (B, C), d the distance of features (B, dim) and prototypes (C, dim)."""
    squared_norms = features.square().sum(dim=1, keepdim=True) + prototypes.square().sum(dim=1)
    squared_distances = torch.addmm(squared_norms, features, prototypes.T, alpha=-2)  # (B, C)
    return s * torch.exp(squared_distances.clamp(min=0) / -gamma)
