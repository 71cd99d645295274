"""Outputs that appear under their names when they are whole, or not at all; what killed processes left is removed.

An output is first written to a hidden folder beside it, `.NAME-XXXXXXXX.unfinished`, and then renamed, so that a reader
never sees a half and an earlier output stays until the new one is whole. The hidden folder holds a file `lock`, which
its process keeps locked: the system frees the lock when the process ends, however it ends, and no process with the same
number can be taken for it. The next writer of the same output removes each hidden folder whose lock is free.
"""

import contextlib
import errno
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .errors import DataError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked and so nothing of others removed
    fcntl = None  # type: ignore[assignment]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNFINISHED = re.compile(r"\.(.+)-[a-z0-9_]{8}\.unfinished", re.DOTALL)  # of which output
LOCK, PARTS, EARLIER = "lock", "parts", "earlier"  # in a hidden folder
SILENCE = 24 * 3600  # seconds without a change after which a lock of another host is believed to be free


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield where to write a file, which takes the place of path at the end; after an exception path is as it was.

    A link stays one: what it points to is replaced. What is no regular file, as /dev/null and a named pipe, is not
    replaced: it is yielded itself.
    Raises: DataError: the file cannot be written, or its disk is full.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with _naming(path):
            yield path
        return
    target = path.resolve()
    with _naming(path), scratch_folder(target) as scratch:
        written = scratch / target.name
        yield written
        written.replace(target)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Yield a new folder, which takes the place of path at the end; after an exception path is as it was.

    Args:
        path: missing or an empty folder; with replace, any folder. Missing parents are made.
        replace: whether an earlier folder of this name makes way.
    Raises: DataError: the folder cannot be written, its disk is full, or path has got content.
    """
    path = Path(path)
    target = path.resolve()
    with _naming(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(target) as scratch:
            written, earlier = scratch / target.name, scratch.parent / EARLIER
            written.mkdir()
            yield written
            if target.exists():
                if replace:
                    target.rename(earlier)  # given back by _remove, unless the new one is there
                else:
                    target.rmdir()  # refuses one with content
            written.rename(target)


@contextlib.contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside the target for its parts, removed at the end, or by the next call after a kill."""
    remove_unfinished(target)
    with _naming(target):
        folder, lock = _locked_folder(target)
    try:
        yield folder / PARTS
    finally:
        _remove(folder, target)
        lock.close()


def remove_unfinished(target: Path) -> None:
    """Remove what killed processes left of an output; an earlier folder that was about to make way is given back."""
    with contextlib.suppress(OSError):  # the parent is missing, or nobody may list it
        for name in os.listdir(target.parent):
            if (match := UNFINISHED.fullmatch(name)) and match[1] == target.name:
                with contextlib.suppress(OSError):  # in use, not ours, or removed by another process meanwhile
                    _remove_if_dead(target.parent / name, target)


def is_locked_elsewhere(file: IO[bytes]) -> bool:
    """Lock an open file until it is closed, unless another has; where there are no locks, nobody is said to have."""
    try:
        _lock(file, wait=False)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(file: IO[bytes], *, wait: bool) -> None:
    """Lock an open file until it is closed; raises BlockingIOError where another has it, OSError where none can."""
    if fcntl is None:
        raise OSError(errno.ENOSYS, "no locks")
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def cannot_write(path: str | os.PathLike[str], error: Exception) -> DataError:
    """Return the error that says which output could not be written, and what to do."""
    in_rust = re.search(r"\(os error (\d+)\)", str(error))  # how libraries such as safetensors tell it
    number = int(in_rust[1]) if in_rust else getattr(error, "errno", None)
    if number in FULL:
        full = os.strerror(number)
        return DataError(f"{path} must have room on its disk. Got: {full}; free some, or choose another.")
    got = getattr(error, "strerror", None) or error
    return DataError(f"{path} must be a place to write to. Got: {got}; choose another.")


def _locked_folder(target: Path) -> tuple[Path, IO[bytes]]:
    """Make a hidden folder with an empty folder "parts" and, where the file system has locks, a locked file "lock"."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".unfinished", dir=target.parent))
        try:
            lock = (folder / LOCK).open("wb", buffering=0)
            try:
                try:
                    _lock(lock, wait=True)
                except OSError:
                    (folder / LOCK).unlink()  # nobody shall take it for free
                else:
                    (folder / LOCK).stat()  # it has gone where another process locked it first, to remove it
                    lock.write(platform.node().encode())
                (folder / PARTS).mkdir()
            except BaseException:
                lock.close()
                raise
            return folder, lock
        except FileNotFoundError:  # another process removed it before the lock was taken: once more
            continue
        except BaseException:
            _remove(folder, target)
            raise


def _remove_if_dead(folder: Path, target: Path) -> None:
    """Remove a hidden folder unless its process may live; one without a lock goes only where it is empty."""
    if not (folder / LOCK).exists():
        folder.rmdir()
        return
    with (folder / LOCK).open("rb+") as lock:
        _lock(lock, wait=False)
        if lock.read() in (b"", platform.node().encode()) or _is_silent(folder):
            _remove(folder, target)


def _is_silent(folder: Path) -> bool:
    """Whether nothing in a folder has changed for long: some network file systems lock on each host for itself."""
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) < time.time() - SILENCE


def _remove(folder: Path, target: Path) -> None:
    """Remove a hidden folder, the lock last, so that a removal that is cut short can be done again."""
    if (folder / EARLIER).exists() and not target.exists():
        (folder / EARLIER).rename(target)
    for name in (PARTS, EARLIER):
        shutil.rmtree(folder / name, ignore_errors=True)
    if set(os.listdir(folder)) <= {LOCK}:
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let errors of writing name the output, not a hidden folder or nothing; those of reading pass."""
    try:
        yield
    except OSError as error:
        place = None if error.filename is None else Path(os.fsdecode(error.filename))
        name = path.resolve().name
        is_hidden = place is not None and any(
            (match := UNFINISHED.fullmatch(part)) and match[1] == name for part in place.parts
        )
        if is_hidden or place in (path, path.resolve()) or (place is None and error.errno in FULL):
            raise cannot_write(path, error) from None
        raise
