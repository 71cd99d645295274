import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Dataset, XMLCClassifier, evaluate, label_propensity, load_dataset, metric_names
from xmlc_mhe.cli import main
from xmlc_mhe.data.dataset import subset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.writing import save_dataset
from xmlc_mhe.errors import DataError
from xmlc_mhe.experiments import runs
from xmlc_mhe.experiments.origin import data_sha256
from xmlc_mhe.experiments.outcome import Outcome
from xmlc_mhe.experiments.recipe import READING_OPTIONS, Evaluation, make_recipe
from xmlc_mhe.experiments.runs import find_data, measure, run_recipe
from xmlc_mhe.metrics import METRICS

NUM_LABELS = 12


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder of two data sets, one of texts and one of features; a label of test is not in train."""
    rng = np.random.default_rng(0)
    texts, features = {}, {}
    for part, num_docs in (("train", 120), ("test", 30)):
        Y = np.zeros((num_docs, NUM_LABELS + (part == "test")), int)
        for doc, row in enumerate(Y):
            row[[doc % NUM_LABELS, *rng.choice(NUM_LABELS, doc % 2)]] = 1
        Y[0, -1] = 1
        words = [[f"word{label} also{label}" for label in np.flatnonzero(row)] for row in Y]
        documents = [" ".join([*row, *(f"noise{i}" for i in rng.choice(20, 3))]) for row in words]
        names = [f"größe{i:02}" for i in range(NUM_LABELS)]
        texts[part] = Dataset(documents, None, sp.csr_array(Y), names)
        X = sp.csr_array(np.pad(Y[:, :NUM_LABELS], ((0, 0), (0, 3))) + rng.random((num_docs, NUM_LABELS + 3)) / 9)
        features[part] = Dataset(None, X, sp.csr_array(Y), names)
    folder = tmp_path_factory.mktemp("runs")
    save_dataset(texts, folder / "texts")
    save_dataset(features, folder / "features")
    return folder


@pytest.fixture(scope="module")
def finished(data_dir):
    """A recipe, its result and its outcome."""
    recipe = make_recipe({"data": "texts", "model": {"C": 2}, "evaluation": {"k": [1, 4], "propensity_a": 0.6}})
    return recipe, *run_recipe(recipe, name="texts/mhc", data_dir=data_dir, threads=2, learning_curve=True)


def test_a_run_measures_what_fit_predict_and_evaluate_give(finished, data_dir):
    _, result, outcome = finished
    train, test = load_dataset(data_dir / "texts")
    model = XMLCClassifier(C=2).fit(train)
    predictions = model.predict(test, NUM_LABELS)
    propensity = label_propensity(train.Y, a=0.6, num_labels=test.Y.shape[1])
    names = metric_names((1, 4), metrics=list(METRICS))
    assert result["metrics"] == evaluate(test.Y, predictions, names, propensity=propensity)
    assert result["metrics"]["R@4"] < 1  # the label that only test has counts
    np.testing.assert_array_equal(outcome.predictions.labels, predictions.labels)
    np.testing.assert_array_equal(outcome.predictions.scores, predictions.scores)


def test_a_result_is_json_and_says_what_a_reader_needs(finished):
    recipe, result, _ = finished
    assert json.loads(json.dumps(result))["recipe"]["model"]["C"] == 2
    assert result["recipe"] == recipe.filled(has_texts=True)
    assert (result["format"], result["name"]) == ("xmlc-mhe-result-1", "texts/mhc")
    assert result["data"]["labels"] == NUM_LABELS
    assert result["data"]["test"]["docs"] == 30
    assert set(result["seconds"]) == {"compile", "fit", "fit_cpu", "predict"}
    assert min(result["seconds"].values()) > 0
    assert result["peak_mib"] > 50
    assert 0 < result["model_megabytes"] < 1
    assert result["versions"]["numpy"] == np.__version__
    assert result["machine"]["threads"] == 2
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", result["date"])


def test_the_commit_is_that_of_the_source_and_none_where_there_is_no_git(monkeypatch):
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    if head.returncode == 0:
        assert runs.commit().removesuffix("+changes") == head.stdout.strip()
    monkeypatch.setenv("PATH", "")
    assert runs.commit() is None


def test_the_learning_curve_has_a_row_for_each_share_of_the_training_documents(finished):
    _, result, _ = finished
    curve = result["learning_curve"]
    assert [row["docs"] for row in curve] == [15, 30, 60]
    assert [set(row) for row in curve] == [{"docs", "fit_seconds", "P@1", "P@4"}] * 3
    assert curve[0]["P@1"] < result["metrics"]["P@1"]


def test_features_are_run_without_options_for_words_and_the_model_is_kept_where_asked(data_dir, tmp_path):
    recipe = make_recipe({"data": "features", "features": {"min_df": 3}})
    result, outcome = run_recipe(recipe, name="features", data_dir=data_dir, model_folder=tmp_path / "model")
    assert (result["recipe"]["features"], result["recipe"]["model"]["encoder"]) == ({}, "given")
    assert result["data"]["features"] == NUM_LABELS + 3
    assert outcome.snippets == []
    (test,) = load_dataset(data_dir / "features", parts=("test",))
    model = XMLCClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(model.predict(test, NUM_LABELS).labels, outcome.predictions.labels)


def test_cutoffs_beyond_the_number_of_labels_are_measured(finished):
    outcome = finished[2]
    values = measure(outcome, Evaluation(k=(NUM_LABELS, 50)))
    assert values["R@50"] == values[f"R@{NUM_LABELS}"]


def test_an_outcome_is_read_as_it_was_written(finished, tmp_path):
    outcome = finished[2]
    with (tmp_path / "a.outcome.npz").open("wb") as file:
        outcome.write(file)
    again = Outcome.load(tmp_path / "a.outcome.npz")
    assert again.digest() == outcome.digest() == finished[1]["outcome"]
    assert (again.label_names, again.snippets) == (outcome.label_names, outcome.snippets)
    assert again.num_train_docs == 120
    np.testing.assert_array_equal(again.Y.toarray(), outcome.Y.toarray())
    np.testing.assert_array_equal(again.label_counts, outcome.label_counts)
    np.testing.assert_array_equal(again.predictions.scores, outcome.predictions.scores)


@pytest.mark.parametrize("damage", ["cut", "other", "missing"])
def test_a_damaged_outcome_is_refused(finished, tmp_path, damage):
    path = tmp_path / "a.outcome.npz"
    if damage == "other":
        np.savez(path, labels=np.zeros((2, 2)))
    elif damage == "cut":
        with path.open("wb") as file:
            finished[2].write(file)
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"a.outcome.npz must be what run wrote. Got "):
        Outcome.load(path)


def test_the_digest_of_data_changes_with_any_part_of_it_and_not_with_its_files(data_dir, tmp_path):
    train, test = load_dataset(data_dir / "texts")
    save_dataset({"train": train}, tmp_path / "copy")
    assert data_sha256(load_dataset(tmp_path / "copy", parts=("train",))[0]) == data_sha256(train)
    others = [
        test,
        Dataset([*train.texts[:-1], "x"], None, train.Y, train.label_names),
        Dataset([train.texts[0] + train.texts[1], "", *train.texts[2:]], None, train.Y, train.label_names),
        Dataset(train.texts, None, train.Y[::-1], train.label_names),
        Dataset(train.texts, None, train.Y, [*train.label_names[:-1], "x"]),
        load_dataset(data_dir / "features", parts=("train",))[0],
    ]
    assert len({data_sha256(dataset) for dataset in (train, *others)}) == 7


def test_a_subset_keeps_the_labels(data_dir):
    for name in ("texts", "features"):
        (train,) = load_dataset(data_dir / name, parts=("train",))
        few = subset(train, np.array([3, 5]))
        assert (few.num_docs, few.label_names) == (2, train.label_names)
        np.testing.assert_array_equal(few.Y.toarray(), train.Y[[3, 5]].toarray())


def test_data_is_found_by_argument_then_variable_then_path(data_dir, monkeypatch, tmp_path):
    monkeypatch.delenv("XMLC_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert find_data(str(data_dir / "texts")).path == data_dir / "texts"
    with pytest.raises(DataError, match=r'Got "texts"; .* It may also be a folder of --data-dir or XMLC_DATA\.'):
        find_data("texts")
    monkeypatch.setenv("XMLC_DATA", str(data_dir))
    assert find_data("texts").path == data_dir / "texts"
    monkeypatch.setenv("XMLC_DATA", "nowhere")
    assert find_data("texts", ReadOptions(data_dir=str(data_dir))).path == data_dir / "texts"
    with pytest.raises(DataError, match="It may also be a folder"):
        find_data("texts")


def test_a_recipe_says_how_its_data_is_read(tmp_path):
    lines = [json.dumps({"title": f"word{doc % 3}", "tags": f"label{doc % 3};other"}) for doc in range(30)]
    for part in ("train", "test"):
        (tmp_path / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
    reading = {"text_columns": ["title"], "label_column": "tags", "label_separator": ";"}
    recipe = make_recipe({"data": str(tmp_path), "reading": reading, "evaluation": {"k": [2]}})
    result, outcome = run_recipe(recipe, name="tables")
    assert outcome.label_names == ["label0", "label1", "label2", "other"]
    assert result["metrics"]["P@2"] == 1
    assert result["recipe"]["reading"] == {**dict.fromkeys(READING_OPTIONS), **reading, "text_columns": ("title",)}
    assert make_recipe(json.loads(json.dumps(result["recipe"]))).reading == recipe.reading


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "tagging" / "mhc.toml"
    path.parent.mkdir()
    path.write_text('data = "texts"\n[model]\nC = 2\n[evaluation]\nk = [1, 4]\n')
    return path


def test_run_writes_the_result_beside_the_recipe_and_prints_its_metrics(recipe_file, data_dir, capsys):
    assert main(["run", str(recipe_file), "--data-dir", str(data_dir), "--threads", "2"]) == 0
    result = json.loads((recipe_file.parent / "mhc.result.json").read_text())
    assert (result["name"], result["recipe"]["model"]["C"], result["machine"]["threads"]) == ("tagging/mhc", 2, 2)
    outcome = Outcome.load(recipe_file.parent / "mhc.outcome.npz")
    assert outcome.digest() == result["outcome"]
    printed = capsys.readouterr()
    first, *rows = printed.out.splitlines()
    assert first.split() == ["%", "@1", "@4"]
    assert [float(figure) for figure in rows[0].split()[1:]] == pytest.approx(
        [100 * result["metrics"]["P@1"], 100 * result["metrics"]["P@4"]], abs=0.0051
    )
    assert "written to" in printed.err
    assert "learning_curve" not in result


def test_run_writes_where_asked_and_keeps_the_model(recipe_file, data_dir, tmp_path, capsys):
    (tmp_path / "results").mkdir()
    arguments = ["run", str(recipe_file), "--data-dir", str(data_dir), "-o", str(tmp_path / "results"), "-q"]
    assert main([*arguments, "-m", str(tmp_path / "model"), "--learning-curve"]) == 0
    assert sorted(path.name for path in recipe_file.parent.iterdir()) == ["mhc.toml"]
    assert "learning_curve" in json.loads((tmp_path / "results" / "mhc.result.json").read_text())
    assert XMLCClassifier.load(tmp_path / "model").C == 2
    assert main([*arguments, "-m", str(tmp_path / "model")]) == 2  # it exists
    assert main(["run", str(recipe_file), "-o", str(tmp_path / "nowhere")]) == 2
    assert "must be in a folder that exists" in capsys.readouterr().err


def test_run_lists_the_problems_of_a_recipe_in_one_line(recipe_file, capsys):
    recipe_file.write_text("[model]\nC = 0\n")
    assert main(["run", str(recipe_file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"xmlc-mhe: error: {recipe_file} must be a recipe. Got 2 problems; mend: - data must be")


def test_a_fit_compiles_nothing_after_compile_kernels():
    script = """
import sys
import numpy as np
import scipy.sparse as sp
from numba.core.dispatcher import Dispatcher
from xmlc_mhe import XMLCClassifier
from xmlc_mhe.experiments.runs import compile_kernels

compile_kernels("mhc")
modules = [module for name, module in sys.modules.items() if name.startswith("xmlc_mhe")]
kernels = {value for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
before = {kernel: len(kernel.signatures) for kernel in kernels}
labels = sp.csr_array(np.eye(700, dtype=np.float32)[np.random.default_rng(0).integers(0, 700, 3000)])
for beam in ("all", 20):
    XMLCClassifier("given", bias_feature=1.0, beam=beam).fit(labels, labels).predict(labels)
print(*(kernel.__name__ for kernel in kernels if len(kernel.signatures) != before[kernel]))
assert sum(before.values()) > 5
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == ([], "")
