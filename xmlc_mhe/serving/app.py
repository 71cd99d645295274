"""The server as an ASGI application: routes, and what all of them share."""

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import annif, ours
from .learning import Corrected, Store
from .limits import Gate, Limits
from .metrics import Metrics
from .models import Project
from .predicting import MOST_TOGETHER, Predictor
from .problems import Problem, problem_response

logger = logging.getLogger("xmlc_mhe")

Handler = Callable[["Server", Request], Awaitable[Response]]
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


class Server:
    """What the routes share.

    Args:
        projects: the models.
        store: keeps corrections; None: `learn` is refused.
        token: what `learn` asks for as "Authorization: Bearer TOKEN"; None: nothing.
        limits: what a request may cost.
        threads: predictions at a time.
        language: of the labels, as Annif's clients are told; "und": any.
        hosts: the names under which the server may be called, without ports; None: any. It keeps pages of other sites
            from a server on this machine, which they could reach under a name of their own.
        log_requests: write a line a request: address, route, status, milliseconds; never a text.
    """

    def __init__(
        self,
        projects: Iterable[Project],
        *,
        store: Store | None = None,
        token: str | None = None,
        limits: Limits | None = None,
        threads: int = 1,
        language: str = "und",
        hosts: Iterable[str] | None = None,
        log_requests: bool = False,
        most_together: int = MOST_TOGETHER,
    ) -> None:
        self.projects: dict[str, Project] = {}
        for project in projects:
            if project.name in self.projects:
                raise ValueError(f"models must have names of their own. Got two {project.name}; write NAME=FOLDER.")
            self.projects[project.name] = project
        self.store, self.token, self.language = store, token, language
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self.limits = limits or Limits()
        self.gate, self.metrics = Gate(self.limits), Metrics()
        self.predictor = Predictor(threads=threads, seconds=self.limits.seconds, most_together=most_together)
        self._log_requests = log_requests

    def project_of(self, request: Request) -> Project:
        """Return the project that the address names."""
        try:
            return self.projects[request.path_params["project_id"]]
        except KeyError:
            raise Problem(404, "The project must be one of /v1/projects. Got another; choose one of them.") from None

    def store_for(self, request: Request) -> Store:
        """Return the store, if there is one and the request may write to it."""
        if self.store is None:
            raise Problem(403, "Corrections must have a store. There is none; start with --store FILE.")
        if self.token is not None:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
                detail = "Corrections need the token. Got none, or another; send Authorization: Bearer TOKEN."
                raise Problem(401, detail, {"WWW-Authenticate": "Bearer"})
        return self.store

    async def keep(self, store: Store, project: Project, corrections: Sequence[Corrected]) -> None:
        """Write corrections to the store; they are safe when this returns."""
        await asyncio.to_thread(store.add, corrections)

    def reload(self, *, always: bool = False) -> None:
        """Replace the models whose folders have changed, or all; called in a thread of its own."""
        for project in self.projects.values():
            project.reload(self.metrics, always=always)

    def app(self) -> Starlette:
        """Return the application."""
        routes = [
            Route(path, partial(self._answer, path, handler, path_is_open=is_open), methods=[method])
            for is_open, table in ((False, ROUTES), (True, OPEN_ROUTES))
            for method, path, handler in table
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _no_route})

    async def _answer(self, route: str, handler: Handler, request: Request, *, path_is_open: bool) -> Response:
        start = time.perf_counter()
        client = request.client.host if request.client else ""
        has_entered = False
        try:
            self._check_host(request)
            if not path_is_open:  # an operator asks how it goes just when there is no room
                self.gate.enter(client)
                has_entered = True
            response = await handler(self, request)
        except Problem as problem:
            response = problem_response(problem)
        except Exception as error:  # its message may quote a text: the log gets its kind and its place
            logger.error("%s: %s in %s", route, type(error).__name__, _place(error))
            response = problem_response(Problem(500, "The server failed at this request. Its log says where."))
        finally:
            if has_entered:
                self.gate.leave(client)
        response.headers.update(SAFE_HEADERS)
        seconds = time.perf_counter() - start
        self.metrics.add_request(route, response.status_code, seconds)
        if self._log_requests:
            logger.info("%s %s %s %d %.1f ms", client, request.method, route, response.status_code, 1000 * seconds)
        return response

    def _check_host(self, request: Request) -> None:
        if self.hosts is None:
            return
        host = request.headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name not in self.hosts:
            raise Problem(421, "The server must be called by a name that it knows. Got another; see --allow-host.")


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
