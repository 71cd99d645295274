"""What the routes of a server share: models, corrections, limits, counts."""

import asyncio
import hmac
from collections.abc import Iterable, Sequence

from starlette.requests import Request

from ..corrections.store import Correction, CorrectionStore
from .limits import Gate, Limits
from .metrics import Metrics
from .models import Project
from .predicting import MOST_TOGETHER, Predictor
from .problems import Problem


class Server:
    """The state of a server; `app.app_of` makes the application of it.

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
        store: CorrectionStore | None = None,
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
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise ValueError("the token must be of ASCII letters, digits and signs. Got others; choose another.")
        self.store, self.token, self.language = store, token, language
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self.limits = limits or Limits()
        self.gate, self.metrics = Gate(self.limits), Metrics()
        self.predictor = Predictor(threads=threads, seconds=self.limits.seconds, most_together=most_together)
        self.log_requests = log_requests

    def project_of(self, request: Request) -> Project:
        """Return the project that the address names."""
        try:
            return self.projects[request.path_params["project_id"]]
        except KeyError:
            raise Problem(404, "The project must be one of /v1/projects. Got another; choose one of them.") from None

    def store_for(self, request: Request) -> CorrectionStore:
        """Return the store, if there is one and the request may write to it."""
        if self.store is None:
            raise Problem(403, "Corrections must have a store. There is none; start with --store FILE.")
        if self.token is not None:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self.token.encode()):
                detail = "Corrections need the token. Got none, or another; send Authorization: Bearer TOKEN."
                raise Problem(401, detail, {"WWW-Authenticate": "Bearer"})
        return self.store

    async def keep(self, store: CorrectionStore, project: Project, corrections: Sequence[Correction]) -> None:
        """Write corrections to the store; they are safe when this returns."""
        await asyncio.to_thread(store.add, corrections)

    def reload(self, *, always: bool = False) -> None:
        """Replace the models whose folders have changed, or all; called in a thread of its own."""
        for project in self.projects.values():
            project.reload(self.metrics, always=always)

    def check_host(self, request: Request) -> None:
        """Raise Problem 421 where a request calls the server by a name that is not its own."""
        if self.hosts is None:
            return
        host = request.headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if name not in self.hosts:
            raise Problem(421, "The server must be called by a name that it knows. Got another; see --allow-host.")
