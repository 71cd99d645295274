import json

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_metric, reference_propensity
from sklearn.metrics import f1_score, ndcg_score

from xmlc_mhe import metrics
from xmlc_mhe.metrics import METRICS, evaluate, metric_names
from xmlc_mhe.predictions import Predictions
from xmlc_mhe.propensity import label_propensity


def csr(true_rows, num_labels):
    """CSR truth from the true labels of each document."""
    docs = np.repeat(np.arange(len(true_rows)), [len(row) for row in true_rows])
    labels = np.array([label for row in true_rows for label in sorted(row)], dtype=np.int32)
    return sp.csr_array((np.ones(len(docs), np.float32), (docs, labels)), shape=(len(true_rows), num_labels))


def every_metric(k):
    return metric_names(range(1, k + 1), metrics=list(METRICS))


def reference(true_rows, predicted_rows, num_labels, *, propensity, drop_empty):
    k = len(predicted_rows[0])
    return {
        f"{metric}@{cutoff}": reference_metric(
            metric,
            cutoff,
            true_rows,
            predicted_rows,
            num_labels=num_labels,
            propensity=propensity,
            drop_empty=drop_empty,
        )
        for metric in METRICS
        for cutoff in range(1, k + 1)
    }


@pytest.fixture
def golden(shared):
    """Y_train, Y_test, scores (dense) and the expected values of the golden problem."""
    folder = shared / "golden" / "metrics"
    Y_train, Y_test, scores = (sp.load_npz(folder / f"{name}.npz") for name in ("Y_train", "Y_test", "scores"))
    return Y_train, Y_test, scores.toarray(), json.loads((folder / "expected.json").read_text())


def best_five(scores):
    return np.argsort(-scores, axis=1, kind="stable")[:, :5]


# --- recorded and known values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["keep_empty", "drop_empty"])
@pytest.mark.parametrize(("a", "b"), [(0.55, 1.5), (0.6, 2.6)])
def test_values_recorded_from_pyxclib_are_reproduced(golden, convention, a, b):
    Y_train, Y_test, scores, expected = golden
    names = metric_names(range(1, 6), metrics=["P", "nDCG", "PSP", "PSnDCG"])
    propensity = label_propensity(Y_train, a=a, b=b)
    got = evaluate(Y_test, best_five(scores), names, propensity=propensity, drop_empty=convention == "drop_empty")
    recorded = expected[f"{convention} A={a} B={b}"]
    assert sorted(recorded) == ["P", "PSP", "PSnDCG", "nDCG"]
    assert got == pytest.approx({f"{m}@{k}": v for m in recorded for k, v in enumerate(recorded[m], 1)}, abs=1e-6)


def test_recall_recorded_from_pyxclib_is_reproduced(golden):
    _, Y_test, scores, expected = golden
    got = evaluate(Y_test, best_five(scores), metric_names(range(1, 6), metrics=["R"]))
    assert list(got.values()) == pytest.approx(expected["recall keep_empty"], abs=1e-6)


def test_pyxclib_gives_the_same_where_it_is_installed(golden):
    xc_metrics = pytest.importorskip("xclib.evaluation.xc_metrics")
    Y_train, Y_test, scores, _ = golden
    inv_propensity = xc_metrics.compute_inv_propesity(Y_train, 0.55, 1.5)
    propensity = label_propensity(Y_train, a=0.55, b=1.5)
    np.testing.assert_allclose(propensity, 1 / inv_propensity, rtol=1e-6)
    theirs = {
        "P": xc_metrics.precision(scores, Y_test, k=5),
        "R": xc_metrics.recall(scores, Y_test, k=5),
        "nDCG": xc_metrics.ndcg(scores, Y_test, k=5),
        "PSP": xc_metrics.psprecision(scores, Y_test, inv_propensity, k=5),
        "PSnDCG": xc_metrics.psndcg(scores, Y_test, inv_propensity, k=5),
    }
    got = evaluate(Y_test, best_five(scores), metric_names(range(1, 6), metrics=list(theirs)), propensity=propensity)
    assert got == pytest.approx({f"{m}@{k}": v for m in theirs for k, v in enumerate(theirs[m], 1)}, abs=1e-6)


# Truth, 3 documents by 4 labels    predictions (hits in brackets)    inverse propensities
#   1 0 1 0                           [2]  1                            1 2 4 5
#   0 0 0 0                            0   3
#   0 1 1 1                            0  [3]
BY_HAND_TRUTH = [{0, 2}, set(), {1, 2, 3}]
BY_HAND_LABELS = np.array([[2, 1], [0, 3], [0, 3]])
BY_HAND_PROPENSITY = 1 / np.array([1.0, 2.0, 4.0, 5.0])
FIRST = 1 / (1 + 1 / np.log2(3))  # nDCG@2 of a hit at rank 1 alone; at rank 2 alone it is 1 - FIRST


def test_three_documents_by_four_labels_agree_with_values_found_by_hand():
    expected = {
        "P@1": 1 / 3,  # (1 + 0 + 0) / 3
        "P@2": 1 / 3,  # (1/2 + 0 + 1/2) / 3
        "R@1": 1 / 6,  # (1/2 + 0 + 0) / 3
        "R@2": 5 / 18,  # (1/2 + 0 + 1/3) / 3
        "nDCG@2": 1 / 3,  # (FIRST + 0 + 1 - FIRST) / 3
        "PSP@1": 4 / 9,  # 4 of the best 4 + 5
        "PSP@2": 9 / 14,  # 4 + 5 of the best (4 + 1) + (5 + 4)
        "PSnDCG@2": (5 - FIRST) / (5 + 4 * FIRST),  # 4 first, 5 second, of 4 and 5 first, 1 and 4 second
        "coverage@2": 2 / 4,  # labels 2 and 3 of 0, 1, 2, 3
        "macroF1@2": 1 / 3,  # (0 + 0 + 2/3 + 2/3) / 4
        "microF1@2": 4 / 11,  # 2 * 2 hits over 6 predictions + 5 true labels
    }
    got = evaluate(csr(BY_HAND_TRUTH, 4), BY_HAND_LABELS, list(expected), propensity=BY_HAND_PROPENSITY)
    assert got == pytest.approx(expected)
    assert list(got) == list(expected)


def test_dropping_the_empty_document_agrees_with_values_found_by_hand():
    expected = {
        "P@2": 1 / 2,
        "R@2": 5 / 12,
        "nDCG@2": 1 / 2,
        "PSP@2": 9 / 14,
        "coverage@2": 2 / 4,
        "macroF1@2": 5 / 12,  # (0 + 0 + 2/3 + 1) / 4
        "microF1@2": 4 / 9,
    }
    truth = csr(BY_HAND_TRUTH, 4)
    got = evaluate(truth, BY_HAND_LABELS, list(expected), propensity=BY_HAND_PROPENSITY, drop_empty=True)
    assert got == pytest.approx(expected)


def test_f1_and_ndcg_agree_with_scikit_learn(rng):
    truth = rng.random((30, 8)) < 0.3
    truth[:, 0] = True  # scikit-learn has its own convention for a document without labels
    scores = rng.random(truth.shape)
    labels = np.argsort(-scores, axis=1)[:, :3]
    predicted = np.zeros_like(truth)
    np.put_along_axis(predicted, labels, True, axis=1)
    got = evaluate(sp.csr_array(truth), labels, ["macroF1@3", "microF1@3", "nDCG@3"])
    occurs = (truth | predicted).any(axis=0)
    assert got == pytest.approx(
        {
            "macroF1@3": f1_score(truth[:, occurs], predicted[:, occurs], average="macro"),
            "microF1@3": f1_score(truth, predicted, average="micro"),
            "nDCG@3": ndcg_score(truth, scores, k=3),
        }
    )


# --- plain loops ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_empty", [False, True])
@pytest.mark.parametrize(
    ("num_docs", "num_labels", "k", "density", "padding"),
    [
        (40, 12, 5, 0.25, 0.0),
        (40, 12, 5, 0.05, 0.3),  # many empty documents, padded predictions
        (15, 7, 7, 0.5, 0.0),  # k = num_labels
        (15, 7, 7, 1.0, 0.2),  # every label true
        (15, 7, 3, 0.3, 1.0),  # nothing predicted
        (1, 1, 1, 1.0, 0.0),
    ],
)
def test_every_metric_agrees_with_plain_loops(rng, num_docs, num_labels, k, density, padding, drop_empty):
    truth = rng.random((num_docs, num_labels)) < density
    true_rows = [set(np.flatnonzero(row).tolist()) for row in truth]
    labels = np.argsort(rng.random(truth.shape), axis=1)[:, :k]
    labels[rng.random(labels.shape) < padding] = -1
    propensity = rng.uniform(0.1, 1.0, num_labels)
    got = evaluate(sp.csr_array(truth), labels, every_metric(k), propensity=propensity, drop_empty=drop_empty)
    expected = reference(true_rows, labels.tolist(), num_labels, propensity=propensity, drop_empty=drop_empty)
    assert got == pytest.approx(expected, abs=1e-12)


def test_no_true_label_at_all_gives_zero_everywhere():
    got = evaluate(csr([set(), set()], 3), np.array([[0, 1], [2, 0]]), every_metric(2), propensity=np.ones(3))
    assert set(got.values()) == {0.0}


def test_the_best_ranking_gives_one_everywhere():
    names = metric_names([3], metrics=list(METRICS))
    labels = np.array([[0, 1, 2], [2, 1, 0]])
    got = evaluate(csr([{0, 1, 2}, {0, 1, 2}], 3), labels, names, propensity=np.ones(3))
    assert got == pytest.approx(dict.fromkeys(names, 1.0))


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw):
    """True labels and distinct ranked predictions (padded at the end) of some documents, and propensities."""
    num_labels = draw(st.integers(1, 6))
    k = draw(st.integers(1, num_labels))
    true_rows = draw(st.lists(st.sets(st.integers(0, num_labels - 1)), min_size=1, max_size=6))
    labels = np.array([draw(st.permutations(range(num_labels)))[:k] for _ in true_rows])
    for row in labels:
        row[draw(st.integers(0, k)) :] = -1
    propensity = np.array(draw(st.lists(st.floats(0.01, 1), min_size=num_labels, max_size=num_labels)))
    return true_rows, labels, propensity


def values(true_rows, labels, propensity):
    return evaluate(csr(true_rows, len(propensity)), labels, every_metric(labels.shape[1]), propensity=propensity)


@settings(deadline=None, max_examples=60)
@given(problems())
def test_every_value_lies_between_zero_and_one_and_agrees_with_plain_loops(problem):
    true_rows, labels, propensity = problem
    got = values(*problem)
    assert all(0 <= value <= 1 for value in got.values())
    expected = reference(true_rows, labels.tolist(), len(propensity), propensity=propensity, drop_empty=False)
    assert got == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(problems(), st.randoms(use_true_random=False))
def test_permuting_label_ids_changes_no_metric(problem, random):
    true_rows, labels, propensity = problem
    new_ids = np.array(random.sample(range(len(propensity)), len(propensity)))
    renamed_propensity = np.empty_like(propensity)
    renamed_propensity[new_ids] = propensity
    renamed = [{int(new_ids[label]) for label in row} for row in true_rows]
    assert values(renamed, np.where(labels < 0, -1, new_ids[labels]), renamed_propensity) == pytest.approx(
        values(*problem), abs=1e-12
    )


@settings(deadline=None, max_examples=60)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_documents_changes_no_metric(problem, random):
    true_rows, labels, propensity = problem
    order = random.sample(range(len(true_rows)), len(true_rows))
    shuffled = values([true_rows[doc] for doc in order], labels[order], propensity)
    assert shuffled == pytest.approx(values(*problem), abs=1e-12)


# --- conventions ------------------------------------------------------------------------------------------------------


def test_the_size_of_a_chunk_changes_nothing(rng, monkeypatch):
    truth = sp.csr_array(rng.random((20, 9)) < 0.3)
    labels = np.argsort(rng.random((20, 9)), axis=1)[:, :4]
    whole = evaluate(truth, labels, every_metric(4), propensity=np.ones(9))
    monkeypatch.setattr(metrics, "_CHUNK", 12)  # three documents at a time, the last chunk shorter
    assert evaluate(truth, labels, every_metric(4), propensity=np.ones(9)) == whole


def test_predictions_and_their_labels_give_the_same():
    labels = BY_HAND_LABELS.astype(np.int32)
    predictions = Predictions(labels, np.zeros(labels.shape, np.float32))
    truth = csr(BY_HAND_TRUTH, 4)
    assert evaluate(truth, predictions, ["P@1", "nDCG@2"]) == evaluate(truth, labels, ["P@1", "nDCG@2"])


def test_a_label_unknown_to_the_model_counts_in_the_denominators():
    labels = np.array([[0, 1]])
    names = ["R@2", "nDCG@2", "PSP@2", "coverage@2"]
    known = evaluate(csr([{0}], 2), labels, names, propensity=np.ones(3))
    unknown = evaluate(csr([{0, 2}], 3), labels, names, propensity=np.ones(3))
    assert known == dict.fromkeys(names, 1.0)
    assert unknown == pytest.approx({"R@2": 1 / 2, "nDCG@2": FIRST, "PSP@2": 1 / 2, "coverage@2": 1 / 2})


def test_unsorted_repeated_and_zero_entries_of_the_truth_are_read_right_and_left_alone():
    data, columns = np.array([1, 1, 0, 1, -1]), np.array([2, 0, 1, 3, 3])
    messy = sp.csr_matrix((data, columns, [0, 3, 5]), shape=(2, 4))
    before = messy.data.tolist(), messy.indices.tolist(), messy.indptr.tolist()
    labels = np.array([[0, 1, 2], [3, 2, 1]])
    tidy = evaluate(csr([{0, 2}, {3}], 4), labels, every_metric(3), propensity=np.ones(4))
    assert evaluate(messy, labels, every_metric(3), propensity=np.ones(4)) == tidy
    assert (messy.data.tolist(), messy.indices.tolist(), messy.indptr.tolist()) == before


def test_default_names_are_three_metrics_at_three_cutoffs():
    assert metric_names() == ["P@1", "P@3", "P@5", "nDCG@1", "nDCG@3", "nDCG@5", "PSP@1", "PSP@3", "PSP@5"]


# --- propensity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [(0.55, 1.5), (0.5, 0.4), (0.6, 2.6), (1, 1)])
def test_propensity_agrees_with_plain_loops(rng, a, b):
    truth = rng.random((25, 6)) < [0.0, 0.05, 0.2, 0.5, 0.8, 1.0]
    rows = [set(np.flatnonzero(row).tolist()) for row in truth]
    propensity = label_propensity(sp.csr_array(truth), a=a, b=b, num_labels=8)
    np.testing.assert_allclose(propensity, reference_propensity(rows, 8, a, b), rtol=1e-12)
    assert propensity.dtype == np.float64
    assert (propensity[6:] == propensity[0]).all()  # never seen in training


@pytest.mark.parametrize("num_docs", [0, 1, 2])
def test_propensity_is_one_where_the_formula_leaves_its_range(num_docs):
    np.testing.assert_array_equal(label_propensity(csr([{0}] * num_docs, 3)), np.ones(3))


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), [(-0.1, 1.5), (0.55, 0)])
def test_propensity_constants_out_of_range_are_refused(a, b):
    with pytest.raises(ValueError, match=rf"a must be at least 0 and b above 0\. Got a={a}, b={b}; "):
        label_propensity(csr([{0}], 1), a=a, b=b)


def test_fewer_propensities_than_columns_are_refused():
    with pytest.raises(ValueError, match=r"num_labels must be at least 3, the columns of Y\. Got 2; "):
        label_propensity(csr([{0}], 3), num_labels=2)


@pytest.mark.parametrize(
    ("labels", "names", "propensity", "message"),
    [
        ([[0, 1]], ["P@10"], None, r"k must be 1 to 2, the labels kept for .*\. Got 10; predict with k=10 first\."),
        ([[0, 1]], ["P@0"], None, r'k must be 1 to 2, the labels kept for a document\. Got 0; ask for "P@1"\.'),
        ([[0, 1]], ["MAP@1"], None, r'from P@k, R@k, nDCG@k, .*, microF1@k, .* Got "MAP@1"; write for example "P@5"'),
        ([[0, 1]], ["P"], None, r'metrics must be from P@k, .* Got "P"; '),
        ([[0, 1]], ["P@-1"], None, r'metrics must be from P@k, .* Got "P@-1"; '),
        ([[0, 1]], ["P@1.5"], None, r'metrics must be from P@k, .* Got "P@1\.5"; '),
        ([[0, 1], [0, 1]], ["P@1"], None, r"predictions must have 1 rows, the documents of Y\. Got 2; "),
        ([0, 1], ["P@1"], None, r"predictions must be whole numbers in rows, .* Got int64 \(2,\); "),
        ([[0.5, 1.0]], ["P@1"], None, r"predictions must be whole numbers in rows, .* Got float64 \(1, 2\); "),
        ([[0, 3]], ["P@2"], None, r"predictions must be -1 \(padding\) or 0 to 2, .* Got 3 in row 0; "),
        ([[0, -2]], ["P@2"], None, r"predictions must be -1 \(padding\) or 0 to 2, .* Got -2 in row 0; "),
        ([[1, 1]], ["P@2"], None, r"predictions must not repeat a label in a row\. Got 1 more than once in row 0; "),
        ([[0, 1]], ["PSP@1"], None, r"propensity must be given for PSP and PSnDCG\. Got None; "),
        ([[0, 1]], ["PSnDCG@1"], None, r"propensity must be given for PSP and PSnDCG\. Got None; "),
        ([[0, 1]], ["PSP@1"], [0.5, 1], r"3 columns of Y\. Got \(2,\); use label_propensity\(train\.Y, num_labels=Y\."),
        ([[0, 1]], ["PSP@1"], [1, 2, 8], r"propensity must be above 0 and at most 1\. Got 1 to 8; .*1 / inv_prop"),
        ([[0, 1]], ["PSP@1"], [1, 0, np.nan], r"propensity must be above 0 and at most 1\. "),
    ],
)
def test_a_wrong_argument_is_refused_with_what_was_got_and_the_mend(labels, names, propensity, message):
    with pytest.raises(ValueError, match=message):
        evaluate(csr([{0}], 3), np.array(labels), names, propensity=propensity)


def test_the_row_of_a_wrong_label_is_its_row_in_all_predictions(monkeypatch):
    monkeypatch.setattr(metrics, "_CHUNK", 2)
    with pytest.raises(ValueError, match=r"Got 9 in row 2; "):
        evaluate(csr([{0}] * 3, 3), np.array([[0], [1], [9]]), ["P@1"])


@pytest.mark.parametrize("true_rows", [[], [set(), set()]])
def test_no_document_to_average_over_is_refused(true_rows):
    labels = np.zeros((len(true_rows), 1), np.int32)
    with pytest.raises(ValueError, match=rf"Got {len(true_rows)} documents, none with a true label; "):
        evaluate(csr(true_rows, 2), labels, ["P@1"], drop_empty=True)
