"""The routes that Annif has not: explanations, completion, health, metrics, and the page."""

from functools import cache, partial
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from .problems import Problem, json_response
from .reading import names_of, read_fields, text_of, whole_number
from .server import Server

FILES = {"page.html": "text/html", "docs.html": "text/html", "page.css": "text/css", "openapi.json": "application/json"}
FILES |= dict.fromkeys(("page.js", "docs.js"), "text/javascript")
DEFAULT_EXPLAINED, DEFAULT_COMPLETED = 5, 20


async def explain(server: Server, request: Request) -> Response:
    """Why a text has its best labels, or those that are named."""
    served = server.project_of(request).served
    fields = await read_fields(request, server.limits)
    text = text_of(fields)
    limit = min(whole_number(fields, "limit", default=DEFAULT_EXPLAINED, least=1), server.limits.explained)
    labels = None if fields.get("labels") is None else names_of(fields["labels"], "labels")
    if labels is not None:
        if len(labels) > server.limits.explained or not labels:
            raise Problem(422, f"labels must be 1 to {server.limits.explained} names. Got {len(labels)}; send others.")
        if unknown := sum(label not in served.ids for label in labels):
            raise Problem(422, f"labels must be those of the model. Got {unknown} unknown; see /labels.")
    num_labels = min(limit, len(served.model.label_names_))
    explanations = await server.predictor.run(partial(served.model.explain, text, labels, num_labels))
    server.metrics.documents["explained"] += 1
    return json_response({"results": [explanation.as_json() for explanation in explanations]})


async def complete(server: Server, request: Request) -> Response:
    """The names of labels in which a text stands."""
    served = server.project_of(request).served
    limit = whole_number(request.query_params, "limit", default=DEFAULT_COMPLETED)
    names = served.index.find(request.query_params.get("query", ""), min(limit, server.limits.results))
    return json_response({"labels": names})


async def health(server: Server, request: Request) -> Response:
    """Whether the server takes requests: 200, or 503 while it ends."""
    state, status = ("ending", 503) if server.gate.closing else ("ok", 200)
    models = {name: len(project.served.model.label_names_) for name, project in server.projects.items()}
    return json_response({"status": state, "labels": models}, status=status)


async def show_metrics(server: Server, request: Request) -> Response:
    lines = server.metrics.lines(under_way=server.gate.under_way)
    return Response("".join(f"{line}\n" for line in lines), media_type="text/plain; version=0.0.4")


async def show_file(server: Server, request: Request, *, name: str) -> Response:
    return Response(file_bytes(name), media_type=FILES[name])


@cache
def file_bytes(name: str) -> bytes:
    """Return a file of the page."""
    return (resources.files(__package__) / "page" / name).read_bytes()
