"""Every command with standard streams that are closed, full or without a reader, and ended by a signal."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Dataset, outputs
from xmlc_mhe.cli import COMMANDS, main
from xmlc_mhe.cli.data import DATA_COMMANDS
from xmlc_mhe.corrections.store import Correction, CorrectionStore
from xmlc_mhe.data.writing import save_dataset

# How each command is run; {out} is a new name, the others are made below.
ARGUMENTS = {
    "fit": "fit {records} -m {out}",
    "predict": "predict {model} {texts}",
    "explain": "explain {model} word1",
    "serve": "serve {texts}",  # no model: it ends at once
    "eval": "eval {model} {records} --json {out}",
    "plan": "plan 30938 --json {out}",
    "run": "run {recipe} -o {folder}",
    "search": "search {records} -o {out} --trials 1",
    "report": "report {result} -o {folder}",
    "data inspect": "data inspect {records} --json {out}",
    "data convert": "data convert {records} {out}",
    "data split": "data split {records} {out} --dev 0.1 --random",
    "data corrections": "data corrections {store} {out}.jsonl",
    "data check": "data check bibtex {records}",
    "data cards": "data cards",
    "data fetch": "data fetch eurlex-4k --data-dir {benchmarks}",
    "data formats": "data formats",
}
NAMES = [name for name in COMMANDS if name != "data"] + [f"data {name}" for name in DATA_COMMANDS]
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
every_command = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of records, a model, a recipe and its result, and a benchmark that is there already."""
    top = tmp_path_factory.mktemp("streams")
    paths = {name: top / name for name in ("records", "model", "texts", "store", "recipe.toml", "benchmarks")}
    Y = sp.csr_array(np.eye(8, dtype=int)[np.arange(64) % 8])
    texts = [f"word{doc % 8} also{doc % 8} more{doc % 3}" for doc in range(64)]
    parts = dict.fromkeys(("train", "test"), Dataset(texts, None, Y, [f"label{i}" for i in range(8)]))
    save_dataset(parts, paths["records"])
    save_dataset(parts, paths["benchmarks"] / "eurlex-4k")
    paths["texts"].write_text("word1 also1\n" * 4)
    with CorrectionStore(paths["store"]) as store:
        store.add([Correction("a text", ("label1",))])
    paths["recipe.toml"].write_text(f"data = {json.dumps(str(paths['records']))}\n")
    assert main(["fit", str(paths["records"]), "-m", str(paths["model"]), "-q"]) == 0
    assert main(["run", str(paths["recipe.toml"]), "-q"]) == 0
    return {name.removesuffix(".toml"): path for name, path in paths.items()} | {"result": top / "recipe.result.json"}


def command_of(name, made, folder):
    folder.mkdir()
    paths = {**made, "out": folder / "out", "folder": folder}
    return [sys.executable, "-m", "xmlc_mhe.cli", *(word.format(**paths) for word in ARGUMENTS[name].split())]


def start(command, *, stdin="", stdout="", stderr=""):
    """Start a command with streams that are whole ("") or broken ("closed", "full", "without a reader")."""
    open_ = {0: subprocess.DEVNULL, 1: subprocess.PIPE, 2: subprocess.PIPE}
    closed, ours = [], []
    for number, how in enumerate((stdin, stdout, stderr)):
        if how == "closed":
            closed.append(number)
        elif how == "full":
            ours.append(os.open("/dev/full", os.O_RDWR))
            open_[number] = ours[-1]
        elif how == "without a reader":
            reader, writer = os.pipe()
            os.close(reader)
            ours.append(writer)
            open_[number] = writer
    shell = f'exec "$@" {" ".join(f"{number}>&-" for number in closed)}'
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", shell, "sh", *map(str, command)], stdin=open_[0], stdout=open_[1], stderr=open_[2]
        )
    finally:
        for number in ours:
            os.close(number)


def ended(process):
    """The exit code, and what came out of the streams that we read."""
    out, err = process.communicate(timeout=300)
    return process.returncode, out or b"", err or b""


def test_every_command_says_how_it_is_run():
    assert sorted(ARGUMENTS) == sorted(NAMES)


@needs_full
@every_command
def test_a_command_with_broken_streams_is_silent_or_says_one_line(name, made, tmp_path):
    """It fails where it had something to print and nobody takes it; else it does its work, as without streams."""
    every = dict.fromkeys(("stdin", "stdout", "stderr"), "closed")
    ways = [{}, every, {"stdout": "full"}, {"stdout": "without a reader"}, {"stderr": "without a reader"}]
    processes = [start(command_of(name, made, tmp_path / str(number)), **way) for number, way in enumerate(ways)]
    (code, printed, _), *results = map(ended, processes)
    for way, (got, out, err) in zip(ways[1:], results, strict=True):
        lines = [line for line in err.splitlines() if line.startswith(b"xmlc-mhe: error: ")]
        is_refused = way.get("stdout") in ("closed", "full") and printed
        if way.get("stdout") == "without a reader":
            assert got in (0, code), err
            assert b"Traceback" not in err and b"Exception ignored" not in err
            continue
        assert got == (2 if is_refused else code), (way, err)
        assert b"Traceback" not in err
        assert b"Exception ignored" not in err
        assert all(line.startswith(b"xmlc-mhe: ") for line in err.splitlines()), (way, err)
        if "stderr" not in way:
            assert len(lines) == (got == 2), (way, err)
            if is_refused and code == 0:
                assert lines[0].startswith(b"xmlc-mhe: error: standard output must take what is printed. Got: ")
        if "stdout" not in way:
            assert (out == b"") == (printed == b"")


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("how", ["closed", "full"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], []])
def test_help_that_cannot_be_printed_is_an_error_too(monkeypatch, how, unbuffered, arguments):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    command = [sys.executable, "-m", "xmlc_mhe.cli", *arguments]
    code, _, err = ended(start(command, stdout=how))
    assert code == 2
    assert err.startswith(b"xmlc-mhe: error: standard output must" if arguments else b"usage: ")
    assert ended(start(command, stdout=how, stderr=how))[0] == 2


def test_standard_input_that_is_closed_is_told(made):
    command = [sys.executable, "-m", "xmlc_mhe.cli", "predict", made["model"], "-"]
    code, out, err = ended(start(command, stdin="closed"))
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    assert err.startswith(b"xmlc-mhe: error: standard input must be a file that can be read. Got: ")


def test_an_output_is_not_taken_for_a_closed_stream(made, tmp_path):
    """The first file opened gets the number of a closed stream; what is printed must not land in it."""
    every = dict.fromkeys(("stdin", "stdout", "stderr"), "closed")
    command = [sys.executable, "-m", "xmlc_mhe.cli", "predict", made["model"], made["texts"], "-o"]
    codes = [ended(start([*command, tmp_path / name], **way))[0] for name, way in (("open", {}), ("shut", every))]
    assert codes == [0, 0]
    assert (tmp_path / "shut").read_bytes() == (tmp_path / "open").read_bytes()


# --- signals ----------------------------------------------------------------------------------------------------------


def unfinished_in(folder):
    return [path for path in folder.iterdir() if outputs.UNFINISHED.fullmatch(path.name)]


def begin_to_predict(made, output):
    """A predict that has begun to write and waits for more of its standard input."""
    command = [sys.executable, "-m", "xmlc_mhe.cli", "predict", str(made["model"]), "-", "-o", str(output)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, **pipes)
    process.stdin.write(b"word1 also1\n")
    process.stdin.flush()
    while not any((folder / outputs.PARTS / output.name).exists() for folder in unfinished_in(output.parent)):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung up"), ("SIGINT", 130, "interrupted")],
)
def test_a_signal_that_ends_a_command_cleans_up(made, tmp_path, name, code, word):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by tests in the background, and so by it
    (tmp_path / "out").write_text("earlier")
    process = begin_to_predict(made, tmp_path / "out")
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=300)
    expected = f"xmlc-mhe: {word}; nothing is half-written\n".encode()
    assert (process.returncode, out, err) == (code, b"", expected)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "earlier"


def test_what_a_killed_command_left_is_removed_by_the_next_and_a_living_one_is_let_be(made, tmp_path):
    killed, living = (begin_to_predict(made, tmp_path / name) for name in ("out", "other"))
    killed.kill()
    killed.communicate()
    assert len(unfinished_in(tmp_path)) == 2
    for name in ("out", "other"):
        assert main(["predict", str(made["model"]), str(made["texts"]), "-o", str(tmp_path / name), "-q"]) == 0
    assert len(unfinished_in(tmp_path)) == 1
    assert living.communicate(timeout=300)[1] == b""
    assert living.returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]
    assert ((tmp_path / "out").read_text().count("\n"), (tmp_path / "other").read_text().count("\n")) == (4, 1)


def test_the_handlers_of_signals_are_left_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert main(["plan", "100", "-q"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


# --- full disks -------------------------------------------------------------------------------------------------------


WRITES = {name: ARGUMENTS[name] for name in ("fit", "eval", "plan", "search", "report")}
WRITES |= {f"data {name}": ARGUMENTS[f"data {name}"] for name in ("inspect", "convert", "split")}
WRITES |= {f"data {name}": f"data {name} --json {{out}}" for name in ("cards", "formats")}
WRITES |= {f"predict {kind}": f"predict {{model}} {{texts}} -o {{out}} --format {kind}" for kind in ("jsonl", "npz")}
WRITES |= {"run": "run {recipe} -o {folder} -m {out}", "to a file": "data convert {records} {out}.jsonl"}


@pytest.mark.parametrize("words", WRITES.values(), ids=WRITES)
def test_a_full_disk_is_told_in_one_line_that_names_the_output(made, tmp_path, capsys, words):
    resource = pytest.importorskip("resource")
    paths = {**made, "out": tmp_path / "out", "folder": tmp_path}
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, earlier[1]))  # room for a lock
    try:
        code = main([word.format(**paths) for word in words.split()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("xmlc-mhe: error: ")]
    assert code == 2
    assert line.startswith(f"xmlc-mhe: error: {tmp_path}/")
    assert " must " in line
    assert unfinished_in(tmp_path) == []
