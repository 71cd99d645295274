"""What the studies share: arguments, files, one style of figure, and the documents that show them.

    python recipes/studies/common.py        # writes the documents and the plots anew, from the committed JSON files

A study is a module with three functions. measure(args) returns what goes into the JSON file; report(data) makes of that
the title, what was done, the claims and the table of the document; draw(figure, data) draws it.
"""

import argparse
import importlib
import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Data = dict[str, Any]
Measure = Callable[[argparse.Namespace], Data]
Report = Callable[[Data], dict[str, Any]]
Draw = Callable[[Any, Data], None]
HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
DOCUMENTS = {  # each with its studies, in this order
    "studies.md": (
        "low_rank",
        "softmax_error",
        "heads_and_lengths",
        "label_order",
        "imbalance",
        "head_cost",
        "ranking",
    ),
    "scaling.md": ("scaling",),
}
STYLE = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "xmlc-mhe",
}
INTRODUCTIONS = {
    "studies.md": """# Studies
This page sets what the papers behind the heads claim beside what we measured. Each claim is followed by a verdict,
"Holds" or "Does not hold here", and by the figures that decided it.

Each study is one command. It writes its figures as JSON and a plot as PNG and SVG next to itself. `--quick` runs a
small version, and `--folder` names another place for the files. The studies need
`pip install "xmlc-mhe[neural,plots]"`. `python recipes/studies/common.py` writes this page from the JSON files,
sentences included.

Other work ran on the machine at the same time, so that times are rough. The time of a training step at a million
labels is in [the heads](heads.md).
""",
    "scaling.md": """# How large can the data be?
This page says what a fit keeps in memory, how features larger than memory are used, how work is spread over processes
and machines, and how time and memory grow with the data.

## Features larger than memory
A fit of the sparse cascade holds three things: the features X, the weights, and for each thread a copy of the rows of
one group of labels. X need not lie in memory. Write its arrays to files of float32 values and int32 columns and map
them. `fit` with `encoder="given"` uses the mapped arrays as they are, provided that the rows have unit length. The
operating system then reads the parts of the files that are in use.
```python
import numpy as np
import scipy.sparse as sp
from xmlc_mhe import XMLCClassifier

documents = sp.random_array((1000, 300), density=0.05, format="csr", dtype=np.float32)  # yours, perhaps piece by piece
documents.data /= np.repeat(np.sqrt((documents**2).sum(axis=1)), np.diff(documents.indptr))
documents.data.tofile("X.data")
documents.indices.astype(np.int32).tofile("X.indices")
np.save("X.indptr.npy", documents.indptr)
Y = sp.csr_array(documents[:, :100] > 0.3)

data, indices = np.memmap("X.data", np.float32, "r"), np.memmap("X.indices", np.int32, "r")
X = sp.csr_array((data, indices, np.load("X.indptr.npy")), (1000, 300))
model = XMLCClassifier("given").fit(X, Y)
```
Prediction maps the model from its files and reads documents in pieces. Its memory does not grow with the test set
([what is read whole](data.md#what-is-read-whole)).

## More processes, more machines
The fit of a group of labels is a job of its own, and joblib says where jobs run. They run in threads by default, and
otherwise in processes, or on the workers of a Dask cluster ([tutorial](tutorials/cluster.md)). The weights are the
same each time, even if a worker is lost on the way.
```python
import joblib
from xmlc_mhe.classifier.workers import predict_over_workers

with joblib.parallel_config(backend="loky"):  # processes of this machine
    XMLCClassifier("given", threads=2).fit(X, Y).save("model")
    batches = (X[start : start + 500] for start in range(0, 1000, 500))
    for predictions in predict_over_workers("model", batches, 5, jobs=2):
        print(predictions.labels.shape)
```
With Dask (`pip install "xmlc-mhe[dask]"`) the line is
`with distributed.Client("tcp://scheduler:8786"), joblib.parallel_config(backend="dask"):`. Workers read the arrays of
a head, and the model, from files. If they run on other machines, the folder of the model and the one that
`JOBLIB_TEMP_FOLDER` names must be folders that all machines see. `threads` is the number of jobs under way at
the same time.
""",
}


def run(path: str, measure: Measure, report: Report, draw: Draw, *, takes_folders: bool = False) -> None:
    """Do what a study's command does: parse its arguments, measure, print the claims, write JSON, PNG and SVG."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    if takes_folders:
        parser.add_argument(
            "data", nargs="+", type=Path, metavar="DATA", help="folder with train and test texts and labels"
        )
    parser.add_argument("--quick", action="store_true", help="a small version, in seconds")
    parser.add_argument("--folder", type=Path, default=HERE, help="where the files go (default: next to the study)")
    args = parser.parse_args()
    new_figure()  # without matplotlib, stop before the work
    start = time.perf_counter()
    data = measure(args)
    data["setting"] |= {"seconds": round(time.perf_counter() - start), "quick": args.quick}
    for entry in report(data)["claims"]:
        print(f"{entry['source']}: {entry['claim']}\n  -> {verdict(entry)} {entry['measured']}")
    args.folder.mkdir(parents=True, exist_ok=True)
    target = args.folder / Path(path).name
    target.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n")
    draw_to(target, draw, data)


def new_figure() -> Any:
    """Return an empty figure; raises ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('a study needs matplotlib. Got none; pip install "xmlc-mhe[neural,plots]".') from None
    return Figure()


def draw_to(target: Path, draw: Draw, data: Data) -> None:
    """Write what draw(figure, data) draws to target with .png and .svg; the same data give the same SVG."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = new_figure()
        draw(figure, data)
        figure.savefig(target.with_suffix(".png"), dpi=120)
        figure.savefig(target.with_suffix(".svg"), metadata={"Date": None})


def panels(figure: Any, number: int) -> Any:
    """Return the axes (number,) of so many panels side by side."""
    figure.set_size_inches(4.0 * number + 0.4, 3.4)
    return figure.subplots(1, number, squeeze=False)[0]


def in_own_process(function: Callable[..., Data], *args: Any) -> Data:
    """Return what a function returns in a new process, whose peak of memory is the function's own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def significant(value: float) -> float:
    """Return a measured value to four significant digits, so that the least time above 0 stays above 0."""
    return float(f"{value:.4g}")


def claim(source: str, text: str, *, holds: bool, measured: str) -> dict[str, Any]:
    """Return a claim as the result keeps it."""
    return {"source": source, "claim": text, "holds": bool(holds), "measured": measured}


def verdict(entry: dict[str, Any]) -> str:
    """Return the word before what was measured."""
    return "Holds." if entry["holds"] else "Does not hold here."


def percent(share: float) -> str:
    """Return a share as text, in percent with one digit."""
    return f"{100 * share:.1f}"


def section(study: str, data: Data, report: Report) -> str:
    """Return the part of the document that shows a study."""
    of, link = report(data), f"../recipes/studies/{study}"
    lines = [f"## {of['title']}", f"`python recipes/studies/{study}.py{of.get('arguments', '')}`", ""]
    lines += [
        f"{of['about']} The run took {data['setting']['seconds']} s ([code]({link}.py), [figures]({link}.json)).",
        "",
    ]
    lines += [f"![{of['title']}]({link}.png)", ""]
    for entry in of["claims"]:
        lines += [f"- {entry['source']}: {entry['claim']} **{verdict(entry)}** {entry['measured']}"]
    columns = list(of["table"][0])
    lines += ["", f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(str(row[column]) for column in columns)} |" for row in of["table"]]
    return "\n".join(lines) + "\n"


def load(study: str) -> tuple[Any, Data]:
    """Return the module of a study and what its committed JSON file holds."""
    return importlib.import_module(study), json.loads((HERE / f"{study}.json").read_text())


def document(name: str) -> str:
    """Return a document of DOCUMENTS."""
    parts = [section(study, data, module.report) for study in DOCUMENTS[name] for module, data in [load(study)]]
    return "\n".join([INTRODUCTIONS[name], *parts])


if __name__ == "__main__":
    for name, studies in DOCUMENTS.items():
        (DOCS / name).write_text(document(name))
        for study in studies:
            module, data = load(study)
            draw_to(HERE / study, module.draw, data)
