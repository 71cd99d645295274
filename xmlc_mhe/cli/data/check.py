"""`xmlc-mhe data check`: the sizes of a benchmark beside the published ones."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DataError
from ..common import add_data_options, check_output, print_table, read_options, write_json
from .shared import add_data_command, add_json, cell

if TYPE_CHECKING:
    from ...data.benchmarks.check import Finding

EXAMPLES = """examples:
  xmlc-mhe data check bibtex bibtex/
  xmlc-mhe data check eurlex-4k data/EUR-Lex --json sizes.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_check, title=title, examples=EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", help="a benchmark (xmlc-mhe data cards)")
    command.add_argument("folder", metavar="DIR", type=Path, help="the folder of its files")
    add_json(command)
    add_data_options(command)


def run_check(args: argparse.Namespace) -> None:
    """Print every published size beside the one that was found; fail where one differs."""
    from ...data.benchmarks.cards import find_card
    from ...data.benchmarks.check import check_card

    check_output(args.json)
    findings = check_card(find_card(args.benchmark), args.folder, options=read_options(args))
    if args.json is not None:
        write_json(args.json, {"benchmark": args.benchmark, "sizes": [dataclasses.asdict(f) for f in findings]})
    rows = [[f.what, cell(f.published), cell(f.found), "" if f.is_right else "differs"] for f in findings]
    print_table(["", "published", "found", ""], rows)
    if wrong := [f for f in findings if not f.is_right]:
        raise DataError(
            f"{args.folder} must have the sizes of {args.benchmark}. Got {_differences(wrong)}; check that this is the "
            "same edition, and whole."
        )


def _differences(wrong: list[Finding]) -> str:
    return ", ".join(f"{cell(f.found)} {f.what} for {cell(f.published)}" for f in wrong)
