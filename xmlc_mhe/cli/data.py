"""`xmlc-mhe data COMMAND`: look at data sets, change their format, split them, and know the benchmarks."""

import argparse
import dataclasses
import logging
import os
from pathlib import Path
from typing import Any

from ..card_check import Finding, check_card
from ..cards import DATA_DIR_VARIABLE, Card, cards, find_card
from ..data import has_part, load_dataset
from ..dataset import Dataset
from ..downloads import fetch_benchmark
from ..errors import DataError
from ..formats import DEFAULT_OPTIONS, FORMATS, file_names, format_of_name
from ..inspection import DataReport, PartReport, curve_lines, inspect_data
from ..saving import save_dataset, save_file
from ..splitting import split_dataset
from .common import add_command, add_data_options, check_output, print_table, read_options, write_json

logger = logging.getLogger(__name__)

PARTS = ("train", "dev", "test")
ANY_DATA = "a folder, a file, a benchmark, hub:NAME or pydocs"

INSPECT_EXAMPLES = """examples:
  xmlc-mhe data inspect records/
  xmlc-mhe data inspect all.csv --label-column tags --json report.json"""
CONVERT_EXAMPLES = """examples:
  xmlc-mhe data convert records/ tables/ --to csv          a folder with every part
  xmlc-mhe data convert records/ test.jsonl --part test    one part, one file"""
SPLIT_EXAMPLES = """examples:
  xmlc-mhe data split all.jsonl parts/ --dev 0.1 --test 0.2
  xmlc-mhe data split records/ parts/ --dev 0.1 --random --to jsonl"""
CHECK_EXAMPLES = """examples:
  xmlc-mhe data check bibtex bibtex/
  xmlc-mhe data check eurlex-4k data/EUR-Lex --json sizes.json"""
FETCH_EXAMPLES = """examples:
  xmlc-mhe data fetch eurlex57k --data-dir data/
  xmlc-mhe data fetch wiki10-31k                         to the folder in XMLC_DATA"""
CARDS_EXAMPLES = """examples:
  xmlc-mhe data cards
  xmlc-mhe data cards eurlex-4k --json card.json"""
FORMATS_EXAMPLES = """examples:
  xmlc-mhe data formats
  xmlc-mhe data formats --json formats.json"""


def add_data(commands: Any) -> None:
    title = "look at data, change their format, split them, know the benchmarks"
    group = commands.add_parser("data", help=title, description=title)
    inner = group.add_subparsers(required=True, metavar=" | ".join(DATA_COMMANDS))
    for add in DATA_COMMANDS.values():
        add(inner)


def _add(commands: Any, name: str, run: Any, *, title: str, examples: str) -> Any:
    command = add_command(commands, name, run, title=title, examples=examples, threads=False)
    command.prog = f"xmlc-mhe data {name}"
    return command


def _add_json(command: Any) -> None:
    command.add_argument("--json", type=Path, metavar="FILE", help="write what is printed, and more, to this file too")


# --- inspect ----------------------------------------------------------------------------------------------------------


def _add_inspect(commands: Any) -> None:
    command = _add(commands, "inspect", run_inspect, title="tell what data is like", examples=INSPECT_EXAMPLES)
    command.add_argument("data", metavar="DATA", help=ANY_DATA)
    _add_json(command)
    add_data_options(command)


def run_inspect(args: argparse.Namespace) -> None:
    """Print the sizes of every part and the frequencies of the labels."""
    check_output(args.json)
    report = inspect_data(_load_parts(args))
    if args.json is not None:
        write_json(args.json, dataclasses.asdict(report))
    fields = [field.name for field in dataclasses.fields(PartReport)]
    rows = [[f.replace("_", " "), *(_cell(getattr(part, f)) for part in report.parts.values())] for f in fields]
    rows[-1] = ["unknown, % of pairs", *(_percent(part.unknown_share) for part in report.parts.values())]
    print_table(["", *report.parts], rows)
    _print_curve(report)


def _print_curve(report: DataReport) -> None:
    print(f"\n{report.singletons:,} labels have one document; the {report.half:,} most frequent hold half of all pairs")
    print("rank of a label, its documents (bars: logarithm)")
    print("\n".join(curve_lines(report.curve)))


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _percent(share: float | None) -> str:
    return _cell(None if share is None else 100 * share)


def _load_parts(args: argparse.Namespace) -> dict[str, Dataset]:
    """Return the parts that the data has, train among them."""
    options = read_options(args)
    parts = [part for part in PARTS if part == "train" or has_part(args.data, part, options=options)]
    return dict(zip(parts, load_dataset(args.data, parts=parts, options=options), strict=True))


# --- convert and split ------------------------------------------------------------------------------------------------


def _add_convert(commands: Any) -> None:
    command = _add(commands, "convert", run_convert, title="write data in another format", examples=CONVERT_EXAMPLES)
    command.add_argument("data", metavar="IN", help=ANY_DATA)
    command.add_argument("out", metavar="OUT", type=Path, help="a new folder, or a file")
    command.add_argument("--part", help="the part for a file (default: train)")
    _add_to(command)
    add_data_options(command)


def _add_to(command: Any) -> None:
    command.add_argument("--to", choices=FORMATS, metavar="NAME", help="(default: by OUT, or texts, or npz)")
    command.add_argument("--to-separator", metavar="TEXT", help="between labels in a string (default: a space)")


def run_convert(args: argparse.Namespace) -> None:
    """Write every part to a folder, or one part to a file."""
    write_options = dataclasses.replace(DEFAULT_OPTIONS, label_separator=args.to_separator)
    if format_of_name(args.out, of_texts=True) is None:
        if args.part is not None:
            raise DataError(
                f"--part must go with a file to write. Got the folder {args.out}; name a file, such as part.jsonl."
            )
        _save_parts(_load_parts(args), args.out, args.to, write_options)
        return
    check_output(args.out)
    (dataset,) = load_dataset(args.data, parts=(args.part or "train",), options=read_options(args))
    to = save_file(dataset, args.out, format=args.to, options=write_options)
    logger.info("%s: %d documents in %s", args.out, dataset.num_docs, to)


def _save_parts(parts: dict[str, Dataset], out: Path, to: str | None, options: Any) -> None:
    save_dataset(parts, out, format=to, options=options)
    logger.info("%s: %s", out, ", ".join(f"{dataset.num_docs} documents in {part}" for part, dataset in parts.items()))


def _add_split(commands: Any) -> None:
    command = _add(commands, "split", run_split, title="split train into parts", examples=SPLIT_EXAMPLES)
    command.add_argument("data", metavar="IN", help=f"{ANY_DATA}; its parts dev and test are kept")
    command.add_argument("out", metavar="OUT", type=Path, help="a new folder")
    for part in PARTS[1:]:
        command.add_argument(
            f"--{part}", type=float, metavar="SHARE", help=f"share of the documents for {part}, as 0.1"
        )
    command.add_argument(
        "--random", action="store_true", help="by chance; default: stratified by labels (extra: split)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="(default: %(default)s)")
    _add_to(command)
    add_data_options(command)


def run_split(args: argparse.Namespace) -> None:
    """Split the training part, and write it with the parts that the data had before."""
    parts = _load_parts(args)
    shares = {part: share for part in PARTS[1:] if (share := getattr(args, part)) is not None}
    if (there := next((part for part in shares if part in parts), None)) is not None:
        raise DataError(f"--{there} must name a part that the data has not. Got one that it has; leave the option out.")
    train = parts.pop("train")
    split = split_dataset(train, shares, stratify=not args.random, seed=args.seed) | parts
    ordered = {part: split[part] for part in PARTS if part in split}
    write_options = dataclasses.replace(DEFAULT_OPTIONS, label_separator=args.to_separator)
    _save_parts(ordered, args.out, args.to, write_options)


# --- benchmarks -------------------------------------------------------------------------------------------------------


def _add_check(commands: Any) -> None:
    command = _add(commands, "check", run_check, title="verify the sizes of a benchmark", examples=CHECK_EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", help="a benchmark (xmlc-mhe data cards)")
    command.add_argument("folder", metavar="DIR", type=Path, help="the folder of its files")
    _add_json(command)
    add_data_options(command)


def run_check(args: argparse.Namespace) -> None:
    """Print every published size beside the one that was found; fail where one differs."""
    check_output(args.json)
    findings = check_card(find_card(args.benchmark), args.folder, options=read_options(args))
    if args.json is not None:
        write_json(args.json, {"benchmark": args.benchmark, "sizes": [dataclasses.asdict(f) for f in findings]})
    rows = [[f.what, _cell(f.published), _cell(f.found), "" if f.is_right else "differs"] for f in findings]
    print_table(["", "published", "found", ""], rows)
    if wrong := [f for f in findings if not f.is_right]:
        raise DataError(
            f"{args.folder} must have the sizes of {args.benchmark}. Got {_differences(wrong)}; check that this is the "
            "same edition, and whole."
        )


def _differences(wrong: list[Finding]) -> str:
    return ", ".join(f"{_cell(f.found)} {f.what} for {_cell(f.published)}" for f in wrong)


def _add_cards(commands: Any) -> None:
    command = _add(commands, "cards", run_cards, title="list the benchmarks, or tell of one", examples=CARDS_EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", nargs="?", help="tell all of this one (default: list all)")
    _add_json(command)


def run_cards(args: argparse.Namespace) -> None:
    """Print the sizes of every benchmark, or all that is known of one."""
    check_output(args.json)
    chosen = cards() if args.benchmark is None else {args.benchmark: find_card(args.benchmark)}
    if args.json is not None:
        write_json(args.json, {name: dataclasses.asdict(card) for name, card in chosen.items()})
    if args.benchmark is not None:
        _print_card(chosen[args.benchmark])
        return
    titles = ("benchmark", "train", "dev", "test", "labels", "features", "labels a document", "documents a label")
    fields = ("train", "dev", "test", "labels", "features", "labels_per_document", "documents_per_label")
    print_table(titles, [[name, *(_cell(getattr(card.sizes, f)) for f in fields)] for name, card in chosen.items()])


def _print_card(card: Card) -> None:
    sizes = {
        name.replace("_", " "): value for name, value in dataclasses.asdict(card.sizes).items() if value is not None
    }
    print(f"{card.name}: {card.title}\n{card.about}\n")
    print_table(["", ""], [[name, _cell(value)] for name, value in sizes.items()])
    lines = [f"propensity constants: a {card.propensity['a']}, b {card.propensity['b']}", f"source: {card.source}"]
    lines += [f"licence: {card.licence}", f"folders: {', '.join((card.name, *card.folders))}"]
    lines += [f"files ({f.format}): {', '.join((*f.train, *f.dev, *f.test))}" for f in card.files]
    lines += [f"sizes from: {source}" for source in card.sources_of_sizes]
    lines += [f"hub: {card.hub.name}"] if card.hub else []
    lines += [f"download: {download.url}" for download in card.downloads]
    print("\n" + "\n".join([*lines, *(f"note: {note}" for note in card.notes)]))


def _add_fetch(commands: Any) -> None:
    command = _add(commands, "fetch", run_fetch, title="download a benchmark", examples=FETCH_EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", help="a benchmark (xmlc-mhe data cards)")
    command.add_argument("--sha256", metavar="DIGITS", help="what its archive must have (default: the card's, if any)")
    add_data_options(command)


def run_fetch(args: argparse.Namespace) -> None:
    """Bring a benchmark to the folder of all benchmarks; an interrupted download goes on where it stopped."""
    top = args.data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not top:
        raise DataError(f"--data-dir, or the variable {DATA_DIR_VARIABLE}, must name a folder. Got neither; add one.")
    card = find_card(args.benchmark)
    print(fetch_benchmark(card, Path(top), sha256=args.sha256, options=read_options(args)))


# --- formats ----------------------------------------------------------------------------------------------------------


def _add_formats(commands: Any) -> None:
    command = _add(commands, "formats", run_formats, title="list the formats", examples=FORMATS_EXAMPLES)
    _add_json(command)


def run_formats(args: argparse.Namespace) -> None:
    """Print the name of every format, its files in a folder, and what it is."""
    check_output(args.json)
    rows = [(f.name, " + ".join(file_names(f, "train")), f.title) for f in FORMATS.values()]
    if args.json is not None:
        write_json(args.json, {"formats": [dict(zip(("name", "files", "title"), row, strict=True)) for row in rows]})
    print_table(["format", "files of train", "what it is"], rows, left=3)


DATA_COMMANDS = {
    "inspect": _add_inspect,
    "convert": _add_convert,
    "split": _add_split,
    "check": _add_check,
    "cards": _add_cards,
    "fetch": _add_fetch,
    "formats": _add_formats,
}
