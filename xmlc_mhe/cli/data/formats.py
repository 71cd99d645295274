"""`xmlc-mhe data formats`: the formats that are known."""

from __future__ import annotations

import argparse
from typing import Any

from ..common import check_output, print_table, write_json
from .shared import add_data_command, add_json

EXAMPLES = """examples:
  xmlc-mhe data formats
  xmlc-mhe data formats --json formats.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_formats, title=title, examples=EXAMPLES)
    add_json(command)


def run_formats(args: argparse.Namespace) -> None:
    """Print the name of every format, its files in a folder, and what it is."""
    from ...data.formats.table import FORMATS, file_names

    check_output(args.json)
    rows = [(f.name, " + ".join(file_names(f, "train")), f.title) for f in FORMATS.values()]
    if args.json is not None:
        write_json(args.json, {"formats": [dict(zip(("name", "files", "title"), row, strict=True)) for row in rows]})
    print_table(["format", "files of train", "what it is"], rows, left=3)
