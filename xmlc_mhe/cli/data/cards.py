"""`xmlc-mhe data cards`: what is known of the benchmarks."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

from ..common import check_output, print_table, write_json
from .shared import add_data_command, add_json, cell

if TYPE_CHECKING:
    from ...data.benchmarks.cards import Card

EXAMPLES = """examples:
  xmlc-mhe data cards
  xmlc-mhe data cards eurlex-4k --json card.json"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_data_command(commands, name, run_cards, title=title, examples=EXAMPLES)
    command.add_argument("benchmark", metavar="NAME", nargs="?", help="tell all of this one (default: list all)")
    add_json(command)


def run_cards(args: argparse.Namespace) -> None:
    """Print the sizes of every benchmark, or all that is known of one."""
    from ...data.benchmarks.cards import cards, find_card

    check_output(args.json)
    chosen = cards() if args.benchmark is None else {args.benchmark: find_card(args.benchmark)}
    if args.json is not None:
        write_json(args.json, {name: dataclasses.asdict(card) for name, card in chosen.items()})
    if args.benchmark is not None:
        _print_card(chosen[args.benchmark])
        return
    titles = ("benchmark", "train", "dev", "test", "labels", "features", "labels a document", "documents a label")
    fields = ("train", "dev", "test", "labels", "features", "labels_per_document", "documents_per_label")
    print_table(titles, [[name, *(cell(getattr(card.sizes, f)) for f in fields)] for name, card in chosen.items()])


def _print_card(card: Card) -> None:
    sizes = {
        name.replace("_", " "): value for name, value in dataclasses.asdict(card.sizes).items() if value is not None
    }
    print(f"{card.name}: {card.title}\n{card.about}\n")
    print_table(["", ""], [[name, cell(value)] for name, value in sizes.items()])
    lines = [f"propensity constants: a {card.propensity['a']}, b {card.propensity['b']}", f"source: {card.source}"]
    lines += [f"licence: {card.licence}", f"folders: {', '.join((card.name, *card.folders))}"]
    lines += [f"files ({f.format}): {', '.join((*f.train, *f.dev, *f.test))}" for f in card.files]
    lines += [f"sizes from: {source}" for source in card.sources_of_sizes]
    lines += [f"hub: {card.hub.name}"] if card.hub else []
    lines += [f"download: {download.url}" for download in card.downloads]
    print("\n" + "\n".join([*lines, *(f"note: {note}" for note in card.notes)]))
