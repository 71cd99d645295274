"""One process of many: under torchrun, what this process is among the others; alone, that there are none."""

import atexit
import os
from typing import Any

import torch
from torch import distributed


def rank_and_size() -> tuple[int, int]:
    """Return the number of this process and how many there are, (0, 1) alone; joins the group of torchrun."""
    if not distributed.is_available():
        return 0, 1
    if not distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
            return 0, 1
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)
    return distributed.get_rank(), distributed.get_world_size()


def choose_device(device: str) -> torch.device:
    """Return the device of this name; "auto" is this process's GPU, or the CPU where there is none."""
    if device != "auto":
        return torch.device(device)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cuda", torch.cuda.current_device())


def sum_over_processes(value: float) -> float:
    """Return the sum of the processes' values."""
    if rank_and_size()[1] == 1:
        return value
    total = torch.tensor(value, dtype=torch.float64, device=choose_device("auto"))
    distributed.all_reduce(total)
    return float(total)


def gather_from_processes(value: Any) -> list[Any]:
    """Return the processes' values, in the order of their numbers."""
    _, size = rank_and_size()
    if size == 1:
        return [value]
    values: list[Any] = [None] * size
    distributed.all_gather_object(values, value)
    return values
