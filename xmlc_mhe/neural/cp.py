"""G groups of heads: the logits are a sum of G outer products, a CP decomposition of rank G."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_whole
from ..codes.head_sizes import choose_head_sizes, equal_head_sizes
from . import ranking
from .product import digits
from .ranking import best_of_blocks


class SumOfProducts(nn.Module):
    """O[y] = sum_g prod_h v_gh[y_h], v_gh = W_gh F + b_gh, y_h the digits of y; num_groups=1 is one outer product.

    Loss: cross-entropy over all labels. The heads are split in two, the products of the first ones (B, R, G) and of
    the others (B, S, G), R S = |O1| ... |OH|; their matrix product is O. It is made in blocks of rows, forward,
    backward and for the top k, so that B C logits never exist at once. With H = 2 a step holds B G (|O1| + |O2|)
    numbers and a block; with more heads B G (R + S), about 2 B G C^(1/2) where the lengths allow an even split.

    Args:
        head_sizes: lengths of the heads; None: num_heads as equal as possible.
        num_heads: of head_sizes=None.
        num_groups: G, the rank.
    Source: Liang et al., TPAMI 2025, arXiv:2412.10182, G-MHE, eq. 16.
    """

    name = "cp"
    takes_many_labels = False
    is_fixed = False

    def __init__(
        self,
        num_labels: int,
        dim: int,
        *,
        head_sizes: Sequence[int] | None = None,
        num_heads: int = 2,
        num_groups: int = 4,
    ) -> None:
        super().__init__()
        check_whole("num_groups", num_groups)
        self.num_labels, self.num_groups = num_labels, num_groups
        self.head_sizes = choose_head_sizes(num_labels, head_sizes, num_heads, default=equal_head_sizes)
        self.heads = nn.ModuleList(nn.Linear(dim, size * num_groups) for size in self.head_sizes)
        for head in self.heads:  # about 1, as a product of numbers near 0 has no gradient to start with
            nn.init.normal_(head.bias, mean=1.0, std=0.1)  # type: ignore[arg-type]

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of labels (B,) over all labels, mean over the batch."""
        left, right = self.factors(features)
        rows, columns = digits(labels, (left.shape[1], right.shape[1]))
        docs = torch.arange(len(labels), device=labels.device)
        true_logits = (left[docs, rows] * right[docs, columns]).sum(dim=1)
        return (BlockedLogSumExp.apply(left, right, self.num_labels) - true_logits).mean()

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels of the largest logits, (B, k), and these."""
        left, right = self.factors(features)
        return best_of_blocks((logits for _, logits in code_blocks(left, right, self.num_labels)), k)

    def factors(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return left (B, R, G) and right (B, S, G); code r S + s has the logit left_r . right_s."""
        vectors = [head(features).unflatten(1, (-1, self.num_groups)) for head in self.heads]  # (B, |Oh|, G) each
        sizes = self.head_sizes
        cut = min(range(len(sizes) + 1), key=lambda cut: math.prod(sizes[:cut]) + math.prod(sizes[cut:]))
        return _products(vectors[:cut], like=vectors[0]), _products(vectors[cut:], like=vectors[0])


def _products(vectors: Sequence[Tensor], *, like: Tensor) -> Tensor:
    """Return the products of one number of each of vectors, (B, |Oh|, G) each, the last varying fastest, (B, R, G)."""
    products = like.new_ones((len(like), 1, like.shape[2]))
    for vector in vectors:
        products = (products[:, :, None, :] * vector[:, None, :, :]).flatten(1, 2)
    return products


def code_blocks(left: Tensor, right: Tensor, num_labels: int) -> Iterator[tuple[slice, Tensor]]:
    """Yield rows and their logits (B, n), of codes in ascending order; those from num_labels on are left out.

    left (B, R, G), right (B, S, G); code r S + s has the logit left_r . right_s. A block has ranking.BLOCK_ELEMENTS
    logits, or those of one row.
    """
    num_docs, width = len(right), right.shape[1]
    num_rows = -(-num_labels // width)  # with a label
    size = max(1, ranking.BLOCK_ELEMENTS // max(num_docs * width, 1))
    for start in range(0, num_rows, size):
        rows = slice(start, min(start + size, num_rows))
        yield rows, (left[:, rows] @ right.mT).flatten(1)[:, : num_labels - start * width]


class BlockedLogSumExp(torch.autograd.Function):
    """log sum exp over the logits of `code_blocks`, (B,), that keeps the factors alone and makes the blocks again.

    Gradient: d left = P right and d right = P' left, where P = softmax of the logits, as a matrix of rows and columns.
    """

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, num_labels: int) -> Tensor:
        total = left.new_full((len(left),), -torch.inf)
        for _, logits in code_blocks(left, right, num_labels):
            total = torch.logaddexp(total, logits.logsumexp(dim=1))
        ctx.save_for_backward(left, right, total)
        ctx.num_labels = num_labels
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        left, right, total = ctx.saved_tensors
        width = right.shape[1]
        grad_left, grad_right = torch.zeros_like(left), torch.zeros_like(right)
        for rows, logits in code_blocks(left, right, ctx.num_labels):
            probs = (logits - total[:, None]).exp_().mul_(grad[:, None])
            probs = F.pad(probs, (0, (rows.stop - rows.start) * width - probs.shape[1]))  # padding codes have none
            probs = probs.unflatten(1, (-1, width))  # (B, rows, columns)
            grad_left[:, rows] = probs @ right
            grad_right += probs.mT @ left[:, rows]
        return grad_left, grad_right, None
