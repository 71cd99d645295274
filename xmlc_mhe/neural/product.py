"""Multi-Head Product: one short softmax a digit of the label's code."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..codes.head_sizes import choose_head_sizes, equal_head_sizes
from .ranking import best


def digits(labels: Tensor, head_sizes: Sequence[int]) -> list[Tensor]:
    """Return the local labels of labels, one tensor a head, the last head varying fastest (eq. 11)."""
    return list(torch.unravel_index(labels, tuple(head_sizes)))


class MultiHeadProduct(nn.Module):
    """P(y) = prod_h softmax(W_h F + b_h)[y_h], y_h the digits of y in the mixed radix (|O1|, ..., |OH|).

    Loss: the sum over heads of the cross-entropy of the local label, that is -log P(y) over all codes.
    Cost of a step: dim * sum of head_sizes, some H C^(1/H), in place of dim * C.

    Args:
        head_sizes: lengths of the heads; None: num_heads as equal as possible.
        num_heads: of head_sizes=None.
    Source: Liang et al., TPAMI 2025, arXiv:2412.10182, MHP and eq. 11.
    """

    name = "mhp"
    takes_many_labels = False
    is_fixed = False

    def __init__(
        self, num_labels: int, dim: int, *, head_sizes: Sequence[int] | None = None, num_heads: int = 2
    ) -> None:
        super().__init__()
        self.num_labels = num_labels
        self.head_sizes = choose_head_sizes(num_labels, head_sizes, num_heads, default=equal_head_sizes)
        self.heads = nn.ModuleList(nn.Linear(dim, size) for size in self.head_sizes)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Sum over heads of the cross-entropy on the local labels of labels (B,), mean over the batch."""
        local_labels = digits(labels, self.head_sizes)
        losses = [F.cross_entropy(head(features), local) for head, local in zip(self.heads, local_labels, strict=True)]
        return torch.stack(losses).sum()

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels with the largest products, (B, k), and their log-probabilities."""
        return best_products([head(features).log_softmax(dim=1) for head in self.heads], self.num_labels, k)


def best_products(local_scores: Sequence[Tensor], num_labels: int, k: int) -> tuple[Tensor, Tensor]:
    """Return the k codes below num_labels with the largest sums of local scores, (B, k), and the sums.

    Local scores: (B, |O_h|) of each head. Head by head, only the k best prefixes are kept, and the last one there is.
    This is exact. A prefix is complete where all its continuations are labels; as labels are the codes from 0 to
    num_labels - 1, every prefix but the last is. Let a code c = (p, s) continue a prefix p that was dropped: then k
    complete prefixes q are better than p, or equal and lower. Each code (q, s) is a label, and its sum is no smaller
    than that of c; where equal, q is lower than p and (q, s) than c. So k labels stand before c. Sums are float64, in
    which those of a few float32 numbers are exact, so that rounding makes no ties.
    """
    num_docs, dtype = len(local_scores[0]), local_scores[0].dtype
    codes = local_scores[0].new_zeros((num_docs, 1), dtype=torch.int64)  # (B, prefixes), ascending
    scores = local_scores[0].new_zeros((num_docs, 1), dtype=torch.float64)
    stride = 1  # codes that share a prefix
    for local in local_scores:
        stride *= local.shape[1]
    for local in local_scores:
        size = local.shape[1]
        stride //= size
        num_prefixes = -(-num_labels // stride)
        codes = (codes[:, :, None] * size + torch.arange(size, device=codes.device)).flatten(1)  # still ascending
        scores = (scores[:, :, None] + local[:, None, :].double()).flatten(1)
        # The last prefix was kept, so that the rows end with its continuations: with the same number of padding codes
        num_valid = codes.shape[1] - max(0, int(codes[0, -1]) + 1 - num_prefixes) if num_docs else codes.shape[1]
        codes, scores = codes[:, :num_valid], scores[:, :num_valid]
        if stride > 1 and num_valid > k + 1:
            columns, _ = best(scores[:, :-1], k)
            columns = torch.nn.functional.pad(columns.sort(dim=1).values, (0, 1), value=num_valid - 1)
            codes, scores = codes.gather(1, columns), scores.gather(1, columns)
    columns, scores = best(scores, k)
    return codes.gather(1, columns), scores.to(dtype)
