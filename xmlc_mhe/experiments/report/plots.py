"""The pictures of a report, as SVG; matplotlib draws them."""

import io
from collections.abc import Callable, Sequence
from typing import Any

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind, too
SIZE = (5.2, 3.4)  # inches
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
}


def draw(paint: Callable[[Any], None], *, name: str, size: tuple[float, float] = SIZE) -> str:
    """Return the SVG element of one picture; the same input gives the same bytes.

    Args:
        paint: draws on the axes that it is given.
        name: of the picture, which tells the ids in it from those of others on the same page.
        size: inches.
    Raises: ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('plots need matplotlib. Got none; pip install "xmlc-mhe[plots]".') from None
    with rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :]


def frequency_plot(rows_of: dict[str, list[dict[str, Any]]], share: str, *, k: int) -> str:
    """Return precision or recall at k against groups of labels from rare to frequent, a line a result."""

    def paint(axes: Any) -> None:
        for style, (name, rows) in zip(_styles(len(rows_of)), rows_of.items(), strict=True):
            points = [(place, row[share]) for place, row in enumerate(rows) if row[share] is not None]
            axes.plot(*zip(*points, strict=True), marker="o", label=name, **style)
        rows = next(iter(rows_of.values()))
        axes.set_xticks(range(len(rows)), [_range(row["fewest"], row["most"]) for row in rows], rotation=35, ha="right")
        axes.set_xlabel("training documents of a label, ten groups of as many labels")
        axes.set_ylim(0, 1)
        _finish(axes, ylabel=f"{share} at {k}", num_lines=len(rows_of))

    return draw(paint, name=f"frequency-{share}")


def coverage_plot(rows_of: dict[str, list[dict[str, Any]]]) -> str:
    """Return the share of labels found at least once against k."""

    def paint(axes: Any) -> None:
        for style, (name, rows) in zip(_styles(len(rows_of)), rows_of.items(), strict=True):
            axes.plot([row["k"] for row in rows], [row["coverage"] for row in rows], marker="o", label=name, **style)
        axes.set_xlabel("k, predictions a document")
        axes.set_ylim(0, 1)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _finish(axes, ylabel="share of test's labels found once", num_lines=len(rows_of))

    return draw(paint, name="coverage")


def reliability_plot(rows_of: dict[str, list[dict[str, Any]]], *, k: int) -> str:
    """Return the share of true labels against the score; a probability would lie on the diagonal from (0, 0)."""

    def paint(axes: Any) -> None:
        scores = [row["score"] for rows in rows_of.values() for row in rows]
        if min(scores) >= 0 and max(scores) <= 1:
            axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", linewidth=1, label="probability")
        for style, (name, rows) in zip(_styles(len(rows_of)), rows_of.items(), strict=True):
            axes.plot([row["score"] for row in rows], [row["true"] for row in rows], marker="o", label=name, **style)
        axes.set_xlabel(f"mean score, ten groups of as many of the first {k} predictions")
        axes.set_ylim(0, 1)
        _finish(axes, ylabel="share that is true", num_lines=len(rows_of))

    return draw(paint, name="reliability")


def learning_plot(rows_of: dict[str, list[dict[str, Any]]], metrics: Sequence[str]) -> str:
    """Return P@k against the number of training documents; a colour a result, a line style a cutoff."""

    def paint(axes: Any) -> None:
        for style, (name, rows) in zip(_styles(len(rows_of)), rows_of.items(), strict=True):
            for metric, dash in zip(metrics, ("-", "--", ":", "-."), strict=False):
                docs, values = [row["docs"] for row in rows], [row[metric] for row in rows]
                axes.plot(docs, values, marker="o", label=f"{name} {metric}", **style | {"linestyle": dash})
        ticks = sorted({row["docs"] for rows in rows_of.values() for row in rows})
        axes.set_xscale("log", base=2)
        if len(ticks) <= 6:
            axes.set_xticks(ticks, [f"{docs:,}" for docs in ticks])
        axes.set_xlabel("training documents")
        _finish(axes, ylabel="precision", num_lines=len(rows_of) * len(metrics))

    return draw(paint, name="learning")


def _styles(number: int) -> list[dict[str, Any]]:
    """Return colour and line style of so many lines; colours repeat with another style."""
    dashes = ("-", "--", ":", "-.")
    return [
        {"color": COLOURS[line % len(COLOURS)], "linestyle": dashes[line // len(COLOURS) % len(dashes)]}
        for line in range(number)
    ]


def _finish(axes: Any, *, ylabel: str, num_lines: int) -> None:
    axes.set_ylabel(ylabel)
    if num_lines > 1 or len(axes.lines) > 1:
        axes.legend(fontsize=8, loc="best")


def _range(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest}–{most}"
