"""A server from its first request to its last: the socket, the signals, models that are replaced."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from ..errors import in_short
from .app import app_of
from .server import Server

logger = logging.getLogger("xmlc_mhe")

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0: a free one.

    Raises: ValueError: the address is not ours, or in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        if not 0 <= port <= 65535:
            raise OverflowError("a port is a number from 0 to 65535")
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"--host and --port must be a free address of this machine. Got {host}, {port}: {in_short(error)}; choose "
            "another."
        ) from None
    # An answer is written in two parts. Without this the second waits for the client's word on the first: 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def hosts_of(host: str, allowed: list[str]) -> list[str] | None:
    """Return the names under which a server may be called: with a loopback address its own, else any that come."""
    name = f"[{host}]" if ":" in host else host
    if name in LOOPBACK or host.startswith("127."):
        return [*LOOPBACK, name, *allowed]
    return allowed or None


def run(server: Server, listening: socket.socket, *, seconds_between: float, seconds_to_end: int) -> None:
    """Serve until SIGTERM or SIGINT, and then end what is under way. SIGHUP loads all models again.

    Args:
        seconds_between: looks at the model folders.
        seconds_to_end: for what is under way at the end.
    """
    config = uvicorn.Config(
        app_of(server),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=seconds_to_end,
        h11_max_incomplete_event_size=65536,
    )
    run_until_done: Callable[[Any], None] = asyncio.run
    with contextlib.suppress(ImportError):  # not on every system
        from uvloop import run as run_until_done
    run_until_done(_serve(server, _Uvicorn(config), listening, seconds_between))


class _Uvicorn(uvicorn.Server):
    """Leaves the signals to us: its own way raises them again after the end, as if we had not ended by them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(server: Server, uvicorn_server: uvicorn.Server, listening: socket.socket, seconds: float) -> None:
    loop, hang_up = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        server.gate.closing = True
        uvicorn_server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, hang_up.set)
    watching = asyncio.create_task(_watch(server, hang_up, seconds))
    try:
        await uvicorn_server.serve(sockets=[listening])
    finally:
        watching.cancel()
        server.predictor.close()
    logger.info("ended; all requests under way were answered")


async def _watch(server: Server, hang_up: asyncio.Event, seconds: float) -> None:
    """Look at the model folders every few seconds, and load all at a hang-up."""
    while True:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(hang_up.wait(), seconds)
        always = hang_up.is_set()
        hang_up.clear()
        await asyncio.to_thread(server.reload, always=always)
