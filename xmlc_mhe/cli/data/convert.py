"""`xmlc-mhe data convert`: every part, or one, in another format."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..common import add_data_options, check_output, read_options
from .shared import ANY_DATA, add_data_command, add_to, load_parts, save_parts

logger = logging.getLogger(__name__)

EXAMPLES = """examples:
  xmlc-mhe data convert records/ tables/ --to csv          a folder with every part
  xmlc-mhe data convert records/ test.jsonl --part test    one part, one file"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_convert, title=title, examples=EXAMPLES)
    command.add_argument("data", metavar="IN", help=ANY_DATA)
    command.add_argument("out", metavar="OUT", type=Path, help="a new folder, or a file")
    command.add_argument("--part", help="the part for a file (default: train)")
    add_to(command)
    add_data_options(command)


def run_convert(args: argparse.Namespace) -> None:
    """Write every part to a folder, or one part to a file."""
    from ...data.formats.options import DEFAULT_OPTIONS
    from ...data.formats.table import format_of_name
    from ...data.reading import load_dataset
    from ...data.writing import save_file

    write_options = dataclasses.replace(DEFAULT_OPTIONS, label_separator=args.to_separator)
    if format_of_name(args.out, of_texts=True) is None:
        if args.part is not None:
            raise DataError(
                f"--part must go with a file to write. Got the folder {args.out}; name a file, such as part.jsonl."
            )
        save_parts(load_parts(args), args.out, args.to, write_options)
        return
    check_output(args.out)
    (dataset,) = load_dataset(args.data, parts=(args.part or "train",), options=read_options(args))
    to = save_file(dataset, args.out, format=args.to, options=write_options)
    logger.info("%s: %d documents in %s", args.out, dataset.num_docs, to)
