"""`xmlc-mhe data corrections`: what people corrected, as data to fit on."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from ...errors import DataError
from ..common import check_output
from .shared import add_data_command, add_to

logger = logging.getLogger(__name__)

EXAMPLES = """examples:
  xmlc-mhe data corrections corrections.db corrections.jsonl     text and labels, a document a line
  xmlc-mhe data corrections corrections.db corrections.csv"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_corrections, title=title, examples=EXAMPLES)
    command.add_argument("store", metavar="STORE", type=Path, help="the file that serve --store wrote")
    command.add_argument("out", metavar="OUT", type=Path, help="a file")
    add_to(command)


def run_corrections(args: argparse.Namespace) -> None:
    """Write the last correction of each document to a file of any format."""
    from ...classifier.documents import labels_of_names
    from ...corrections.store import CorrectionStore
    from ...data.dataset import Dataset
    from ...data.formats.options import ReadOptions
    from ...data.writing import save_file

    if not args.store.is_file():
        raise DataError(f"{args.store} must be a store of corrections. Got no such file; name what serve wrote.")
    check_output(args.out)
    with CorrectionStore(args.store) as store:
        corrections = list(store)
    if not corrections:
        raise DataError(f"{args.store} must have a correction. Got none; correct a document first.")
    Y, label_names = labels_of_names([correction.labels for correction in corrections])
    dataset = Dataset([correction.text for correction in corrections], None, Y, label_names)
    to = save_file(dataset, args.out, format=args.to, options=ReadOptions(label_separator=args.to_separator))
    logger.info("%s: %d documents in %s", args.out, dataset.num_docs, to)
