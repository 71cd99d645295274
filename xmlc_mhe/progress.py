"""One progress bar on stderr; nothing else in the library prints."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], *, total: int | None, title: str) -> Iterator[T]:
    """Yield the items under a progress bar, which shows only on a terminal and only for work of over half a second."""
    yield from tqdm(items, total=total, desc=title, disable=None, delay=0.5, dynamic_ncols=True, leave=False)
