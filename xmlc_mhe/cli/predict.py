"""`xmlc-mhe predict`: tag document after document."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..classifier.options import DEFAULT_K
from ..errors import in_short
from ..progress import track
from .common import add_command, add_data_options, add_models, check_output, load_models, output, read_options

if TYPE_CHECKING:
    from ..predictions import Predictions

EXAMPLES = """examples:
  echo "parse a date string" | xmlc-mhe predict model -
  xmlc-mhe predict model new_records.txt -k 10 -o tags.jsonl
  xmlc-mhe predict model second_model records/ --format npz -o top5.npz"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_predict, title=title, examples=EXAMPLES)
    add_models(command)
    command.add_argument(
        "input", metavar="INPUT", help="a file, a text a line or in any format; a data folder; - for standard input"
    )
    command.add_argument("-k", type=int, help=f"labels a document (default: {DEFAULT_K})")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: standard output)")
    command.add_argument("--format", choices=WRITERS, default="jsonl", help="(default: %(default)s)")
    command.add_argument("--part", default="test", help="part of a data folder (default: %(default)s)")
    add_data_options(command)


def run_predict(args: argparse.Namespace) -> None:
    """Write the best labels of document after document."""
    from ..data.reading import iter_documents

    if args.format == "npz" and args.output is None:
        raise ValueError("--output must be given with --format npz. Got none; add -o FILE.npz.")
    check_output(args.output)
    model = load_models(args)
    options = read_options(args, num_features=getattr(model, "n_features_in_", None))
    batches = model.predict_batches(iter_documents(args.input, part=args.part, options=options), args.k)
    with output(args.output) as file:
        WRITERS[args.format](file, track(batches, total=None, title="batches"), model.label_names_)


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
            num_found = sum(label >= 0 for label in labels)
            yield labels[:num_found], scores[:num_found]
