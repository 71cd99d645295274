"""One progress bar on stderr; nothing else in the library prints."""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], *, total: int | None, title: str) -> Iterator[T]:
    """Yield the items under a progress bar, which shows only on a terminal and only for work of over half a second.

    It does not show where the logger "xmlc_mhe" is set above INFO, as --quiet does, nor from other threads than the
    main one, which has a bar for their work.
    """
    yield from tqdm(items, total=total, desc=title, **_options())


def track_documents(batches: Iterable[T], *, total: int | None, title: str, size: Callable[[T], int]) -> Iterator[T]:
    """Yield the batches under a bar as of `track` that counts documents: how many a second, and the time that is left.

    Args:
        total: documents of all batches, which may be an estimate; None: the time that is left is not told.
        size: the documents of a batch.
    """
    with tqdm(total=total, desc=title, unit=" documents", **_options()) as bar:
        for batch in batches:
            bar.update(size(batch))
            yield batch


def shows_progress() -> bool:
    """Return whether a bar would show by now, so that what only it needs is not looked up for nothing."""
    return _options()["disable"] is None and sys.stderr.isatty()


def _options() -> dict[str, Any]:
    is_quiet = sys.stderr is None or logging.getLogger(__package__).level > logging.INFO
    is_hidden = is_quiet or threading.current_thread() is not threading.main_thread()
    disable = True if is_hidden else None  # None: tqdm looks whether stderr is a terminal
    return {"disable": disable, "delay": 0.5, "dynamic_ncols": True, "leave": False}
