"""How many threads torch uses, and when a step of training is large enough for several."""

import contextlib
from collections.abc import Iterator

import torch

from .body import Body, HeadOnBody

# Multiply-adds of a step below which one thread takes it. Threads that wait for each other within a step spin. On cores
# that other work shares, a step of 13 million took 180 ms or more with two threads and 5 ms with one; on free cores,
# two threads made it 1.6 times faster.
WORTH_THREADS = 2**26


def threads_of_step(model: HeadOnBody, *, batch_size: int, threads: int) -> int:
    """Return how many of so many threads a step takes: one if it is small, and all on an encoder or if it is large.

    Its multiply-adds are the documents times the weights; of a bag of vectors it reads few, which do not count.
    """
    if not isinstance(model.body, Body):
        return threads
    parts = (model.head,) if model.body.kind == "bag" else (model.head, model.body)
    num_weights = sum(weight.numel() for part in parts for weight in part.parameters())
    return threads if batch_size * num_weights >= WORTH_THREADS else 1


@contextlib.contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Have torch use so many threads, and restore its number."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
