"""The server as an ASGI application: its routes, and what comes with every answer."""

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import annif, ours
from .problems import Problem, problem_response
from .server import Server

logger = logging.getLogger("xmlc_mhe")

Handler = Callable[[Server, Request], Awaitable[Response]]
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v1/", annif.show_info),
    ("GET", "/v1/vocabs", annif.list_vocabs),
    ("GET", "/v1/projects", annif.list_projects),
    ("GET", "/v1/projects/{project_id}", annif.show_project),
    ("POST", "/v1/projects/{project_id}/suggest", annif.suggest),
    ("POST", "/v1/projects/{project_id}/suggest-batch", annif.suggest_batch),
    ("POST", "/v1/projects/{project_id}/learn", annif.learn),
    ("POST", "/v1/detect-language", annif.detect_language),
    ("POST", "/v1/projects/{project_id}/explain", ours.explain),
    ("GET", "/v1/projects/{project_id}/labels", ours.complete),
    ("GET", "/", partial(ours.show_file, name="page.html")),
    ("GET", "/docs", partial(ours.show_file, name="docs.html")),
    *(("GET", f"/{name}", partial(ours.show_file, name=name)) for name in ours.FILES if not name.endswith(".html")),
]
OPEN_ROUTES: list[tuple[str, str, Handler]] = [("GET", "/health", ours.health), ("GET", "/metrics", ours.show_metrics)]
SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def app_of(server: Server) -> Starlette:
    """Return the application of a server."""
    routes = [
        Route(path, partial(_answer, server, path, handler, is_open), methods=[method])
        for is_open, table in ((False, ROUTES), (True, OPEN_ROUTES))
        for method, path, handler in table
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})


async def _answer(server: Server, route: str, handler: Handler, is_open: bool, request: Request) -> Response:
    """Return the answer of a route, whatever happens, and count it."""
    start = time.perf_counter()
    client = request.client.host if request.client else ""
    has_entered = False
    try:
        server.check_host(request)
        if not is_open:  # an operator asks how it goes just when there is no room
            server.gate.enter(client)
            has_entered = True
        response = await handler(server, request)
    except Problem as problem:
        response = problem_response(problem)
    except Exception as error:  # its message may quote a text: the log gets its kind and its place
        logger.error("%s: %s in %s", route, type(error).__name__, _place(error))
        response = problem_response(Problem(500, "The server failed at this request. Its log says where."))
    finally:
        if has_entered:
            server.gate.leave(client)
    response.headers.update(SAFE_HEADERS)
    seconds = time.perf_counter() - start
    server.metrics.add_request(route, response.status_code, seconds)
    if server.log_requests:
        logger.info("%s %s %s %d %.1f ms", client, request.method, route, response.status_code, 1000 * seconds)
    return response


async def _no_route(request: Request, error: Exception) -> Response:
    """Answer an address or a method that does not exist."""
    assert isinstance(error, HTTPException)
    detail = "The address and the method must be in /docs. Got others; look there."
    return problem_response(Problem(error.status_code, detail, error.headers))


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
