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
    print_table,
    read_options,
    threshold_rule,
    whole_numbers,
    write_json,
)

DEFAULT_KS = (1, 3, 5)
DEFAULT_RULES = ("0.5", "micro-f1", "macro-f1", "doc-f1")
SET_COLUMNS = ("microF1", "macroF1", "docF1", "microP", "microR", "no_label")

EXAMPLES = """examples:
  xmlc-mhe eval model records/
  xmlc-mhe eval model records/ -k 1,3,5,10 --json result.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_eval, title=title, examples=EXAMPLES)
    add_models(command)
    command.add_argument("data", metavar="DATA", help="a folder, a file, a benchmark, hub:NAME or pydocs")
    command.add_argument(
        "-k", type=whole_numbers, metavar="1,3,5", help="(default: 1,3,5, or all labels where there are fewer)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures, as fractions, to this file too")
    command.add_argument("--part", default="test", help="part of the data folder (default: %(default)s)")
    command.add_argument(
        "--threshold",
        type=threshold_rule,
        action="append",
        metavar="RULE",
        help="measure the labels that pass it (repeatable; default: 0.5, micro-f1, macro-f1, doc-f1)",
    )
    command.add_argument("--drop-empty", action="store_true", help="leave out documents without labels")
    command.add_argument("--propensity-a", type=float, help=f"(default: the benchmark's, or {PROPENSITY_A})")
    command.add_argument("--propensity-b", type=float, help=f"(default: the benchmark's, or {PROPENSITY_B})")
    add_data_options(command)


def run_eval(args: argparse.Namespace) -> None:
    """Print every metric as a table in percent, and write it as JSON."""
    from ..calibration import evaluate_probs
    from ..data.reading import load_part
    from ..data.sources import locate
    from ..metrics import METRICS, evaluate, metric_names
    from ..predictions import Predictions
    from ..ranking.candidates import NUM_CANDIDATES
    from ..set_metrics import evaluate_sets

    check_output(args.json)
    model = load_models(args)
    options = read_options(args, num_features=getattr(model, "n_features_in_", None))
    place = locate(args.data, options)
    test = load_part(place, args.part, model.label_names_, options=options)
    ks = args.k or tuple(dict.fromkeys(min(k, len(model.label_names_)) for k in DEFAULT_KS))
    names = metric_names(ks, metrics=list(METRICS))
    num_labels, most = len(model.label_names_), max(ks)
    predictions = model.predict(test, max(most, min(NUM_CANDIDATES, num_labels)) if model.gives_probs else most)
    constants = dict(place.card.propensity) if place.card else {"a": PROPENSITY_A, "b": PROPENSITY_B}
    given = {"a": args.propensity_a, "b": args.propensity_b}
    constants |= {name: value for name, value in given.items() if value is not None}
    propensity = model.label_propensity(**constants, num_labels=test.Y.shape[1])
    values: dict[str, Any] = evaluate(test.Y, predictions, names, propensity=propensity, drop_empty=args.drop_empty)
    print_metrics(values, ks)
    if model.gives_probs:
        rules = args.threshold or (DEFAULT_RULES if model.has_rules else DEFAULT_RULES[:1])
        candidates = Predictions(*(column[:, :NUM_CANDIDATES] for column in predictions))
        sets = {rule: evaluate_sets(test.Y, model.keeper(rule)(candidates)) for rule in rules}
        probs = evaluate_probs(test.Y, candidates)
        print_sets(sets, probs)
        values |= {"thresholds": sets, "probabilities": probs}
    if args.json is not None:
        write_json(args.json, values)


def print_sets(sets: dict[str, dict[str, float]], probs: dict[str, float]) -> None:
    """Print a row for each threshold, in percent but for the labels of a document, and what probabilities are worth."""
    print()
    rows = []
    for rule, values in sets.items():
        cells = [f"{100 * values[name]:.2f}" for name in SET_COLUMNS]
        rows.append([rule, *cells, f"{values['labels_a_doc']:.2f}"])
    print_table(["threshold", *SET_COLUMNS, "labels"], rows)
    print("\nprobabilities: " + ", ".join(f"{name} {value:.4f}" for name, value in probs.items()))
