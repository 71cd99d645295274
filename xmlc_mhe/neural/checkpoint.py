"""A checkpoint: everything that a training needs to go on to the bit, in one safetensors file, never executed."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import DataError, in_short
from ..outputs import cannot_write, whole_file

FILE = "checkpoint.safetensors"


def write_checkpoint(folder: Path, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """Write tensors and JSON values; the file is replaced when it is whole. Raises DataError where it cannot be."""
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with whole_file(folder / FILE) as written:
            save_file(copies, written, metadata={"values": json.dumps(values)})
    except (OSError, SafetensorError) as error:
        raise cannot_write(folder / FILE, error) from None


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return what `write_checkpoint` was given, None where there is none. Raises DataError where it is damaged."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["values"])  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} must be a whole checkpoint. Got: {in_short(error)}; remove it to begin anew."
        ) from None


def optimiser_state(optimisers: list[torch.optim.Optimizer]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the numbers that optimisers have gathered, by names of our own."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for index, optimiser in enumerate(optimisers):
        for param, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                target: dict[str, Any] = tensors if isinstance(value, Tensor) else numbers
                target[f"{index} {param} {name}"] = value
    return tensors, numbers


def restore_optimisers(
    optimisers: list[torch.optim.Optimizer], tensors: dict[str, Tensor], numbers: dict[str, Any]
) -> None:
    """Give optimisers back what `optimiser_state` returned."""
    for index, optimiser in enumerate(optimisers):
        whole = optimiser.state_dict()
        for key, value in {**tensors, **numbers}.items():
            number, param, name = key.split(" ", 2)
            if int(number) == index:
                whole["state"].setdefault(int(param), {})[name] = value
        optimiser.load_state_dict(whole)


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return those whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def state_copy(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a module's state on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in module.state_dict().items()}
