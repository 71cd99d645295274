"""The low-rank (bottleneck) classifier."""

from torch import Tensor, nn

from ..checks import check_option, check_whole
from .losses import MANY_LABEL_LOSSES, ONE_LABEL_LOSSES
from .one_hot import top_k_of_linear

LOSSES = ONE_LABEL_LOSSES | MANY_LABEL_LOSSES


class LowRank(nn.Module):
    """O = W2 W1 F + B, W1 (rank, dim), W2 (C, rank), B (C).

    With softmax and cross-entropy, rank([W; B]) > 1 is enough to fit separable training data; with the Frobenius norm
    it is not (theorem 3).

    Args:
        rank: of W = W2 W1.
        loss: "softmax", cross-entropy, and "frobenius", |O - onehot|^2, of one label; "bce" and "squared_hinge",
            one-vs-all for several.
    Source: Liang et al., TPAMI 2025, arXiv:2412.10182, eq. 17 and theorem 3.
    """

    name = "lowrank"
    is_fixed = False

    def __init__(self, num_labels: int, dim: int, *, rank: int = 64, loss: str = "softmax") -> None:
        super().__init__()
        check_whole("rank", rank)
        check_option("loss", loss, LOSSES)
        self.takes_many_labels = loss in MANY_LABEL_LOSSES
        self.loss_name = loss
        self.bottleneck = nn.Linear(dim, rank, bias=False)
        self.classifier = nn.Linear(rank, num_labels)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss over the batch; labels (B,), or (B, P) with -1 pads for one-vs-all."""
        return LOSSES[self.loss_name](self.classifier(self.bottleneck(features)), labels)

    def top_k(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return the k labels of the largest logits, (B, k), and these."""
        return top_k_of_linear(self.bottleneck(features), self.classifier.weight, self.classifier.bias, k)
