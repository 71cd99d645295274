"""`xmlc-mhe fit/predict/eval/plan`: parse, call the API, print; no logic that the API lacks."""

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from . import __version__
from .data import iter_documents, load_dataset, load_part
from .decoding import Predictions, concatenate_predictions
from .features import TextFeatures
from .label_code import LABEL_ORDERS
from .metrics import METRICS, PROPENSITY_A, PROPENSITY_B, evaluate, metric_names
from .model import DEFAULT_K, ENCODERS, HEADS, XMLCClassifier
from .model_files import check_new_model, model_bytes
from .planner import PUBLISHED_BEAM, HeadPlan, best_of_each_ratio, plan
from .progress import track

logger = logging.getLogger(__package__)  # not __name__, which is "__main__" under `python -m`

FIT_EXAMPLES = """examples:
  xmlc-mhe fit pydocs -m model                      the embedded data set
  xmlc-mhe fit records/ -m model --ngrams 1,2       a folder of train_texts.txt, train_labels.txt
  xmlc-mhe fit bibtex/ -m model --encoder given     a folder of train.txt in the repository's format"""
PREDICT_EXAMPLES = """examples:
  echo "parse a date string" | xmlc-mhe predict model -
  xmlc-mhe predict model new_records.txt -k 10 -o tags.jsonl
  xmlc-mhe predict model records/ --format npz -o top5.npz"""
EVAL_EXAMPLES = """examples:
  xmlc-mhe eval model records/
  xmlc-mhe eval model records/ -k 1,3,5,10 --json result.json"""
PLAN_EXAMPLES = """examples:
  xmlc-mhe plan 30938                                two heads for 30,938 labels
  xmlc-mhe plan 670091 --heads 3 --dim 768 --json plans.json"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 2 after an error, 130 after Ctrl-C."""
    args = build_parser().parse_args(argv)
    try:
        with _log_on_stderr(quiet=args.quiet):
            args.run(args)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("xmlc-mhe: interrupted; nothing is half-written", file=sys.stderr)
        return 130
    except (ValueError, OSError, MemoryError, ImportError) as error:  # the last: an extra is not installed
        print(f"xmlc-mhe: error: {' '.join(str(error).splitlines()) or type(error).__name__}", file=sys.stderr)
        return 2


@contextlib.contextmanager
def _log_on_stderr(*, quiet: bool) -> Iterator[None]:
    """Print our own log lines, and leave logging as it was."""
    handler, level = logging.StreamHandler(), logger.level
    handler.setFormatter(logging.Formatter("xmlc-mhe: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`."""
    parser = argparse.ArgumentParser(
        prog="xmlc-mhe", description="Tag texts with the few right labels out of thousands or millions."
    )
    parser.add_argument("--version", action="version", version=f"xmlc-mhe {__version__}")
    commands = parser.add_subparsers(required=True, metavar="fit | predict | eval | plan")
    _add_fit(commands)
    _add_predict(commands)
    _add_eval(commands)
    _add_plan(commands)
    return parser


def _add_command(
    commands: Any, name: str, run: Callable[[Any], None], *, title: str, examples: str, threads: bool = True
) -> Any:
    command = commands.add_parser(
        name, help=title, description=title, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.set_defaults(run=run)
    if threads:
        command.add_argument("--threads", type=int, metavar="N", help="most threads in use (default: all cores)")
    command.add_argument("-q", "--quiet", action="store_true", help="print warnings and errors only")
    return command


def _add_fit(commands: Any) -> None:
    command = _add_command(commands, "fit", run_fit, title="train a model", examples=FIT_EXAMPLES)
    default = XMLCClassifier().get_params()
    command.add_argument("data", metavar="DATA", help='a folder with a training part, or "pydocs"')
    command.add_argument("-m", "--model", required=True, metavar="MODEL", help="the folder to write the model to")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier model")
    command.add_argument(
        "--encoder",
        metavar="NAME",
        help=f"{', '.join(ENCODERS)}, minilm, owner/name or folder of a transformer, package.module:Class, words and "
        "one of these, as tfidf+minilm (default: tfidf for texts, given for features)",
    )
    command.add_argument(
        "--encoder-option",
        dest="encoder_options",
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a learned encoder, e.g. max_length=64 (repeatable)",
    )
    command.add_argument("--dense-scale", type=float, metavar="S", help="of an encoder beside words (default: by dev)")
    command.add_argument("--head", choices=HEADS, default=default["head"], help="(default: %(default)s)")
    command.add_argument(
        "--head-option",
        dest="head_options",
        type=_head_option,
        action="append",
        metavar="NAME=VALUE",
        help="an option of a neural head or of its training, e.g. epochs=30 (repeatable)",
    )
    command.add_argument("--head-sizes", type=_whole_numbers, metavar="M,N", help="lengths of the heads, e.g. 257,16")
    command.add_argument(
        "--label-order", choices=LABEL_ORDERS, default=default["label_order"], help="(default: %(default)s)"
    )
    command.add_argument(
        "--beam", type=_beam, default=default["beam"], metavar="K|all|auto", help="(default: %(default)s)"
    )
    command.add_argument("--seed", type=int, default=default["seed"], metavar="S", help="(default: %(default)s)")
    solver = command.add_argument_group("training")
    solver.add_argument("--C", type=float, default=default["C"], help="(default: 0.5, or by dev)")
    solver.add_argument(
        "--positive-weight", type=float, default=default["positive_weight"], help="(default: %(default)s)"
    )
    solver.add_argument("--bias-feature", type=float, default=default["bias_feature"], help="(default: %(default)s)")
    solver.add_argument(
        "--train-beam", type=int, default=default["train_beam"], metavar="K", help="(default: %(default)s)"
    )
    solver.add_argument("--cascade-scale", type=float, default=default["cascade_scale"], help="(default: %(default)s)")
    solver.add_argument("--passes", type=int, default=default["passes"], metavar="N", help="(default: %(default)s)")
    solver.add_argument("--eps", type=float, default=default["eps"], help="(default: %(default)s)")
    solver.add_argument("--prune", type=float, default=default["prune"], help="(default: %(default)s)")
    words = command.add_argument_group("features of texts")
    text = TextFeatures().get_params()
    words.add_argument("--min-df", type=int, default=text["min_df"], metavar="N", help="(default: %(default)s)")
    words.add_argument(
        "--ngrams", type=_whole_numbers, default=text["ngram_range"], metavar="1,2", help="(default: 1,1)"
    )
    words.add_argument(
        "--hashing-bits", type=int, default=text["hashing_bits"], metavar="B", help="(default: %(default)s)"
    )
    words.add_argument("--raw-tf", action="store_true", help="tf in place of 1 + log tf")


def _add_predict(commands: Any) -> None:
    command = _add_command(commands, "predict", run_predict, title="tag documents", examples=PREDICT_EXAMPLES)
    command.add_argument("model", metavar="MODEL", help="the folder that fit wrote")
    command.add_argument(
        "input", metavar="INPUT", help="a file of a text a line, a data folder, or - for standard input"
    )
    command.add_argument("-k", type=int, help=f"labels a document (default: {DEFAULT_K})")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: standard output)")
    command.add_argument("--format", choices=WRITERS, default="jsonl", help="(default: %(default)s)")
    command.add_argument("--part", default="test", help="part of a data folder (default: %(default)s)")


def _add_eval(commands: Any) -> None:
    command = _add_command(commands, "eval", run_eval, title="measure a model on labelled data", examples=EVAL_EXAMPLES)
    command.add_argument("model", metavar="MODEL", help="the folder that fit wrote")
    command.add_argument("data", metavar="DATA", help='a folder with a test part, or "pydocs"')
    command.add_argument("-k", type=_whole_numbers, default=(1, 3, 5), metavar="1,3,5", help="(default: 1,3,5)")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures, as fractions, to this file too")
    command.add_argument("--part", default="test", help="part of the data folder (default: %(default)s)")
    command.add_argument("--drop-empty", action="store_true", help="leave out documents without labels")
    command.add_argument("--propensity-a", type=float, default=PROPENSITY_A, help="(default: %(default)s)")
    command.add_argument("--propensity-b", type=float, default=PROPENSITY_B, help="(default: %(default)s)")


def _add_plan(commands: Any) -> None:
    command = _add_command(
        commands, "plan", run_plan, title="choose the lengths of the heads", examples=PLAN_EXAMPLES, threads=False
    )
    command.add_argument("num_labels", type=int, metavar="NUM_LABELS", help="how many labels the heads must write")
    command.add_argument(
        "--heads", type=int, default=2, dest="num_heads", metavar="H", help="how many heads (default: %(default)s)"
    )
    command.add_argument("--dim", type=int, metavar="D", help="length of a weight vector (default: count vectors)")
    command.add_argument(
        "--beam", type=int, default=PUBLISHED_BEAM, metavar="K", help="prefixes that mhc keeps (default: %(default)s)"
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="write every candidate to this file too")


def run_fit(args: argparse.Namespace) -> None:
    """Train on the data's training part, save, and say what came out."""
    check_new_model(args.model, overwrite=args.overwrite)
    (train,) = load_dataset(args.data, parts=("train",))
    encoder = args.encoder or ("given" if train.texts is None else "tfidf")
    if encoder in ("tfidf", "bow"):
        encoder = TextFeatures(
            encoder,
            sublinear_tf=not args.raw_tf,
            min_df=args.min_df,
            ngram_range=args.ngrams,
            hashing_bits=args.hashing_bits,
        )
    for options in ("head_options", "encoder_options"):
        setattr(args, options, dict(getattr(args, options)) if getattr(args, options) else None)
    names = XMLCClassifier().get_params().keys() & vars(args).keys() - {"encoder"}
    model = XMLCClassifier(encoder, **{name: getattr(args, name) for name in names})
    start = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - start
    model.save(args.model, overwrite=args.overwrite)
    logger.info(
        "%d documents, %d labels, %s; fitted in %.1f s; %s is %.1f MB",
        train.num_docs,
        train.num_labels,
        model.head_.describe(),
        seconds,
        args.model,
        model_bytes(args.model) / 1e6,
    )


def run_predict(args: argparse.Namespace) -> None:
    """Write the best labels of document after document."""
    if args.format == "npz" and args.output is None:
        raise ValueError("--output must be given with --format npz. Got none; add -o FILE.npz.")
    _check_output(args.output)
    model = XMLCClassifier.load(args.model, threads=args.threads)
    batches = model.predict_batches(iter_documents(args.input, part=args.part), args.k)
    with _output(args.output) as file:
        WRITERS[args.format](file, track(batches, total=None, title="batches"), model.label_names_)


def run_eval(args: argparse.Namespace) -> None:
    """Print every metric as a table in percent, and write it as JSON."""
    _check_output(args.json)
    model = XMLCClassifier.load(args.model, threads=args.threads)
    test = load_part(args.data, args.part, model.label_names_)
    names = metric_names(args.k, metrics=list(METRICS))
    predictions = model.predict(test, max(args.k))
    propensity = model.label_propensity(a=args.propensity_a, b=args.propensity_b, num_labels=test.Y.shape[1])
    values = evaluate(test.Y, predictions, names, propensity=propensity, drop_empty=args.drop_empty)
    if args.json is not None:
        _write_json(args.json, values)
    print(f"{'%':>10}" + "".join(f"{f'@{k}':>8}" for k in args.k))
    for metric in METRICS:
        print(f"{metric:>10}" + "".join(f"{100 * values[f'{metric}@{k}']:8.2f}" for k in args.k))


def run_plan(args: argparse.Namespace) -> None:
    """Print the best lengths of the heads as a table, and write all of them as JSON."""
    _check_output(args.json)
    asked = {"num_heads": args.num_heads, "dim": args.dim, "beam": args.beam}
    plans = plan(args.num_labels, **asked)
    if args.json is not None:
        rows = {"num_labels": args.num_labels, **asked, "plans": [dataclasses.asdict(p) for p in plans]}
        _write_json(args.json, rows)
    unit = "vectors" if args.dim is None else "weights"
    titles = ("lengths", "padding", "confusion", "steps", f"mhp {unit}", f"mhc {unit}", "mhc scores")
    table = [titles, *map(_plan_cells, shown := best_of_each_ratio(plans))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    notes = ["", *(_plan_note(p) for p in shown)]
    for row, note in zip(table, notes, strict=True):
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(f"{'  '.join(cells)}  {note}".rstrip())
    logger.info("%d of %d candidates shown; --json FILE writes all", len(shown), len(plans))


def _plan_cells(p: HeadPlan) -> tuple[str, ...]:
    counts = (p.approximation_steps, p.mhp_parameters, p.mhc_parameters, p.mhc_scores)
    lengths = " x ".join(map(str, p.head_sizes))
    return (lengths, f"{p.padding:,}", f"{p.confusion_degree:.4g}", *(f"{count:,}" for count in counts))


def _plan_note(p: HeadPlan) -> str:
    notes = [f"best for {name}" for name in p.recommended_for]
    return ", ".join(notes + ([f"published for {p.published_for}"] if p.published_for else []))


def _write_jsonl(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    for labels, scores in _rows(batches):
        row = {"labels": [label_names[label] for label in labels], "scores": [round(score, 4) for score in scores]}
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))


def _write_tsv(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    if (name := next((name for name in label_names if set(name) & set("\t\n\r")), None)) is not None:
        raise ValueError(f"label names must have no tab or line end with --format tsv. Got {name!r}; use jsonl.")
    for labels, scores in _rows(batches):
        cells = (f"{label_names[label]}\t{score:.4f}" for label, score in zip(labels, scores, strict=True))
        file.write(("\t".join(cells) + "\n").encode())


def _write_npz(file: IO[bytes], batches: Iterator[Predictions], label_names: list[str]) -> None:
    predictions = concatenate_predictions(list(batches))
    np.savez(file, labels=predictions.labels, scores=predictions.scores, label_names=np.array(label_names))


WRITERS = {"jsonl": _write_jsonl, "tsv": _write_tsv, "npz": _write_npz}


def _rows(batches: Iterator[Predictions]) -> Iterator[tuple[list[int], list[float]]]:
    """Yield each document's labels and scores without the padding."""
    for batch in batches:
        for labels, scores in zip(batch.labels.tolist(), batch.scores.tolist(), strict=True):
            num_found = sum(label >= 0 for label in labels)
            yield labels[:num_found], scores[:num_found]


def _check_output(path: Path | None) -> None:
    """Raise ValueError where a file cannot be written; asked before the work."""
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{path} must be a file to write. Got a folder; name a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"{path} must be in a folder that exists. Got no folder {path.parent}; make it first.")


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes]]:
    """Open standard output, or a file that appears under its name only when it is whole."""
    if path is None:
        yield sys.stdout.buffer
    elif path.exists() and not path.is_file():  # /dev/null, a named pipe: not to be replaced by a file
        with path.open("wb") as file:
            yield file
    else:
        path = path.resolve()  # a link stays one
        scratch = path.with_name(f".{path.name}-{os.getpid()}")
        try:
            with scratch.open("wb") as file:
                yield file
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with _output(path) as file:
        file.write((json.dumps(values, indent=1) + "\n").encode())


def _whole_numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError
    return numbers


def _beam(text: str) -> int | str:
    return text if text in ("all", "auto") else int(text)


def _head_option(text: str) -> tuple[str, Any]:
    """Return name and value: a number, true, false, null or a list as in JSON; anything else is a string."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ValueError
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


_whole_numbers.__name__ = "list of whole numbers"  # what argparse calls it in its error
_head_option.__name__ = "NAME=VALUE"
_beam.__name__ = "beam"

if __name__ == "__main__":
    sys.exit(main())
