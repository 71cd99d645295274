"""The picture of the architecture shows the imports as they are."""

import importlib.util
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def script(monkeypatch):
    """The module docs/site/architecture.py."""
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "docs" / "site" / "architecture.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "architecture", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path):
    """The root of a project with one module beside three folders."""
    files = {
        "errors.py": "",
        "data/__init__.py": '"""Where `documents` come from; more. And more."""',
        "data/csr.py": "from ..errors import DataError\nimport numpy.data",
        "data/formats/__init__.py": "",
        "data/formats/table.py": "from ...errors import DataError\nfrom ..csr import check",
        "linear/__init__.py": '"""Heads."""',
        "linear/solver.py": "def fit():\n    from .. import errors\n",
        "cli/__init__.py": '"""Commands."""\nimport xmlc_mhe.data.csr\nfrom ..linear.solver import fit',
    }
    for name, text in files.items():
        path = tmp_path / "xmlc_mhe" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tests").mkdir()
    layers = "errors\ndata data.csr data.formats data.formats.table\nlinear linear.solver\ncli"
    (tmp_path / "tests" / "test_layout.py").write_text(f'import ast\nLAYERS = """\n{layers}\n"""\n')
    return tmp_path


def test_the_committed_picture_is_that_of_the_imports_of_today(script):
    assert script.PICTURE.read_text() == script.draw(), "run python docs/site/architecture.py, and commit the picture"


def test_imports_are_found_wherever_they_stand_and_those_inside_a_folder_are_left_out(script, package):
    found = script.boxes(package)
    assert [box.name for box in found] == ["errors", "data/", "linear/", "cli/"]
    assert [box.sentence for box in found] == ["", "Where documents come from", "Heads", "Commands"]
    assert script.imports(found, package) == {(1, 0), (2, 0), (3, 1), (3, 2)}


def test_the_picture_has_a_box_for_each_folder_a_dot_for_each_import_and_an_arrow_for_each_that_is_imported(script):
    found = script.boxes()
    pairs = script.imports(found)
    drawn = ElementTree.fromstring(script.picture(found, pairs))
    elements = [element.tag.rpartition("}")[2] for element in drawn.iter()]
    assert elements.count("rect") == len(found) + 1
    assert elements.count("circle") == len(pairs)
    assert script.picture(found, pairs).count('class="mark" d=') == len({imported for _, imported in pairs})


def test_every_line_of_a_box_is_inside_it(script):
    for box in script.boxes():
        assert len(script.textwrap.wrap(box.sentence, script.CHARACTERS)) <= 2, f"shorten the sentence of {box.name}"


def test_the_walk_names_files_that_exist():
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "docs" / "architecture.md").read_text())
    assert len(named) > 30
    for name in named:
        found = [ROOT / "xmlc_mhe" / folder / name for folder in ("", "experiments")]
        assert any(path.exists() for path in found), f"docs/architecture.md names {name}, which does not exist"
