import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import brier_score_loss, log_loss

from xmlc_mhe.calibration import NUM_BINS, evaluate_probs, reliability_rows
from xmlc_mhe.predictions import Predictions

# Truth, 3 documents by 4 labels    predictions with their probabilities (hits in brackets)
#   1 0 1 0                          [2] 0.92   1  0.32
#   0 0 0 0                           3  0.3    -
#   0 1 1 1                          [3] 0.94  [1] 0.32
TRUTH = sp.csr_array(np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 1, 1.0]]))
PREDICTIONS = Predictions(
    np.array([[2, 1], [3, -1], [3, 1]], np.int32),
    np.array([[0.92, 0.32], [0.3, -np.inf], [0.94, 0.32]], np.float32),
)


def test_three_documents_by_four_labels_agree_with_values_found_by_hand():
    assert evaluate_probs(TRUTH, PREDICTIONS) == pytest.approx(
        {
            # bins of a fifteenth: 0.3, 0.32, 0.32 in [4/15, 5/15), one true; 0.92 in [13/15, 14/15); 0.94 in the last
            "ECE": ((1 - 0.94) + (1 - 0.92) + (1 - 0.94)) / 5,
            "Brier": (0.08**2 + 0.32**2 + 0.3**2 + 0.06**2 + 0.68**2) / 5,
            "logloss": -np.log([0.92, 0.68, 0.7, 0.94, 0.32]).mean(),
        }
    )


def test_the_rows_of_reliability_agree_with_values_found_by_hand():
    rows = reliability_rows(TRUTH, PREDICTIONS)
    assert [(row["predictions"], row["true"]) for row in rows] == [(3, pytest.approx(1 / 3)), (1, 1.0), (1, 1.0)]
    assert [row["prob"] for row in rows] == pytest.approx([0.94 / 3, 0.92, 0.94])
    assert [(row["low"], row["high"]) for row in rows] == [(4 / 15, 5 / 15), (13 / 15, 14 / 15), (14 / 15, 1.0)]
    assert {(row["fewest"], row["most"]) for row in rows} == {(0, None)}


def test_classes_of_frequency_split_the_rows_and_end_where_the_next_begins():
    rows = reliability_rows(TRUTH, PREDICTIONS, np.array([5, 9, 10, 100]))
    found = [(row["fewest"], row["most"], row["predictions"], row["true"]) for row in rows]
    # labels 0 and 1 are rare: 0.32 twice; label 2: 0.92; label 3: 0.3 and 0.94
    assert found == [(0, 9, 2, 0.5), (10, 99, 1, 1.0), (100, 999, 1, 0.0), (100, 999, 1, 1.0)]
    assert json.loads(json.dumps(rows)) == rows


def test_the_rows_give_the_calibration_error(rng):
    truth = sp.csr_array(rng.random((50, 20)) < 0.3)
    probs = -np.sort(-rng.random((50, 6)).astype(np.float32), axis=1)
    predictions = Predictions(np.argsort(rng.random((50, 20)), axis=1)[:, :6].astype(np.int32), probs)
    rows = reliability_rows(truth, predictions)
    assert len(rows) == NUM_BINS
    from_rows = sum(row["predictions"] * abs(row["prob"] - row["true"]) for row in rows) / probs.size
    assert evaluate_probs(truth, predictions)["ECE"] == pytest.approx(from_rows)


def test_brier_score_and_log_loss_agree_with_scikit_learn(rng):
    truth = rng.random((50, 6)) < 0.3
    probs = -np.sort(-rng.random((50, 6)).astype(np.float32), axis=1)
    probs[0] = [1, 1, 1, 0, 0, 0]
    labels = np.argsort(rng.random((50, 6)), axis=1).astype(np.int32)
    got = evaluate_probs(sp.csr_array(truth), Predictions(labels, probs))
    is_true = np.take_along_axis(truth, labels, axis=1).ravel()
    assert got["Brier"] == pytest.approx(brier_score_loss(is_true, probs.ravel()))
    assert got["logloss"] == pytest.approx(log_loss(is_true, probs.ravel()), rel=1e-5)


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_a_certain_probability_that_is_wrong_gives_a_finite_loss(prob):
    truth = sp.csr_array(np.array([[1.0 - prob]]))
    got = evaluate_probs(truth, Predictions(np.zeros((1, 1), np.int32), np.full((1, 1), prob, np.float32)))
    assert got == pytest.approx({"ECE": 1.0, "Brier": 1.0, "logloss": -np.log(np.finfo(np.float32).eps)})


def test_probabilities_that_the_truth_is_drawn_from_are_calibrated(rng):
    probs = -np.sort(-rng.random((2000, 5)).astype(np.float32), axis=1)
    labels = np.tile(np.arange(5, dtype=np.int32), (2000, 1))
    truth = sp.csr_array(rng.random((2000, 5)) < probs)
    assert evaluate_probs(truth, Predictions(labels, probs))["ECE"] < 0.02
    assert evaluate_probs(truth, Predictions(labels, probs**2))["ECE"] > 0.1


@pytest.mark.parametrize("score", [-0.25, 1.5, np.nan, np.inf])
def test_a_score_that_is_no_probability_is_refused(score):
    predictions = Predictions(np.zeros((1, 1), np.int32), np.full((1, 1), score, np.float32))
    with pytest.raises(ValueError, match=rf"scores must be probabilities, from 0 to 1\. Got {score:g}; predict with"):
        evaluate_probs(sp.csr_array(np.ones((1, 1))), predictions)


@pytest.mark.parametrize("num_docs", [0, 2])
@pytest.mark.parametrize("measure", [evaluate_probs, reliability_rows])
def test_predictions_without_a_label_are_refused(num_docs, measure):
    nothing = Predictions(np.full((num_docs, 3), -1, np.int32), np.full((num_docs, 3), -np.inf, np.float32))
    with pytest.raises(ValueError, match=rf"predictions must have a label to measure\. Got none for {num_docs} doc"):
        measure(sp.csr_array((num_docs, 4)), nothing)
