"""The documentation site: it builds without a warning, loads nothing from a network, and its links lead somewhere."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import xmlc_mhe

pytest.importorskip("mkdocs")

ROOT = Path(__file__).parent.parent
PLACE = r"""["']?(?:https?:)?//"""  # of another machine
LOADED = re.compile(
    rf"<(?:script|img|iframe|source)\b[^>]*\bsrc={PLACE}|<link\b[^>]*\bhref={PLACE}|(?:url\(|@import)\s*{PLACE}"
)


def module_of_site(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages, docstrings = module_of_site("pages"), module_of_site("docstrings")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_page_loads_anything_from_a_network(site):
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(files) > 20
    for path in files:
        assert not (found := LOADED.search(path.read_text())), f"{path}: {found[0]}"


@pytest.mark.parametrize("text", [
    '<script src="https://a.b/c.js">', "<link rel=x href=//a.b/c.css>", 'url("https://a.b/c")', '<img alt="" src=http://a>'
])  # fmt: skip
def test_what_would_be_loaded_from_a_network_is_found(text):
    assert LOADED.search(text)


def test_the_reference_has_every_public_name(site):
    page = (site / "reference" / "index.html").read_text()
    for name in xmlc_mhe.__all__:
        assert f'id="xmlc_mhe.{name}"' in page, f"docs/reference/index.md must have ::: xmlc_mhe.{name}"


def test_every_module_has_its_place_in_the_reference(site):
    text = "".join(path.read_text() for path in (site / "reference" / "modules").glob("*.html"))
    for path in (ROOT / "xmlc_mhe").rglob("*.py"):
        if path.stem not in ("__init__", "__main__"):
            assert f'id="{".".join(path.relative_to(ROOT).with_suffix("").parts)}"' in text


def test_links_and_pictures_of_the_site_lead_to_files(site):
    checked = 0
    for path in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?:]+)[^":]*"', path.read_text()):
            if path.name != "404.html":
                assert (path.parent / target).exists(), f"{path.relative_to(site)} links to {target}"
                checked += 1
    assert checked > 1000


@pytest.mark.parametrize("place, link, expected", [
    ("recipes.md", "../recipes/README.md", "repository/recipes/README.md"),
    ("tutorials/librarian.md", "../../recipes/README.md", "../repository/recipes/README.md"),
    ("repository/recipes/README.md", "../docs/recipes.md", "../../recipes.md"),
    ("repository/recipes/README.md", "bibtex/mhc.toml", "bibtex/mhc.toml"),
    ("heads.md", "studies.md", "studies.md"),
    ("heads.md", "no-such-page.md", "no-such-page.md"),
    ("heads.md", "../../outside.md", "../../outside.md"),
])  # fmt: skip
def test_a_link_of_the_repository_becomes_one_of_the_site(place, link, expected):
    assert pages.with_links_of_site(f"a [b]({link}#part) c", place) == f"a [b]({expected}#part) c"


def test_the_parts_of_a_docstring_are_paragraphs_of_their_own():
    text = "What.\n\nArgs:\n    a: x.\nReturns: float.\nRaises: ValueError: no.\nSource: Jain."
    parts = ["What.", "Args:\n    a: x.", "**Returns:** float.", "**Raises:** ValueError: no.", "**Source:** Jain."]
    assert docstrings.in_parts(text).split("\n\n") == parts
    assert docstrings.in_parts("Loss: a\n  of b.\nArgs:\n    c: d.") == "**Loss:** a\n  of b.\n\nArgs:\n    c: d."


def test_the_reference_shows_the_value_of_a_default_and_not_its_name(site):
    page = " ".join(re.sub(r"<[^>]+>", "", (site / "reference" / "index.html").read_text()).split())
    assert "prune (float, default: 0.07 )" in page
    assert "positive_weight (float, default: 1.0 )" in page
