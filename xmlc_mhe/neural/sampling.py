"""Multi-Head Sampling: the plain classifier, of which a step computes a few groups of labels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_whole
from .blocks import group_logits
from .one_hot import top_k_of_linear
from .optimisers import table


class MultiHeadSampling(nn.Module):
    """O = W F + b as in `softmax`; W is cut into groups of consecutive labels, of which the loss takes S a document.

    Loss: cross-entropy over the logits of the true label's group (MHS-1) and of S - 1 groups of other documents of the
    batch (MHS-S); a batch of fewer groups gives all it has. The gradient is sparse, of whole groups: those that no
    document of the batch is in are neither read nor written by the step. Prediction ranks all labels.

    Args:
        group_size: labels of a group; None: sqrt(num_labels) / 4, from 16 on.
        sampled_groups: S, groups that a document is trained on.
    Source: Liang et al., TPAMI 2025, arXiv:2412.10182, MHS and eq. 13.
    """

    name = "mhs"
    takes_many_labels = False
    is_fixed = False

    def __init__(self, num_labels: int, dim: int, *, group_size: int | None = None, sampled_groups: int = 2) -> None:
        super().__init__()
        if group_size is None:
            group_size = min(num_labels, max(16, round(num_labels**0.5 / 4)))
        check_whole("group_size", group_size)
        check_whole("sampled_groups", sampled_groups)
        self.num_labels, self.group_size, self.sampled_groups = num_labels, group_size, sampled_groups
        num_groups = -(-num_labels // group_size)
        weight = torch.empty(num_groups, group_size * dim).uniform_(-(dim**-0.5), dim**-0.5)
        self.weight = table(weight)
        self.bias = table(torch.zeros(num_groups, group_size))

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of labels (B,) over the labels of each document's groups, mean over the batch."""
        groups, places = _by_first_appearance(labels // self.group_size)  # (U,), (B,)
        num_sampled = min(self.sampled_groups, len(groups))
        # A document's own group comes first, then those that follow in the batch
        slots = (places[:, None] + torch.arange(num_sampled, device=labels.device)) % len(groups)  # (B, S)
        sampled = groups[slots]
        logits = group_logits(features, sampled, self.weight.weight, self.bias.weight)  # (B, S, C)
        candidates = sampled[:, :, None] * self.group_size + torch.arange(self.group_size, device=labels.device)
        logits = logits.masked_fill(candidates >= self.num_labels, -torch.inf)  # padding of the last group
        return F.cross_entropy(logits.flatten(1), labels % self.group_size)

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels of the largest logits of all, (B, k), and these."""
        weight = self.weight.weight.view(-1, features.shape[1])[: self.num_labels]  # (C, D)
        return top_k_of_linear(features, weight, self.bias.weight.flatten()[: self.num_labels], k)


def _by_first_appearance(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct groups (U,), the first document's first, and where among them each document's is (B,).

    As batches are shuffled, a group's neighbours are random ones; in the order of ids they would always be the same.
    """
    distinct, places = groups.unique(return_inverse=True)
    docs = torch.arange(len(groups), device=groups.device)
    first_docs = torch.full_like(distinct, len(groups)).scatter_reduce(0, places, docs, "amin")
    order = first_docs.argsort()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=groups.device)
    return distinct[order], rank[places]
