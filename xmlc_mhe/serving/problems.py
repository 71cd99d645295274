"""Answers that are no results, all in one JSON form: type, title, status and detail (RFC 9457)."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response


class Problem(Exception):
    """A request that is not answered: its HTTP status, and what must hold, what we got, what to do.

    The detail quotes nothing of a text; it is shown to the client, and never written to the log.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer with a value; a lone surrogate becomes its escape, which JSON has, too."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
    return Response(body, status, dict(headers or {}), "application/json")


def problem_response(problem: Problem) -> Response:
    title = HTTPStatus(problem.status).phrase
    response = json_response(
        {"type": "about:blank", "title": title, "status": problem.status, "detail": problem.detail},
        status=problem.status,
        headers=problem.headers,
    )
    response.headers["content-type"] = "application/problem+json"
    return response
