import csv
import json
import re

import numpy as np
import pytest

from xmlc_mhe import XMLCClassifier, cli
from xmlc_mhe.cli import main
from xmlc_mhe.cli.data import DATA_COMMANDS
from xmlc_mhe.corrections.store import Correction, CorrectionStore
from xmlc_mhe.data.benchmarks.cards import cards
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.formats.table import FORMATS
from xmlc_mhe.data.reading import load_dataset
from xmlc_mhe.data.writing import save_dataset, save_file


@pytest.fixture
def parts(rng):
    """The parts train and test, of 60 texts whose words tell their one label of six."""
    parts = {}
    for part in ("train", "test"):
        Y = np.eye(6)[rng.integers(0, 6, 60)]
        texts = [f"word{label} also{label} noise{i % 7}" for i, label in enumerate(Y.argmax(axis=1))]
        parts[part] = Dataset(texts, None, Y, [f"label{i}" for i in range(6)])
    return parts


@pytest.fixture
def records(parts, tmp_path):
    save_dataset(parts, tmp_path / "records")
    return tmp_path / "records"


EXTRA = {"parquet": "pyarrow", "hub": "datasets", "xlsx": "openpyxl"}


def run(*arguments):
    return main([str(argument) for argument in arguments])


def fails(capsys, *arguments):
    """The line of the error that a command prints, without printing anything else on stderr."""
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert re.fullmatch(r"xmlc-mhe: error: [^\n]+\n", error)
    return error


@pytest.mark.parametrize("command", DATA_COMMANDS)
def test_help_of_every_data_command_has_examples_that_parse(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main(["data", command, "--help"])
    output = capsys.readouterr().out
    examples = output.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 2
    assert output.startswith(f"usage: xmlc-mhe data {command} ")
    assert all(f"xmlc-mhe data {command}" in line for line in examples)
    assert max(map(len, output.splitlines())) <= 100
    for line in examples:
        cli.build_parser().parse_args(line.partition("xmlc-mhe ")[2].partition("    ")[0].split())


# --- fit, predict and eval on other formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, f in FORMATS.items() if f.of_texts])
def test_a_model_is_fitted_measured_and_applied_on_every_format_of_texts(parts, tmp_path, capsys, name):
    if name in EXTRA:
        pytest.importorskip(EXTRA[name])
    save_dataset(parts, tmp_path / "d", format=name)
    assert run("fit", tmp_path / "d", "-m", tmp_path / "model", "-q", "--min-df", 1) == 0
    assert run("eval", tmp_path / "model", tmp_path / "d", "-k", 1, "-q") == 0
    assert re.search(r"^ +P +100\.00$", capsys.readouterr().out, re.MULTILINE)
    assert run("predict", tmp_path / "model", tmp_path / "d", "-k", 1, "-q") == 0
    rows = [json.loads(line)["labels"] for line in capsys.readouterr().out.splitlines()]
    assert rows == [[f"label{label}"] for label in parts["test"].Y.indices]


@pytest.mark.parametrize("name", [name for name, f in FORMATS.items() if not f.of_texts])
def test_a_model_is_fitted_measured_and_applied_on_every_format_of_features(parts, tmp_path, capsys, name):
    # the last feature is in train alone: files that do not tell their width must be given that of the model
    rows = {part: np.eye(7)[d.Y.indices] for part, d in parts.items()}
    rows["train"][:, 6] = 0.1
    features = {part: Dataset(None, rows[part], d.Y, d.label_names) for part, d in parts.items()}
    save_dataset(features, tmp_path / "d", format=name)
    assert run("fit", tmp_path / "d", "-m", tmp_path / "model", "-q") == 0
    assert run("eval", tmp_path / "model", tmp_path / "d", "-k", 1, "-q") == 0
    assert re.search(r"^ +P +100\.00$", capsys.readouterr().out, re.MULTILINE)
    assert run("predict", tmp_path / "model", tmp_path / "d", "-k", 1, "-q") == 0
    assert capsys.readouterr().out.count("\n") == 60


def test_columns_and_the_separator_reach_all_three_commands(parts, tmp_path, capsys):
    options = ReadOptions(text_columns=("body",), label_column="tags", label_separator="|")
    for part, dataset in parts.items():
        save_file(dataset, tmp_path / f"{part}.csv", format="csv", options=options)
    columns = ["--text-column", "body", "--label-column", "tags", "--label-separator", "|", "-q"]
    assert run("fit", tmp_path / "train.csv", "-m", tmp_path / "model", *columns) == 0
    assert XMLCClassifier.load(tmp_path / "model").label_names_ == parts["train"].label_names
    assert run("eval", tmp_path / "model", tmp_path / "test.csv", "-k", 1, *columns) == 0
    assert re.search(r"^ +P +100\.00$", capsys.readouterr().out, re.MULTILINE)
    assert run("predict", tmp_path / "model", tmp_path / "test.csv", "-k", 1, *columns) == 0
    assert capsys.readouterr().out.count("\n") == 60
    assert 'must have a column "text"' in fails(capsys, "fit", tmp_path / "train.csv", "-m", tmp_path / "other", "-q")


@pytest.mark.parametrize("name", ["csv", "tsv", "xlsx", "parquet"])
def test_a_table_comes_back_with_the_tags_of_every_row(parts, records, tmp_path, capsys, name):
    if name in EXTRA:
        pytest.importorskip(EXTRA[name])
    assert run("fit", records, "-m", tmp_path / "model", "-q", "--min-df", 1) == 0
    table, out = tmp_path / f"in.{name}", tmp_path / f"out.{name}"
    save_file(parts["test"], table)
    names = parts["test"].label_names
    for options, k in (([], 5), (["-k", 2], 2), (["--threshold", "0.0"], 5), (["--threshold", "1.0"], 5)):
        assert run("predict", tmp_path / "model", table, "--format", "table", "-o", out, "-q", *options) == 0
        for column in ("text", "labels"):  # as they were
            assert column_of(out, column) == column_of(table, column)
        firsts = column_of(out, "label_1")
        true = [names[label] for label in parts["test"].Y.indices]
        assert firsts == (true if options != ["--threshold", "1.0"] else [""] * 60)
        assert column_of(out, f"label_{k}") is not None
        assert 'must have a column "label_' in fails(capsys, "data", "inspect", out, "--text-column", f"label_{k + 1}")
        for row in column_of(out, "score_1") if options == ["-k", 2] else []:
            assert float(row) > 0.3
    assert run("predict", tmp_path / "model", out, "-q", "-k", 1) == 0  # it is a table as before
    capsys.readouterr()
    message = fails(capsys, "predict", tmp_path / "model", table, "--format", "table")
    assert message == "xmlc-mhe: error: --output must be given with --format table. Got none; add -o FILE.\n"
    assert "the table with tags must be called" in fails(
        capsys, "predict", tmp_path / "missing", table, "--format", "table", "-o", tmp_path / "out.txt"
    )


def column_of(path, name):
    """The cells of a column as strings."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        cells = pyarrow.parquet.read_table(path)[name].to_pylist()
    elif path.suffix == ".xlsx":
        import openpyxl

        header, *rows = openpyxl.load_workbook(path).active.values
        cells = [row[header.index(name)] for row in rows]
    else:
        with path.open(newline="") as file:
            cells = [row[name] for row in csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")]
    return ["" if cell is None else str(cell) for cell in cells]


def test_a_benchmark_is_fitted_by_its_name(shared, tmp_path, monkeypatch, capsys):
    arguments = ["fit", "bibtex", "-m", tmp_path / "model", "-q"]
    assert "bibtex must be in a folder" in fails(capsys, *arguments)
    assert run(*arguments, "--data-dir", shared / "data") == 0
    monkeypatch.setenv("XMLC_DATA", str(shared / "data"))
    assert run("eval", tmp_path / "model", "bibtex", "-k", 1, "-q") == 0


def test_a_benchmark_is_measured_with_its_own_constants_of_propensity(parts, tmp_path):
    folder, test = tmp_path / "all" / "amazon-3m", parts["test"]
    Y = test.Y.toarray()
    Y[:20] = np.roll(Y[:20], 1, axis=1)  # not all is right: else every constant gives 1
    save_dataset({**parts, "test": Dataset(test.texts, None, Y, test.label_names)}, folder)
    assert run("fit", folder, "-m", tmp_path / "model", "-q", "--min-df", 1) == 0
    results = []
    for data, options in (
        ("amazon-3m", []),
        (folder, ["--propensity-a", 0.6, "--propensity-b", 2.6]),
        (folder, []),
        ("amazon-3m", ["--propensity-a", 9]),
    ):
        path = tmp_path / "result.json"
        arguments = ["--data-dir", tmp_path / "all", "--json", path, "-q", *options]
        assert run("eval", tmp_path / "model", data, *arguments, "-k", 1) == 0
        results.append(json.loads(path.read_text())["PSP@1"])
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_standard_input_is_texts_and_nothing_else(records, tmp_path, capsys):
    assert run("fit", records, "-m", tmp_path / "model", "-q") == 0
    error = fails(capsys, "predict", tmp_path / "model", "-", "--data-format", "jsonl")
    assert "standard input must be texts, one a line. Got jsonl; save it to a file first." in error


# --- inspect ----------------------------------------------------------------------------------------------------------


def test_inspect_prints_a_table_and_a_curve_and_writes_the_figures(records, tmp_path, capsys):
    assert run("data", "inspect", records, "--json", tmp_path / "r.json", "-q") == 0
    out = capsys.readouterr().out
    written = json.loads((tmp_path / "r.json").read_text())
    assert out.splitlines()[0].split() == ["train", "test"]
    assert re.search(r"^documents +60 +60$", out, re.MULTILINE)
    assert re.search(r"^unknown, % of pairs +- +0\.00$", out, re.MULTILINE)
    assert [written["parts"][part]["documents"] for part in ("train", "test")] == [60, 60]
    rank, count = written["curve"][0]
    assert re.search(rf"^ *{rank} +{count} #{{50}}$", out, re.MULTILINE)
    assert written["parts"]["test"]["in_train"] == int(re.search(r"^in train +- +(\d+)$", out, re.MULTILINE)[1])


def test_inspect_takes_one_file_for_train(parts, tmp_path, capsys):
    save_file(parts["test"], tmp_path / "a.jsonl", format="jsonl")
    assert run("data", "inspect", tmp_path / "a.jsonl", "-q") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["train"]


# --- convert and split ------------------------------------------------------------------------------------------------


def test_labels_that_the_separator_would_part_are_told_with_the_option_that_mends_it(tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "a", "labels": ["two words"]}) + "\n")
    assert run("data", "convert", tmp_path / "in.jsonl", tmp_path / "out.csv") == 2
    assert "choose another --to-separator, or a format with lists, such as jsonl" in capsys.readouterr().err
    assert run("data", "convert", tmp_path / "in.jsonl", tmp_path / "out.csv", "--to-separator", ";") == 0


def test_corrections_become_data_to_fit_on(tmp_path, capsys):
    with CorrectionStore(tmp_path / "store.db") as store:
        store.add(
            [Correction("first", ("a", "two words"), ("c",)), Correction("second", ()), Correction("first", ("b",))]
        )
    assert run("data", "corrections", tmp_path / "store.db", tmp_path / "corrections.jsonl") == 0
    lines = [json.loads(line) for line in (tmp_path / "corrections.jsonl").read_text().splitlines()]
    assert [(line["text"], line["labels"]) for line in lines] == [("second", []), ("first", ["b"])]


def test_a_store_that_is_missing_or_empty_is_told_in_one_line(tmp_path, capsys):
    assert run("data", "corrections", tmp_path / "none.db", tmp_path / "out.jsonl") == 2
    assert "Got no such file; name what serve wrote." in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()
    CorrectionStore(tmp_path / "store.db").close()
    assert run("data", "corrections", tmp_path / "store.db", tmp_path / "out.jsonl") == 2
    assert "Got none; correct a document first." in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_convert_writes_every_part_to_a_folder_or_one_to_a_file(records, parts, tmp_path, capsys):
    assert run("data", "convert", records, tmp_path / "tables", "--to", "csv", "--to-separator", ",") == 0
    assert capsys.readouterr().err.endswith("tables: 60 documents in train, 60 documents in test\n")
    for got, expected in zip(load_dataset(tmp_path / "tables"), parts.values(), strict=True):
        assert (got.texts, got.label_names) == (expected.texts, expected.label_names)
    assert run("data", "convert", tmp_path / "tables", tmp_path / "t.jsonl.gz", "--part", "test") == 0
    assert capsys.readouterr().err.endswith("t.jsonl.gz: 60 documents in jsonl\n")
    (got,) = load_dataset(tmp_path / "t.jsonl.gz", parts=("test",))
    assert got.texts == parts["test"].texts
    assert run("data", "convert", tmp_path / "t.jsonl.gz", tmp_path / "lines.txt", "-q") == 0
    assert load_dataset(tmp_path / "lines.txt", parts=("train",))[0].texts == got.texts


def test_the_end_of_a_name_stands_for_the_format_that_can_hold_the_documents(tmp_path, capsys):
    save_dataset({"train": Dataset(None, np.eye(2), np.eye(2), ["0", "1"])}, tmp_path / "features")
    save_dataset({"train": Dataset(["a", "b"], None, np.eye(2), ["0", "1"])}, tmp_path / "texts")
    for source, name in (("features", "xrc"), ("texts", "libmultilabel")):
        assert run("data", "convert", tmp_path / source, tmp_path / f"{source}.txt") == 0
        assert capsys.readouterr().err.endswith(f"{source}.txt: 2 documents in {name}\n")


def test_split_writes_the_parts_and_keeps_those_that_were_there(records, parts, tmp_path, capsys):
    for options in (["--random"], []):
        if not options:
            pytest.importorskip("iterstrat")
        out = tmp_path / f"parts{len(options)}"
        assert run("data", "split", records, out, "--dev", 0.2, "--to", "jsonl", "-q", *options) == 0
        train, dev, test = load_dataset(out, parts=("train", "dev", "test"))
        assert sorted(train.texts + dev.texts) == sorted(parts["train"].texts)
        assert test.texts == parts["test"].texts
        assert dev.num_docs == pytest.approx(12, abs=2)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "convert {records} {top}/out --to jsonl --part test",
            r"--part must go with a file to write\. Got the folder .*out; ",
        ),
        ("convert {records} {top}/out --to svmlight", r"the format svmlight holds features\. Got texts; choose one of"),
        ("convert {records} {top}/a.svm", r"the format svmlight holds features\. Got texts; choose one of"),
        ("convert {records} {top}/no/a.csv", r"a\.csv must be in a folder that exists\. Got no folder .*no; make it"),
        ("convert {records} {records} --to csv", r'folder must be new or empty\. Got ".*records", which has content'),
        (
            "split {records} {top}/out --test 0.1",
            r"--test must name a part that the data has not\. Got one that it has;",
        ),
        ("split {records} {top}/out", r"shares must be above 0, .* Got none; change them\."),
        ("check eurlex {top}", r'a benchmark must be one of amazon-3m, .* Got "eurlex"; choose one of these\.'),
        ("check bibtex {top}/no", r"no must be the folder of bibtex\. Got no such folder; check the path\."),
        ("fetch bibtex", r"--data-dir, or the variable XMLC_DATA, must name a folder\. Got neither; add one\."),
        ("fetch bibtex --data-dir {top}", r"bibtex must be fetched by hand\. Got no address of a file; see http"),
        ("inspect {records} --json {top}", r" must be a file to write\. Got a folder; name a file in it\."),
    ],
)
def test_a_wrong_data_command_prints_one_line_and_writes_nothing(
    records, tmp_path, capsys, monkeypatch, command, message
):
    monkeypatch.delenv("XMLC_DATA", raising=False)
    before = sorted(tmp_path.rglob("*"))
    assert re.search(message, fails(capsys, "data", *command.format(records=records, top=tmp_path).split()))
    assert sorted(tmp_path.rglob("*")) == before


# --- benchmarks and formats -------------------------------------------------------------------------------------------


def test_check_prints_the_sizes_and_fails_where_one_differs(shared, tmp_path, capsys):
    path = tmp_path / "sizes.json"
    assert run("data", "check", "bibtex", shared / "data" / "bibtex", "--json", path) == 0
    out = capsys.readouterr().out
    assert re.search(r"^train documents +4,880 +4,880$", out, re.MULTILINE)
    assert {row["what"]: row["found"] for row in json.loads(path.read_text())["sizes"]}["labels"] == 159
    assert run("data", "check", "bibtex", shared / "data" / "delicious", "--json", path) == 2
    out, err = capsys.readouterr()
    assert re.search(r"^labels +159 +983 +differs$", out, re.MULTILINE)
    assert re.search(
        r"delicious must have the sizes of bibtex\. Got 12,920 train documents for 4,880, .*; check that", err
    )
    assert not any(row["is_right"] for row in json.loads(path.read_text())["sizes"])


def test_cards_lists_all_and_tells_all_of_one(tmp_path, capsys):
    path = tmp_path / "cards.json"
    assert run("data", "cards", "--json", path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(cards()) == list(json.loads(path.read_text()))
    assert run("data", "cards", "eurlex57k", "--json", path) == 0
    out = capsys.readouterr().out
    card = json.loads(path.read_text())["eurlex57k"]
    assert card["sizes"]["train"] == 45_000
    assert card["hub"]["name"] in out
    assert all(note in out for note in card["notes"])


def test_formats_lists_every_format(tmp_path, capsys):
    assert run("data", "formats", "--json", tmp_path / "f.json") == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(FORMATS)
    assert [row["name"] for row in json.loads((tmp_path / "f.json").read_text())["formats"]] == list(FORMATS)
