"""Draws docs/architecture.svg: the folders of the package, and which of them imports from which.

    python docs/site/architecture.py

The folders stand in the order that tests/test_layout.py keeps, in which a module imports only from those before it.
Modules that lie in no folder share a box with their neighbours. The sentence in a box is the first one of the folder's
`__init__.py`. The picture depends on nothing else, so that it changes only when the structure of the package does.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from html import escape
from importlib.util import resolve_name
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PACKAGE = "xmlc_mhe"
LAYERS = re.compile(r'^LAYERS = """(.*?)"""', re.MULTILINE | re.DOTALL)
PICTURE = ROOT / "docs" / "architecture.svg"

WIDTH, HEIGHT = 450, 62  # of a box, pixels
STEP_X, STEP_Y = 36, 74  # from a box to the next
MARGIN = 16
CHARACTERS = 72  # in a line of a box
STYLE = """
  svg { font-family: system-ui, sans-serif; font-size: 11px; --back: #fff; --box: #eef1fb; --line: #5a6bb0;
        --text: #1c1f2b; --quiet: #565b6e }
  @media (prefers-color-scheme: dark) {
    svg { --back: #1e2129; --box: #2b3042; --line: #8c9be0; --text: #eceef6; --quiet: #b3b9cc }
  }
  .back { fill: var(--back) }
  .box { fill: var(--box); stroke: var(--line) }
  .name { fill: var(--text); font-size: 14px; font-weight: 600 }
  .text { fill: var(--quiet) }
  .line { fill: none; stroke: var(--line); stroke-width: 1.2 }
  .mark { fill: var(--line) }
"""


class Box(NamedTuple):
    """A folder of the package, or modules that lie in none."""

    name: str
    sentence: str
    modules: list[str]  # without the name of the package


def boxes(root: Path = ROOT) -> list[Box]:
    """Return the boxes, in the order of the list LAYERS of tests/test_layout.py."""
    layers = LAYERS.search((root / "tests" / "test_layout.py").read_text())
    assert layers is not None, "tests/test_layout.py must have the list LAYERS"
    found = []
    for folder, names in groupby(layers[1].split(), lambda name: _folder_of(root, name)):
        modules = list(names)
        sentence = ""
        if folder:
            sentence = ast.get_docstring(ast.parse((root / PACKAGE / folder / "__init__.py").read_text())) or ""
        first = re.split(r"(?<=[.;])\s", sentence)[0].rstrip(".;").replace("`", "")
        found.append(Box(f"{folder}/" if folder else ", ".join(modules), first, modules))
    return found


def imports(found: list[Box], root: Path = ROOT) -> set[tuple[int, int]]:
    """Return (the place of a box, the place of one that it imports from), without imports inside a box."""
    place_of = {module: place for place, box in enumerate(found) for module in box.modules}
    pairs = {
        (place, place_of[target])
        for module, place in place_of.items()
        for target in _imports_of(_path_of(root, module), module)
        if target in place_of
    }
    return {(importer, imported) for importer, imported in pairs if importer != imported}


def _folder_of(root: Path, module: str) -> str:
    first = module.partition(".")[0]
    return first if (root / PACKAGE / first).is_dir() else ""


def _path_of(root: Path, module: str) -> Path:
    path = root.joinpath(PACKAGE, *module.split("."))
    return file if (file := path.with_suffix(".py")).exists() else path / "__init__.py"


def _imports_of(path: Path, module: str) -> Iterator[str]:
    """Yield what a module imports of the package, and every name that it takes from there, as if it were a module."""
    package = f"{PACKAGE}.{module}" if path.name == "__init__.py" else f"{PACKAGE}.{module}".rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}."))


def picture(found: list[Box], pairs: set[tuple[int, int]]) -> str:
    """Return the SVG: a staircase of boxes, each with a line to the left that meets the trunks of what it imports."""
    width = 2 * MARGIN + STEP_X * (len(found) - 1) + WIDTH
    height = 2 * MARGIN + STEP_Y * (len(found) - 1) + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img">',
        "<title>The folders of xmlc_mhe, and which imports from which</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}" rx="8"/>',
    ]
    for imported in range(len(found)):  # the trunk: from the last box that imports it up to its bottom
        importers = [importer for importer, other in pairs if other == imported]
        if importers:
            x, top = _trunk(imported), _top(imported) + HEIGHT
            parts.append(f'<path class="line" d="M{x} {_middle(max(importers))}V{top + 7}"/>')
            parts.append(f'<path class="mark" d="M{x} {top}l-4.5 8h9z"/>')
    for importer in range(len(found)):
        targets = sorted(imported for other, imported in pairs if other == importer)
        if targets:
            parts.append(f'<path class="line" d="M{_left(importer)} {_middle(importer)}H{_trunk(targets[0])}"/>')
        y = _middle(importer)
        parts += [f'<circle class="mark" cx="{_trunk(target)}" cy="{y}" r="3.5"/>' for target in targets]
    for place, box in enumerate(found):
        x, y = _left(place), _top(place)
        parts.append(f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>')
        parts.append(f'<text class="name" x="{x + 10}" y="{y + 20}">{escape(box.name)}</text>')
        lines = textwrap.wrap(box.sentence, CHARACTERS)
        parts += [
            f'<text class="text" x="{x + 10}" y="{y + 37 + 15 * number}">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ]
    return "\n".join([*parts, "</svg>", ""])


def _left(place: int) -> int:
    return MARGIN + STEP_X * place


def _top(place: int) -> int:
    return MARGIN + STEP_Y * place


def _middle(place: int) -> int:
    return _top(place) + HEIGHT // 2


def _trunk(place: int) -> int:
    return _left(place) + STEP_X // 2


def draw(root: Path = ROOT) -> str:
    """Return the picture of the package as it is now."""
    found = boxes(root)
    return picture(found, imports(found, root))


if __name__ == "__main__":
    PICTURE.write_text(draw())
