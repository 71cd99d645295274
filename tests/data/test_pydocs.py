import json
import logging
import tempfile
from pathlib import Path

import pytest

from xmlc_mhe.data import pydocs
from xmlc_mhe.data.pydocs import pydocs_folder, read_functions, write_pydocs
from xmlc_mhe.data.reading import load_dataset

SOURCE = '''
"""The docstring of a module is not one of a function."""

def plain(first, second=0, /, *args, third, **kwargs):
    """Add the
       numbers.\\tAll of them."""
    def inner(depth):
        "A function inside a function."

class Thing:
    """The docstring of a class."""
    def method(self, value, _hidden=None):
        """Return the value."""
    @classmethod
    async def make(cls, größe):
        """Make one thing."""

def short(first): "Too short."
def silent(first): pass
def bare(): "No parameter at all."
def hidden(self, _a, *b, **c): "Only hidden parameters here."
'''


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """An empty cache folder, and a source of 40 functions in place of the installed packages."""
    source = tmp_path / "source"
    source.mkdir()
    functions = [f'def f{i}(a{i % 7}, b{i % 3}): "Document number {i}."\n' for i in range(40)]
    (source / "module.py").write_text("".join(functions))
    monkeypatch.setattr(pydocs, "_installed_sources", lambda: [source])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "xmlc-mhe"


def functions_of(tmp_path, source):
    path = tmp_path / "module.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return list(read_functions(path))


def test_functions_and_methods_are_read_with_their_parameters(tmp_path):
    assert sorted(functions_of(tmp_path, SOURCE)) == [
        ("A function inside a function.", "depth"),
        ("Add the numbers. All of them.", "first second third"),
        ("Make one thing.", "größe"),
        ("Return the value.", "value"),
    ]


def test_a_docstring_with_odd_characters_stays_one_line(tmp_path):
    source = "def f(a): 'one\\ntwo\\x0cthree\\u2028four\\r\\n \\ud800 \\U0001f600 \\x00 caf\\xe9'"
    (document,) = functions_of(tmp_path, source)
    assert document == ("one two three four ? \U0001f600 \x00 café", "a")


@pytest.mark.parametrize("source", ["def f(:", b"\xff\xfe\x00", "# coding: no-such-codec\n", "(" * 300 + ")" * 300])
def test_a_file_that_does_not_parse_yields_nothing(tmp_path, source):
    assert functions_of(tmp_path, source) == []


def test_a_parameter_named_twice_is_one_label(tmp_path):
    assert functions_of(tmp_path, "def f(a, a): 'It parses, and would not compile.'")[0][1] == "a"


def test_a_file_that_cannot_be_read_yields_nothing(tmp_path):
    assert list(read_functions(tmp_path / "missing.py")) == []


def test_an_invalid_escape_in_a_source_gives_no_warning(tmp_path):
    assert functions_of(tmp_path, r"def f(a): 'Match a \d digit.'") == [(r"Match a \d digit.", "a")]


def test_a_document_comes_once_and_test_folders_are_left_out(tmp_path):
    for name in ("b/module.py", "a.py", "a.txt", "tests/c.py", "site-packages/d.py"):
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'def f(a): "The same everywhere."\ndef g(b): "Found in {name}"')
    write_pydocs([tmp_path / "source"], tmp_path)
    lines = [line for part in ("train", "test") for line in (tmp_path / f"{part}_texts.txt").read_text().splitlines()]
    assert sorted(lines) == ["Found in a.py", "Found in b/module.py", "The same everywhere."]


def test_the_split_depends_on_the_text_alone(tiny, tmp_path):
    folder = pydocs_folder()
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(files) == ["test_labels.txt", "test_texts.txt", "train_labels.txt", "train_texts.txt"]
    num_train, num_test = (files[f"{part}_texts.txt"].count(b"\n") for part in ("train", "test"))
    assert num_train + num_test == 40
    assert 0 < num_test < num_train
    (tmp_path / "again").mkdir()
    write_pydocs([tmp_path / "source"], tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == files


def test_the_folder_is_built_once_and_nothing_else_is_left(tiny, monkeypatch):
    folder = pydocs_folder()
    assert list(tiny.iterdir()) == [folder]
    monkeypatch.setattr(pydocs, "write_pydocs", lambda *_: pytest.fail("built again"))
    assert pydocs_folder() == folder


def test_a_folder_that_another_process_built_meanwhile_is_taken(tiny, monkeypatch):
    folder = pydocs_folder()
    folder.rename(tiny / "elsewhere")

    def meanwhile(sources, built):
        (tiny / "elsewhere").rename(folder)

    monkeypatch.setattr(pydocs, "write_pydocs", meanwhile)
    assert pydocs_folder() == folder
    assert (folder / "train_texts.txt").is_file()
    assert list(tiny.iterdir()) == [folder]


def test_a_build_that_fails_leaves_nothing(tiny, monkeypatch):
    monkeypatch.setattr(pydocs, "_installed_sources", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pydocs_folder()
    assert list(tiny.iterdir()) == []


@pytest.mark.parametrize("unwritable", ["a file in its place", "no home", "cannot be renamed"])
def test_without_a_cache_the_folder_is_temporary_and_a_warning_tells(tiny, tmp_path, monkeypatch, caplog, unwritable):
    def refuse(*_):
        raise RuntimeError("no home") if unwritable == "no home" else OSError("read-only")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if unwritable == "a file in its place":
        tiny.parent.mkdir()
        tiny.write_text("")
    elif unwritable == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(Path, "home", refuse)
    else:
        monkeypatch.setattr(Path, "rename", refuse)
    pydocs._temporary_folder.cache_clear()
    with caplog.at_level(logging.WARNING):
        folder = pydocs_folder()
    assert folder.parent == tmp_path
    assert (folder / "train_texts.txt").is_file()
    assert "the cache folder cannot be written" in caplog.text
    assert pydocs_folder() == folder
    pydocs._temporary_folder.cache_clear()


def test_the_name_pydocs_loads_it(tiny):
    train, test = load_dataset("pydocs")
    assert (train.num_docs + test.num_docs, train.num_labels) == (40, 10)
    assert train.label_names == [f"a{i}" for i in range(7)] + ["b0", "b1", "b2"]


def test_the_sources_are_the_standard_library_and_the_packages():
    sources = list(pydocs._installed_sources())
    assert [source.name for source in sources[1:]] == ["numpy", "scipy", "sklearn"]
    assert (sources[0] / "json" / "__init__.py").samefile(json.__file__)
    documents = dict(read_functions(sources[0] / "json" / "__init__.py"))
    assert any(text.startswith("Serialize ``obj`` to a JSON formatted ``str``") for text in documents)
