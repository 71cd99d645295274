"""The linear heads by name, and heads of your own. A new one of ours is one more line here, and a file beside this one.

docs/extending.md says what the members of a linear head are, and has an example.
"""

from typing import Any

from ..lazy import LazyClasses

MEMBERS = ("name", "fit", "top_k", "to_probs", "describe", "state", "from_state")  # that a head of your own must have


def is_own_linear_head(head: Any) -> bool:
    """Return whether a head is a class of your own for a linear one. Neural heads have no `from_state`."""
    return isinstance(head, type) and hasattr(head, "from_state")


class LinearHeads(LazyClasses):
    """Name -> class of a head. A class of your own stands for itself, and is not among the names."""

    def __getitem__(self, name: Any) -> Any:
        return name if is_own_linear_head(name) else super().__getitem__(name)


HEADS = LinearHeads(
    __package__,
    {
        "mhc": ("cascade", "MultiHeadCascade"),
        "vanilla": ("one_vs_rest", "OneVsRest"),
    },
)
