"""This project beside the systems one would otherwise use: the same matrices, threads and measures.

    python recipes/compare/run.py cooking --data-dir DATA [--systems mhc vanilla parabel] [--threads 2] [--minutes 30]

Every system runs in a process and, unless it is this project or scikit-learn, in an environment of its own, which is
made first (in --environments) with the versions below; what cannot be made or takes longer than --minutes is skipped
with a line that says so. Ours have the options of recipes/NAME/mhc.toml, which were chosen on dev; the others those of
their authors. A system that stands in the results already is not run again, unless --again. Writes results/NAME.json
and its pictures, README.md beside this file, and the table of the project's README.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from xmlc_mhe import evaluate, load_dataset, metric_names
from xmlc_mhe.classifier.uses import USES
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.experiments.origin import commit, describe_data
from xmlc_mhe.experiments.recipe import Recipe, read_recipe
from xmlc_mhe.experiments.report.plots import COLOURS, draw
from xmlc_mhe.experiments.runs import compile_kernels, find_data
from xmlc_mhe.features.given import GivenFeatures
from xmlc_mhe.features.words import TextFeatures
from xmlc_mhe.propensity import propensity_of_counts

HERE = Path(__file__).parent
RESULTS = HERE / "results"
METRICS = [*metric_names(metrics=("P",)), "nDCG@5", *metric_names(metrics=("PSP",))]
REQUIREMENTS = {
    "omikuji": ["omikuji==0.5.2", "scipy"],
    "napkinxc": ["napkinxc==0.7.2", "scipy"],
    "pecos": ["libpecos==1.2.8"],
}


@dataclass(frozen=True)
class System:
    """One row: its title, its script, its options; those of ours come from the recipe."""

    title: str
    script: str
    options: dict[str, Any] = field(default_factory=dict)
    environment: str | None = None  # a key of REQUIREMENTS; None: that of this script


BONSAI = {"cluster_balanced": False, "cluster_k": 100, "max_depth": 3}
SYSTEMS = {
    "mhc": System("MHC (ours)", "fit_xmlc_mhe.py"),
    "vanilla": System("one-vs-rest (ours)", "fit_xmlc_mhe.py", {"head": "vanilla"}),
    "parabel": System("omikuji Parabel, 3 trees", "fit_omikuji.py", {"n_trees": 3}, "omikuji"),
    "bonsai": System("omikuji Bonsai, 3 trees", "fit_omikuji.py", {"n_trees": 3, **BONSAI}, "omikuji"),
    "xr-linear": System("PECOS XR-Linear", "fit_pecos.py", {"models": 1}, "pecos"),
    "xr-linear-3": System("PECOS XR-Linear, 3 models", "fit_pecos.py", {"models": 3}, "pecos"),
    "plt": System("napkinXC PLT, 3 trees", "fit_napkinxc.py", {"class": "PLT", "ensemble": 3}, "napkinxc"),
    "br": System("napkinXC BR", "fit_napkinxc.py", {"class": "BR"}, "napkinxc"),
    "sklearn": System("scikit-learn one-vs-rest", "fit_sklearn.py"),
}


def main() -> None:
    """Run what is asked for, and write the table and the pictures."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "xmlc-mhe", "compare")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a folder of recipes/ with a mhc.toml")
    parser.add_argument("--data-dir", help="where data sets lie (default: the variable XMLC_DATA)")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="SYSTEM")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=30, help="most for a system (default: %(default)s)")
    parser.add_argument("--environments", type=Path, default=cache, help="(default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="run those that have a result, too")
    args = parser.parse_args()
    path = RESULTS / f"{args.name}.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    systems = {key: SYSTEMS[key] for key in args.systems if args.again or key not in result.get("systems", {})}
    if systems:
        compare(args, systems, result, path)
    write_readme()


def compare(args: argparse.Namespace, systems: dict[str, System], result: dict[str, Any], path: Path) -> None:
    """Run the systems one by one, print a row for each, and keep the results so far after each."""
    recipe = read_recipe(HERE.parent / args.name / "mhc.toml")
    train, test = load_dataset(find_data(recipe.data, ReadOptions(data_dir=args.data_dir)))
    result["data"] = describe_data({"train": train, "test": test})
    result |= {"threads": args.threads, "date": time.strftime("%Y-%m-%d", time.gmtime())}
    rows = result.setdefault("systems", {})
    skipped = result.setdefault("skipped", {})
    counts = np.bincount(train.Y.indices, minlength=train.num_labels)
    a, b = recipe.evaluation.propensity_a, recipe.evaluation.propensity_b
    propensity = propensity_of_counts(counts, train.num_docs, a=a, b=b, num_labels=test.Y.shape[1])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        X, X_test = features(recipe, train, test)
        for name, matrix in {"X_train": X, "Y_train": train.Y, "X_test": X_test}.items():
            sp.save_npz(folder / f"{name}.npz", sp.csr_matrix(matrix), compressed=False)
        compile_kernels("mhc")  # they are kept for the rows, each of which has a process of its own
        for key, system in systems.items():
            try:
                python = python_of(system.environment, args.environments)
                costs = run_system(key, system, recipe, python, folder, args)
            except RuntimeError as error:
                skipped[key] = str(error)
                print(f"{system.title}: skipped, {error}", flush=True)
            else:
                skipped.pop(key, None)
                values = evaluate(test.Y, np.load(folder / f"labels_{key}.npy"), METRICS, propensity=propensity)
                rows[key] = values | costs | {"commit": commit()}
                print(f"{system.title:>26}" + "".join(f"{100 * values[metric]:7.2f}" for metric in METRICS), end="")
                print(f"{costs['fit_seconds']:8.1f} s {costs['predict_ms']:8.3f} ms", flush=True)
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(result, indent=1) + "\n")


def features(recipe: Recipe, train: Any, test: Any) -> tuple[Any, Any]:
    """Return the data's own features with rows of unit length, or those of the texts."""
    if train.X is not None:
        return GivenFeatures().fit_transform(train.X), GivenFeatures().fit_transform(test.X)
    encoder = TextFeatures(**recipe.features)
    return encoder.fit_transform(train.texts), encoder.transform(test.texts)


def python_of(environment: str | None, folder: Path) -> Path:
    """Return the Python of an environment, made where it is missing; raises RuntimeError where that fails."""
    if environment is None:
        return Path(sys.executable)
    place = folder / environment
    installed = place / "installed.json"
    if not installed.exists() or json.loads(installed.read_text()) != REQUIREMENTS[environment]:
        print(f"making an environment for {environment} in {place}", flush=True)
        try:
            venv.create(place, clear=True, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RuntimeError(f"its environment cannot be made: {error}") from None
        command = [place / "bin" / "python", "-m", "pip", "install", "--quiet", *REQUIREMENTS[environment]]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"its environment cannot be made: {last_line(done.stderr)}")
        installed.write_text(json.dumps(REQUIREMENTS[environment]))
    return place / "bin" / "python"


def run_system(
    key: str, system: System, recipe: Recipe, python: Path, folder: Path, args: argparse.Namespace
) -> dict[str, Any]:
    """Return the costs of a system; raises RuntimeError where it fails or takes too long."""
    options = system.options
    if system.script == "fit_xmlc_mhe.py":
        head = system.options.get("head", "mhc")
        of_head = {name: value for name, value in recipe.model.items() if name not in USES or head in USES[name].heads}
        options = {**of_head, **system.options}
    command = [python, HERE / system.script, folder, str(args.threads), key, json.dumps(options)]
    environment = os.environ | {name: str(args.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    load = os.getloadavg()[0]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * args.minutes, env=environment)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it took more than {args.minutes:g} minutes") from None
    if done.returncode:
        raise RuntimeError(f"it failed: {last_line(done.stderr) or f'exit code {done.returncode}'}")
    return json.loads(done.stdout.splitlines()[-1]) | {"load_before": load}


def last_line(text: str) -> str:
    """Return the last line that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


# --- table and pictures -----------------------------------------------------------------------------------------------

MARKERS = ("*", "P", "o", "s", "^", "v", "D", "X", "h")
COSTS = {  # title: decimals
    "fit s": 1,
    "fit, CPU s": 1,
    "ms a document": 3,
    "p50 ms": 2,
    "p90 ms": 2,
    "p99 ms": 2,
    "peak MiB": 0,
    "model MB": 1,
}
INTRO = """# Side by side
This page sets our systems beside others on the same data. `python recipes/compare/run.py NAME --data-dir DATA` measures
them and writes this page; its code says how.

All systems get the same TF-IDF or given features and the same number of threads, and run in processes of their own. Our
options were chosen on dev parts; the other systems have the options of their authors. Metrics are in percent, on test
parts. Every document counts, and a label that only the test part has counts as missed. The best figure is in bold.

The columns p50, p90 and p99 are latencies of single documents on one thread. "fit, CPU s" adds up the seconds of all
threads; unlike "fit s", it hardly grows where a machine has other work, and `load_before` in the results says whether
it had. Rows may come from different runs; the results give the `commit` of each.
"""
TICKS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)  # seconds, in the picture of the project's README
# The table of the project's README: some of the systems, some of the columns, between two comments
PROJECT_README = HERE.parent.parent / "README.md"
PROJECT_PICTURE = HERE.parent.parent / "docs" / "accuracy.svg"
PROJECT_SYSTEMS = ("mhc", "vanilla", "bonsai", "xr-linear-3")
PROJECT_COLUMNS = ["P@1", "P@3", "P@5", "nDCG@5", "fit s", "ms a document", "peak MiB", "model MB"]
PROJECT_TABLE = re.compile(r"(?<=<!-- made by recipes/compare/run.py -->\n).*(?=<!-- until here -->)", re.DOTALL)


def write_readme() -> None:
    """Write README.md, the pictures, and the table and the picture of the project's README from all results."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    sections = [section_of(name, result) for name, result in results.items()]
    (HERE / "README.md").write_text("\n".join([INTRO, *sections]))
    PROJECT_README.write_text(PROJECT_TABLE.sub(project_table(results), PROJECT_README.read_text()))
    PROJECT_PICTURE.write_text(project_picture(results))


def section_of(name: str, result: dict[str, Any]) -> str:
    """Return the table of one data set, and draw its pictures."""
    rows = {key: result["systems"][key] for key in SYSTEMS if key in result["systems"]}
    data, columns = result["data"], [*METRICS, *COSTS]
    lines = [
        f"## {name}",
        f"{data['train']['docs']:,} + {data['test']['docs']:,} documents, {data['labels']:,} labels; "
        f"{result['threads']} threads, {result['date']}.",
        "",
        f"| system | {' | '.join(columns)} |",
        f"| --- | {' | '.join(['---:'] * len(columns))} |",
        *(f"| {cells}" for cells in table_rows(rows, columns)),
        "",
        *(f"{SYSTEMS[key].title}: skipped, {why.rstrip('.')}.\n" for key, why in result["skipped"].items()),
    ]
    for kind, title, svg in pictures_of(rows) if rows else ():
        (RESULTS / f"{name}-{kind}.svg").write_text(svg)
        lines.append(f"![{title}](results/{name}-{kind}.svg)")
    return "\n".join(lines) + "\n"


def project_table(results: dict[str, dict[str, Any]]) -> str:
    """Return the table of the project's README, data sets of many labels first."""
    lines = [
        f"| data (labels) | system | {' | '.join(PROJECT_COLUMNS)} |",
        f"| --- | --- | {' | '.join(['---:'] * len(PROJECT_COLUMNS))} |",
    ]
    for name, result in sorted(results.items(), key=lambda item: -item[1]["data"]["labels"]):
        rows = {key: result["systems"][key] for key in PROJECT_SYSTEMS if key in result["systems"]}
        titles = [f"{name} ({result['data']['labels']:,})"] + [""] * len(rows)
        cells = table_rows(rows, PROJECT_COLUMNS)
        lines += [f"| {title} | {rest}" for title, rest in zip(titles, cells, strict=False)]
    return "\n".join(lines) + "\n"


def project_picture(results: dict[str, dict[str, Any]]) -> str:
    """Return the SVG of accuracy against fit time: a panel for each data set, those of many labels first."""
    panels = sorted(results.items(), key=lambda item: -item[1]["data"]["labels"])
    num_rows = -(-len(panels) // 3)

    def paint(axes: Any) -> None:
        figure = axes.figure
        axes.remove()
        grid = figure.subplots(num_rows, 3, squeeze=False).ravel()
        signs = {}
        for panel, (name, result) in zip(grid, panels, strict=False):
            rows = {key: row for key, row in result["systems"].items() if key in SYSTEMS}
            for key, row in rows.items():
                place, accuracy = list(SYSTEMS).index(key), 100 * np.mean([row[f"P@{k}"] for k in (1, 3, 5)])
                sign = {"marker": MARKERS[place], "color": COLOURS[place % len(COLOURS)]}
                size = 12 if key == "mhc" else 7
                (signs[key],) = panel.plot(row["fit_seconds"], accuracy, **sign, markersize=size, linestyle="none")
            seconds = [row["fit_seconds"] for row in rows.values()]
            ticks = [tick for tick in TICKS if min(seconds) / 3 <= tick <= 3 * max(seconds)]
            panel.set_xscale("log")
            panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            panel.minorticks_off()
            panel.margins(x=0.12, y=0.12)
            panel.set_title(f"{name}, {result['data']['labels']:,} labels", fontsize=9)
        for panel in grid[len(panels) :]:
            panel.remove()
        for panel in grid[: len(panels)][-3:]:
            panel.set_xlabel("seconds to fit, log scale")
        for panel in grid[: len(panels)][::3]:
            panel.set_ylabel("mean of P@1, P@3, P@5, %")
        shown = [key for key in SYSTEMS if key in signs]
        titles = [SYSTEMS[key].title for key in shown]
        figure.legend([signs[key] for key in shown], titles, loc="outside lower center", ncols=3, markerscale=0.8)

    return draw(paint, name="accuracy", size=(8.6, 1.1 + 2.3 * num_rows))


def table_rows(rows: dict[str, dict[str, Any]], columns: list[str]) -> list[str]:
    """Return the title and the values of each system, the best of each column in bold."""
    values = {key: values_of(row) for key, row in rows.items()}
    best = {
        column: (min if column in COSTS else max)((row[column] for row in values.values()), key=float, default="")
        for column in columns
    }
    lines = []
    for key, row in values.items():
        cells = [f"**{row[column]}**" if row[column] == best[column] else row[column] for column in columns]
        lines.append(" | ".join([SYSTEMS[key].title, *cells]) + " |")
    return lines


def values_of(row: dict[str, Any]) -> dict[str, str]:
    """Return metrics in percent and costs, as they are printed."""
    costs = [row["fit_seconds"], row["fit_cpu_seconds"], row["predict_ms"]]
    costs += [*row["latency_ms"].values(), row["peak_mib"], row["model_megabytes"]]
    return {metric: f"{100 * row[metric]:.2f}" for metric in METRICS} | {
        title: f"{cost:.{digits}f}" for (title, digits), cost in zip(COSTS.items(), costs, strict=True)
    }


def pictures_of(rows: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return name, title and SVG of each picture."""
    titles = {key: SYSTEMS[key].title for key in rows}
    places = {key: list(SYSTEMS).index(key) for key in rows}  # a system has the same sign in every picture

    def log_axis(axes: Any, label: str) -> None:
        axes.set_xscale("log", subs=(2, 5))
        for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            ticks(lambda value, _: f"{value:g}")
        axes.set_xlabel(f"{label}, log scale")

    def scatter(cost: str, label: str) -> Any:
        def paint(axes: Any) -> None:
            for key, row in rows.items():
                sign = {"marker": MARKERS[places[key]], "color": COLOURS[places[key] % len(COLOURS)]}
                axes.plot(row[cost], 100 * row["nDCG@5"], **sign, markersize=9, linestyle="none", label=titles[key])
            log_axis(axes, label)
            axes.margins(x=0.1, y=0.1)
            axes.set_ylabel("nDCG@5, %")
            axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

        return paint

    def latencies(axes: Any) -> None:
        for place, row in enumerate(reversed(rows.values())):
            values = list(row["latency_ms"].values())
            axes.plot(values, [place] * 3, color="#bbbbbb", zorder=1)
            for value, marker in zip(values, ("o", "D", "s"), strict=True):
                axes.plot(value, place, marker=marker, color=COLOURS[0], linestyle="none")
        for marker, share in zip(("o", "D", "s"), ("p50", "p90", "p99"), strict=True):
            axes.plot([], [], marker=marker, color=COLOURS[0], linestyle="none", label=share)
        axes.set_yticks(range(len(rows)), [titles[key] for key in reversed(rows)])
        log_axis(axes, "ms for one document")
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))

    wide = (7.0, 4.2)
    return [
        ("fit", "Accuracy against fit time", draw(scatter("fit_seconds", "fit, s"), name="fit", size=wide)),
        ("size", "Accuracy against size", draw(scatter("model_megabytes", "model, MB"), name="size", size=wide)),
        ("latency", "Latency of single documents", draw(latencies, name="latency", size=wide)),
    ]


if __name__ == "__main__":
    main()
