"""The routes of Annif's REST interface, with its names of fields, so that its clients work."""

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import __version__
from .learning import corrections_of
from .models import Project, ServedModel
from .predicting import Suggestion, num_predicted, suggestions
from .problems import Problem, json_response
from .reading import fraction, names_of, read_fields, read_json, text_of, whole_number
from .server import Server

DEFAULT_LIMIT = 10


async def show_info(server: Server, request: Request) -> Response:
    """Title and version, and whether corrections are taken: "off", "open", or with a "token"."""
    corrections = "off" if server.store is None else "token" if server.token else "open"
    return json_response({"title": "xmlc-mhe", "version": __version__, "corrections": corrections})


async def list_vocabs(server: Server, request: Request) -> Response:
    return json_response({"vocabs": [_vocabulary(project, server.language) for project in server.projects.values()]})


async def list_projects(server: Server, request: Request) -> Response:
    return json_response({"projects": [_described(project, server) for project in server.projects.values()]})


async def show_project(server: Server, request: Request) -> Response:
    return json_response(_described(server.project_of(request), server))


async def suggest(server: Server, request: Request) -> Response:
    """The best labels of one text."""
    served = server.project_of(request).served
    fields = await read_fields(request, server.limits)
    text, limit, threshold = text_of(fields), *_wanted(server, fields)
    choice = _choice(served, fields)
    if choice:
        rows = await server.predictor.run(partial(_suggest_rows, served, [text], limit, choice))
        row = rows[0]
    else:
        row = await server.predictor.suggest(served, text, limit)
    server.metrics.documents["suggested"] += 1
    return json_response({"results": _results(served, row[:limit], threshold)})


async def suggest_batch(server: Server, request: Request) -> Response:
    """The best labels of several texts."""
    served = server.project_of(request).served
    limit, threshold = _wanted(server, request.query_params)
    value = await read_json(request, server.limits)
    documents = _documents(value.get("documents") if isinstance(value, dict) else None, "documents", server)
    texts = [text_of(document, f"documents[{number}].") for number, document in enumerate(documents)]
    choice = _choice(served, value)
    rows = await server.predictor.run(partial(_suggest_rows, served, texts, limit, choice)) if texts else []
    server.metrics.documents["suggested"] += len(texts)
    return json_response(
        [
            {"document_id": document.get("document_id"), "results": _results(served, row[:limit], threshold)}
            for document, row in zip(documents, rows, strict=True)
        ]
    )


async def learn(server: Server, request: Request) -> Response:
    """Keep documents with their right labels, for `xmlc-mhe data corrections`."""
    project = server.project_of(request)
    store = server.store_for(request)
    documents = _documents(await read_json(request, server.limits), "The body", server)
    corrections = corrections_of(documents)
    await server.keep(store, project, corrections)
    server.metrics.documents["learned"] += len(corrections)
    return Response(status_code=204)


async def detect_language(server: Server, request: Request) -> Response:
    """The shares of a text's words that some languages have; needs the package simplemma."""
    fields = await read_json(request, server.limits)
    if not isinstance(fields, dict):
        raise Problem(422, 'The body must be an object. Got other JSON; send {"text": "...", "languages": ["en"]}.')
    text, languages = text_of(fields), names_of(fields.get("languages"), "languages")
    if not 1 <= len(languages) <= 5:
        raise Problem(422, f"languages must be 1 to 5 codes. Got {len(languages)}; choose the likely ones.")
    try:
        from simplemma import langdetect
    except ImportError:
        detail = "Languages must be detected by simplemma. It is not installed; run: pip install simplemma."
        raise Problem(501, detail) from None
    try:
        shares = await server.predictor.run(partial(langdetect, text, lang=tuple(languages)))
    except (ValueError, KeyError):
        raise Problem(422, "languages must be codes that simplemma knows. Got another; leave it out.") from None
    results = [{"language": None if code == "unk" else code, "score": share} for code, share in dict(shares).items()]
    return json_response({"results": results})


def _suggest_rows(
    served: ServedModel, texts: list[str], limit: int, choice: Mapping[str, list[str]]
) -> list[list[Suggestion]]:
    return suggestions(served, texts, num_predicted(served, limit), **choice)


def _wanted(server: Server, fields: Mapping[str, Any]) -> tuple[int, float]:
    """Return how many labels are asked for, and the least probability of one."""
    language = fields.get("language")
    if language and server.language not in ("und", language):
        raise Problem(422, f'language must be "{server.language}", that of the labels. Got another; leave it out.')
    limit = min(whole_number(fields, "limit", default=DEFAULT_LIMIT), server.limits.results)
    return limit, fraction(fields, "threshold", default=0.0)


def _choice(served: ServedModel, fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the labels that are asked for, or left out."""
    choice = {name: names_of(fields[name], name) for name in ("among", "without") if fields.get(name) is not None}
    for name, labels in choice.items():
        unknown = sum(label not in served.ids for label in labels)
        if unknown or (name == "among" and not labels):
            raise Problem(422, f"{name} must name labels of the model. Got {unknown} unknown; see /labels.")
    return choice


def _documents(value: Any, place: str, server: Server) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(document, dict) for document in value):
        raise Problem(422, f'{place} must be a list of documents. Got other JSON; send [{{"text": "..."}}].')
    if len(value) > (most := server.limits.documents):
        raise Problem(413, f"{place} must be at most {most} documents. Got {len(value)}; send them in parts.")
    return value


def _results(served: ServedModel, row: list[Suggestion], threshold: float) -> list[dict[str, Any]]:
    names = served.model.label_names_
    return [
        {"uri": names[label], "label": names[label], "notation": None, "score": score}
        for label, score in row
        if score >= threshold
    ]


def _described(project: Project, server: Server) -> dict[str, Any]:
    served = project.served
    return {
        "project_id": project.name,
        "name": project.name,
        "language": server.language,
        "backend": {"backend_id": "xmlc-mhe"},
        "vocab": _vocabulary(project, server.language),
        "vocab_language": server.language,
        "is_trained": True,
        "modification_time": datetime.fromtimestamp(served.modified, timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017  # Python 3.10
    }


def _vocabulary(project: Project, language: str) -> dict[str, Any]:
    size = len(project.served.model.label_names_)
    return {"vocab_id": project.name, "languages": [language], "size": size, "loaded": True}
