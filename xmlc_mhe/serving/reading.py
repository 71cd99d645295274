"""What stands in a request: its body within the limits, form fields, JSON, and checked values."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from .limits import Limits
from .problems import Problem

MOST_FIELDS = 1000
Fields = Mapping[str, str]


async def read_fields(request: Request, limits: Limits) -> dict[str, Any]:
    """Return the fields of a form, or of a JSON object."""
    if media_type(request) == "application/json":
        value = await read_json(request, limits)
        if not isinstance(value, dict):
            raise Problem(422, 'The body must be an object. Got other JSON; send for example {"text": "..."}.')
        return value
    if media_type(request) not in ("application/x-www-form-urlencoded", ""):
        raise Problem(415, "The body must be a URL-encoded form or JSON. Got another kind; set Content-Type.")
    body = await read_body(request, limits)
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Problem(422, "The body must be a URL-encoded form. Got other bytes; encode the fields.") from None
    return dict(pairs)


async def read_json(request: Request, limits: Limits) -> Any:
    """Return the value of a JSON body.

    The type must be said: a page of another site may send JSON under that name only where the server allows it.
    """
    if media_type(request) != "application/json":
        raise Problem(415, "The body must be JSON. Got another kind; set Content-Type: application/json.")
    body = await read_body(request, limits)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(422, "The body must be JSON. Got something else; check the quotes and the encoding.") from None


async def read_body(request: Request, limits: Limits) -> bytes:
    """Return the body; one that is too long is not read to its end."""
    most = limits.body_bytes
    problem = Problem(413, f"The body must have at most {most} bytes. Got more; send less.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise problem
    try:
        return await asyncio.wait_for(_read(request, most, problem), limits.seconds)
    except asyncio.TimeoutError:  # noqa: UP041  # Python 3.10 has its own
        raise Problem(408, f"The body must come in {limits.seconds} seconds. It did not; send it quicker.") from None
    except ClientDisconnect:
        raise Problem(400, "The body must be whole. The connection ended before; send it again.") from None


async def _read(request: Request, most: int, problem: Problem) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > most:
            raise problem
    return b"".join(parts)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def text_of(fields: Mapping[str, Any], place: str = "") -> str:
    """Return the text of a form or a document; half of a character (a lone surrogate) becomes U+FFFD."""
    if not isinstance(text := fields.get("text"), str):
        raise Problem(422, f"{place}text must be given, as a string. Got {_kind(text)}; add it.")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_number(fields: Mapping[str, Any], name: str, *, default: int, least: int = 0) -> int:
    value = fields.get(name, default)
    try:
        number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else least - 1
    except ValueError:
        number = least - 1
    if number < least:
        raise Problem(422, f"{name} must be a whole number from {least} on. Got something else; choose another.")
    return number


def fraction(fields: Mapping[str, Any], name: str, *, default: float) -> float:
    try:
        value = float(fields.get(name, default))
    except (TypeError, ValueError, OverflowError):
        value = -1.0
    if not 0 <= value <= 1:
        raise Problem(422, f"{name} must be a number from 0 to 1. Got something else; choose another.")
    return value


def names_of(value: Any, name: str) -> list[str]:
    """Return a list of names: JSON's, or that of a form, whose names stand a line each."""
    if isinstance(value, str):
        return [line for line in value.splitlines() if line]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Problem(422, f'{name} must be a list of names. Got {_kind(value)}; send for example ["a", "b"].')
    return value


def _kind(value: Any) -> str:
    return "none" if value is None else f"a {type(value).__name__}"
