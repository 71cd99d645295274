"""`xmlc-mhe report`: tables and pictures of the results of runs."""

import argparse
import logging
from pathlib import Path
from typing import Any

from .common import add_command

logger = logging.getLogger("xmlc_mhe")

EXAMPLES = """examples:
  xmlc-mhe report mine.result.json                                     into report/
  xmlc-mhe report recipes/cooking/*.result.json -o cooking_report      several side by side"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_report, title=title, examples=EXAMPLES, threads=False)
    command.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="a file that run wrote, *.result.json")
    command.add_argument(
        "-o", "--output", type=Path, default=Path("report"), metavar="FOLDER", help="(default: %(default)s)"
    )


def run_report(args: argparse.Namespace) -> None:
    """Write the report and say where, and what it could not show."""
    from ..experiments.report.page import write_report

    content = write_report(args.results, args.output)
    for name in content["names"]:
        if name not in content["details"]:
            logger.warning("%s: no predictions beside it, so only its figures are shown; run the recipe again", name)
    logger.info("written to %s, as report.md and report.json, too", args.output / "report.html")
