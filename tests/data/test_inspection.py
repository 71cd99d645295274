import dataclasses
import json

import numpy as np
import pytest

from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.inspection import curve_lines, inspect_data
from xmlc_mhe.data.reading import load_dataset


def test_a_report_has_the_figures_of_a_small_case():
    # train: "a b" twice (white space apart), an empty text without labels; labels x in 2, y in 1, none in 0 documents
    train = Dataset(["a b", " a  b\n", ""], None, [[1, 1, 0], [1, 0, 0], [0, 0, 0]], ["x", "y", "none"])
    test = Dataset(["c", "a b"], None, [[0, 1, 0, 1], [0, 0, 0, 1]], ["x", "y", "none"])
    report = inspect_data({"train": train, "test": test})
    assert dataclasses.asdict(report.parts["train"]) == {
        "documents": 3, "labels": 2, "labels_per_document": 1.0, "documents_per_label": 1.5, "most_labels": 2,
        "length": pytest.approx(4 / 3), "features": None, "empty_documents": 1, "unlabelled_documents": 1,
        "repeated_documents": 1, "in_train": None, "unknown_labels": None, "unknown_share": None,
    }  # fmt: skip
    assert dataclasses.asdict(report.parts["test"]) == {
        "documents": 2, "labels": 2, "labels_per_document": 1.5, "documents_per_label": 1.5, "most_labels": 2,
        "length": 1.5, "features": None, "empty_documents": 0, "unlabelled_documents": 0, "repeated_documents": 0,
        "in_train": 1, "unknown_labels": 1, "unknown_share": pytest.approx(2 / 3),
    }  # fmt: skip
    assert (report.labels, report.curve, report.singletons, report.half) == (3, [(1, 2), (2, 1)], 1, 1)


def test_rows_of_features_are_compared_by_columns_and_values():
    X = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 3], [0, 0, 0]])
    train, test = (Dataset(None, rows, np.ones((len(rows), 1)), ["l"]) for rows in (X, X[2:]))
    report = inspect_data({"train": train, "test": test})
    assert [(p.features, p.length, p.empty_documents, p.repeated_documents) for p in report.parts.values()] == [
        (3, 1.5, 1, 1),
        (3, 1.0, 1, 0),
    ]
    assert report.parts["test"].in_train == 2


def test_a_curve_has_ranks_1_2_5_and_the_last_and_never_rises():
    Y = np.tril(np.ones((130, 130)))
    report = inspect_data({"train": Dataset(["t"] * 130, None, Y, [str(i) for i in range(130)])})
    assert report.curve == [(rank, 131 - rank) for rank in (1, 2, 5, 10, 20, 50, 100, 130)]
    lines = curve_lines(report.curve, width=40)
    bars = [line.count("#") for line in lines]
    assert bars[0] == 40
    assert bars == sorted(bars, reverse=True)
    assert lines[-1].split() == ["130", "1", "#" * bars[-1]]


def test_data_without_any_label_has_no_curve():
    report = inspect_data({"train": Dataset(["t"], None, np.zeros((1, 1)), ["l"])})
    assert (report.curve, report.half, curve_lines(report.curve)) == ([], 0, [])


def test_a_report_can_be_written_as_json_and_agrees_with_what_is_known_of_a_real_one(shared):
    train, test = load_dataset(shared / "data" / "delicious")
    report = inspect_data({"train": train, "test": test})
    figures = json.loads(json.dumps(dataclasses.asdict(report)))["parts"]
    assert [figures[part]["unlabelled_documents"] for part in ("train", "test")] == [10, 4]
    assert [figures[part]["labels"] for part in ("train", "test")] == [983, 982]
    assert figures["train"]["labels_per_document"] == pytest.approx(19.03, abs=0.03)
