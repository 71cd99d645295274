"""Standard streams that are closed, full or without a reader, and signals that end a command as Ctrl-C does."""

import argparse
import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from ..errors import RecipeError, in_short

MOST_CHARACTERS = 2000  # of an error; ours are shorter, those of other libraries may not be
OF_A_STREAM = (errno.EBADF, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
ENDINGS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}  # where the system has them


def open_closed_streams() -> None:
    """Give each standard stream that is closed a file, which else the next file opened would be taken for.

    Reading standard input and writing standard output fail there with "Bad file descriptor"; what would go to standard
    error is dropped.
    """
    for name, flags, mode in (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:  # in the order of their numbers, of which open takes the lowest that is free
            file = os.open(os.devnull, flags)
            setattr(sys, name, os.fdopen(file, mode, errors="backslashreplace"))


class Parser(argparse.ArgumentParser):
    """One whose --help and --version fail where standard output does: argparse's own drop what cannot be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        with contextlib.suppress(OSError) if file is not sys.stdout else contextlib.nullcontext():
            (file or sys.stderr).write(message)


def say(line: str) -> None:
    """Print a line on standard error, or not where nobody takes it."""
    with contextlib.suppress(OSError):
        print(f"xmlc-mhe: {line}", file=sys.stderr, flush=True)


def drop_unwritten() -> None:
    """Drop what the standard streams cannot write, which else the interpreter tells when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def line_of(error: BaseException) -> str:
    """Return the message of an error in one line."""
    if isinstance(error, OSError) and error.filename is None and error.errno in OF_A_STREAM:  # outputs name their files
        return (
            f"standard output must take what is printed. Got: {os.strerror(error.errno)}; send it somewhere else, as "
            "with > FILE."
        )
    most = MOST_CHARACTERS * (20 if isinstance(error, RecipeError) else 1)  # which lists all problems
    return in_short(error, most=most) or type(error).__name__


class Ending:
    """What ended a command: the exit code, 128 and the signal's number, and the word for it."""

    def __init__(self) -> None:
        self.number = signal.SIGINT

    @property
    def code(self) -> int:
        return 128 + self.number

    @property
    def word(self) -> str:
        return ENDINGS[signal.Signals(self.number).name]


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Raise KeyboardInterrupt at SIGTERM and SIGHUP, too, so that all is cleaned up; those that are ignored stay so."""
    ending, earlier = Ending(), {}

    def interrupt(number: int, frame: Any) -> None:
        ending.number = signal.Signals(number)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for name in ENDINGS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                earlier[number] = signal.signal(number, interrupt)
    try:
        yield ending
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
