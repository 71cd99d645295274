"""The neural heads by name, and heads of your own; torch is imported when a name is looked up, not before."""

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from ..label_code import check_option

CLASSES = {  # name -> module, class
    "softmax": ("one_hot", "OneHot"),
    "neural-mhc": ("cascade", "NeuralCascade"),
    "mhp": ("product", "MultiHeadProduct"),
    "mhs": ("sampling", "MultiHeadSampling"),
    "cp": ("cp", "SumOfProducts"),
    "lowrank": ("low_rank", "LowRank"),
    "etf": ("etf", "SimplexETF"),
    "rbf": ("rbf", "RBFSoftmax"),
}


MEMBERS = ("name", "takes_many_labels", "is_fixed", "loss", "top_k")  # of every class; see `neural`


class NeuralHeads(Mapping[Any, Any]):
    """Name -> nn.Module class of a head; a class of your own stands for itself, and is not among the names.

    The names are there without torch; looking one up needs it.
    Raises: ImportError: torch is not installed.
    """

    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, type):
            return name
        module, class_name = CLASSES[name]
        if importlib.util.find_spec("torch") is None:
            raise ImportError(f'head "{name}" needs torch. Got no torch; pip install "xmlc-mhe[neural]".')
        return getattr(importlib.import_module(f".{module}", __package__), class_name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, type) or name in CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


HEADS = NeuralHeads()


def check_head(head: Any, names: Mapping[str, Any]) -> None:
    """Raise ValueError unless head is one of the names, or a class with the members of a neural head.

    Args:
        names: of the heads that come with the package, which no class of your own may have.
    """
    if not isinstance(head, type):
        check_option("head", head, names)
    else:
        _check_own_head(head, names)


def _check_own_head(head: Any, names: Mapping[str, Any]) -> None:
    for member in MEMBERS:
        if not hasattr(head, member):
            raise ValueError(
                "head must be a name, or a torch.nn.Module class with "
                f"{', '.join(MEMBERS)}. Got {head.__name__}, without {member}; see docs/tutorials/own-head.md."
            )
    if head.name in names:
        raise ValueError(
            f'name must not be that of a head of the package. Got "{head.name}" for {head.__name__}; choose another.'
        )
