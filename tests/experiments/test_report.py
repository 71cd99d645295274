import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Predictions
from xmlc_mhe.cli import main
from xmlc_mhe.errors import DataError
from xmlc_mhe.experiments.outcome import Outcome
from xmlc_mhe.experiments.recipe import make_recipe
from xmlc_mhe.experiments.report import analysis, page
from xmlc_mhe.experiments.report.analysis import Entry, find_hits
from xmlc_mhe.experiments.report.page import write_report
from xmlc_mhe.experiments.report.plots import draw
from xmlc_mhe.experiments.runs import measure

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

NASTY = '</script><b>|"x'


def make_outcome(rng, *, num_docs=40, num_labels=25, k=6):
    """Random truth, of which the last column is not in training, and predictions that often meet it."""
    Y = rng.random((num_docs, num_labels + 1)) < 0.12
    Y[0] = False
    scores = rng.normal(size=(num_docs, num_labels)) + 2 * Y[:, :num_labels]
    labels = np.argsort(-scores, axis=1)[:, :k].astype(np.int32)
    kept = np.take_along_axis(scores, labels, axis=1).astype(np.float32)
    labels[1, -1], kept[1, -1] = -1, -np.inf
    counts = rng.integers(0, 50, num_labels)
    names = [f"label{label}" for label in range(num_labels - 1)] + [NASTY]
    texts = [f"text {NASTY} {doc}" for doc in range(num_docs)]
    return Outcome(Predictions(labels, kept), sp.csr_array(Y.astype(np.float32)), names, counts, 500, texts)


def make_result(outcome, name, *, k=(1, 3, 5)):
    """What run writes beside an outcome, with figures of no run."""
    recipe = make_recipe({"data": "x", "evaluation": {"k": list(k)}})
    part = {"docs": outcome.Y.shape[0], "labels_a_doc": 2.5, "sha256": "ab"}
    return {
        "format": "xmlc-mhe-result-1", "name": name, "head": "heads of 2 x 16, beam all", "predict_ms": 0.5,
        "data": {"labels": len(outcome.label_names), "train": part, "test": part},
        "metrics": measure(outcome, recipe.evaluation), "seconds": {"fit": 1.25, "fit_cpu": 2.0}, "peak_mib": 300.0,
        "model_megabytes": 1.5, "recipe": recipe.filled(has_texts=True), "machine": {"threads": 2},
        "versions": {}, "commit": None, "date": "2026-01-01", "outcome": outcome.digest(),
    }  # fmt: skip


@pytest.fixture
def outcome(rng):
    return make_outcome(rng)


@pytest.fixture
def results(rng, tmp_path):
    """Two results with outcomes, one of them with a learning curve, as files."""
    paths = []
    for number in (1, 2):
        outcome = make_outcome(rng)
        result = make_result(outcome, f"data/system{number}")
        if number == 1:
            result["learning_curve"] = [{"docs": docs, "P@1": 0.1, "P@3": 0.1, "P@5": 0.1} for docs in (5, 10, 20)]
        paths.append(tmp_path / f"system{number}.result.json")
        paths[-1].write_text(json.dumps(result))
        with (tmp_path / f"system{number}.outcome.npz").open("wb") as file:
            outcome.write(file)
    return paths


# --- the numbers ------------------------------------------------------------------------------------------------------


def test_hits_and_label_rows_agree_with_plain_loops(outcome):
    hits, truth, k = find_hits(outcome), outcome.Y.toarray() > 0, 3
    labels = outcome.predictions.labels
    for doc, row in enumerate(labels):
        assert hits[doc].tolist() == [label >= 0 and bool(truth[doc, label]) for label in row]
    rows = analysis.label_rows(outcome, hits, k)
    for label in range(len(outcome.label_names)):
        predicted = [doc for doc in range(len(labels)) if label in labels[doc, :k]]
        right = sum(truth[doc, label] for doc in predicted)
        in_test = truth[:, label].sum()
        assert (rows["predicted"][label], rows["hits"][label], rows["test"][label]) == (len(predicted), right, in_test)
        if predicted:
            assert rows["precision"][label] == right / len(predicted)
        if in_test:
            assert rows["recall"][label] == right / in_test


def test_groups_by_frequency_add_up_to_all_labels_and_hits(outcome):
    hits = find_hits(outcome)
    rows = analysis.frequency_rows(outcome, hits, 5)
    assert len(rows) == 10
    assert sum(row["labels"] for row in rows) == len(outcome.label_names)
    assert all(before["most"] <= after["fewest"] for before, after in pairwise(rows))
    assert sum((row["recall"] or 0) * row["test"] for row in rows) == pytest.approx(hits[:, :5].sum())


def test_the_last_coverage_is_that_of_the_metrics(outcome):
    rows = analysis.coverage_rows(outcome, find_hits(outcome))
    values = measure(outcome, make_recipe({"data": "x", "evaluation": {"k": [1, 6]}}).evaluation)
    assert [rows[0]["coverage"], rows[-1]["coverage"]] == pytest.approx([values["coverage@1"], values["coverage@6"]])


def test_groups_by_score_hold_every_prediction_and_their_mean_truth_is_the_precision(outcome):
    hits = find_hits(outcome)
    rows = analysis.reliability_rows(outcome, hits, 6)
    total = sum(row["predictions"] for row in rows)
    assert total == (outcome.predictions.labels >= 0).sum()
    assert sum(row["true"] * row["predictions"] for row in rows) == pytest.approx(hits.sum())
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores)
    assert np.isfinite(scores).all()


def test_the_worst_documents_have_labels_and_no_hit_and_the_surest_comes_first(outcome):
    hits = find_hits(outcome)
    rows = analysis.worst_documents(outcome, hits, 2)
    assert rows
    assert 0 not in [row["document"] for row in rows]  # it has no labels
    for row in rows:
        assert not set(row["predicted"]) & set(row["true"])
        assert row["text"] == outcome.snippets[row["document"]]
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)


def test_the_worst_labels_are_those_missed_most_often(outcome):
    hits = find_hits(outcome)
    columns = analysis.label_rows(outcome, hits, 3)
    missed = sorted((columns["test"] - columns["hits"]).tolist(), reverse=True)
    rows = analysis.worst_labels(outcome, hits, 3)
    assert [row["missed"] for row in rows] == [number for number in missed[: len(rows)] if number]


def test_the_table_of_labels_has_those_that_occur_and_no_more_than_fit(outcome, monkeypatch):
    hits = find_hits(outcome)
    table = analysis.label_table(outcome, hits, 1)
    columns = analysis.label_rows(outcome, hits, 1)
    assert len(table["label"]) == np.count_nonzero(columns["test"] + columns["predicted"])
    assert table["train"] == sorted(table["train"], reverse=True)
    json.dumps(table, allow_nan=False)
    monkeypatch.setattr(analysis, "MOST_LABELS", 3)
    assert analysis.label_table(outcome, hits, 1)["train"] == table["train"][:3]


def test_few_labels_no_texts_and_no_hits_still_make_a_report(tmp_path):
    Y = sp.csr_array(np.array([[0, 1.0], [0, 1.0]]))
    predictions = Predictions(np.zeros((2, 1), np.int32), np.zeros((2, 1), np.float32))
    outcome = Outcome(predictions, Y, ["a", "b"], np.array([1, 1]), 2, [])
    entry = Entry(make_result(outcome, "few"), outcome, find_hits(outcome))
    assert entry.k == 1
    content = page.analyse([entry])
    assert set(page.draw_pictures(content)) == {"frequency-precision", "frequency-recall", "coverage", "reliability"}
    assert content["details"]["few"]["worst_documents"][0]["true"] == ["b"]


# --- the files --------------------------------------------------------------------------------------------------------


def test_a_report_needs_no_network_and_shows_names_as_they_are(results, tmp_path):
    content = write_report(results, tmp_path / "report")
    html = (tmp_path / "report" / "report.html").read_text()
    assert not re.search(r"<link|<img|@import|url\(\s*[\"']?http|src=|href=\"http", html)
    assert "<b>|" not in html  # the nasty name is text
    assert html.count("<svg") == html.count("</svg>") == 5
    tables = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert [json.loads(table) for table in tables] == [detail["labels"] for detail in content["details"].values()]
    assert NASTY in json.loads(tables[0])["label"]
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == json.loads(json.dumps(content))


def test_markdown_shows_the_figures_and_its_pictures_lie_beside_it(results, tmp_path):
    write_report(results, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    metrics = [json.loads(path.read_text())["metrics"]["P@1"] for path in results]
    assert f"| P@1 | {100 * metrics[0]:.2f} | {100 * metrics[1]:.2f} |" in text.splitlines()
    assert "| fit s | 1.2 | 1.2 |" in text.splitlines()
    pictures = re.findall(r"\]\(([\w-]+\.svg)\)", text)
    assert len(pictures) == 5
    for name in pictures:
        ElementTree.parse(tmp_path / "report" / name)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):  # a table has as many cells in every row
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_a_result_without_its_outcome_gives_its_figures_alone(results, tmp_path, capsys):
    (tmp_path / "system2.outcome.npz").unlink()
    (tmp_path / "system1.outcome.npz").unlink()
    assert main(["report", *map(str, results), "-o", str(tmp_path / "report")]) == 0
    assert "data/system2: no predictions beside it" in capsys.readouterr().err
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    assert content["details"] == {}
    assert set(content["learning"]) == {"data/system1"}
    assert (tmp_path / "report" / "report.html").read_text().count("<svg") == 1


def test_results_of_other_data_are_told_apart(results, tmp_path):
    assert write_report(results, tmp_path / "report")["is_same_data"]
    result = json.loads(results[1].read_text())
    result["data"]["test"] = {**result["data"]["test"], "sha256": "cd"}
    results[1].write_text(json.dumps(result))
    assert not write_report(results, tmp_path / "report")["is_same_data"]
    assert "not of the same test documents" in (tmp_path / "report" / "report.md").read_text()


def test_the_same_picture_is_drawn_in_the_same_bytes():
    first, second = (draw(lambda axes: axes.plot([1, 2], [3, 4]), name="line") for _ in range(2))
    assert first == second
    assert first.startswith("<svg")


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["{", "[]", "{}", None])
def test_a_file_that_is_no_result_is_refused(tmp_path, content):
    path = tmp_path / "a.result.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"a.result.json must be a result of run\. Got "):
        write_report([path], tmp_path / "report")


def test_another_format_and_another_outcome_and_a_result_twice_are_refused(results, tmp_path):
    with pytest.raises(DataError, match=r'different names\. Got "data/system1" twice'):
        write_report([results[0], results[0]], tmp_path / "report")
    (tmp_path / "system1.outcome.npz").replace(tmp_path / "system2.outcome.npz")
    with pytest.raises(DataError, match=r"system2.outcome.npz must be of the same run as .*Got another"):
        write_report(results, tmp_path / "report")
    results[0].write_text(results[0].read_text().replace("xmlc-mhe-result-1", "xmlc-mhe-result-9"))
    with pytest.raises(DataError, match=r'must have the format "xmlc-mhe-result-1"\. Got "xmlc-mhe-result-9"'):
        write_report(results, tmp_path / "report")


def test_a_folder_that_cannot_be_written_is_refused(results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="must be a place to write to"):
        write_report(results, tmp_path / "file")


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_extra_is_named(results, tmp_path, monkeypatch, package, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["report", str(results[0]), "-o", str(tmp_path / "report")]) == 2
    error = capsys.readouterr().err
    assert package in error
    assert 'pip install "xmlc-mhe[plots]"' in error
