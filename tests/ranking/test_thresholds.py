import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_set_metrics

from xmlc_mhe.errors import DataError
from xmlc_mhe.model_files import read_model, write_model
from xmlc_mhe.predictions import Predictions
from xmlc_mhe.ranking import thresholds
from xmlc_mhe.ranking.thresholds import NAMED_RULES, Rule, Thresholds, parse_rule
from xmlc_mhe.set_metrics import evaluate_sets

# Truth, 3 documents by 4 labels    probabilities of labels (hits in brackets)
#   1 0 1 0                          [2] 0.875  1  0.5    [0] 0.25
#   0 0 0 0                           3  0.5    0  0.25    -
#   0 1 1 1                          [3] 0.75  [1] 0.5     0  0.125
TRUTH = sp.csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1.0]]))
PREDICTIONS = Predictions(
    np.array([[2, 1, 0], [3, 0, -1], [3, 1, 0]], np.int32),
    np.array([[0.875, 0.5, 0.25], [0.5, 0.25, -np.inf], [0.75, 0.5, 0.125]], np.float32),
)
# kept from 0.875: 1 hit of 1; 0.75: 2 of 2; 0.5: 3 of 5; 0.25: 4 of 7; 0.125: 4 of 8. 5 labels are true.
# micro F1: 2/6, 4/7, 6/10, 8/12, 8/13. Its threshold is 0.25.
# macro F1, labels 0 to 3, each true in 1, 1, 2, 1 documents:
#   0.875: (0 + 0 + 2/3 + 0) / 4;  0.75: (0 + 0 + 2/3 + 1) / 4;  0.5: (0 + 2/3 + 2/3 + 2/3) / 4;
#   0.25: (2/3 + 2/3 + 2/3 + 2/3) / 4;  0.125: less. Its threshold is 0.25, and:
# expected F1: label 0, of 0.25, 0.25, 0.125, sum 5/8: best with two, 1 / (2 + 5/8) = 8/21;
#   label 1, of 0.5, 0.5: 2 / (2 + 1);  label 2, of 0.875: 7/4 / (1 + 7/8) = 14/15;
#   label 3, of 0.75, 0.5, sum 5/4: 10/4 / (2 + 5/4) = 10/13. Half of each, with the weight of its sum against 10.
MACRO = [
    (5 / 8 * 4 / 21 + 10 * 0.25) / (10 + 5 / 8),
    (1 * 1 / 3 + 10 * 0.25) / 11,
    (7 / 8 * 7 / 15 + 10 * 0.25) / (10 + 7 / 8),
    (5 / 4 * 5 / 13 + 10 * 0.25) / (10 + 5 / 4),
]
# none for document 1, of 0.5 and 0.25: keep one, F1 is 1 with 3/8, 2/3 with 1/8: 11/24; two: 2/3 (4/8) + 1/8 = 11/24.
#   No label is true with 3/8, and better from the factor f on with f 3/8 = (1 - f 3/8) 11/24 / (5/8), which is
#   f = 88/78. At that factor the others keep theirs.
NO_LABEL_FACTOR = 88 / 78


@pytest.fixture
def chosen():
    return Thresholds.choose(TRUTH, PREDICTIONS)


def kept(predictions):
    """The kept labels of each document, with a check that the rest is padding."""
    is_label = predictions.labels >= 0
    assert (np.isneginf(predictions.scores) == ~is_label).all()
    assert (predictions.labels.dtype, predictions.scores.dtype) == (np.int32, np.float32)
    return [row[is_label].tolist() for row, is_label in zip(predictions.labels, is_label, strict=True)]


def test_three_documents_by_four_labels_agree_with_values_found_by_hand(chosen):
    assert chosen.micro_f1 == 0.25
    np.testing.assert_allclose(chosen.macro_f1, MACRO, rtol=1e-6)
    assert chosen.no_label_factor == pytest.approx(NO_LABEL_FACTOR)
    # the lowest threshold of 4/8, 4/7, 3/5 and 2/2
    np.testing.assert_allclose(chosen.precisions, [[0.125, 0.25, 0.5, 0.75], [4 / 8, 4 / 7, 3 / 5, 1.0]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (0.5, [[2, 1], [3], [3, 1]]),
        ("0.5", [[2, 1], [3], [3, 1]]),
        (0, [[2, 1, 0], [3, 0], [3, 1, 0]]),
        (0.8, [[2], [], []]),
        (1, [[], [], []]),
        ("micro-f1", [[2, 1, 0], [3, 0], [3, 1]]),
        ("macro-f1", [[2, 1, 0], [3, 0], [3, 1]]),
        ("doc-f1", [[2, 1], [], [3, 1]]),
        ("precision=0.55", [[2, 1, 0], [3, 0], [3, 1]]),
        ("precision=0.6", [[2, 1], [3], [3, 1]]),
        ("precision=0.61", [[2], [], [3]]),
        ("precision=1", [[2], [], [3]]),
    ],
)
def test_a_rule_keeps_the_labels_that_pass(chosen, rule, expected):
    assert kept(chosen.apply(PREDICTIONS, rule)) == expected


def test_a_threshold_is_compared_as_the_probabilities_are_kept(chosen):
    tenths = np.arange(11) / 10  # 0.7 in float32 is below 0.7
    for place, tenth in enumerate(tenths):
        predictions = Predictions(np.arange(11, dtype=np.int32)[None], tenths[None].astype(np.float32))
        assert kept(chosen.apply(predictions, float(tenth))) == [list(range(place, 11))]


# --- plain loops ------------------------------------------------------------------------------------------------------


@st.composite
def problems(draw):
    """Truth, and predictions with a hit whose probabilities often tie, some padded, best first."""
    num_labels, num_docs = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    k = draw(st.integers(1, num_labels))
    truth = np.array(draw(st.lists(st.lists(st.booleans(), min_size=num_labels, max_size=num_labels),
                                   min_size=num_docs, max_size=num_docs)))  # fmt: skip
    labels = np.array([draw(st.permutations(range(num_labels)))[:k] for _ in range(num_docs)], np.int32)
    probs = -np.sort(-np.array(draw(st.lists(st.lists(st.integers(0, 8), min_size=k, max_size=k),
                                             min_size=num_docs, max_size=num_docs)))) / 8  # fmt: skip
    truth[0, labels[0, 0]] = True
    for doc in range(num_docs):
        place = draw(st.integers(int(doc == 0), k))
        labels[doc, place:], probs[doc, place:] = -1, -np.inf
    return sp.csr_array(truth), Predictions(labels, probs.astype(np.float32))


def at(threshold, predictions):
    rows = zip(predictions.labels.tolist(), predictions.scores.tolist(), strict=True)
    return [
        {label for label, prob in zip(*row, strict=True) if label >= 0 and prob >= threshold} for row in rows
    ]  # fmt: skip


def by_threshold(truth, predictions, name):
    """A set metric at each threshold that the probabilities allow."""
    true_rows = [set(np.flatnonzero(row).tolist()) for row in truth.toarray()]
    thresholds = np.unique(predictions.scores[predictions.labels >= 0]).tolist()
    return {t: reference_set_metrics(true_rows, at(t, predictions), truth.shape[1])[name] for t in thresholds}


@settings(deadline=None, max_examples=100)
@given(problems())
def test_no_other_threshold_has_a_larger_micro_f1(problem):
    of = by_threshold(*problem, "microF1")
    chosen = Thresholds.choose(*problem)
    assert chosen.micro_f1 == max(t for t in of if of[t] == pytest.approx(max(of.values()), abs=1e-12))


@settings(deadline=None, max_examples=100)
@given(problems())
def test_with_all_weight_on_it_the_threshold_of_macro_f1_is_the_best_of_all_labels(problem):
    of = by_threshold(*problem, "macroF1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "_PRIOR", 1e12)
        got = Thresholds.choose(*problem).macro_f1
    best = [t for t in of if of[t] == pytest.approx(max(of.values()), abs=1e-12)]
    np.testing.assert_allclose(got, max(best), atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(problems())
def test_with_no_weight_on_it_the_threshold_of_a_label_is_half_of_its_expected_f1(problem):
    truth, predictions = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "_PRIOR", 1e-12)
        got = Thresholds.choose(*problem).macro_f1
    for label in range(truth.shape[1]):
        probs = sorted(predictions.scores[predictions.labels == label].tolist(), reverse=True)
        if sum(probs) > 0:
            f1 = [2 * sum(probs[:m]) / (m + sum(probs)) for m in range(1, len(probs) + 1)]
            assert got[label] == pytest.approx(max(f1) / 2, rel=1e-5)


@settings(deadline=None, max_examples=100)
@given(problems(), st.integers(1, 1000))
def test_the_threshold_of_a_precision_is_the_lowest_that_reached_it(problem, thousandths):
    of = by_threshold(*problem, "microP")
    chosen = Thresholds.choose(*problem)
    reached = [t for t in of if of[t] >= thousandths / 1000]
    if reached:
        assert kept(chosen.apply(problem[1], f"precision={thousandths / 1000}")) == kept(
            chosen.apply(problem[1], min(reached))
        )
    else:
        with pytest.raises(ValueError, match=r"threshold must be a precision that held-out documents reached"):
            chosen.apply(problem[1], f"precision={thousandths / 1000}")


@settings(deadline=None, max_examples=60)
@given(problems(), st.sampled_from([*NAMED_RULES, 0.3]))
def test_what_is_kept_are_predictions_in_their_places_and_as_many_alone_as_together(problem, rule):
    truth, predictions = problem
    chosen = Thresholds.choose(truth, predictions)
    got = chosen.apply(predictions, rule)
    assert ((got.labels == predictions.labels) | (got.labels == -1)).all()
    assert np.array_equal(got.scores[got.labels >= 0], predictions.scores[got.labels >= 0])
    alone = [
        chosen.apply(Predictions(*(array[doc : doc + 1] for array in predictions)), rule) for doc in range(len(got[0]))
    ]
    np.testing.assert_array_equal(np.concatenate([one.labels for one in alone]), got.labels)


@settings(deadline=None, max_examples=60)
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_documents_changes_no_threshold(problem, random):
    truth, predictions = problem
    order = random.sample(range(truth.shape[0]), truth.shape[0])
    one = Thresholds.choose(truth, predictions)
    other = Thresholds.choose(truth[order], Predictions(*(array[order] for array in predictions)))
    assert one.micro_f1 == other.micro_f1
    np.testing.assert_allclose(one.macro_f1, other.macro_f1, rtol=1e-6)
    np.testing.assert_allclose(one.precisions, other.precisions)


# --- it works ---------------------------------------------------------------------------------------------------------


def calibrated(rng, num_docs, *, share_empty):
    """Truth of 40 labels drawn from the probabilities; a share of the documents has nothing but improbable ones."""
    probs = rng.beta(0.15, 1.2, (num_docs, 40)).astype(np.float32)
    probs[rng.random(num_docs) < share_empty] *= 0.01
    labels = np.argsort(-probs, axis=1, kind="stable")[:, :10].astype(np.int32)
    truth = sp.csr_array(rng.random(probs.shape) < probs)
    return truth, Predictions(labels, np.take_along_axis(probs, labels, axis=1))


def test_each_rule_is_the_best_at_what_it_is_named_after(rng):
    chosen = Thresholds.choose(*calibrated(rng, 4000, share_empty=0.2))
    truth, predictions = calibrated(rng, 4000, share_empty=0.2)
    values = {rule: evaluate_sets(truth, chosen.apply(predictions, rule)) for rule in [*NAMED_RULES, 0.2, 0.5]}
    for rule, name in (("micro-f1", "microF1"), ("doc-f1", "docF1")):
        assert values[rule][name] == max(of[name] for of in values.values())
    assert values["doc-f1"]["no_label_right"] > 0.8
    precise = evaluate_sets(truth, chosen.apply(predictions, "precision=0.8"))
    assert precise["microP"] == pytest.approx(0.8, abs=0.02)


def test_where_every_document_has_a_label_doc_f1_leaves_none_without(rng):
    truth, predictions = calibrated(rng, 3000, share_empty=0.0)
    has_label = np.diff(truth.indptr) > 0
    chosen = Thresholds.choose(truth[has_label], Predictions(*(array[has_label] for array in predictions)))
    assert chosen.no_label_factor == 0
    assert (chosen.apply(predictions, "doc-f1").labels[:, 0] >= 0).all()


# --- odd inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [*NAMED_RULES, 0.4, "precision=0.5"])
@pytest.mark.parametrize(("num_docs", "k"), [(0, 3), (3, 0), (0, 0)])
def test_no_documents_and_no_labels_stay_none(chosen, rule, num_docs, k):
    nothing = Predictions(np.zeros((num_docs, k), np.int32), np.zeros((num_docs, k), np.float32))
    assert chosen.apply(nothing, rule).labels.shape == (num_docs, k)


@pytest.mark.parametrize("rule", [*NAMED_RULES, 0, "precision=0.5"])
def test_padding_stays_padding(chosen, rule):
    padding = Predictions(np.full((2, 3), -1, np.int32), np.full((2, 3), -np.inf, np.float32))
    assert kept(chosen.apply(padding, rule)) == [[], []]


def test_a_single_pair_that_is_true_is_enough_to_choose_from():
    one = Predictions(np.zeros((1, 1), np.int32), np.full((1, 1), 0.5, np.float32))
    chosen = Thresholds.choose(sp.csr_array(np.ones((1, 1))), one)
    assert [kept(chosen.apply(one, rule)) for rule in (*NAMED_RULES, "precision=1")] == [[[0]]] * 4


@pytest.mark.parametrize(("num_docs", "k"), [(0, 2), (2, 1), (2, 0)])
def test_documents_without_a_hit_are_refused(num_docs, k):
    wrong = Predictions(np.ones((num_docs, k), np.int32), np.full((num_docs, k), 0.5, np.float32))
    truth = sp.csr_array(np.tile([[1.0, 0.0]], (num_docs, 1)).reshape(num_docs, 2))
    with pytest.raises(ValueError, match=rf"have a true label to choose thresholds from\. Got none for {num_docs} doc"):
        Thresholds.choose(truth, wrong)


# --- rules and errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("micro-f1", Rule("micro-f1")),
        ("macro-f1", Rule("macro-f1")),
        ("doc-f1", Rule("doc-f1")),
        ("precision=0.9", Rule("precision", 0.9)),
        ("precision=1", Rule("precision", 1.0)),
        ("0.4", Rule("probability", 0.4)),
        ("1e-3", Rule("probability", 0.001)),
        (0.4, Rule("probability", 0.4)),
        (1, Rule("probability", 1.0)),
        (np.float32(0.5), Rule("probability", 0.5)),
    ],
)
def test_a_rule_is_read(rule, expected):
    assert parse_rule(rule) == expected


@pytest.mark.parametrize(
    "rule",
    ["", "f1", "Micro-F1", "1.5", "-0.1", "nan", "inf", "40%", "=0.4", "precision", "precision=", "precision=2",
     "precision=nan", "precision=precision=0.9", "recall=0.9", "micro-f1=0.9", 1.5, -1, np.nan, True, None, [0.4]],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_those_allowed(rule, chosen):
    message = (
        r"threshold must be a probability from 0 to 1, micro-f1, macro-f1, doc-f1, or precision=P with P from 0 to 1\. "
        r"Got .*; write for example 0\.4 or precision=0\.9\."
    )
    with pytest.raises(ValueError, match=message):
        chosen.apply(PREDICTIONS, rule)


def test_a_precision_that_was_not_reached_is_refused_with_the_largest_that_was():
    truth = sp.csr_array(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    predictions = Predictions(np.array([[1, 0], [2, 0]], np.int32), np.array([[0.9, 0.5], [0.5, 0.5]], np.float32))
    chosen = Thresholds.choose(truth, predictions)  # the first is wrong, two of the three behind it are true
    with pytest.raises(ValueError, match=r"Got precision=0\.9, and they reached 0\.5; ask for precision=0\.5 or less"):
        chosen.apply(predictions, "precision=0.9")
    assert kept(chosen.apply(predictions, "precision=0.5")) == [[1, 0], [2, 0]]


@pytest.mark.parametrize("rule", [*NAMED_RULES, 0.4, "precision=0.5"])
def test_margins_are_refused(chosen, rule):
    margins = Predictions(np.array([[0, 1]], np.int32), np.array([[0.5, -1.25]], np.float32))
    with pytest.raises(ValueError, match=r"scores must be probabilities, from 0 to 1\. Got -1\.25; predict with"):
        chosen.apply(margins, rule)


def test_a_label_without_a_threshold_is_refused(chosen):
    other = Predictions(np.array([[4]], np.int32), np.array([[0.5]], np.float32))
    with pytest.raises(ValueError, match=r"of the 4 labels that have thresholds\. Got label 4; "):
        chosen.apply(other, "macro-f1")


# --- state ------------------------------------------------------------------------------------------------------------


def test_thresholds_of_a_model_folder_keep_the_same_labels(chosen, tmp_path):
    write_model(tmp_path / "model", chosen.state())
    again = Thresholds.from_state(read_model(tmp_path / "model"))
    for rule in [*NAMED_RULES, "precision=0.6"]:
        assert kept(again.apply(PREDICTIONS, rule)) == kept(chosen.apply(PREDICTIONS, rule))


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Thresholds)])
@pytest.mark.parametrize(
    "value",
    [None, "0.5", -0.5, float("nan"), [], np.zeros((2, 0)), np.array([[0.5], [-1.0]]), np.array([1.5], np.float32)],
)
def test_a_state_with_a_wrong_value_is_refused(chosen, name, value):
    with pytest.raises(DataError, match=r"thresholds of a model must be as they were saved\. Got .*; fit the model ag"):
        Thresholds.from_state(chosen.state() | {name: value})


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Thresholds)])
def test_a_state_without_a_part_is_refused(chosen, name):
    state = chosen.state()
    del state[name]
    with pytest.raises(DataError, match=r"thresholds of a model must be as they were saved"):
        Thresholds.from_state(state)
