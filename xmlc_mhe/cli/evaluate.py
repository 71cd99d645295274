"""`xmlc-mhe eval`: measure a model on labelled data."""

import argparse
from pathlib import Path
from typing import Any

from ..propensity import PROPENSITY_A, PROPENSITY_B
from .common import (
    add_command,
    add_data_options,
    add_models,
    check_output,
    load_models,
    print_metrics,
    read_options,
    whole_numbers,
    write_json,
)

EXAMPLES = """examples:
  xmlc-mhe eval model records/
  xmlc-mhe eval model records/ -k 1,3,5,10 --json result.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_eval, title=title, examples=EXAMPLES)
    add_models(command)
    command.add_argument("data", metavar="DATA", help="a folder, a file, a benchmark, hub:NAME or pydocs")
    command.add_argument("-k", type=whole_numbers, default=(1, 3, 5), metavar="1,3,5", help="(default: 1,3,5)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures, as fractions, to this file too")
    command.add_argument("--part", default="test", help="part of the data folder (default: %(default)s)")
    command.add_argument("--drop-empty", action="store_true", help="leave out documents without labels")
    command.add_argument("--propensity-a", type=float, help=f"(default: the benchmark's, or {PROPENSITY_A})")
    command.add_argument("--propensity-b", type=float, help=f"(default: the benchmark's, or {PROPENSITY_B})")
    add_data_options(command)


def run_eval(args: argparse.Namespace) -> None:
    """Print every metric as a table in percent, and write it as JSON."""
    from ..data.reading import load_part
    from ..data.sources import locate
    from ..metrics import METRICS, evaluate, metric_names

    check_output(args.json)
    model = load_models(args)
    options = read_options(args, num_features=getattr(model, "n_features_in_", None))
    place = locate(args.data, options)
    test = load_part(place, args.part, model.label_names_, options=options)
    names = metric_names(args.k, metrics=list(METRICS))
    predictions = model.predict(test, max(args.k))
    constants = dict(place.card.propensity) if place.card else {"a": PROPENSITY_A, "b": PROPENSITY_B}
    given = {"a": args.propensity_a, "b": args.propensity_b}
    constants |= {name: value for name, value in given.items() if value is not None}
    propensity = model.label_propensity(**constants, num_labels=test.Y.shape[1])
    values = evaluate(test.Y, predictions, names, propensity=propensity, drop_empty=args.drop_empty)
    if args.json is not None:
        write_json(args.json, values)
    print_metrics(values, args.k)
