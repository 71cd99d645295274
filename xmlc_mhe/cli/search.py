"""`xmlc-mhe search`: choose options on held-out documents, and write them as a recipe."""

import argparse
import logging
from pathlib import Path
from typing import Any

from .common import add_command, add_data_options, check_output, output, read_options, write_json

logger = logging.getLogger("xmlc_mhe")

SHOWN = 5  # of the trials
EXAMPLES = """examples:
  xmlc-mhe search records/ -o best.toml --minutes 10
  xmlc-mhe search cooking --data-dir DATA -o best.toml --study cooking.db --minutes 5      and 5 more, another day
  xmlc-mhe search records/ -o best.toml --trials 30 --metric P@1 --json trials.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_search, title=title, examples=EXAMPLES)
    command.add_argument(
        "data", metavar="DATA", help="a folder with train and, unless a seventh of it is to be held out, dev"
    )
    command.add_argument("-o", "--output", type=Path, required=True, metavar="RECIPE", help="the TOML file to write")
    command.add_argument(
        "--study", type=Path, metavar="FILE", help="keeps the trials, to go on with (default: RECIPE with .db)"
    )
    command.add_argument("--minutes", type=float, default=10, metavar="M", help="budget (default: %(default)s)")
    command.add_argument("--trials", type=int, metavar="N", help="most trials (default: as many as the minutes allow)")
    command.add_argument("--metric", default="nDCG@5", metavar="NAME@K", help="(default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="(default: %(default)s)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write every trial to this file too")
    add_data_options(command)


def run_search(args: argparse.Namespace) -> None:
    """Print the best trials, write the best as a recipe and all of them as JSON."""
    from ..experiments.runs import find_data
    from ..experiments.search import describe, import_optuna, load_to_choose, recipe_text, search

    import_optuna()
    study_path = args.output.with_suffix(".db") if args.study is None else args.study
    for path in (args.output, study_path, args.json):
        check_output(path)
    reading = read_options(args)
    train, dev = load_to_choose(find_data(args.data, reading))
    trials = search(
        train,
        dev,
        study_path,
        minutes=args.minutes,
        trials=args.trials,
        metric=args.metric,
        seed=args.seed,
        threads=args.threads,
    )
    if not trials:
        raise ValueError(f"a trial must come to its end. Got none in {args.minutes} minutes; give more.")
    if args.json is not None:
        write_json(args.json, {"metric": args.metric, "trials": trials})
    best = trials[0]
    default = next((trial for trial in trials if trial["number"] == 0), None)
    against = "" if default is None else f" (the defaults: {100 * default['value']:.2f})"
    header = (
        f"# xmlc-mhe run {args.output.name}\n"
        f"# The best of {len(trials)} trials: {args.metric} {100 * best['value']:.2f}{against} on held-out documents.\n"
    )
    with output(args.output) as file:
        file.write((header + recipe_text(args.data, best, reading=reading)).encode())
    print(f"{args.metric:>8}{'fit s':>8}  options")
    for trial in trials[:SHOWN]:
        options = describe(trial["features"] | trial["model"])
        print(f"{100 * trial['value']:8.2f}{trial['seconds']:8.1f}  {options}")
    logger.info("%d trials in %s; the best is written to %s", len(trials), study_path, args.output)
