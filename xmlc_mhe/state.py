"""What the state of a model must be: each part declares its entries in one place; they are checked before it is built.

A part's class has `state_fields`, a generator of names and fields:

    @staticmethod
    def state_fields(state, *, num_labels):
        yield "width", whole()
        yield "bias", array("float32", (num_labels,))

An entry has been checked when the generator goes on, so that later fields may depend on it: `state["width"]`. What the
generator returns is for the next part, such as the number of columns. `xmlc_mhe.classifier.saving` puts the parts
together.
"""

import math
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import is_whole
from .errors import DataError, in_short

MOST_WHOLE = 2**63 - 1
MOST_LENGTH = 2**31 - 1  # of a head, or of whatever else kernels count in int32
MOST_FLOAT = float(np.finfo(np.float32).max)
FLOATS = "float16 or float32 or float64"

Rule = tuple[str, Callable[[Any], bool]]  # what else must hold, and whether it does


@dataclass(frozen=True)
class Field:
    """What an entry must be, in the words of a message, and whether a value is that; `holds` never raises."""

    must_be: str
    holds: Callable[[Any], bool]


Fields = Generator[tuple[str, Field], None, Any]


def array(
    dtype: str,
    shape: tuple[int | None, ...] | None,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    finite: bool = True,
    rule: Rule | None = None,
) -> Field:
    """An array.

    Args:
        dtype: or several, "uint16 or int32".
        shape: None stands for any length, and in place of the shape for any shape.
        least, most: range of the values; unless `finite` is False, NaN and infinity are refused in any case.
        rule: holds of an array of this dtype, shape and range.
    """
    must_be = f"an array of {dtype}"
    if shape is not None:
        must_be += f" of shape ({', '.join('any' if size is None else str(size) for size in shape)})"
    has_bounds, is_float = (least, most) != (-math.inf, math.inf), "float" in dtype
    has_range = finite and (has_bounds or is_float)
    must_be += f" from {least} to {most}" if has_bounds else ""
    must_be += ", finite" if finite and is_float else ""
    must_be += f", {rule[0]}" if rule else ""

    def holds(value: Any) -> bool:
        if not isinstance(value, np.ndarray) or str(value.dtype) not in dtype.split(" or "):
            return False
        if shape is not None and (value.ndim != len(shape) or any(
            size not in (None, found) for size, found in zip(shape, value.shape, strict=True)
        )):  # fmt: skip
            return False
        if has_range and value.size:
            low, high = _range(value)  # NaN where there is one
            if not (least <= low and high <= most and math.isfinite(low) and math.isfinite(high)):
                return False
        return rule is None or bool(rule[1](value))

    return Field(must_be, holds)


def whole(least: int = 1, most: int = MOST_WHOLE) -> Field:
    """A whole number."""
    return Field(f"a whole number from {least} to {most}", lambda value: is_whole(value, least=least, most=most))


def number(least: float = 0.0, most: float = MOST_FLOAT) -> Field:
    """A finite number."""

    def holds(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most

    return Field(f"a number from {least:g} to {most:g}", holds)


def choice(options: Collection[Any]) -> Field:
    """One of a few values; 1 is not True."""

    def holds(value: Any) -> bool:
        return any(type(value) is type(option) and value == option for option in options)

    return Field(f"one of {', '.join(map(str, options))}", holds)


def flag() -> Field:
    """True or False."""
    return choice((True, False))


def text() -> Field:
    """One str."""
    return Field("text", lambda value: isinstance(value, str))


def words(*, distinct: bool = False) -> Field:
    """A list of one str or more; distinct ones are not empty either."""

    def holds(value: Any) -> bool:
        if not (isinstance(value, list) and len(value) > 0 and set(map(type, value)) <= {str}):
            return False
        return not distinct or ("" not in (found := set(value)) and len(found) == len(value))

    return Field("a list of distinct words" if distinct else "a list of names", holds)


def items(field: Field, *, least: int = 0, most: int = MOST_WHOLE, rule: Rule | None = None) -> Field:
    """A list, or tuple, of so many values that are each what the field says."""
    length = f"{least}" if least == most else f"{least} or more" if most == MOST_WHOLE else f"{least} to {most}"

    def holds(value: Any) -> bool:
        if not (isinstance(value, list | tuple) and least <= len(value) <= most and all(map(field.holds, value))):
            return False
        return rule is None or bool(rule[1](value))

    return Field(f"a list of {length}, each {field.must_be}{f', {rule[0]}' if rule else ''}", holds)


def mapping(names: Collection[str] | None = None) -> Field:
    """A JSON object, whose names are among those given."""
    must_be = "an object" if names is None else f"an object with names among {', '.join(names)}"
    return Field(must_be, lambda value: isinstance(value, dict) and (names is None or value.keys() <= set(names)))


def optional(field: Field) -> Field:
    """What the field says, or None."""
    return Field(f"null or {field.must_be}", lambda value: value is None or field.holds(value))


def part(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return the entries whose names begin with a prefix such as "head.", without it."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def undeclared(state: dict[str, Any], **sizes: Any) -> Fields:
    """Yield the entries that a part has, whatever they are: those of a class that declares none."""
    for name in state:
        yield name, Field("anything", lambda value: True)


def with_prefix(prefix: str, fields: Fields) -> Fields:
    """Yield a part's fields, a prefix before the names, and return what it returns."""
    while True:
        try:
            name, field = next(fields)
        except StopIteration as end:
            return end.value
        yield prefix + name, field


def check_state(state: dict[str, Any], fields: Fields, *, place: object) -> Any:
    """Return what the generator of fields returns; raises DataError unless the state has these entries and no others.

    Args:
        place: where the state comes from, for the message.
    """
    known = set()
    while True:
        try:
            name, field = next(fields)
        except StopIteration as end:
            result = end.value
            break
        known.add(name)
        if name not in state or not field.holds(state[name]):
            found = _in_words(state[name]) if name in state else "nothing"
            must_be = in_short(field.must_be, most=300)
            raise DataError(f"{place}: {in_short(name)} must be {must_be}. Got {found}; fit the model again.")
    for name in state.keys() - known:
        raise DataError(
            f"{place}: a model of this version must have no entry {in_short(name)!r}. Got one; fit the model again, or "
            "load it with the version that saved it."
        )
    return result


def is_permutation(order: np.ndarray) -> bool:
    """Return whether an array of whole numbers from 0 to len(order) - 1 has each once."""
    return not len(order) or int(np.bincount(order, minlength=len(order)).max()) == 1


def ascends(pointers: np.ndarray) -> bool:
    """Return whether no number is lower than the one before it."""
    return bool((pointers[1:] >= pointers[:-1]).all())


def _range(array: np.ndarray) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):
        return array.min().item(), array.max().item()


def _in_words(value: Any) -> str:
    """Return a value for a message, in a few words however large it is."""
    if isinstance(value, np.ndarray):
        span = " from {} to {}".format(*_range(value)) if value.size and value.dtype.kind in "iuf" else ""
        return f"an array of {value.dtype} of shape ({', '.join(map(str, value.shape))}){span}"
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of length {len(value)}"
    return in_short(repr(value), most=80)
