"""Write recipes/README.md, the table of results, from the *.result.json and published.toml of every benchmark.

python recipes/make_table.py: a recipe without a result has an empty row. Nobody types a number of ours.
"""

import json
from pathlib import Path
from typing import Any

from xmlc_mhe.experiments.recipe import tomllib
from xmlc_mhe.experiments.runs import RESULT

HERE = Path(__file__).parent
METRICS = ("P@1", "P@3", "P@5", "nDCG@5", "R@5", "PSP@1", "PSP@3", "PSP@5")
COSTS = ("fit s", "fit, CPU s", "ms a document", "peak MiB", "model MB")
INTRO = """# Recipes and their results
This page shows what the recipes reached on their test parts. [Recipes](../docs/recipes.md) explains how they work.
`python recipes/make_table.py` writes this page from the results beside the recipes.

Metrics are in percent. Every document of the test part counts, and a label that only the test part has counts as
missed. Our systems stand first, in bold; their rows are empty where a recipe has not been run. The other rows are
published figures of other systems, which their authors measured on machines of their own.
"""


def main() -> None:
    """Write the table."""
    (HERE / "README.md").write_text(table_of(HERE))


def table_of(root: Path) -> str:
    """Return the whole page: a section for each folder with recipes, those with results first."""
    folders = sorted({path.parent for path in root.glob("*/mhc*.toml")})
    sections = [(not list(folder.glob(f"*{RESULT}")), section_of(folder)) for folder in folders]
    return "\n".join([INTRO, *(section for _, section in sorted(sections))])


def section_of(folder: Path) -> str:
    """Return the table of one benchmark."""
    recipes = sorted(path for path in folder.glob("*.toml") if path.name != "published.toml")
    results = {path: path.with_name(path.stem + RESULT) for path in recipes}
    read = {path: json.loads(result.read_text()) for path, result in results.items() if result.exists()}
    header = ["system", *METRICS, *COSTS]
    rows = [header, ["---"] * len(header)]
    rows += [[f"[**{path.stem}**]({folder.name}/{path.name})", *cells_of(read.get(path))] for path in recipes]
    published = folder / "published.toml"
    note = ""
    if published.exists():
        values = tomllib.loads(published.read_text())
        for system, figures in values.get("P", {}).items():
            rows.append([system, *(f"{figure:.2f}" for figure in figures), *[""] * (len(header) - 4)])
        note = f"\n{values['note']}\n"
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"## {folder.name}\n{describe(next(iter(read.values()), None))}{lines}\n{note}"


def cells_of(result: dict[str, Any] | None) -> list[str]:
    """Return the cells of a row of ours; empty ones where there is no result."""
    if result is None:
        return [""] * (len(METRICS) + len(COSTS))
    costs = [
        f"{result['seconds']['fit']:.1f}",
        f"{result['seconds']['fit_cpu']:.1f}",
        f"{result['predict_ms']:.3f}",
        f"{result['peak_mib']:.0f}",
        f"{result['model_megabytes']:.1f}",
    ]
    return [f"{100 * result['metrics'][metric]:.2f}" for metric in METRICS] + costs


def describe(result: dict[str, Any] | None) -> str:
    """Return a line about the data and the machine of a run."""
    if result is None:
        return "Not run yet.\n\n"
    data, machine = result["data"], result["machine"]
    return (
        f"{data['train']['docs']:,} + {data['test']['docs']:,} documents, {data['labels']:,} labels, "
        f"{data['train']['labels_a_doc']:.1f} a document. {machine['threads']} threads, {result['date']}.\n\n"
    )


if __name__ == "__main__":
    main()
