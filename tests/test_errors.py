import ast
from pathlib import Path

import pytest

import xmlc_mhe
from xmlc_mhe import cli
from xmlc_mhe.cli import main
from xmlc_mhe.errors import MOST_LISTED, DataError, RecipeError, data_error_of, in_short, listed
from xmlc_mhe.experiments.recipe import make_recipe

PACKAGE = Path(xmlc_mhe.__file__).parent
OURS = {"ValueError", "DataError", "RecipeError"}  # a ValueError may be one of ours, which is short already


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as it is", "as it is"),
        ("\n one\r\n\n  two\u2028three\x85", "one two three"),
        ("a\tb", "a\tb"),
        (" b ", " b "),
        ("\x1b[31mred\0", r"\x1b[31mred\x00"),
        ("crêpe ☕ 日本", "crêpe ☕ 日本"),
        ("\ud800", r"\ud800"),
        (ValueError("\n"), ""),
        ("1234567890a", "1234567890..."),
        (1234567890, "1234567890"),
        ("\n" * 99 + "a", "..."),
    ],
)
def test_a_foreign_text_becomes_one_short_line(text, expected):
    assert in_short(text, most=10 if len(str(text)) in (10, 11, 100) else 160) == expected


def test_a_long_list_tells_how_many_names_are_not_shown():
    assert listed([]) == ""
    assert listed(map(str, range(MOST_LISTED))) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert listed(map(str, range(1000))) == "0, 1, 2, 3, 4, 5, 6, 7 and 992 more"
    assert listed(["a\nb", "x" * 50]) == f"a b, {'x' * 40}..."


@pytest.mark.parametrize("error", [IndexError("no\nsuch place"), RecursionError("no\nsuch place")])
def test_an_error_of_another_library_becomes_a_data_error(error):
    expected = f"^x must be whole\\. Got {type(error).__name__}: no such place; write it again\\.$"
    with pytest.raises(DataError, match=expected), data_error_of("x must be whole", "write it again"):
        raise error


def test_our_own_errors_and_ctrl_c_pass_as_they_are():
    for error in (DataError("ours"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as raised, data_error_of("x must be whole", "write it again"):
            raise error
        assert raised.value is error


def test_no_message_quotes_an_error_of_another_library_as_it_is():
    handlers = found = 0
    for path in PACKAGE.rglob("*.py"):
        for handler in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(handler, ast.ExceptHandler) and handler.name):
                continue
            handlers += 1
            caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
            for node in ast.walk(handler):
                is_quoted = isinstance(node, ast.FormattedValue) and getattr(node.value, "id", "") == handler.name
                assert not is_quoted or caught <= OURS, f"{path}:{node.lineno}: quote it with in_short"
                calls = node if isinstance(node, ast.Call) else None
                found += getattr(getattr(calls, "func", None), "id", "") == "in_short"
    assert handlers > 20
    assert found > 20


@pytest.mark.parametrize(("error", "most"), [(ValueError, 2000), (OSError, 2000), (RecipeError, 40_000)])
def test_the_command_line_prints_one_line_of_bounded_length(monkeypatch, capsys, error, most):
    def fail(args):
        raise error("first\nsecond\x1b[2J" + "x" * 100_000)

    monkeypatch.setattr(cli, "_log_on_stderr", lambda *, quiet: pytest.MonkeyPatch.context())
    monkeypatch.setattr("xmlc_mhe.cli.report.run_report", fail)
    assert main(["report", "x"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(r"xmlc-mhe: error: first second\x1b[2Jxxx")
    assert line.endswith("...\n") and line.count("\n") == 1
    assert len(line) == len("xmlc-mhe: error: ...\n") + most


def test_a_recipe_with_long_values_gives_a_short_line_for_each_problem():
    values = {"data": "x", "x" * 9999: 1, "reading": {"format": "y" * 9999}, "features": [1] * 9999}
    values |= {"model": {"beam": "z" * 9999}, "evaluation": {"part": ["w"] * 9999}}
    with pytest.raises(RecipeError) as raised:
        make_recipe(values)
    lines = str(raised.value).splitlines()
    assert len(lines) == 6
    assert max(map(len, lines)) < 700
