"""`xmlc-mhe data fetch`: a benchmark, downloaded."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..common import add_data_options, read_options
from .shared import add_data_command

EXAMPLES = """examples:
  xmlc-mhe data fetch eurlex57k --data-dir data/
  xmlc-mhe data fetch wiki10-31k                         to the folder in XMLC_DATA"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_fetch, title=title, examples=EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", help="a benchmark (xmlc-mhe data cards)")
    command.add_argument("--sha256", metavar="DIGITS", help="what its archive must have (default: the card's, if any)")
    add_data_options(command)


def run_fetch(args: argparse.Namespace) -> None:
    """Bring a benchmark to the folder of all benchmarks; an interrupted download goes on where it stopped."""
    from ...data.benchmarks.cards import DATA_DIR_VARIABLE, find_card
    from ...data.benchmarks.download import fetch_benchmark

    top = args.data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not top:
        raise DataError(f"--data-dir, or the variable {DATA_DIR_VARIABLE}, must name a folder. Got neither; add one.")
    card = find_card(args.benchmark)
    print(fetch_benchmark(card, Path(top), sha256=args.sha256, options=read_options(args)))
