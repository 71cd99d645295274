"""`xmlc-mhe report`: tables and pictures of the results of runs; a page to review the tags of documents on."""

import argparse
import logging
from pathlib import Path
from typing import Any

from .common import add_command, add_data_options, read_options, threshold_rule

logger = logging.getLogger("xmlc_mhe")

EXAMPLES = """examples:
  xmlc-mhe report mine.result.json                                     into report/
  xmlc-mhe report recipes/cooking/*.result.json -o cooking_report      several side by side
  xmlc-mhe report model --review new_records.txt                       a page to accept tags on"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_report, title=title, examples=EXAMPLES)
    command.add_argument(
        "results",
        type=Path,
        nargs="+",
        metavar="RESULT",
        help="a file that run wrote, *.result.json; a model to review",
    )
    command.add_argument(
        "-o", "--output", type=Path, default=Path("report"), metavar="FOLDER", help="(default: %(default)s)"
    )
    review = command.add_argument_group("review")
    review.add_argument("--review", metavar="INPUT", help="documents to tag with the model, as for predict")
    review.add_argument("-k", type=int, help="tags of a document, as for predict")
    review.add_argument("--threshold", type=threshold_rule, metavar="RULE", help="as for predict")
    review.add_argument("--part", default="test", help="part of a data folder (default: %(default)s)")
    review.add_argument(
        "--encoder-class", metavar="PACKAGE.MODULE:CLASS", help="of a model with an encoder of your own"
    )
    add_data_options(command)


def run_report(args: argparse.Namespace) -> None:
    """Write the report and say where, and what it could not show."""
    if args.review is not None:
        _run_review(args)
        return
    from ..experiments.report.page import write_report

    content = write_report(args.results, args.output)
    for name in content["names"]:
        if name not in content["details"]:
            logger.warning("%s: no predictions beside it, so only its figures are shown; run the recipe again", name)
    logger.info("written to %s, as report.md and report.json, too", args.output / "report.html")


def _run_review(args: argparse.Namespace) -> None:
    """Write the page for one document set."""
    if len(args.results) > 1:
        raise ValueError(f"--review must have one model. Got {len(args.results)}; give one folder that fit wrote.")
    from ..classifier.classifier import XMLCClassifier
    from ..data.reading import iter_documents
    from ..experiments.report.review import MOST_DOCS, write_review

    model = XMLCClassifier.load(args.results[0], threads=args.threads, encoder_class=args.encoder_class)
    options = read_options(args, num_features=getattr(model, "n_features_in_", None))
    documents = iter_documents(args.review, part=args.part, options=options)
    num_docs = write_review(model, documents, args.output, k=args.k, threshold=args.threshold)
    if num_docs == MOST_DOCS:
        logger.warning("a page has %d documents at most; review the others by another", MOST_DOCS)
    logger.info("%d documents are on %s", num_docs, args.output / "review.html")
