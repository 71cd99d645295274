"""`xmlc-mhe plan`: candidate lengths of the heads and what they cost."""

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import Any

from ..codes.planner import PUBLISHED_BEAM, HeadPlan, best_of_each_ratio, plan
from .common import add_command, check_output, write_json

logger = logging.getLogger(__name__)


EXAMPLES = """examples:
  xmlc-mhe plan 30938                                two heads for 30,938 labels
  xmlc-mhe plan 670091 --heads 3 --dim 768 --json plans.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_plan, title=title, examples=EXAMPLES, threads=False)
    command.add_argument("num_labels", type=int, metavar="NUM_LABELS", help="how many labels the heads must write")
    command.add_argument(
        "--heads", type=int, default=2, dest="num_heads", metavar="H", help="how many heads (default: %(default)s)"
    )
    command.add_argument("--dim", type=int, metavar="D", help="length of a weight vector (default: count vectors)")
    command.add_argument(
        "--beam", type=int, default=PUBLISHED_BEAM, metavar="K", help="prefixes that mhc keeps (default: %(default)s)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write every candidate to this file too")


def run_plan(args: argparse.Namespace) -> None:
    """Print the best lengths of the heads as a table, and write all of them as JSON."""
    check_output(args.json)
    asked = {"num_heads": args.num_heads, "dim": args.dim, "beam": args.beam}
    plans = plan(args.num_labels, **asked)
    if args.json is not None:
        rows = {"num_labels": args.num_labels, **asked, "plans": [dataclasses.asdict(p) for p in plans]}
        write_json(args.json, rows)
    unit = "vectors" if args.dim is None else "weights"
    titles = ("lengths", "padding", "confusion", "steps", f"mhp {unit}", f"mhc {unit}", "mhc scores")
    table = [titles, *map(_plan_cells, shown := best_of_each_ratio(plans))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    notes = ["", *(_plan_note(p) for p in shown)]
    for row, note in zip(table, notes, strict=True):
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(f"{'  '.join(cells)}  {note}".rstrip())
    logger.info("%d of %d candidates shown; --json FILE writes all", len(shown), len(plans))


def _plan_cells(p: HeadPlan) -> tuple[str, ...]:
    counts = (p.approximation_steps, p.mhp_parameters, p.mhc_parameters, p.mhc_scores)
    lengths = " x ".join(map(str, p.head_sizes))
    return (lengths, f"{p.padding:,}", f"{p.confusion_degree:.4g}", *(f"{count:,}" for count in counts))


def _plan_note(p: HeadPlan) -> str:
    notes = [f"best for {name}" for name in p.recommended_for]
    return ", ".join(notes + ([f"published for {p.published_for}"] if p.published_for else []))
