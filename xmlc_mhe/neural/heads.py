"""The neural heads by name, and heads of your own. A new one of ours is one more line here, and a file beside this one.

A head is an nn.Module with `name`, `takes_many_labels`, `is_fixed` (True: it learns nothing; the body must, and ends
without a ReLU, as fixed prototypes point everywhere), where its groups are ranges of labels `orders_labels` (True:
labels are numbered in `label_order` for it), and
    __init__(num_labels, dim, *, options of its own)
    loss(features, labels)   mean over the batch; features (B, dim); labels int64 (B,), or (B, P) with -1 pads where
                             takes_many_labels
    top_k(features, k)       labels int64 (B, k) and scores (B, k), best first: exact, ties to the lower label
"""

from collections.abc import Iterable
from typing import Any

from ..lazy import LazyClasses
from ..linear.heads import MEMBERS as LINEAR_MEMBERS
from ..linear.heads import is_own_linear_head

MEMBERS = ("name", "takes_many_labels", "is_fixed", "loss", "top_k")  # that the class of a head of your own must have


class NeuralHeads(LazyClasses):
    """Name -> class of a head. A class of your own stands for itself, and is not among the names."""

    def __getitem__(self, name: Any) -> Any:
        is_own = isinstance(name, type) and not is_own_linear_head(name)
        return name if is_own else super().__getitem__(name)


def check_own_head(head: Any, names: Iterable[str]) -> None:
    """Raise ValueError unless a class has the members of a neural or of a linear head, and a name that is not taken."""
    is_linear = is_own_linear_head(head)
    members, page = (LINEAR_MEMBERS, "extending.md") if is_linear else (MEMBERS, "tutorials/own-head.md")
    kind = "class of a linear head" if is_linear else "torch.nn.Module class"
    for member in members:
        if not hasattr(head, member):
            raise ValueError(
                f"head must be a name, or a {kind} with {', '.join(members)}. Got {head.__name__}, without {member}; "
                f"see docs/{page}."
            )
    if head.name in names:
        raise ValueError(
            f'name must not be that of a head of the package. Got "{head.name}" for {head.__name__}; choose another.'
        )


HEADS = NeuralHeads(
    __package__,
    {
        "softmax": ("one_hot", "OneHot"),
        "neural-mhc": ("cascade", "NeuralCascade"),
        "mhp": ("product", "MultiHeadProduct"),
        "mhs": ("sampling", "MultiHeadSampling"),
        "cp": ("cp", "SumOfProducts"),
        "lowrank": ("low_rank", "LowRank"),
        "etf": ("etf", "SimplexETF"),
        "rbf": ("rbf", "RBFSoftmax"),
    },
    needs=("torch", "neural"),
)
