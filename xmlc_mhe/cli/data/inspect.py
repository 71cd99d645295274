"""`xmlc-mhe data inspect`: sizes of the parts, and how frequent labels are."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from ..common import add_data_options, check_output, print_table, write_json
from .shared import ANY_DATA, add_data_command, add_json, cell, load_parts

if TYPE_CHECKING:
    from ...data.inspection import DataReport

EXAMPLES = """examples:
  xmlc-mhe data inspect records/
  xmlc-mhe data inspect all.csv --label-column tags --json report.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_inspect, title=title, examples=EXAMPLES)
    command.add_argument("data", metavar="DATA", help=ANY_DATA)
    add_json(command)
    add_data_options(command)


def run_inspect(args: argparse.Namespace) -> None:
    """Print the sizes of every part and the frequencies of the labels."""
    from ...data.inspection import PartReport, inspect_data

    check_output(args.json)
    report = inspect_data(load_parts(args))
    if args.json is not None:
        write_json(args.json, dataclasses.asdict(report))
    fields = [field.name for field in dataclasses.fields(PartReport)]
    rows = [[f.replace("_", " "), *(cell(getattr(part, f)) for part in report.parts.values())] for f in fields]
    rows[-1] = ["unknown, % of pairs", *(_percent(part.unknown_share) for part in report.parts.values())]
    print_table(["", *report.parts], rows)
    _print_curve(report)


def _print_curve(report: DataReport) -> None:
    from ...data.inspection import curve_lines

    print(f"\n{report.singletons:,} labels have one document; the {report.half:,} most frequent hold half of all pairs")
    print("rank of a label, its documents (bars: logarithm)")
    print("\n".join(curve_lines(report.curve)))


def _percent(share: float | None) -> str:
    return cell(None if share is None else 100 * share)
