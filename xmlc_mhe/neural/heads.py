"""The neural heads by name; torch is imported when one is looked up, not before."""

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

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


class NeuralHeads(Mapping[str, Any]):
    """Name -> nn.Module class of a head. The names are there without torch; looking one up needs it.

    Raises: ImportError: torch is not installed.
    """

    def __getitem__(self, name: str) -> Any:
        module, class_name = CLASSES[name]
        if importlib.util.find_spec("torch") is None:
            raise ImportError(f'head "{name}" needs torch. Got no torch; pip install "xmlc-mhe[neural]".')
        return getattr(importlib.import_module(f".{module}", __package__), class_name)

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


HEADS = NeuralHeads()
