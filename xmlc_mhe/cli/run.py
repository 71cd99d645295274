"""`xmlc-mhe run`: do what a recipe says, and keep the result beside it."""

import argparse
import logging
from pathlib import Path
from typing import Any

from .common import add_command, check_output, output, print_metrics, write_json

logger = logging.getLogger("xmlc_mhe")

EXAMPLES = """examples:
  xmlc-mhe run recipes/pydocs/mhc.toml                       the embedded data set
  xmlc-mhe run recipes/cooking/mhc.toml --data-dir DATA      DATA/cooking is the data set
  xmlc-mhe run mine.toml -o results --learning-curve"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_run, title=title, examples=EXAMPLES)
    command.add_argument("recipe", type=Path, metavar="RECIPE", help="a TOML file, see docs/recipes.md")
    command.add_argument("--data-dir", metavar="FOLDER", help="where data sets lie (default: the variable XMLC_DATA)")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="for the result (default: that of the recipe)"
    )
    command.add_argument("-m", "--model", metavar="MODEL", help="keep the model in this new folder")
    command.add_argument("--learning-curve", action="store_true", help="fit on an eighth, a quarter and a half, too")


def run_run(args: argparse.Namespace) -> None:
    """Print the metrics; write them with costs and origin as JSON, and the predictions for a report as npz."""
    from ..experiments.recipe import read_recipe
    from ..experiments.runs import OUTCOME, RESULT, run_recipe
    from ..model_files import check_new_model

    recipe = read_recipe(args.recipe)
    folder = args.recipe.parent if args.output is None else args.output
    result_path, outcome_path = (folder / f"{args.recipe.stem}{suffix}" for suffix in (RESULT, OUTCOME))
    check_output(result_path)
    if args.model is not None:
        check_new_model(args.model, overwrite=False)
    name = f"{args.recipe.resolve().parent.name}/{args.recipe.stem}"
    options = {"threads": args.threads, "model_folder": args.model, "learning_curve": args.learning_curve}
    result, outcome = run_recipe(recipe, name=name, data_dir=args.data_dir, **options)
    with output(outcome_path) as file:
        outcome.write(file)
    write_json(result_path, result)
    print_metrics(result["metrics"], recipe.evaluation.k)
    logger.info(
        "%s; fitted in %.1f s, %.3f ms a document, %.0f MiB, model of %.1f MB; written to %s",
        result["head"],
        result["seconds"]["fit"],
        result["predict_ms"],
        result["peak_mib"],
        result["model_megabytes"],
        result_path,
    )
