"""Checks of the options that several heads have."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any


def check_whole(name: str, value: Any, *, least: int = 1) -> None:
    """Raise ValueError unless value is a whole number from least on."""
    if isinstance(value, bool) or not (isinstance(value, Integral) and int(value) >= least):
        raise ValueError(f"{name} must be a whole number from {least}. Got {value!r}; choose another.")


def check_above_zero(name: str, value: Any) -> None:
    """Raise ValueError unless value is a finite number above 0."""
    if isinstance(value, bool) or not (isinstance(value, Real) and 0 < float(value) < math.inf):
        raise ValueError(f"{name} must be a number above 0. Got {value!r}; choose another.")


def equal_head_sizes(num_labels: int, num_heads: int) -> tuple[int, ...]:
    """Return num_heads lengths, descending and as equal as possible, that multiply to at least num_labels."""
    root = max(1, round(num_labels ** (1 / num_heads)))
    root += root**num_heads < num_labels
    num_shorter = 0  # heads that can do with one less
    while num_shorter < num_heads - 1 and root > 1:
        if root ** (num_heads - num_shorter - 1) * (root - 1) ** (num_shorter + 1) < num_labels:
            break
        num_shorter += 1
    return (root,) * (num_heads - num_shorter) + (root - 1,) * num_shorter


def choose_head_sizes(
    num_labels: int,
    head_sizes: Sequence[int] | None,
    num_heads: int,
    *,
    default: Callable[[int, int], tuple[int, ...]] = equal_head_sizes,
) -> tuple[int, ...]:
    """Return head_sizes, checked, or where they are None those that default(num_labels, num_heads) gives."""
    check_whole("num_heads", num_heads)
    if head_sizes is None:
        return default(num_labels, num_heads)
    for size in head_sizes:
        check_whole("head_sizes", size)
    sizes = tuple(int(size) for size in head_sizes)
    if math.prod(sizes) < num_labels:
        raise ValueError(
            f"head_sizes must multiply to at least num_labels={num_labels}. Got {sizes}, which name "
            f"{math.prod(sizes)} labels; enlarge one head."
        )
    return sizes
