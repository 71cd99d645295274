"""Checks of options that several parts have: one wording for each kind of value."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def is_whole(value: Any, *, least: int = 1, most: float = math.inf) -> bool:
    """Return whether a value is a whole number from least to most, and not True or False."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most


def check_whole(name: str, value: Any, *, least: int = 1, most: float = math.inf) -> None:
    """Raise ValueError unless value is a whole number from least to most."""
    if not is_whole(value, least=least, most=most):
        limit = "" if most == math.inf else f" to {most}"
        raise ValueError(f"{name} must be a whole number from {least}{limit}. Got {value!r}; choose another.")


def is_finite(value: Any) -> bool:
    """Return whether a number is one that a float can hold."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def check_number(name: str, value: Any, *, above: float | None = None, least: float = 0.0) -> None:
    """Raise ValueError unless value is a finite number above a bound, or from `least` on where there is none."""
    is_number = isinstance(value, Real) and not isinstance(value, bool) and is_finite(value)
    if not is_number or not (value >= least if above is None else value > above):
        bound = f"from {least:g}" if above is None else f"above {above:g}"
        raise ValueError(f"{name} must be a number {bound}. Got {value!r}; choose another.")


def check_option(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise ValueError unless value is one of the allowed."""
    if value not in list(allowed):
        raise ValueError(f"{name} must be one of {', '.join(allowed)}. Got {value!r}; choose one of them.")
