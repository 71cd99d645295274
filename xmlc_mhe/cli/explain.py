"""`xmlc-mhe explain`: why a text has its labels, or what a model knows of a label."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..classifier.options import DEFAULT_K
from .common import add_command, check_output, output

EXAMPLES = """examples:
  xmlc-mhe explain model "parse a date string"
  xmlc-mhe explain model - --label date -k 1 --html why.html < record.txt
  xmlc-mhe explain model --label date         its strongest words, and the labels that it goes with"""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_explain, title=title, examples=EXAMPLES)
    command.add_argument("model", metavar="MODEL", help="the folder that fit wrote")
    command.add_argument("text", nargs="?", metavar="TEXT", help="one text; - for standard input, which is one text")
    command.add_argument(
        "--label", action="append", metavar="NAME", help="a label to explain, suggested or not (repeatable)"
    )
    command.add_argument("-k", type=int, help=f"without --label: the k best ones (default: {DEFAULT_K})")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument("--html", type=Path, metavar="FILE", help="write a page with the text highlighted")
    command.add_argument(
        "--encoder-class", metavar="PACKAGE.MODULE:CLASS", help="of a model with an encoder of your own"
    )


def run_explain(args: argparse.Namespace) -> None:
    """Explain the labels of a text, or describe labels."""
    if args.text is None and not args.label:
        raise ValueError("TEXT must be given, or --label. Got neither; write for example: explain MODEL - < FILE.")
    if args.label and args.k is not None:
        raise ValueError("-k must be left out with --label. Got both; remove one of them.")
    if args.text is None and args.html is not None:
        raise ValueError("TEXT must be given with --html. Got none; give a text, or leave out --html.")
    check_output(args.html)
    from ..classifier.classifier import XMLCClassifier
    from ..explaining.label import describe_label
    from ..explaining.marking import as_json_text
    from ..explaining.terminal import has_colours, lines_of, lines_of_label

    model = XMLCClassifier.load(args.model, threads=args.threads, encoder_class=args.encoder_class)
    if args.text is None:
        labels = [describe_label(model, name) for name in args.label]
        if args.json:
            _print([as_json_text([label.as_json() for label in labels])])
        else:
            _print(line for label in labels for line in lines_of_label(label))
        return
    text = sys.stdin.buffer.read().decode(errors="replace") if args.text == "-" else args.text
    explanations = model.explain(text, args.label, DEFAULT_K if args.k is None else args.k)
    if args.json:
        _print([as_json_text([explanation.as_json() for explanation in explanations])])
    elif args.html is not None:
        from ..explaining.page import page_of

        with output(args.html) as file:
            file.write(page_of(text, explanations).encode())
    else:
        _print(lines_of(text, explanations, colours=has_colours(sys.stdout)))


def _print(lines: Any) -> None:
    with output(None) as file:
        file.writelines(f"{line}\n".encode() for line in lines)
