"""`xmlc-mhe COMMAND`: parse, call the API, print; no logic that the API lacks. A module a command."""

import argparse
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

from .. import __version__
from .data import add_data
from .evaluate import add_eval
from .fit import add_fit
from .plan import add_plan
from .predict import add_predict
from .report import add_report
from .run import add_run
from .search import add_search

logger = logging.getLogger("xmlc_mhe")

COMMANDS = {
    "fit": add_fit,
    "predict": add_predict,
    "eval": add_eval,
    "plan": add_plan,
    "data": add_data,
    "run": add_run,
    "search": add_search,
    "report": add_report,
}


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
        warnings.simplefilter("ignore")  # joblib's, about the work that is dropped
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
    commands = parser.add_subparsers(required=True, metavar=" | ".join(COMMANDS))
    for add in COMMANDS.values():
        add(commands)
    return parser
