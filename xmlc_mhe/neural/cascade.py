"""The Multi-Head Cascade on learned features: the groups of labels first, then the labels of the best groups."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_whole
from ..codes.head_sizes import cascade_head_sizes, choose_head_sizes
from .blocks import group_logits
from .losses import FIRST_BIAS
from .optimisers import table
from .ranking import best


class NeuralCascade(nn.Module):
    """H heads; head h scores the continuations of the best prefixes of h - 1 digits, each with its own embedding.

    Training: one-vs-all cross-entropy at every head. Head 1 scores all groups; a later head those that continue the
    document's true prefixes and, beside these, the highest-scoring wrong ones, up to train_beam prefixes in all, or as
    many as the document with the most true ones has. Prediction keeps the `beam` best prefixes at each head, at least
    as many as hold k labels, and ranks labels by the last head's logit, as in `linear.cascade`.
    Labels are codes (their order is the caller's), so that a group is a row of the table of its head.

    Args:
        head_sizes: lengths of the heads, first to last; None: num_heads, the last about sqrt(num_labels / 5) long.
        num_heads: of head_sizes=None.
        embedding_dim: length of the labels' embeddings, to which each later head projects the features; None: that of
            the features, without a projection, which measured better (docs/heads.md).
        train_beam: prefixes that a later head is trained on.
        beam: prefixes kept at prediction.
    Source: Liang et al., TPAMI 2025, arXiv:2412.10182, MHC.
    """

    name = "neural-mhc"
    takes_many_labels = True
    is_fixed = False
    orders_labels = True

    def __init__(
        self,
        num_labels: int,
        dim: int,
        *,
        head_sizes: Sequence[int] | None = None,
        num_heads: int = 2,
        embedding_dim: int | None = None,
        train_beam: int = 20,
        beam: int = 20,
    ) -> None:
        super().__init__()
        for name, value in (("embedding_dim", embedding_dim), ("train_beam", train_beam), ("beam", beam)):
            if value is not None or name != "embedding_dim":
                check_whole(name, value)
        self.num_labels, self.train_beam, self.beam = num_labels, train_beam, beam
        self.head_sizes = choose_head_sizes(num_labels, head_sizes, num_heads, default=cascade_head_sizes)
        self.strides = [math.prod(self.head_sizes[head + 1 :]) for head in range(len(self.head_sizes))]
        self.num_prefixes = [-(-num_labels // stride) for stride in self.strides]  # those of a label
        self.first = nn.Linear(dim, self.num_prefixes[0])
        nn.init.constant_(self.first.bias, FIRST_BIAS)
        self.projections, self.weights, self.biases = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        num_groups = self.num_prefixes[0]
        for size in self.head_sizes[1:]:
            self.projections.append(nn.Identity() if embedding_dim is None else nn.Linear(dim, embedding_dim))
            weight = torch.zeros(num_groups, size * (embedding_dim or dim))
            self.weights.append(table(weight, labels_per_row=size))
            self.biases.append(table(torch.full((num_groups, size), FIRST_BIAS), labels_per_row=size))
            num_groups *= size  # with the padding of the last group

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Sum over heads of the one-vs-all cross-entropy of labels (B, P), -1 pads; mean over the batch."""
        docs = torch.arange(len(labels), device=labels.device)[:, None].expand_as(labels)
        is_label, labels = labels >= 0, labels.clamp(min=0)
        logits, codes = self._first_logits(features)  # (B, S), (B, S): what the head scores
        places = labels // self.strides[0]  # (B, P): where the true prefixes are among those
        loss = logits.new_zeros(())
        for head in range(len(self.strides)):
            is_true = torch.zeros_like(logits, dtype=torch.bool)  # once, however many labels share a prefix
            is_true[docs[is_label], places[is_label]] = True
            is_code = codes < self.num_prefixes[head]
            loss = loss + (F.softplus(logits) * is_code).sum() - (logits * is_true).sum()
            if head + 1 < len(self.strides):
                ranking = logits.detach().masked_fill(~is_code, -torch.inf).masked_fill(is_true, torch.inf)
                num_kept = min(max(self.train_beam, int(is_true.sum(dim=1).max())), logits.shape[1])
                prefixes = codes.gather(1, ranking.topk(num_kept, dim=1).indices).sort(dim=1).values  # (B, K)
                places = torch.searchsorted(prefixes, labels // self.strides[head]) * self.head_sizes[head + 1]
                places = places + labels // self.strides[head + 1] % self.head_sizes[head + 1]
                logits, codes = self._continue(head, features, prefixes)
        return loss / len(labels)

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k codes of the largest logits among the continuations of the beam, (B, k), and these."""
        logits, codes = self._first_logits(features)
        for head, stride in enumerate(self.strides[:-1]):
            num_kept = min(max(self.beam, -(-k // stride) + 1), logits.shape[1])  # all but the last prefix are full
            prefixes = codes.gather(1, best(logits, num_kept)[0]).sort(dim=1).values  # (B, K)
            logits, codes = self._continue(head, features, prefixes)
            logits = logits.masked_fill(codes >= self.num_prefixes[head + 1], -torch.inf)
        places, scores = best(logits, k)
        return codes.gather(1, places), scores

    def _first_logits(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of all prefixes of one digit, (B, |O1|), and these prefixes."""
        logits = self.first(features)
        return logits, torch.arange(logits.shape[1], device=logits.device).expand_as(logits)

    def _continue(self, head: int, features: Tensor, prefixes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (B, K size) of the continuations of prefixes (B, K), ascending, and these codes."""
        projected, size = self.projections[head](features), self.head_sizes[head + 1]
        tables: Any = self.weights[head], self.biases[head]
        logits = group_logits(projected, prefixes, *(table.weight for table in tables))
        codes = prefixes[:, :, None] * size + torch.arange(size, device=prefixes.device)
        return logits.flatten(1), codes.flatten(1)
