"""One progress bar on stderr; nothing else in the library prints."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], *, total: int | None, title: str) -> Iterator[T]:
    """Yield the items under a progress bar, which shows only on a terminal and only for work of over half a second.

    It does not show where the logger "xmlc_mhe" is set above INFO, as --quiet does.
    """
    is_quiet = sys.stderr is None or logging.getLogger(__package__).level > logging.INFO
    disable = True if is_quiet else None  # None: tqdm looks whether stderr is a terminal
    yield from tqdm(items, total=total, desc=title, disable=disable, delay=0.5, dynamic_ncols=True, leave=False)
