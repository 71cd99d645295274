import io
import json
import os
import subprocess
import sys

import pytest

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.cli import main

TEXTS = ["red rose", "blue sky", "green grass", "red and blue"] * 6
NAMES = [["red", "flower"], ["blue"], ["green"], ["red", "blue"]] * 6


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a small model."""
    folder = tmp_path_factory.mktemp("models") / "model"
    XMLCClassifier(threads=1).fit(TEXTS, NAMES).save(folder)
    return str(folder)


def printed(capfdbinary, *arguments, code=0):
    assert main(["explain", *arguments]) == code
    return [stream.decode() for stream in capfdbinary.readouterr()]


def test_the_best_labels_of_a_text_are_explained(model, capfdbinary):
    out, _ = printed(capfdbinary, model, "A red rose", "-k", "2")
    assert out.count("margin") == 2 and out.startswith("red  ") and "\x1b" not in out
    assert "for       red +" in out and "similar" in out


def test_standard_input_is_one_text(model, capfdbinary, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"red\nblue \xff sky\n")))
    out, _ = printed(capfdbinary, model, "-", "--json", "--label", "blue", "--label", "red")
    blue, red = json.loads(out)
    assert (blue["label"], red["label"]) == ("blue", "red")
    assert {word["word"]: word["spans"] for word in blue["words"]} == {
        "red": [[0, 3]],
        "blue": [[4, 8]],
        "sky": [[11, 14]],
    }


def test_a_page_is_written_whole(model, capfdbinary, tmp_path):
    out, _ = printed(capfdbinary, model, "A <b>red</b> rose", "--html", str(tmp_path / "why.html"))
    assert out == ""
    page = (tmp_path / "why.html").read_text()
    assert "&lt;b&gt;<mark" in page and page.endswith("</html>\n")


def test_a_label_alone_is_described(model, capfdbinary):
    out, _ = printed(capfdbinary, model, "--label", "red", "--label", "flower")
    assert "red  12 training documents\n  for       red +" in out
    assert "goes with flower 50%, blue 50%" in out or "goes with blue 50%, flower 50%" in out
    (red,) = json.loads(printed(capfdbinary, model, "--label", "red", "--json")[0])
    assert red["num_docs"] == 12


@pytest.mark.parametrize("arguments, message", [
    (["red", "--label", "rad"], 'label must be one of the 4 of the model. Got "rad"; did you mean red?'),
    (["--label", "rad"], 'label must be one of the 4 of the model. Got "rad"; did you mean red?'),
    ([], "TEXT must be given, or --label. Got neither; write for example: explain MODEL - < FILE."),
    (["red", "--label", "red", "-k", "2"], "-k must be left out with --label. Got both; remove one of them."),
    (["--label", "red", "--html", "a"], "TEXT must be given with --html. Got none; give a text, or leave out --html."),
    (["red", "--html", "none/a"], "none/a must be in a folder that exists. Got no folder none; make it first."),
    (["red", "-k", "0"], "k must be 1 to 4, the number of labels. Got 0; choose another."),
])  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(model, capfdbinary, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, err = printed(capfdbinary, model, *arguments, code=2)
    assert (out, err) == ("", f"xmlc-mhe: error: {message}\n")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_gets_colours_of_ours_and_no_escapes_of_the_text(model, no_color):
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    environment |= {"TERM": "xterm"} | ({"NO_COLOR": "1"} if no_color else {})
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "xmlc_mhe.cli", "explain", model, "a red \x1b[5mrose\x9b5m", "-k", "1"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as stream:
        try:
            while piece := stream.read(1 << 16):
                shown += piece
        except OSError:  # Linux says so at the end
            pass
    assert done.returncode == 0, done.stderr
    assert (b"\x1b[32m" in shown) is not no_color
    assert b"\x1b[5m" not in shown and b"\xc2\x9b" not in shown
    assert no_color or b"\\x1b[5m" in shown
