"""`xmlc-mhe serve`: models behind HTTP, with a page."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import Any

from .common import add_command

logger = logging.getLogger("xmlc_mhe")

TOKEN = "XMLC_TOKEN"
EXAMPLES = f"""examples:
  xmlc-mhe serve model                                     the page is at http://127.0.0.1:8000/
  xmlc-mhe serve subjects=model genres=other --store corrections.db
  {TOKEN}=secret xmlc-mhe serve model --store corrections.db --host 0.0.0.0 --allow-host tags.example.org
  curl -d "text=parse a date string" -d limit=5 http://127.0.0.1:8000/v1/projects/model/suggest

Programs written for Annif work with it. SIGHUP, or a model that is put in the folder's place, replaces the model
without a failed request; SIGTERM ends after what is under way. Behind a proxy: see docs/serving.md."""


def add_command_to(commands: Any, name: str, title: str) -> None:
    command = add_command(commands, name, run_serve, title=title, examples=EXAMPLES)
    command.add_argument(
        "models", nargs="+", metavar="[NAME=]MODEL", help="the folder that fit wrote (default name: the folder's)"
    )
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    command.add_argument("--port", type=int, default=8000, help="0: a free one (default: %(default)s)")
    command.add_argument("--store", type=Path, metavar="FILE", help="keep corrections here (default: take none)")
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name the server may be called by (default: with a loopback address its own, else any; repeatable)",
    )
    command.add_argument("--language", default="und", metavar="CODE", help="of the labels (default: %(default)s)")
    command.add_argument("--log-requests", action="store_true", help="a line a request, without its text")
    command.add_argument(
        "--encoder-class", metavar="PACKAGE.MODULE:CLASS", help="of models with an encoder of your own"
    )
    group = command.add_argument_group("limits")
    for option, default, what in LIMITS:
        group.add_argument(option, type=int, default=default, metavar="N", help=f"{what} (default: {default})")
    group.add_argument("--reload-seconds", type=float, default=2.0, metavar="S", help="looks at folders (default: 2)")


LIMITS = (
    ("--max-bytes", 4_000_000, "of a request"),
    ("--max-documents", 256, "of a batch"),
    ("--max-results", 1000, "labels a document"),
    ("--max-seconds", 30, "until an answer"),
    ("--max-requests", 256, "under way at once"),
    ("--max-requests-each", 64, "under way of one client"),
)


def run_serve(args: argparse.Namespace) -> None:
    """Serve until a signal ends it."""
    try:
        from ..serving.running import hosts_of, listen, run
        from ..serving.server import Server
    except ImportError as error:
        raise ImportError(f'serve needs {error.name}. Got none; pip install "xmlc-mhe[serve]".') from None
    from ..corrections.store import CorrectionStore
    from ..serving.limits import Limits
    from ..serving.models import project_of

    if not args.reload_seconds > 0:
        raise ValueError(f"--reload-seconds must be above 0. Got {args.reload_seconds:g}; choose another.")
    limits = Limits(
        body_bytes=args.max_bytes,
        documents=args.max_documents,
        results=args.max_results,
        seconds=args.max_seconds,
        at_once=args.max_requests,
        at_once_each=args.max_requests_each,
    )
    token = os.environ.get(TOKEN) or None
    if token is not None and args.store is None:
        raise ValueError(f"{TOKEN} must come with --store. Got it alone; name a store, or unset it.")
    with listen(args.host, args.port) as listening:
        server = Server(
            [project_of(model, encoder_class=args.encoder_class) for model in args.models],
            store=None if args.store is None else CorrectionStore(args.store),
            token=token,
            limits=limits,
            threads=args.threads or os.cpu_count() or 1,
            language=args.language,
            hosts=hosts_of(args.host, args.allow_host),
            log_requests=args.log_requests,
        )
        host = f"[{args.host}]" if ":" in args.host else args.host
        logger.info("serving %s at http://%s:%d/", ", ".join(server.projects), host, listening.getsockname()[1])
        run(server, listening, seconds_between=args.reload_seconds, seconds_to_end=args.max_seconds)
