import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_set_metrics
from sklearn.metrics import precision_recall_fscore_support

from xmlc_mhe.metrics import evaluate
from xmlc_mhe.predictions import Predictions
from xmlc_mhe.set_metrics import evaluate_sets


def csr(true_rows, num_labels):
    return sp.csr_array([[float(label in row) for label in range(num_labels)] for row in true_rows])


# Truth, 4 documents by 4 labels    predictions (hits in brackets)
#   1 0 1 0                          [2]  1
#   0 0 0 0                           -   -
#   0 1 1 1                           -  [3]
#   0 0 0 0                           0   -
BY_HAND_TRUTH = [{0, 2}, set(), {1, 2, 3}, set()]
BY_HAND_LABELS = np.array([[2, 1], [-1, -1], [-1, 3], [0, -1]])


def test_four_documents_by_four_labels_agree_with_values_found_by_hand():
    assert evaluate_sets(csr(BY_HAND_TRUTH, 4), BY_HAND_LABELS) == pytest.approx(
        {
            "microF1": 4 / 9,  # 2 * 2 hits over 4 predictions + 5 true labels
            "microP": 2 / 4,
            "microR": 2 / 5,
            "macroF1": 5 / 12,  # labels 0 to 3: 0, 0, 2 / (1 + 2), 2 / (1 + 1), over 4
            "macroP": 2 / 4,  # 0/1, 0/1, 1/1, 1/1
            "macroR": 3 / 8,  # 0/1, 0/1, 1/2, 1/1
            "docF1": 1 / 2,  # 2 / (2 + 2), nothing of nothing: 1, 2 / (1 + 3), 0
            "docP": 5 / 8,  # 1/2, 1, 1/1, 0/1
            "docR": 11 / 24,  # 1/2, 1, 1/3, 0
            "labels_a_doc": 1.0,
            "no_label": 1 / 4,
            "no_label_right": 1 / 2,
        }
    )


def test_documents_that_all_have_labels_say_nothing_of_those_without():
    assert "no_label_right" not in evaluate_sets(csr([{0}], 2), np.array([[0]]))


def test_nothing_predicted_and_nothing_true_is_right():
    values = evaluate_sets(csr([set(), set()], 3), np.full((2, 2), -1))
    assert values.pop("labels_a_doc") == 0
    assert set(values.values()) == {1.0}


def test_nothing_predicted_where_labels_are_true_is_worth_nothing():
    values = evaluate_sets(csr([{0, 1}], 3), np.zeros((1, 0), np.int32))
    assert values.pop("no_label") == 1
    assert set(values.values()) == {0.0}


def test_the_values_agree_with_scikit_learn(rng):
    truth = rng.random((40, 9)) < 0.2
    labels = np.argsort(rng.random(truth.shape), axis=1)[:, :4]
    labels[rng.random(labels.shape) < 0.4] = -1
    predicted = np.zeros((40, 10), bool)
    np.put_along_axis(predicted, labels, True, axis=1)  # -1 is the column that is cut off
    predicted = predicted[:, :9]
    got = evaluate_sets(sp.csr_array(truth), labels)
    occurs = (truth | predicted).any(axis=0)
    for kind, average, columns in (("micro", "micro", ...), ("macro", "macro", occurs), ("doc", "samples", ...)):
        of = truth[:, columns], predicted[:, columns]
        if average == "samples":  # scikit-learn gives precision 1 to nothing predicted where labels are true
            assert got["docF1"] == pytest.approx(
                precision_recall_fscore_support(*of, average=average, zero_division=1)[2]
            )
        else:
            expected = precision_recall_fscore_support(*of, average=average, zero_division=0)[:3]
            assert [got[kind + name] for name in ("P", "R", "F1")] == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_every_value_agrees_with_plain_loops_wherever_the_padding_stands(data):
    num_labels, num_docs = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    some_labels = st.sets(st.integers(0, num_labels - 1))
    true_rows = data.draw(st.lists(some_labels, min_size=num_docs, max_size=num_docs))
    predicted_rows = data.draw(st.lists(some_labels, min_size=num_docs, max_size=num_docs))
    padded = [data.draw(st.permutations([*row, *[-1] * (num_labels - len(row))])) for row in predicted_rows]
    got = evaluate_sets(csr(true_rows, num_labels), np.array(padded))
    assert got == pytest.approx(reference_set_metrics(true_rows, predicted_rows, num_labels), abs=1e-12)
    assert all(0 <= value <= 1 for name, value in got.items() if name != "labels_a_doc")


def test_sets_of_k_labels_have_the_micro_and_macro_f1_at_k(rng):
    truth, labels = sp.csr_array(rng.random((20, 8)) < 0.3), np.argsort(rng.random((20, 8)), axis=1)[:, :3]
    predictions = Predictions(labels, np.zeros(labels.shape, np.float32))
    at_k = evaluate(truth, predictions, ["microF1@3", "macroF1@3"])
    got = evaluate_sets(truth, predictions)
    assert [got["microF1"], got["macroF1"]] == pytest.approx(list(at_k.values()))


def test_no_documents_are_refused():
    with pytest.raises(ValueError, match=r"Y must have a document to average over\. Got 0 documents; "):
        evaluate_sets(sp.csr_array((0, 3)), np.zeros((0, 2), np.int32))


def test_labels_of_other_documents_are_refused():
    with pytest.raises(ValueError, match=r"predictions must have 1 rows, the documents of Y\. Got 2; "):
        evaluate_sets(csr([{0}], 1), np.zeros((2, 1), np.int32))
