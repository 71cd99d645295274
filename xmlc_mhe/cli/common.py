"""What the commands share: a parser of their own, outputs that appear whole, JSON, lists of numbers."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..data.formats.options import DEFAULT_OPTIONS, ReadOptions
from ..outputs import whole_file

if TYPE_CHECKING:
    from ..classifier.classifier import XMLCClassifier
    from ..classifier.ensemble import Ensemble


def add_models(command: Any) -> None:
    """Add the models of a command, and what loading them needs; `load_models` reads them."""
    command.add_argument(
        "models", nargs="+", metavar="MODEL", help="the folder that fit wrote; of several, the mean is taken"
    )
    command.add_argument(
        "--encoder-class", metavar="PACKAGE.MODULE:CLASS", help="of a model with an encoder of your own"
    )
    command.add_argument(
        "--analyzer", metavar="PACKAGE.MODULE:FUNCTION", help="of a model with an analyzer of your own"
    )


def load_models(args: argparse.Namespace) -> XMLCClassifier | Ensemble:
    """Return the model, or the ensemble of several."""
    from ..classifier.classifier import XMLCClassifier
    from ..classifier.ensemble import Ensemble
    from ..features.hybrid import has_own_analyzer, has_own_encoder

    options = {"threads": args.threads, "encoder_class": args.encoder_class, "analyzer": args.analyzer}
    models = [XMLCClassifier.load(folder, **options) for folder in args.models]
    for name, has_one in (("encoder_class", has_own_encoder), ("analyzer", has_own_analyzer)):
        if getattr(args, name) is not None and not any(has_one(model.encoder_) for model in models):
            part = name.removesuffix("_class")
            raise ValueError(
                f"--{name.replace('_', '-')} must be left out with models that have no {part} of your own. Got it; "
                "remove it."
            )
    return models[0] if len(models) == 1 else Ensemble(models)


def add_command(
    commands: Any, name: str, run: Callable[[Any], None], *, title: str, examples: str, threads: bool = True
) -> Any:
    """Return the parser of one more command, with the options that all commands have; run gets the parsed ones."""
    command = commands.add_parser(
        name, help=title, description=title, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(run=run)
    if threads:
        command.add_argument("--threads", type=int, metavar="N", help="most threads in use (default: all cores)")
    command.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors only")
    return command


def add_data_options(command: Any) -> None:
    """Add the options that say how to read data; read_options takes them from the arguments."""
    group = command.add_argument_group("how to read the data (xmlc-mhe data formats)")
    group.add_argument("--data-format", metavar="NAME", help="a format (default: by names and first lines)")
    group.add_argument(
        "--text-column", action="append", metavar="NAME", help="a column of the text (default: text; repeatable)"
    )
    group.add_argument(
        "--label-column", default=DEFAULT_OPTIONS.label_column, metavar="NAME", help="(default: %(default)s)"
    )
    group.add_argument("--label-separator", metavar="TEXT", help="between labels in a string (default: white space)")
    group.add_argument("--encoding", metavar="NAME", help="of text files, as cp1252 (default: utf-8)")
    group.add_argument("--sheet", metavar="NAME", help="of an Excel workbook (default: the first)")
    group.add_argument(
        "--num-labels", type=int, metavar="N", help="the last N columns of ARFF are labels (default: by its XML file)"
    )
    group.add_argument("--data-dir", metavar="DIR", help="the folder of benchmarks (default: the variable XMLC_DATA)")


def read_options(args: argparse.Namespace, *, num_features: int | None = None) -> ReadOptions:
    """Return how to read the data, as the arguments say."""
    return ReadOptions(
        format=args.data_format,
        text_columns=tuple(args.text_column or DEFAULT_OPTIONS.text_columns),
        label_column=args.label_column,
        label_separator=args.label_separator,
        encoding=args.encoding,
        sheet=args.sheet,
        num_labels=args.num_labels,
        num_features=num_features,
        data_dir=args.data_dir,
    )


def check_output(path: Path | None) -> None:
    """Raise ValueError where a file cannot be written; asked before the work."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{path} must be a file to write. Got a folder; name a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} must be in a folder that exists. Got no folder {path.parent}; make it first.")


@contextlib.contextmanager
def output(path: Path | None) -> Iterator[IO[bytes]]:
    """Open standard output, or a file that appears under its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
    else:
        with whole_file(path) as written, written.open("wb") as file:
            yield file


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> None:
    """Print a table, the first columns aligned on the left, the others on the right."""
    table = [titles, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def size_of(num_bytes: int) -> str:
    """Return a number of bytes for people: in kB, or in MB from a million on, with a digit after the point."""
    return f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 1e6 else f"{num_bytes / 1e3:.1f} kB"


def write_json(path: Path, values: dict[str, Any]) -> None:
    with output(path) as file:
        file.write((json.dumps(values, indent=1) + "\n").encode())


def print_metrics(values: Mapping[str, float], ks: Sequence[int]) -> None:
    """Print every metric as a row of percent, a column a cutoff."""
    from ..metrics import METRICS

    print(f"{'%':>10}" + "".join(f"{f'@{k}':>8}" for k in ks))
    for metric in METRICS:
        print(f"{metric:>10}" + "".join(f"{100 * values[f'{metric}@{k}']:8.2f}" for k in ks))


def threshold_rule(text: str) -> str:
    """Return the rule of a threshold as it was written, if it is one."""
    from ..ranking.thresholds import parse_rule

    try:
        parse_rule(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def whole_numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError
    return numbers


whole_numbers.__name__ = "list of whole numbers"  # what argparse calls it in its error
