"""`xmlc-mhe predict`: tag document after document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..classifier.options import DEFAULT_K
from ..errors import in_short
from ..progress import shows_progress, track_documents
from .common import (
    add_command,
    add_data_options,
    add_models,
    check_output,
    load_models,
    output,
    read_options,
    threshold_rule,
)

if TYPE_CHECKING:
    from ..predictions import Predictions

EXAMPLES = """examples:
  echo "parse a date string" | xmlc-mhe predict model -
  xmlc-mhe predict model new_records.txt -k 10 -o tags.jsonl
  xmlc-mhe predict model new_records.txt --threshold doc-f1    as many labels a document as pass
  xmlc-mhe predict model new.xlsx --format table -o tagged.xlsx    the table with its tags
  xmlc-mhe predict model second_model records/ --format npz -o top5.npz"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_predict, title=title, examples=EXAMPLES)
    add_models(command)
    command.add_argument(
        "input", metavar="INPUT", help="a file, a text a line or in any format; a data folder; - for standard input"
    )
    command.add_argument("-k", type=int, help=f"labels a document (default: {DEFAULT_K})")
    command.add_argument(
        "--threshold",
        type=threshold_rule,
        metavar="RULE",
        help="keep the labels that pass: a probability, as 0.4; micro-f1, macro-f1, doc-f1 (by fit); precision=0.9",
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: standard output)")
    command.add_argument(
        "--format",
        choices=[*WRITERS, "table"],
        default="jsonl",
        help="table: INPUT, a CSV, TSV, xlsx or Parquet file, with tags as further columns (default: %(default)s)",
    )
    command.add_argument("--part", default="test", help="part of a data folder (default: %(default)s)")
    add_data_options(command)


def run_predict(args: argparse.Namespace) -> None:
    """Write the best labels of document after document."""
    from ..data.reading import estimate_documents, iter_documents
    from ..data.tagging import add_tags, check_table

    if args.format in ("npz", "table") and args.output is None:
        end = ".npz" if args.format == "npz" else ""
        raise ValueError(f"--output must be given with --format {args.format}. Got none; add -o FILE{end}.")
    check_output(args.output)
    if args.format == "table":
        check_table(args.input, args.output, part=args.part, options=read_options(args))
    model = load_models(args)
    options = read_options(args, num_features=getattr(model, "n_features_in_", None))
    documents = iter_documents(args.input, part=args.part, options=options)
    k = args.k
    if args.format == "table" and k is None:  # columns, where a threshold would keep many more
        k = min(DEFAULT_K, len(model.label_names_))
    batches = model.predict_batches(documents, k, threshold=args.threshold)
    total = estimate_documents(args.input, part=args.part, options=options) if shows_progress() else None
    batches = track_documents(batches, total=total, title="tagging", size=lambda batch: len(batch.labels))
    if args.format == "table":
        names = model.label_names_
        tags = ([(names[label], score) for label, score in zip(*row, strict=True)] for row in _rows(batches))
        add_tags(args.input, args.output, tags, num_tags=k, part=args.part, options=options)
        return
    with output(args.output) as file:
        WRITERS[args.format](file, batches, model.label_names_)


def _write_jsonl(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    for labels, scores in _rows(batches):
        row = {"labels": [label_names[label] for label in labels], "scores": [round(score, 4) for score in scores]}
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def _write_tsv(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    if (name := next((name for name in label_names if set(name) & set("\t\n\r")), None)) is not None:
        raise ValueError(
            f"label names must have no tab or line end with --format tsv. Got {in_short(repr(name))}; use jsonl."
        )
    for labels, scores in _rows(batches):
        cells = (f"{label_names[label]}\t{score:.4f}" for label, score in zip(labels, scores, strict=True))
        file.write(("\t".join(cells) + "\n").encode())


def _write_npz(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    import numpy as np

    from ..predictions import concatenate_predictions

    predictions = concatenate_predictions(list(batches))
    np.savez(file, labels=predictions.labels, scores=predictions.scores, label_names=np.array(label_names))


WRITERS = {"jsonl": _write_jsonl, "tsv": _write_tsv, "npz": _write_npz}


def _rows(batches: Iterator[Predictions]) -> Iterator[tuple[list[int], list[float]]]:
    """Yield each document's labels and scores without the padding."""
    for batch in batches:
        for labels, scores in zip(batch.labels.tolist(), batch.scores.tolist(), strict=True):
            found = [place for place, label in enumerate(labels) if label >= 0]
            yield [labels[place] for place in found], [scores[place] for place in found]
