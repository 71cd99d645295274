"""What the data commands share: their parser, the parts that data has, and writing them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common import add_command, read_options

if TYPE_CHECKING:
    from ...data.dataset import Dataset

logger = logging.getLogger(__name__)

PARTS = ("train", "dev", "test")
ANY_DATA = "a folder, a file, a benchmark, hub:NAME or pydocs"


def add_data_command(commands: Any, name: str, run: Any, *, title: str, examples: str) -> Any:
    """Return the parser of one more data command."""
    command = add_command(commands, name, run, title=title, examples=examples, threads=False)
    command.prog = f"xmlc-mhe data {name}"
    return command


def add_json(command: Any) -> None:
    """Add the option for a JSON file."""
    command.add_argument("--json", type=Path, metavar="FILE", help="write what is printed, and more, to this file too")


def add_to(command: Any) -> None:
    """Add the options for the format to write."""
    command.add_argument("--to", metavar="NAME", help="a format (default: by OUT, or texts, or npz)")
    command.add_argument("--to-separator", metavar="TEXT", help="between labels in a string (default: a space)")


def load_parts(args: argparse.Namespace) -> dict[str, Dataset]:
    """Return the parts that the data has, train among them."""
    from ...data.reading import has_part, load_dataset

    options = read_options(args)
    parts = [part for part in PARTS if part == "train" or has_part(args.data, part, options=options)]
    return dict(zip(parts, load_dataset(args.data, parts=parts, options=options), strict=True))


def save_parts(parts: dict[str, Dataset], out: Path, to: str | None, options: Any) -> None:
    """Write a folder, and say what is in it."""
    from ...data.writing import save_dataset

    save_dataset(parts, out, format=to, options=options)
    logger.info("%s: %s", out, ", ".join(f"{dataset.num_docs} documents in {part}" for part, dataset in parts.items()))


def cell(value: float | None) -> str:
    """Return a number as a cell of a table."""
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
