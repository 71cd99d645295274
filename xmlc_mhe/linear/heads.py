"""The linear heads by name. A new one is one more line here, and a file beside this one."""

from ..lazy import LazyClasses

HEADS = LazyClasses(
    __package__,
    {
        "mhc": ("cascade", "MultiHeadCascade"),
        "vanilla": ("one_vs_rest", "OneVsRest"),
    },
)
