"""Completion over the names of all labels, instantly for a hundred thousand of them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate


class NameIndex:
    """Finds names by what a person types: those that begin with it first, then those with a word that does, then any.

    All names stand in one string, letters without case, which Python searches at some GB a second.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        folded = ["\n" + " ".join(name.casefold().split()) for name in names]
        self._text = "".join(folded) + "\n"
        self._starts = list(accumulate(map(len, folded), initial=0))

    def find(self, typed: str, limit: int) -> list[str]:
        """Return at most `limit` names in which the typed text stands; none for an empty one."""
        typed = " ".join(typed.casefold().split())
        found: dict[int, None] = {}
        for pattern in (f"\n{typed}\n", f"\n{typed}", f" {typed}", typed) if typed else ():
            for label in self._labels_with(pattern):
                if len(found) >= limit:
                    break
                found[label] = None
        return [self._names[label] for label in found]

    def _labels_with(self, pattern: str) -> Iterator[int]:
        place = self._text.find(pattern)
        while place >= 0:
            label = bisect_right(self._starts, place) - 1
            yield label
            place = self._text.find(pattern, self._starts[label + 1])
