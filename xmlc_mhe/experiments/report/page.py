"""A report as files: one HTML page that needs no network, Markdown with its pictures, and the numbers as JSON."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import DataError
from ...outputs import cannot_write, whole_file
from . import analysis, plots
from .analysis import Entry, read_entries

COSTS: dict[str, tuple[Callable[[dict[str, Any]], float], int]] = {  # title -> its value in a result, decimals
    "fit s": (lambda result: result["seconds"]["fit"], 1),
    "fit, CPU s": (lambda result: result["seconds"]["fit_cpu"], 1),
    "ms a document": (lambda result: result["predict_ms"], 3),
    "peak MiB": (lambda result: result["peak_mib"], 0),
    "model MB": (lambda result: result["model_megabytes"], 1),
}
PICTURES = {  # name -> title and what to see in it
    "frequency-precision": ("Precision by label frequency", "Rare labels left, frequent ones right."),
    "frequency-recall": ("Recall by label frequency", "How many of the rare labels' documents are found."),
    "coverage": ("Coverage", "Share of the labels of test that are predicted rightly at least once."),
    "reliability": (
        "Reliability of scores",
        "Scores are margins: above 0 where the label's own classifier says yes. A steep, rising line ranks well.",
    ),
    "learning": ("Learning curve", "Precision against the number of training documents."),
}


def write_report(results: Sequence[str | os.PathLike[str]], folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Write report.html, report.md with its .svg files, and report.json into a folder, and return what is in the last.

    Args:
        results: files that `xmlc-mhe run` wrote; the outcome beside each gives more than the table, if it is there.
        folder: made if it is missing; earlier reports in it are replaced.
    Raises: DataError: a result cannot be read, two have one name, or the folder cannot be written; ImportError: an
        extra is not installed.
    """
    entries = read_entries([Path(path) for path in results])
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f'results must have different names. Got "{twice}" twice; give each result once.')
    content = analyse(entries)
    pictures = draw_pictures(content)
    page = {
        "version": __version__,
        "pictures": {name: (*PICTURES[name], svg) for name, svg in pictures.items()},
        "ranking": [metric for metric in content["metrics"] if metric.split("@")[0] in ("P", "R", "nDCG")],
        "digits": {title: digits for title, (_, digits) in COSTS.items()},
        "results": [entry.result for entry in entries],
        **content,
    }
    files = {f"{name}.svg": svg for name, svg in pictures.items()}
    files |= {"report.html": _render("report.html.j2", page), "report.md": _render("report.md.j2", page)}
    files["report.json"] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _write(files, Path(folder))
    return content


def analyse(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the numbers of a report as JSON values.

    "metrics" and "costs" have a value for each of "names", "details" is there for results with an outcome, "learning"
    for those with a learning curve.
    """
    shared = [
        metric for metric in entries[0].result["metrics"] if all(metric in entry.result["metrics"] for entry in entries)
    ]
    tests = {result["data"][result["recipe"]["evaluation"]["part"]]["sha256"] for result in (e.result for e in entries)}
    content: dict[str, Any] = {
        "names": [entry.name for entry in entries],
        "is_same_data": len(tests) == 1,
        "metrics": {metric: [entry.result["metrics"][metric] for entry in entries] for metric in shared},
        "costs": {title: [value_of(entry.result) for entry in entries] for title, (value_of, _) in COSTS.items()},
        "details": {},
        "learning": {},
    }
    for entry in entries:
        if "learning_curve" in entry.result:
            whole = {"docs": entry.result["data"]["train"]["docs"], **entry.result["metrics"]}
            content["learning"][entry.name] = [*entry.result["learning_curve"], whole]
        if entry.outcome is not None and entry.hits is not None:
            known, k = (entry.outcome, entry.hits), entry.k
            content["details"][entry.name] = {
                "k": k,
                "frequency": analysis.frequency_rows(*known, k),
                "coverage": analysis.coverage_rows(*known),
                "reliability": analysis.reliability_rows(*known, k),
                "worst_documents": analysis.worst_documents(*known, k),
                "worst_labels": analysis.worst_labels(*known, k),
                "labels": analysis.label_table(*known, k),
            }
    return content


def draw_pictures(content: dict[str, Any]) -> dict[str, str]:
    """Return the SVG of each picture that there are numbers for."""
    details, pictures = content["details"], {}
    if details:
        k = max(detail["k"] for detail in details.values())
        rows = {part: {name: details[name][part] for name in details} for part in next(iter(details.values()))}
        for share in ("precision", "recall"):
            pictures[f"frequency-{share}"] = plots.frequency_plot(rows["frequency"], share, k=k)
        pictures["coverage"] = plots.coverage_plot(rows["coverage"])
        pictures["reliability"] = plots.reliability_plot(rows["reliability"], k=k)
    if content["learning"]:
        shared = [metric for metric in content["metrics"] if metric.startswith("P@")]
        metrics = shared[:1] if len(content["learning"]) > 1 else shared
        pictures["learning"] = plots.learning_plot(content["learning"], metrics)
    return pictures


def _render(template: str, page: dict[str, Any]) -> str:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ImportError('a report needs jinja2. Got none; pip install "xmlc-mhe[plots]".') from None
    environment = Environment(
        loader=PackageLoader("xmlc_mhe.experiments.report"),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    environment.filters["number"] = lambda value, digits=2: "" if value is None else f"{value:,.{digits}f}"
    environment.filters["script"] = lambda value: json.dumps(value).replace("<", "\\u003c")  # ends no script element
    return environment.get_template(template).render(page)


def _write(files: dict[str, str], folder: Path) -> None:
    """Write the files one by one, each whole or not at all."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for name, content in files.items():
        with whole_file(folder / name) as written:
            written.write_text(content, encoding="utf-8", errors="backslashreplace")
