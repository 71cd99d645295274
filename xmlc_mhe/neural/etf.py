"""A fixed simplex equiangular tight frame as classifier: only the features learn."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checks import check_option
from .losses import cross_entropy
from .one_hot import top_k_of_linear

LOSSES = ("cross_entropy", "dot_regression")


def simplex_etf(num_labels: int, dim: int) -> Tensor:
    """Return M (K, dim), K = num_labels <= dim + 1: rows of length 1 with the inner product -1 / (K - 1), random axes.

    M = sqrt(K / (K - 1)) (I - 11'/K) U with U (K, dim) of orthonormal rows needs dim >= K. As I - 11'/K = Q Q' with
    Q (K, K - 1) an orthonormal basis of all that sums to 0, M = sqrt(K / (K - 1)) Q V, and V = Q' U only needs K - 1
    orthonormal rows.
    """
    normal = torch.randn(dim, max(num_labels - 1, 0), dtype=torch.float64)
    axes = torch.linalg.qr(normal).Q.T  # V (K - 1, dim)
    steps = torch.arange(1, num_labels, dtype=torch.float64)
    basis = torch.ones(num_labels, num_labels - 1, dtype=torch.float64).triu()  # Q: Helmert
    basis[torch.arange(1, num_labels), torch.arange(num_labels - 1)] = -steps
    basis /= (steps * (steps + 1)).sqrt()
    scale = (num_labels / max(num_labels - 1, 1)) ** 0.5
    return (scale * basis @ axes).to(torch.get_default_dtype())


class SimplexETF(nn.Module):
    """O = M F, M = sqrt(K/(K-1)) (I - 11'/K) U: a buffer that training leaves alone.

    Loss: "cross_entropy" of O, or "dot_regression", 0.5 (m_y . F/|F| - 1)^2, which only pulls to the true label.
    Args:
        loss: one of the two.
    Raises: ValueError: num_labels > dim + 1.
    Source: Yang et al., "Inducing Neural Collapse in Imbalanced Learning", arXiv:2203.09081.
    """

    name = "etf"
    takes_many_labels = False
    is_fixed = True
    prototypes: Tensor

    def __init__(self, num_labels: int, dim: int, *, loss: str = "dot_regression") -> None:
        super().__init__()
        check_option("loss", loss, LOSSES)
        if num_labels > dim + 1:
            raise ValueError(
                f'dim must be at least num_labels - 1 = {num_labels - 1} for head "etf". Got dim={dim}; raise dim, or '
                'use head="softmax".'
            )
        self.loss_name = loss
        self.register_buffer("prototypes", simplex_etf(num_labels, dim))

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the batch of labels (B,)."""
        if self.loss_name == "cross_entropy":
            return cross_entropy(features @ self.prototypes.T, labels)
        return dot_regression(features, self.prototypes[labels])

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels nearest in angle, (B, k), and logits; the cosines with "dot_regression"."""
        if self.loss_name == "dot_regression":
            features = F.normalize(features)
        return top_k_of_linear(features, self.prototypes, self.prototypes.new_zeros(len(self.prototypes)), k)


def dot_regression(features: Tensor, prototypes: Tensor) -> Tensor:
    """Mean of 0.5 (m . F/|F| - 1)^2 over features (B, dim) and their labels' prototypes (B, dim)."""
    return 0.5 * ((F.normalize(features) * prototypes).sum(dim=1) - 1).square().mean()
