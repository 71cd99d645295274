"""The tensors that a module would have, without memory for them: what a saved module must fit before it is built."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..state import FLOATS, Fields, array


def without_memory(build: Callable[[], Any], *, or_with: bool = False) -> Any:
    """Return what `build` makes, its tensors on torch's device "meta": they have shapes and no memory.

    Args:
        or_with: build with memory where that fails, as a class of the user's own need not know that device.
    """
    try:
        with torch.device("meta"):
            return build()
    except Exception:
        if not or_with:
            raise
        return build()


def tensor_fields(module: nn.Module) -> Fields:
    """Yield what the arrays of a module's saved tensors must be; parameters are finite, a buffer may be a mask."""
    parameters = dict(module.named_parameters())
    for name, tensor in module.state_dict().items():
        dtype = FLOATS if tensor.is_floating_point() else str(tensor.dtype).removeprefix("torch.")
        yield name, array(dtype, tuple(tensor.shape), finite=name in parameters)


def unsaved_numbers(module: nn.Module) -> int:
    """Return how many numbers a module has that are not in its state, such as positions and masks."""
    saved = sum(tensor.numel() for tensor in module.state_dict().values())
    return sum(tensor.numel() for tensor in (*module.parameters(), *module.buffers())) - saved
