"""`xmlc-mhe data split`: the training part divided into train, dev and test."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..common import add_data_options
from .shared import ANY_DATA, PARTS, add_data_command, add_to, load_parts, save_parts

EXAMPLES = """examples:
  xmlc-mhe data split all.jsonl parts/ --dev 0.1 --test 0.2
  xmlc-mhe data split records/ parts/ --dev 0.1 --random --to jsonl"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_split, title=title, examples=EXAMPLES)
    command.add_argument("data", metavar="IN", help=f"{ANY_DATA}; its parts dev and test are kept")
    command.add_argument("out", metavar="OUT", type=Path, help="a new folder")
    for part in PARTS[1:]:
        command.add_argument(
            f"--{part}", type=float, metavar="SHARE", help=f"share of the documents for {part}, as 0.1"
        )
    command.add_argument(
        "--random", action="store_true", help="by chance; default: stratified by labels (extra: split)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="(default: %(default)s)")
    add_to(command)
    add_data_options(command)


def run_split(args: argparse.Namespace) -> None:
    """Split the training part, and write it with the parts that the data had before."""
    from ...data.formats.options import DEFAULT_OPTIONS
    from ...data.splitting import split_dataset

    parts = load_parts(args)
    shares = {part: share for part in PARTS[1:] if (share := getattr(args, part)) is not None}
    if (there := next((part for part in shares if part in parts), None)) is not None:
        raise DataError(f"--{there} must name a part that the data has not. Got one that it has; leave the option out.")
    train = parts.pop("train")
    split = split_dataset(train, shares, stratify=not args.random, seed=args.seed) | parts
    ordered = {part: split[part] for part in PARTS if part in split}
    write_options = dataclasses.replace(DEFAULT_OPTIONS, label_separator=args.to_separator)
    save_parts(ordered, args.out, args.to, write_options)
