"""`xmlc-mhe COMMAND`: parse, call the API, print; no logic that the API lacks. A module a command.

A module is imported when its command is called, and what a command computes with when it runs: help and errors of the
arguments come at once.
"""

import argparse
import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib import import_module

from .. import __version__
from . import streams

logger = logging.getLogger("xmlc_mhe")

COMMANDS = {  # name -> module, what it does; the module has a function `add_command_to`
    "fit": ("fit", "train a model"),
    "predict": ("predict", "tag documents"),
    "explain": ("explain", "say why a text has its labels, or what a model knows of a label"),
    "eval": ("evaluate", "measure a model on labelled data"),
    "plan": ("plan", "choose the lengths of the heads"),
    "data": ("data", "look at data, change their format, split them, know the benchmarks"),
    "run": ("run", "fit, predict, measure as a recipe says"),
    "search": ("search", "choose options on held-out documents"),
    "report": ("report", "draw results as a page"),
    "serve": ("serve", "answer over HTTP, with a page to work with"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, 2 after an error, 130 after Ctrl-C, 143 after SIGTERM."""
    streams.open_closed_streams()
    with streams.ended_by_signals() as ending:
        try:
            _run(argv)
            return 0
        except BrokenPipeError:  # the reader of our output has gone, as with `| head`
            return 0
        except KeyboardInterrupt:
            warnings.simplefilter("ignore")  # joblib's, about the work that is dropped
            streams.say(f"{ending.word}; nothing is half-written")
            return ending.code
        except (ValueError, OSError, MemoryError, ImportError) as error:  # the last: an extra is not installed
            streams.say(f"error: {streams.line_of(error)}")
            return 2
        finally:
            streams.drop_unwritten()


def _run(argv: Sequence[str] | None) -> None:
    try:
        argv = sys.argv[1:] if argv is None else argv
        args = build_parser(argv[0] if argv else "").parse_args(argv)
    except SystemExit:  # after --help and --version, too
        sys.stdout.flush()
        raise
    with _log_on_stderr(quiet=args.quiet):
        args.run(args)
    sys.stdout.flush()


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


def build_parser(called: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of the one that is called; None: with those of all."""
    parser = streams.Parser(
        prog="xmlc-mhe", description="Tag texts with the few right labels out of thousands or millions."
    )
    parser.add_argument("--version", action="version", version=f"xmlc-mhe {__version__}")
    commands = parser.add_subparsers(required=True, metavar=" | ".join(COMMANDS))
    for name, (module, title) in COMMANDS.items():
        if called in (name, None):
            import_module(f".{module}", __name__).add_command_to(commands, name, title)
        else:
            commands.add_parser(name, help=title)
    return parser
