"""What the commands share: a parser of their own, outputs that appear whole, JSON, lists of numbers."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any


def add_command(
    commands: Any, name: str, run: Callable[[Any], None], *, title: str, examples: str, threads: bool = True
) -> Any:
    """Return the parser of one more command, with the options that all commands have; run gets the parsed ones."""
    command = commands.add_parser(
        name, help=title, description=title, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(run=run)
    if threads:
        command.add_argument("--threads", type=int, metavar="N", help="most threads in use (default: all cores)")
    command.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors only")
    return command


def check_output(path: Path | None) -> None:
    """Raise ValueError where a file cannot be written; asked before the work."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{path} must be a file to write. Got a folder; name a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} must be in a folder that exists. Got no folder {path.parent}; make it first.")


@contextlib.contextmanager
def output(path: Path | None) -> Iterator[IO[bytes]]:
    """Open standard output, or a file that appears under its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
    elif path.exists() and not path.is_file():  # /dev/null, a named pipe: not to be replaced by a file
        with path.open("wb") as file:
            yield file
    else:
        path = path.resolve()  # a link stays one
        scratch = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            with scratch.open("wb") as file:
                yield file
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def write_json(path: Path, values: dict[str, Any]) -> None:
    with output(path) as file:
        file.write((json.dumps(values, indent=1) + "\n").encode())


def whole_numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError
    return numbers


whole_numbers.__name__ = "list of whole numbers"  # what argparse calls it in its error
