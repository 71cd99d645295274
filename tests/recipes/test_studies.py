"""The studies: small runs whose results have the properties that they are about, and the committed results."""

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from xmlc_mhe import Dataset  # noqa: E402
from xmlc_mhe.data.writing import save_dataset  # noqa: E402

FOLDER = Path(__file__).parents[2] / "recipes" / "studies"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if "def report(" in path.read_text())
every_study = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def studies_can_be_imported(monkeypatch):
    """As when one of them is run: their folder comes first. Leaves torch's threads as they were."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    for name in [*NAMES, "common", "step_time", "words"]:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A folder of texts of 40 labels in 8 topics; the labels of a topic share a word and are far apart by name."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, num_docs in (("train", 400), ("test", 100)):
        labels = rng.integers(0, 40, (num_docs, 2))
        docs = [" ".join(f"topic{label % 8} word{label}" for label in row) + f" noise{row[0] % 5}" for row in labels]
        Y = np.zeros((num_docs, 40))
        np.put_along_axis(Y, labels, 1, axis=1)
        parts[part] = Dataset(docs, None, sp.csr_array(Y), [f"label{i:02}" for i in range(40)])
    folder = tmp_path_factory.mktemp("data") / "topics"
    save_dataset(parts, folder)
    return folder


@pytest.fixture(scope="module")
def quick(texts):
    """Name of a study -> what its quick version measures, once."""
    measured = {}

    def get(name):
        if name not in measured:
            arguments = Namespace(quick=True, data=[texts])
            measured[name] = json.loads(json.dumps(importlib.import_module(name).measure(arguments)))
        return measured[name]

    return get


# --- every study ------------------------------------------------------------------------------------------------------


def test_the_studies_are_found():
    common = importlib.import_module("common")
    assert sorted(study for studies in common.DOCUMENTS.values() for study in studies) == NAMES
    assert len(NAMES) >= 5


@every_study
def test_a_quick_version_is_reported_and_drawn(name, quick, tmp_path):
    common, study = importlib.import_module("common"), importlib.import_module(name)
    data = quick(name)
    data["setting"]["seconds"] = 1
    common.draw_to(tmp_path / name, study.draw, data)
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / f"{name}.svg").read_text()
    text = common.section(name, data, study.report)
    assert "nan" not in text
    for entry in study.report(data)["claims"]:
        assert entry["measured"] in text


@every_study
def test_a_committed_result_is_that_of_a_full_run_with_its_plots(name):
    setting = json.loads((FOLDER / f"{name}.json").read_text())["setting"]
    assert setting["quick"] is False
    assert (FOLDER / f"{name}.png").exists()
    assert "</svg>" in (FOLDER / f"{name}.svg").read_text()


@pytest.mark.parametrize("name", ["studies.md", "scaling.md"])
def test_a_document_is_what_the_committed_results_say(name):
    common = importlib.import_module("common")
    assert (common.DOCS / name).read_text() == common.document(name), "run python recipes/studies/common.py"


def test_a_verdict_follows_from_the_measured_numbers(quick):
    study = importlib.import_module("softmax_error")
    data = json.loads(json.dumps(quick("softmax_error")))
    assert study.report(data)["claims"][0]["holds"]
    data["rows"][3]["half_over_bound"] = 1.5
    entry = study.report(data)["claims"][0]
    assert not entry["holds"]
    assert "1.500 for half the sum" in entry["measured"]


def test_the_command_writes_json_png_and_svg(tmp_path, monkeypatch, capsys, quick):
    study, common = importlib.import_module("softmax_error"), importlib.import_module("common")
    monkeypatch.setattr(sys, "argv", ["softmax_error.py", "--quick", "--folder", str(tmp_path / "new")])
    common.run(str(FOLDER / "softmax_error.py"), lambda args: quick("softmax_error"), study.report, study.draw)
    assert sorted(path.suffix for path in (tmp_path / "new").iterdir()) == [".json", ".png", ".svg"]
    assert json.loads((tmp_path / "new" / "softmax_error.json").read_text())["setting"]["quick"] is True
    assert "Liang et al., theorem 4: the error of the approximate softmax" in capsys.readouterr().out


def test_the_same_result_gives_the_same_svg(tmp_path, quick):
    study, common = importlib.import_module("imbalance"), importlib.import_module("common")
    for name in ("first", "second"):
        common.draw_to(tmp_path / name, study.draw, quick("imbalance"))
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()


def test_a_study_without_matplotlib_says_what_to_install(monkeypatch):
    common = importlib.import_module("common")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'^a study needs matplotlib\. Got none; pip install "xmlc-mhe\[neural,plot'):
        common.new_figure()


# --- low rank ---------------------------------------------------------------------------------------------------------


def test_cross_entropy_fits_with_a_rank_that_the_frobenius_norm_cannot_fit_with(quick):
    accuracy = {(c["loss"], c["rank"]): c["accuracy"][-1] for c in quick("low_rank")["curves"] if c["bias"]}
    assert accuracy["softmax", 2] > 0.9
    assert accuracy["frobenius", 2] < 0.3


def test_without_a_bias_one_row_tells_two_labels_apart_and_with_one_all(quick):
    data = quick("low_rank")
    (curve,) = (c for c in data["curves"] if not c["bias"] and c["rank"] == 1)
    assert curve["rank_of_weights"] == 1
    assert max(curve["accuracy"]) <= 0.02
    assert data["constructed"]["with bias"] == 1.0
    assert data["constructed"]["without"] <= 0.02


def test_ranks_of_weights_and_logits_are_those_of_the_bottleneck(quick):
    for curve in quick("low_rank")["curves"]:
        assert curve["rank_of_weights"] == curve["rank_of_logits"] == curve["rank"] + curve["bias"]
        assert all(rank <= 100 for rank in curve["rank_of_softmax"])


# --- the bound --------------------------------------------------------------------------------------------------------


def test_the_bound_is_never_below_the_largest_error_or_half_the_sum(rng):
    study = importlib.import_module("softmax_error")
    for scale in (0.01, 1, 10, 100):
        values = study.bound_and_errors(rng.normal(0, scale, (500, 5)), rng.normal(0, scale, (500, 5)))
        assert (values["half"] <= values["bound"] * (1 + 1e-9)).all()
        assert (values["largest"] <= values["half"] + 1e-12).all()


def test_bound_and_errors_are_those_computed_by_hand():
    study = importlib.import_module("softmax_error")
    logits, delta = np.log([[1.0, 3.0]]), np.log([[3.0, 1.0]])  # (1/4, 3/4) becomes (1/2, 1/2)
    values = {name: float(value[0]) for name, value in study.bound_and_errors(logits, delta).items()}
    assert values == pytest.approx({"bound": 2.0, "largest": 0.25, "half": 0.25, "sum": 0.5})


def test_the_whole_sum_can_pass_the_bound(quick):
    (worst,) = (row for row in quick("softmax_error")["rows"] if row["kind"] == "worst found")
    assert worst["sum"] > worst["bound"]
    assert worst["half"] <= worst["bound"]


# --- heads and lengths ------------------------------------------------------------------------------------------------


def test_accuracies_lie_between_chance_and_the_yardstick_and_mhp_is_smaller(quick):
    rows = quick("heads_and_lengths")["rows"]
    for kind in ("digits", "planted"):
        of = {row["head"]: row for row in rows if row["data"] == kind}
        assert of["mhp"]["parameters"] < of["softmax"]["parameters"] / 2
        assert all(row["accuracy"] > 3 / row["labels"] for row in of.values())
        assert of["mhc"]["accuracy"] > 0.5
    assert {row["heads"] for row in rows} == {0, 1, 2, 3}


def test_a_permuted_digit_is_labelled_by_its_permutation_and_digit():
    study = importlib.import_module("heads_and_lengths")
    data = study.permuted_digits(3)
    images, digits = study.load_digits(return_X_y=True)
    known = {tuple(sorted(image)): digit for image, digit in zip(images, digits, strict=True)}
    assert data.num_labels == 30
    for image, label in zip(data.X[:50], data.labels[:50], strict=True):
        assert known[tuple(sorted(16 * image))] == label % 10
    assert len(data.labels) + len(data.test_labels) == 3 * len(images)
    renamed = data.with_labels(np.arange(30)[::-1])
    np.testing.assert_array_equal(renamed.labels, 29 - data.labels)


# --- the order of labels ----------------------------------------------------------------------------------------------


def test_recall_grows_with_k_and_is_one_at_all_groups(quick):
    for row in quick("label_order")["rows"]:
        recalls = [row[f"recall@{k}"] for k in (5, 10, 20, 40)]
        assert recalls == sorted(recalls)
        assert recalls[-1] == 1.0
        assert row["P@1"] > 0.8


def test_clusters_put_labels_with_the_same_words_together():
    study = importlib.import_module("label_order")
    topics = np.arange(64) % 8
    X = sp.csr_array(np.hstack([np.eye(8)[topics], 0.3 * np.eye(64)]))
    order = study.cluster_order(X, sp.csr_array(np.eye(64)), 8)
    assert sorted(order) == list(range(64))
    together = [len(set(topics[order[start : start + 8]])) for start in range(0, 64, 8)]
    assert np.mean(together) < 4  # 8 in the given order


def test_a_permutation_of_the_labels_changes_no_measure_but_the_groups(texts):
    study = importlib.import_module("label_order")
    from xmlc_mhe import TextFeatures, XMLCClassifier, load_dataset

    train, test = load_dataset(texts)
    features = TextFeatures()
    X, test_X = features.fit_transform(train.texts), features.transform(test.texts)
    permutation = np.random.default_rng(0).permutation(40)
    results = []
    for order in (np.arange(40), permutation):
        model = XMLCClassifier("given", "mhc", head_sizes=(40, 1), beam="all", label_order="given", threads=1)
        results.append(study.measure_model(model.fit(X, train.Y[:, order]), test_X, test.Y, order))
    assert results[0] == pytest.approx(results[1], abs=0.02)


# --- imbalance --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1, 50])
def test_the_largest_class_has_ratio_times_the_documents_of_the_rarest(ratio):
    study = importlib.import_module("imbalance")
    parts = study.long_tailed_digits(ratio, seed=0)
    counts = np.bincount(parts["train"][1], minlength=10)
    assert counts.max() / counts.min() == pytest.approx(ratio, rel=0.05)
    assert set(parts["rare"].tolist()) <= set(np.argsort(counts)[:3].tolist()) or ratio == 1
    for part in ("dev", "test"):
        counts = np.bincount(parts[part][1])
        assert counts.max() - counts.min() <= 4
    images = [{tuple(x.tolist()) for x in parts[part][0]} for part in ("train", "dev", "test")]
    assert not images[0] & images[2]
    assert not images[1] & images[2]


def test_rare_classes_are_recognised_less_often_where_they_have_few_documents(quick):
    rows = {(row["ratio"], row["head"]): row for row in quick("imbalance")["rows"]}
    assert np.mean(rows[1, "softmax"]["test"]) > 0.85
    assert np.mean(rows[50, "softmax"]["rare"]) < np.mean(rows[1, "softmax"]["rare"]) - 0.1


# --- the cost of heads, and large data --------------------------------------------------------------------------------


def test_the_cascade_on_planted_documents_finds_its_own_best_labels(quick):
    shares = [beam["of_exhaustive"] for beam in quick("head_cost")["prediction"]["beams"]]
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


def test_generated_documents_have_unit_rows_and_the_labels_of_the_real_ones(tmp_path):
    study = importlib.import_module("scaling")
    study.generate(tmp_path, 1 / 2048)
    X, Y = study.mapped(tmp_path, "train"), sp.load_npz(tmp_path / "train.Y.npz")
    assert (X.shape, Y.shape) == ((869, 1163), (869, 245))
    np.testing.assert_allclose(np.sqrt((X**2).sum(axis=1)), 1, rtol=1e-5)
    assert Y.nnz / len(X.indptr) == pytest.approx(study.LABEL_NNZ / study.NUM_DOCS, rel=0.1)
    assert study.mapped(tmp_path, "test").shape == (study.TEST_DOCS, 1163)


def test_a_whole_is_extrapolated_by_the_power_of_the_largest_sizes():
    study = importlib.import_module("scaling")
    rows = [{"share": share, "s": 50 * share**1.5} for share in (1 / 16, 1 / 8, 1 / 4)]
    assert study.growth([{"share": 1 / 99, "s": 7}, *rows], "s") == pytest.approx((1.5, 50))


def test_the_least_time_stays_above_zero():
    significant = importlib.import_module("common").significant
    assert [significant(value) for value in (1.23456e-9, 12.3456, 123456)] == [1.235e-9, 12.35, 123500]


# --- the time of a step -----------------------------------------------------------------------------------------------


def test_the_time_of_a_step_is_measured_for_every_case(monkeypatch, capsys):
    study = importlib.import_module("step_time")
    monkeypatch.setattr(sys, "argv", ["step_time.py", "--labels=400", "--dim=8", "--batch=8", "--threads=1"])
    study.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(study.CASES)


# --- words ------------------------------------------------------------------------------------------------------------


def test_the_study_of_words_times_both_counters_on_the_same_texts():
    figures = importlib.import_module("words").measure(["one word", "two words", "one two"] * 10, 1)
    assert figures["words"] == 4
    for name in ("fit_seconds", "transform_seconds"):
        assert list(figures[name]) == ["sklearn", "1", "2"]
        assert all(seconds > 0 for seconds in figures[name].values())


def test_memory_is_measured_however_short_the_fit():
    with importlib.import_module("scaling").OwnMemory() as memory:
        pass
    assert memory.peak_mib > 0


def test_growth_wants_measures_above_0():
    rows = [{"share": 0.5, "own_mib": 1.0}, {"share": 1.0, "own_mib": 0.0}]
    with pytest.raises(ValueError, match=r"own_mib must be above 0 in every row.* Got 0"):
        importlib.import_module("scaling").growth(rows, "own_mib")
