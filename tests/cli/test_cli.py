import csv
import io
import json
import logging
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Dataset, XMLCClassifier, __version__, cli, evaluate, load_dataset, metric_names
from xmlc_mhe.calibration import evaluate_probs
from xmlc_mhe.classifier import classifier
from xmlc_mhe.cli import main, predict
from xmlc_mhe.cli.common import size_of
from xmlc_mhe.codes.planner import plan
from xmlc_mhe.data import reading
from xmlc_mhe.data.writing import save_dataset
from xmlc_mhe.features import counting
from xmlc_mhe.metrics import METRICS
from xmlc_mhe.model_files import read_model
from xmlc_mhe.progress import track, track_documents
from xmlc_mhe.ranking import learning
from xmlc_mhe.set_metrics import evaluate_sets

NUM_LABELS = 12
NAMES = [f"größe{i:02}" for i in range(NUM_LABELS)]


def run(*arguments, stdin=None, **options):
    """Run the command in a process of its own, as a user does."""
    command = [sys.executable, "-m", "xmlc_mhe.cli", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=300, **options)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A folder of 96 train and 24 test documents whose words tell their one or two labels; one test label is new."""
    rng = np.random.default_rng(0)
    datasets = {}
    for part, num_docs in (("train", 96), ("test", 24)):
        Y = np.zeros((num_docs, NUM_LABELS + (part == "test")), int)
        for doc, row in enumerate(Y):
            row[[doc % NUM_LABELS, *rng.choice(NUM_LABELS, doc % 2)]] = 1
        Y[0, -1] = 1
        words = [[f"word{label} also{label}" for label in np.flatnonzero(row)] for row in Y]
        texts = [" ".join([*row, *(f"noise{i}" for i in rng.choice(20, 3))]) for row in words]
        datasets[part] = Dataset(texts, None, sp.csr_array(Y), NAMES)
    folder = tmp_path_factory.mktemp("cli") / "records"
    save_dataset(datasets, folder)
    return folder


@pytest.fixture(scope="module")
def model(records):
    """The folder of a model that was fitted on the records."""
    folder = records.parent / "model"
    assert main(["fit", str(records), "-m", str(folder), "-q", "--threads", "2"]) == 0
    return folder


@pytest.fixture(scope="module")
def features(records):
    """A folder with features in place of the texts."""
    folder = records.parent / "features"
    parts = dict(zip(("train", "test"), load_dataset(records), strict=True))
    X = {
        part: sp.csr_array(np.diag(np.ones(NUM_LABELS + 1))[:-1][np.arange(dataset.num_docs) % NUM_LABELS])
        for part, dataset in parts.items()
    }
    save_dataset({part: Dataset(None, X[part], dataset.Y, NAMES) for part, dataset in parts.items()}, folder)
    return folder


@pytest.fixture(scope="module")
def features_model(features):
    folder = features.parent / "features_model"
    assert main(["fit", str(features), "-m", str(folder), "-q"]) == 0
    return folder


def predictions_of(model, records, k):
    """What the API predicts: rows of label names and of scores."""
    loaded = XMLCClassifier.load(model)
    labels, scores = loaded.predict(load_dataset(records, parts=("test",))[0], k)
    return [[loaded.label_names_[label] for label in row] for row in labels], scores


# --- the main job -----------------------------------------------------------------------------------------------------


def test_a_user_fits_evaluates_and_predicts(records, tmp_path):
    fitted = run("fit", "records", "-m", tmp_path / "model", cwd=records.parent)
    assert (fitted.returncode, fitted.stdout) == (0, b"")
    assert re.fullmatch(
        r"xmlc-mhe: margins are calibrated: 19 held-out documents are too few to learn a ranking from\n"
        rf"xmlc-mhe: 96 documents, 12 labels, heads of 1 x 16, beam all; fitted in \d+\.\d s; {tmp_path}/model is "
        rf"[1-9]\d*\.\d kB\n",
        fitted.stderr.decode(),
    )
    evaluated = run("eval", tmp_path / "model", records)
    assert evaluated.returncode == 0
    assert evaluated.stdout.decode().splitlines()[0].split() == ["%", "@1", "@3", "@5"]
    text = (records / "test_texts.txt").read_bytes()
    predicted = run("predict", tmp_path / "model", "-", "-k", 2, stdin=text)
    assert (predicted.returncode, predicted.stderr) == (0, b"")
    names, _ = predictions_of(tmp_path / "model", records, 2)
    assert [json.loads(line)["labels"] for line in predicted.stdout.decode().splitlines()] == names


@pytest.mark.parametrize(
    ("num_bytes", "expected"), [(0, "0.0 kB"), (14_260, "14.3 kB"), (10**6, "1.0 MB"), (2_345_678_901, "2,345.7 MB")]
)
def test_a_size_is_told_in_the_unit_that_it_has_digits_in(num_bytes, expected):
    assert size_of(num_bytes) == expected


def test_a_text_file_and_the_part_of_a_folder_and_standard_input_give_the_same(model, records, capsys, monkeypatch):
    outputs = []
    for source in (records / "test_texts.txt", records, "-"):
        texts = io.TextIOWrapper(io.BytesIO((records / "test_texts.txt").read_bytes()))
        monkeypatch.setattr(sys, "stdin", texts)
        assert main(["predict", str(model), str(source)]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0].count("\n") == 24
    assert main(["predict", str(model), str(records), "--part", "train"]) == 0
    assert capsys.readouterr().out.count("\n") == 96


@pytest.mark.parametrize("where", ["file", "standard output"])
@pytest.mark.parametrize("kind", ["jsonl", "tsv", "npz"])
def test_every_format_holds_what_the_api_predicts(model, records, tmp_path, capsysbinary, kind, where):
    names, scores = predictions_of(model, records, 3)
    output = tmp_path / "out"
    arguments = ["predict", str(model), str(records), "-k", "3", "--format", kind]
    if kind == "npz" and where == "standard output":
        assert main(arguments) == 2
        assert capsysbinary.readouterr().err == (
            b"xmlc-mhe: error: --output must be given with --format npz. Got none; add -o FILE.npz.\n"
        )
        return
    assert main(arguments + (["-o", str(output)] if where == "file" else [])) == 0
    content = output.read_bytes() if where == "file" else capsysbinary.readouterr().out
    if kind == "npz":
        found = np.load(io.BytesIO(content))  # refuses pickles
        np.testing.assert_array_equal(found["label_names"][found["labels"]], names)
        np.testing.assert_array_equal(found["scores"], scores)
        return
    if kind == "jsonl":
        rows = [json.loads(line) for line in content.decode().splitlines()]
        got = [row["labels"] for row in rows], [row["scores"] for row in rows]
    else:
        rows = list(csv.reader(io.StringIO(content.decode()), delimiter="\t", quoting=csv.QUOTE_NONE))
        got = [row[::2] for row in rows], [list(map(float, row[1::2])) for row in rows]
    assert got[0] == names
    np.testing.assert_allclose(got[1], scores, atol=6e-5)


def test_the_figures_of_eval_are_those_of_the_api_and_of_the_table(model, records, tmp_path, capsys):
    path = tmp_path / "result.json"
    assert main(["eval", str(model), str(records), "-k", "1,4", "--json", str(path)]) == 0
    table, of_sets = capsys.readouterr().out.split("\n\n", 1)
    table = table.splitlines()
    rules = [line.split()[0] for line in of_sets.splitlines()[1:5]]
    assert rules == ["0.5", "micro-f1", "macro-f1", "doc-f1"]
    assert "probabilities: ECE " in of_sets
    loaded, (test,) = XMLCClassifier.load(model), load_dataset(records, parts=("test",))
    propensity = loaded.label_propensity(num_labels=test.Y.shape[1])
    expected = evaluate(test.Y, loaded.predict(test, 4), metric_names((1, 4), metrics=METRICS), propensity=propensity)
    values = json.loads(path.read_text())
    sets, probs = values.pop("thresholds"), values.pop("probabilities")
    assert values == pytest.approx(expected)
    assert list(sets) == ["0.5", "micro-f1", "macro-f1", "doc-f1"]
    assert sets["0.5"] == pytest.approx(evaluate_sets(test.Y, loaded.predict(test, threshold=0.5)))
    assert probs == pytest.approx(evaluate_probs(test.Y, loaded.predict(test, len(loaded.label_names_))))
    assert all(isinstance(value, float) and 0 <= value <= 1 for value in values.values())
    assert values["R@4"] < 1  # the label that is not in training counts
    assert [line.split()[0] for line in table] == ["%", *METRICS]
    for line in table[1:]:
        metric, *figures = line.split()
        assert [float(figure) for figure in figures] == pytest.approx(
            [100 * values[f"{metric}@{k}"] for k in (1, 4)], abs=0.0051
        )


def test_options_of_eval_reach_the_metrics(model, records, tmp_path, capsys):
    values = []
    for options in ([], ["--drop-empty"], ["--propensity-a", "2"], ["--propensity-b", "9"], ["--part", "train"]):
        path = tmp_path / "result.json"
        assert main(["eval", str(model), str(records), "--json", str(path), *options]) == 0
        values.append(json.loads(path.read_text()))
    default, drop_empty, a, b, train = values
    assert drop_empty == default  # every document has a label
    assert a["PSP@5"] != default["PSP@5"] != b["PSP@5"]
    assert train["P@1"] != default["P@1"] or train["R@5"] != default["R@5"]


@pytest.mark.parametrize(("num_labels", "ks"), [(2, ["@1", "@2"]), (4, ["@1", "@3", "@4"]), (5, ["@1", "@3", "@5"])])
def test_the_cutoffs_of_eval_are_no_more_than_the_labels_unless_they_are_given(tmp_path, capsys, num_labels, ks):
    names = [f"label{number}" for number in range(num_labels)]
    texts = [f"word{number} word{number}" for number in range(num_labels)]
    XMLCClassifier().fit(texts * 2, names * 2).save(tmp_path / "model")
    lines = [json.dumps({"text": text, "labels": [name]}) for text, name in zip(texts, names, strict=True)]
    (tmp_path / "test.jsonl").write_text("\n".join(lines))
    command = ["eval", str(tmp_path / "model"), str(tmp_path / "test.jsonl")]
    assert main(command) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["%", *ks]
    assert main([*command, "-k", "1,6"]) == 2
    assert f"k must be 1 to {num_labels}, the number of labels. Got 6;" in capsys.readouterr().err


def test_options_of_fit_reach_the_model(records, tmp_path):
    options = ["--encoder", "tfidf", "--head-sizes", "4,3", "--label-order", "random", "--beam", "2", "--seed", "7"]
    options += ["--C", "2", "--positive-weight", "1.5", "--train-beam", "3", "--cascade-scale", "0.1", "--passes", "4"]
    options += ["--bias-feature", "0.5", "--eps", "0.2", "--prune", "0.01", "--threads", "1"]
    options += ["--min-df", "1", "--ngrams", "1,2", "--hashing-bits", "10", "--raw-tf"]
    options += ["--analyzer", "word+char_wb", "--char-ngrams", "2,4", "--normalization", "NFKC", "--case", "keep"]
    (tmp_path / "stop.txt").write_text("the\nof\n")
    options += ["--strip-accents", "--token-pattern", "[a-zöß0-9]+", "--stop-words", str(tmp_path / "stop.txt")]
    assert main(["fit", str(records), "-m", str(tmp_path / "model"), "-q", *options]) == 0
    params = XMLCClassifier.load(tmp_path / "model").get_params()
    encoder = params.pop("encoder").get_params()
    assert encoder == {
        "weighting": "tfidf", "sublinear_tf": False, "min_df": 1, "ngram_range": (1, 2), "hashing_bits": 10,
        "analyzer": "word+char_wb", "char_ngram_range": (2, 4), "normalization": "NFKC", "case": "keep",
        "strip_accents": True, "token_pattern": "[a-zöß0-9]+", "stem": None, "stop_words": ["the", "of"],
    }  # fmt: skip
    assert {name: value for name, value in params.items() if not name.startswith("encoder__")} == {
        "encoder_options": None, "dense_scale": None,
        "head": "mhc", "head_sizes": (4, 3), "label_order": "random", "C": 2.0, "positive_weight": 1.5, "train_beam": 3,
        "bias_feature": 0.5, "beam": 2, "cascade_scale": 0.1, "passes": 4, "eps": 0.2, "prune": 0.01, "seed": 7,
        "head_options": None, "threads": None, "rank": True, "neighbours": True,
    }  # fmt: skip


def test_every_option_of_the_model_is_one_of_fit(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    options = capsys.readouterr().out
    for name in XMLCClassifier().get_params():
        spelling = name.replace("_", "-").replace("-options", "-option")  # one at a time
        assert f"--{spelling}" in options or f"--no-{spelling}" in options


def test_the_defaults_are_those_of_the_api(records, model, tmp_path):
    XMLCClassifier().fit(*load_dataset(records, parts=("train",))).save(tmp_path / "model")
    assert (tmp_path / "model" / "arrays.safetensors").read_bytes() == (model / "arrays.safetensors").read_bytes()


def test_features_are_fitted_evaluated_and_predicted(features, features_model, capsys):
    assert read_model(features_model)["encoder_class"] == "GivenFeatures"
    assert main(["eval", str(features_model), str(features), "-k", "1"]) == 0
    assert re.search(r"^ +P +100\.00$", capsys.readouterr().out, re.MULTILINE)
    assert main(["predict", str(features_model), str(features), "-k", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 24


def test_the_same_seed_gives_the_same_arrays_for_any_number_of_threads(records, tmp_path):
    for threads in (1, 2, 4):
        assert main(["fit", str(records), "-m", str(tmp_path / str(threads)), "-q", "--threads", str(threads)]) == 0
    assert len({(tmp_path / name / "arrays.safetensors").read_bytes() for name in ("1", "2", "4")}) == 1


def test_an_earlier_model_is_replaced_with_overwrite(records, tmp_path):
    for head in ("mhc", "vanilla"):
        assert main(["fit", str(records), "-m", str(tmp_path / "model"), "-q", "--overwrite", "--head", head]) == 0
        assert read_model(tmp_path / "model")["head_name"] == head
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


# --- lengths of the heads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("3956", {}),
        ("670091 --heads 2 --dim 768 --beam 75", {"dim": 768, "beam": 75}),
        ("60 --heads 3", {"num_heads": 3}),
    ],
)
def test_plan_prints_some_and_writes_all_of_the_figures_of_the_api(tmp_path, capsys, arguments, options):
    path = tmp_path / "plans.json"
    assert main(["plan", *arguments.split(), "--json", str(path)]) == 0
    out, err = capsys.readouterr()
    num_labels = int(arguments.split()[0])
    plans = plan(num_labels, **options)
    written = json.loads(path.read_text())
    rows = written.pop("plans")
    assert written == {"num_labels": num_labels, "num_heads": 2, "dim": None, "beam": 10} | options
    assert rows == [json.loads(json.dumps(vars(p))) for p in plans]
    title, *lines = out.splitlines()
    unit = "weights" if "dim" in options else "vectors"
    assert re.split("  +", title.strip()) == [
        "lengths", "padding", "confusion", "steps", f"mhp {unit}", f"mhc {unit}", "mhc scores"
    ]  # fmt: skip
    assert len(lines) <= 15
    assert err == f"xmlc-mhe: {len(lines)} of {len(plans)} candidates shown; --json FILE writes all\n"
    plan_of = {" x ".join(map(str, p.head_sizes)): p for p in plans}
    for line in lines:
        lengths, *figures, notes = re.split("  +", f"{line}  ".lstrip())[:8]
        p = plan_of.pop(lengths)
        assert float(figures.pop(1)) == pytest.approx(p.confusion_degree, rel=1e-3)
        assert [int(figure.replace(",", "")) for figure in figures] == [
            p.padding, p.approximation_steps, p.mhp_parameters, p.mhc_parameters, p.mhc_scores
        ]  # fmt: skip
        names = [*(f"best for {name}" for name in p.recommended_for), f"published for {p.published_for}"]
        assert notes == ", ".join(names if p.published_for else names[:-1])
    assert out.count("best for mhp") == out.count("best for mhc") == 1


# --- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "most_lines"), [("fit", 96), ("predict", 56), ("eval", 52), ("plan", 20)])
def test_help_has_examples_and_is_short(capsys, monkeypatch, command, most_lines):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    output = capsys.readouterr().out
    examples = output.partition("examples:\n")[2].splitlines()
    assert len(examples) >= 2
    assert all(f"xmlc-mhe {command} " in line for line in examples)
    assert len(output.splitlines()) <= most_lines
    assert max(map(len, output.splitlines())) <= 100
    parse = cli.build_parser().parse_args
    for line in examples:
        parse(line.partition("xmlc-mhe ")[2].partition("    ")[0].split())


def test_the_commands_and_the_version_are_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "fit | predict | explain | eval | plan | data" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"xmlc-mhe {__version__}\n"


def test_quiet_prints_nothing_on_stderr(records, tmp_path, capfd):
    folder = str(tmp_path / "model")
    for arguments in (
        ["fit", str(records), "-m", folder],
        ["predict", folder, str(records)],
        ["eval", folder, str(records)],
        ["plan", "566"],
    ):
        assert main([*arguments, "-q"]) == 0
        assert capfd.readouterr().err == ""


def test_logging_is_left_as_it_was(records, tmp_path):
    logger, root = logging.getLogger("xmlc_mhe"), logging.getLogger()
    before = [*logger.handlers], logger.level, [*root.handlers], root.level
    main(["fit", str(records), "-m", str(tmp_path / "model")])
    main(["fit", str(records), "-m", str(tmp_path / "model"), "-q"])
    assert ([*logger.handlers], logger.level, [*root.handlers], root.level) == before


@pytest.fixture
def clock(monkeypatch):
    """The clock of progress bars, which stands still unless a test moves it."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("tqdm.std.time", lambda: clock.now)
    return clock


@pytest.mark.parametrize(
    ("level", "is_terminal", "is_shown"),
    [
        (logging.NOTSET, True, True),
        (logging.INFO, True, True),
        (logging.WARNING, True, False),
        (logging.INFO, False, False),
    ],
)
def test_progress_shows_on_a_terminal_unless_quiet(monkeypatch, clock, level, is_terminal, is_shown):
    stderr = io.StringIO()
    stderr.isatty = lambda: is_terminal
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(logging.getLogger("xmlc_mhe"), "level", level)
    seen = []
    for item in track(range(2), total=2, title="counting"):
        clock.now += 0.6  # more than the delay before a bar shows
        seen.append(item)
    assert seen == [0, 1]
    assert ("counting" in stderr.getvalue()) == is_shown


def test_progress_tells_documents_a_second_and_what_is_left(monkeypatch, clock):
    stderr = io.StringIO()
    stderr.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stderr)
    for _ in track_documents([[0] * 300, [0] * 300, [0] * 400], total=1000, title="tagging", size=len):
        clock.now += 1
    shown = r"tagging: +60%\|.*\| 600/1000 \[00:01<00:0\d, +\d+\.\d\d documents/s\]"
    assert re.search(shown, stderr.getvalue())
    before = stderr.getvalue()

    def work():
        for _ in track([1, 2], total=2, title="of a thread"):
            clock.now += 1

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert stderr.getvalue() == before


def test_vectorising_ranking_and_tagging_count_their_documents(monkeypatch, tmp_path):
    counted = {}

    def track_documents(batches, *, total, title, size):
        for batch in batches:
            done, _ = counted.get(title, (0, 0))
            counted[title] = done + size(batch), total
            yield batch

    for module in (counting, learning, classifier, predict):
        monkeypatch.setattr(module, "track_documents", track_documents)
    monkeypatch.setattr(predict, "shows_progress", lambda: True)
    texts, names = [f"word{number % 7} {'long ' * 60}" for number in range(3000)], [f"l{n % 7}" for n in range(3000)]
    model = XMLCClassifier(threads=2).fit(texts, names)
    assert counted["words"] == (3000, 3000)
    assert counted["ranking"] == (3000, 600)  # five folds, a bar each
    model.predict(texts[:1000])
    assert counted["tagging"] == (1000, 1000)
    model.save(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    counted.clear()
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "texts.txt"), "-o", str(tmp_path / "out")]) == 0
    assert counted["tagging"] == (3000, 3000)


def test_quick_work_shows_no_progress(monkeypatch, clock):
    stderr = io.StringIO()
    stderr.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", stderr)
    assert list(track(range(3), total=3, title="counting")) == [0, 1, 2]
    assert stderr.getvalue() == ""


# --- label names with odd characters ----------------------------------------------------------------------------------


@pytest.fixture
def odd_model(tmp_path):
    """A model made with the API, whose label names hold tabs and line ends."""
    names = ["tab\there", "two\nlines", "return\r", "two words", '"quoted"', "\u2028", "\ud800"]
    texts = [f"word{i} word{i}" for i in range(len(names))]
    XMLCClassifier().fit(texts * 2, names * 2).save(tmp_path / "odd")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    return tmp_path / "odd", names


def test_a_label_name_that_would_break_a_tsv_is_refused_and_nothing_is_written(odd_model, tmp_path, capsys):
    folder, _ = odd_model
    for output in ([], ["-o", str(tmp_path / "out.tsv")]):
        assert main(["predict", str(folder), str(tmp_path / "texts.txt"), "--format", "tsv", *output]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(
            r"xmlc-mhe: error: label names must have no tab or line end with --format tsv\. Got '.*'; use jsonl\.\n",
            err,
        )
    assert not (tmp_path / "out.tsv").exists()


@pytest.mark.parametrize("kind", ["jsonl", "npz"])
def test_odd_label_names_are_written_to_the_other_formats(odd_model, tmp_path, kind):
    folder, names = odd_model
    output = tmp_path / "out"
    assert (
        main(["predict", str(folder), str(tmp_path / "texts.txt"), "-k", "1", "--format", kind, "-o", str(output)]) == 0
    )
    if kind == "jsonl":
        assert [json.loads(line)["labels"] for line in output.read_bytes().split(b"\n")[:-1]] == [
            [name] for name in names
        ]
    else:
        found = np.load(output)
        assert found["label_names"][found["labels"][:, 0]].tolist() == names


# --- errors -----------------------------------------------------------------------------------------------------------


def fails(capsys, arguments):
    """The line of the error that a command prints; others may only tell of the data."""
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"(xmlc-mhe: test: [^\n]+\n)*xmlc-mhe: error: [^\n]+\n", err)
    return err.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "fit {top}/recrods -m {new}",
            r'source must be "pydocs", a path that exists, .*\. .*; did you mean ".*/records"\?',
        ),
        ("eval {model} {top}/recrods --json {new}", r'did you mean ".*/records"\?'),
        ("predict {model} {records}/test_text.txt -o {new}", r'did you mean ".*/records/test_texts\.txt"\?'),
        ("predict {model} {empty} -o {new}", r"empty\.txt must hold a line for each document\. Got nothing; "),
        ("predict {model} {records} --part dev -o {new}", r"records must hold dev as .*; add or rename the files\."),
        (
            "predict {top}/modle {records} -o {new}",
            r"modle must be a model folder\. Got no such folder; check the path",
        ),
        (
            "eval {records} {records} --json {new}",
            r"records must be a model folder\. Got one without a readable config",
        ),
        (
            "fit {records} -m {new} --head-sizes 2,2",
            r"head_sizes must .*num_labels=12\. Got \(2, 2\), .*; enlarge one head",
        ),
        ("fit {records} -m {new} --head-sizes 12", r"head_sizes must have two lengths or more\. Got \(12,\); "),
        ("fit {records} -m {new} --C 0", r"C must be a number above 0\. Got 0\.0; choose another\."),
        ("fit {records} -m {new} --beam 0", r'beam must be "auto", "all" or a whole number from 1\. Got 0; '),
        ("fit {records} -m {new} --ngrams 1", r"ngram_range must be .* Got \(1,\); write for example \(1, 2\)\."),
        ("fit {records} -m {new} --min-df 97", r"occurs in min_df=97 documents or more\. Got 96 texts without one "),
        ("fit {records} -m {new} --threads 0", r"threads must be None or a whole number from 1\. Got 0; "),
        ("predict {model} {records} --threads 0 -o {new}", r"threads must be None or a whole number from 1\. Got 0; "),
        ("predict {model} {records} -k 13 -o {new}", r"k must be 1 to 12, the number of labels\. Got 13; "),
        ("predict {model} {records} -k 0 -o {new}", r"k must be 1 to 12, the number of labels\. Got 0; "),
        ("eval {model} {records} -k 1,13 --json {new}", r"k must be 1 to 12, the number of labels\. Got 13; "),
        (
            "fit {features} -m {new} --encoder tfidf",
            r'X must be a list of texts\. Got a matrix .*encoder="given" for feat',
        ),
        (
            "fit {records} -m {new} --encoder given",
            r"X must be rows of features, .*\. Got texts; fit with encoder=\"tfidf\"",
        ),
        (
            "predict {features_model} {records}/test_texts.txt -o {new}",
            r"X must be rows of features, .*\. Got texts; fit",
        ),
        ("eval {features_model} {records} --json {new}", r"X must be rows of features, .*\. Got texts; fit with"),
        ("eval {model} {features} --json {new}", r"X must be a list of texts\. Got a matrix of shape .*; fit with enc"),
        (
            "predict {model} {records} -o {new}/out",
            r"out must be in a folder that exists\. Got no folder .*; make it first",
        ),
        ("eval {model} {records} --json {new}/out", r"out must be in a folder that exists\. Got no folder .*; make it"),
        ("predict {model} {records} -o {top}", r" must be a file to write\. Got a folder; name a file in it\."),
        (
            "fit {records} -m {empty}/model",
            r"model must be a place to write to\. Got .*empty\.txt, which is not; choose",
        ),
        (
            "fit {records} -m {records}",
            r"records must not exist yet, or be a model .* Got something else; give another",
        ),
        ("plan 0 --json {new}", r"num_labels must be a whole number from 1 to 2147483647\. Got 0; choose"),
        ("plan 566 --heads 0 --json {new}", r"num_heads must be a whole number from 1\. Got 0; choose"),
        ("plan 566 --heads 11 --json {new}", r"num_heads must be 1 to 10 for num_labels=566, .*\. Got 11; use fewer"),
        ("plan 566 --dim 0 --json {new}", r"dim must be a whole number from 1\. Got 0; choose"),
        ("plan 566 --beam 0 --json {new}", r"beam must be a whole number from 1\. Got 0; choose"),
        ("plan 566 --json {new}/out", r"out must be in a folder that exists\. Got no folder .*; make it first"),
        ("fit {records}/test_texts.txt -m {new}", r"test_texts\.txt must hold documents and their labels in a "),
    ],
)
def test_a_wrong_command_prints_one_line_and_writes_nothing(
    records, model, features, features_model, tmp_path, capsys, command, message
):
    (tmp_path / "empty.txt").touch()
    paths = {"records": records, "model": model, "features": features, "features_model": features_model}
    paths |= {"top": records.parent, "empty": tmp_path / "empty.txt", "new": tmp_path / "new"}
    before = sorted(records.parent.rglob("*"))
    assert re.search(message, fails(capsys, command.format(**paths).split()))
    assert [path.name for path in tmp_path.iterdir()] == ["empty.txt"]
    assert sorted(records.parent.rglob("*")) == before


def test_a_model_in_the_way_is_told_before_training(records, model, capsys, monkeypatch):
    monkeypatch.setattr(reading, "load_dataset", lambda *_, **__: pytest.fail("the data was read"))
    assert "model must not exist yet" in (line := fails(capsys, ["fit", records, "-m", model]))
    assert "overwrite it: overwrite=True, --overwrite." in line


def test_an_output_that_cannot_be_written_is_told_before_the_work(records, model, capsys, monkeypatch):
    monkeypatch.setattr(XMLCClassifier, "load", lambda *_, **__: pytest.fail("the model was read"))
    for command in (["predict", model, records, "-o"], ["eval", model, records, "--json"]):
        assert "a folder that exists" in fails(capsys, [*command, records / "no" / "out"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\nline"), "one line"),
        (MemoryError("Unable to allocate 9 TiB"), "Unable to allocate 9 TiB"),
        (MemoryError(), "MemoryError"),
        (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
    ],
)
def test_errors_of_others_are_one_line_too(capsys, monkeypatch, error, line):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(reading, "load_dataset", fail)
    assert fails(capsys, ["fit", "pydocs", "-m", "no-such-model"]) == f"xmlc-mhe: error: {line}"


def test_an_error_in_the_middle_of_predicting_leaves_the_earlier_output(model, tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_bytes(b"word1\n" * 9000 + b"\xff\n")
    output = tmp_path / "out"
    output.write_text("earlier")
    assert "texts.txt:9001: the text must be UTF-8." in fails(capsys, ["predict", model, texts, "-o", output])
    assert output.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "texts.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fit"],
        ["fit", "x"],
        ["tag"],
        ["fit", "x", "-m", "y", "--head-sizes", "a"],
        ["fit", "x", "-m", "y", "--beam", "some"],
        ["eval", "x", "y", "-k", "0"],
    ],
)
def test_a_command_that_cannot_be_parsed_gives_usage_and_exits_2(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.startswith("usage: xmlc-mhe")


def test_an_error_in_a_process_of_its_own_gives_no_traceback(records, tmp_path):
    result = run("fit", tmp_path / "missing", "-m", tmp_path / "model")
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (2, b"", 1)
    assert result.stderr.startswith(b"xmlc-mhe: error: ")


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_an_output_obeys_the_umask_and_keeps_a_link(model, records, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    earlier = os.umask(0o027)
    try:
        assert main(["predict", str(model), str(records), "-o", str(tmp_path / "link")]) == 0
    finally:
        os.umask(earlier)
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640
    assert (tmp_path / "target").read_bytes().count(b"\n") == 24


def test_an_output_that_is_no_file_is_written_to_and_not_replaced(model, records, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert main(["predict", str(model), str(records), "-o", str(pipe)]) == 0
        assert reader.communicate(timeout=120)[0].count(b"\n") == 24
    assert pipe.is_fifo()


# --- interruptions ----------------------------------------------------------------------------------------------------


def test_a_reader_that_goes_gives_no_traceback(model, records, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("word1 also1\n" * 20_000)
    command = [sys.executable, "-m", "xmlc_mhe.cli", "predict", str(model), str(texts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["labels"][0] == NAMES[1]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(120) == 0


FIT = """
import sys
from xmlc_mhe.cli import main
from xmlc_mhe.linear import training
track = training.track
def begun(items, **options):
    for number, item in enumerate(track(items, **options)):
        if number == 1:  # the second group of many
            print("training", flush=True)
            sys.stdin.read()
        yield item
training.track = begun
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def large(tmp_path):
    """A folder with many groups of labels to fit."""
    rng = np.random.default_rng(0)
    words = [" ".join(f"w{i}" for i in row) for row in rng.integers(0, 3000, (5000, 40))]
    indices, indptr = rng.permutation(20 * 4999), np.minimum(np.arange(5001), 4999) * 20
    Y = sp.csr_array((np.ones(len(indices)), indices, indptr))
    save_dataset({"train": Dataset(words, None, Y, [f"l{i}" for i in range(Y.shape[1])])}, tmp_path / "large")
    return tmp_path / "large"


@pytest.mark.parametrize("overwrite", [False, True])
def test_ctrl_c_in_the_middle_of_training_leaves_nothing_and_the_earlier_model(large, model, tmp_path, overwrite):
    folder = tmp_path / "models" / "model"
    folder.parent.mkdir()
    if overwrite:
        XMLCClassifier.load(model).save(folder)
    command = [sys.executable, "-c", FIT, "fit", large, "-m", folder, "--overwrite", "--head", "vanilla", "-q"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by tests in the background, and so by it
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == b"training\n", process.stderr.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    expected = b"xmlc-mhe: interrupted; nothing is half-written\n"
    assert (process.returncode, out, err.splitlines(keepends=True)[-1:]) == (130, b"", [expected]), err
    assert b"Traceback" not in err
    assert [path.name for path in folder.parent.iterdir()] == (["model"] if overwrite else [])
    if overwrite:
        assert read_model(folder)["head_name"] == "mhc"


def test_ctrl_c_in_the_middle_of_predicting_leaves_no_output(model, records, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr(XMLCClassifier, "predict_batches", interrupted)
    assert main(["predict", str(model), str(records), "-o", str(tmp_path / "out")]) == 130
    assert capsys.readouterr() == ("", "xmlc-mhe: interrupted; nothing is half-written\n")
    assert list(tmp_path.iterdir()) == []
