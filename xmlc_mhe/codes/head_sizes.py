"""The lengths of the heads: the one place where they are checked and where defaults are chosen."""

import math
from collections.abc import Callable, Sequence

from ..checks import check_whole
from ..state import MOST_LENGTH, Field, items, whole

MOST_HEADS = 64  # of two local labels each, they would tell 2^64 labels apart
LANES = 16  # labels that the linear solver trains together: lengths of last heads are multiples of it


def check_head_sizes(head_sizes: Sequence[int], num_labels: int) -> None:
    """Raise ValueError unless the lengths are whole numbers from 1 to 2^31 - 1 whose product is at least num_labels."""
    for size in head_sizes:
        check_whole("head_sizes", size, most=MOST_LENGTH)
    if (capacity := math.prod(head_sizes)) < num_labels:
        raise ValueError(
            f"head_sizes must multiply to at least num_labels={num_labels}. Got {tuple(head_sizes)}, which name "
            f"{capacity} labels; enlarge one head."
        )


def head_sizes_field(num_labels: int) -> Field:
    """Return what the lengths that a cascade keeps must be."""
    reaches = (f"whose product is at least {num_labels}", lambda sizes: math.prod(sizes) >= num_labels)
    return items(whole(1, MOST_LENGTH), least=2, most=MOST_HEADS, rule=reaches)


def choose_head_sizes(
    num_labels: int,
    head_sizes: Sequence[int] | None,
    num_heads: int,
    *,
    default: Callable[[int, int], tuple[int, ...]],
) -> tuple[int, ...]:
    """Return head_sizes, checked, or where they are None those that default(num_labels, num_heads) gives."""
    check_whole("num_heads", num_heads, most=MOST_HEADS)
    if head_sizes is None:
        return default(num_labels, num_heads)
    check_head_sizes(head_sizes, num_labels)
    return tuple(int(size) for size in head_sizes)


def cascade_head_sizes(num_labels: int, num_heads: int = 2) -> tuple[int, ...]:
    """Return the default lengths of a cascade. They descend where there are LANES ** num_heads labels or more.

    The last is about (num_labels / 5) ** (1 / num_heads), a multiple of LANES, as measured in docs/defaults.md.
    """
    if num_heads == 1:
        return (num_labels,)
    sizes = [LANES * max(1, round((num_labels / 5) ** (1 / num_heads) / LANES))]
    groups = -(-num_labels // sizes[0])
    for left in range(num_heads - 1, 1, -1):
        root = round(groups ** (1 / left))
        sizes.insert(0, root - (root**left > groups))  # rounded down, so that an earlier head is as long or longer
        groups = -(-groups // sizes[0])
    return (groups, *sizes)


def equal_head_sizes(num_labels: int, num_heads: int) -> tuple[int, ...]:
    """Return num_heads lengths, descending and as equal as possible, that multiply to at least num_labels.

    They are the default of heads whose digits are independent (MHP, CP).
    """
    root = max(1, round(num_labels ** (1 / num_heads)))
    root += root**num_heads < num_labels
    num_shorter = 0  # heads that can do with one less
    while num_shorter < num_heads - 1 and root > 1:
        if root ** (num_heads - num_shorter - 1) * (root - 1) ** (num_shorter + 1) < num_labels:
            break
        num_shorter += 1
    return (root,) * (num_heads - num_shorter) + (root - 1,) * num_shorter
