import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_best

from xmlc_mhe.predictions import Predictions, concatenate_predictions, empty_predictions, keep_best

FEW_SCORES = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 1.0])  # so that many tie
ANY_SCORES = st.floats(-1e6, 1e6, width=32)


def merged(runs, k):
    """The k best of runs of (first label, scores), as lists, by keep_best."""
    best = empty_predictions(1, k)
    for first, scores in runs:
        keep_best(np.array(scores, np.float32), first, best.labels[0], best.scores[0])
    return best.labels[0].tolist(), best.scores[0].tolist()


@settings(deadline=None, max_examples=200)
@given(st.lists(FEW_SCORES | ANY_SCORES, max_size=12), st.integers(1, 15))
def test_keep_best_agrees_with_sorting(scores, k):
    assert merged([(0, scores)], k) == reference_best(list(enumerate(scores)), k)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(FEW_SCORES, max_size=6), max_size=5), st.integers(1, 8))
def test_labels_offered_in_ascending_runs_are_kept_as_if_offered_at_once(runs, k):
    runs = [(10 * number, scores) for number, scores in enumerate(runs)]  # with gaps between the runs
    pairs = [(first + offset, score) for first, scores in runs for offset, score in enumerate(scores)]
    assert merged(runs, k) == reference_best(pairs, k)


def test_a_label_that_ties_with_the_last_kept_does_not_replace_it():
    assert merged([(4, [1.0, 0.5]), (9, [0.5, 1.0])], 2) == ([4, 10], [1.0, 1.0])
    assert merged([(4, [1.0, 0.5]), (9, [0.5])], 2) == ([4, 5], [1.0, 0.5])


def test_empty_predictions_are_all_padding():
    labels, scores = empty_predictions(2, 3)
    assert labels.dtype == np.int32
    assert scores.dtype == np.float32
    assert labels.tolist() == [[-1] * 3] * 2
    assert (scores == -np.inf).all()


def test_batches_of_predictions_become_one_in_their_order():
    first = Predictions(np.array([[1, 2]], np.int32), np.array([[0.5, 0.25]], np.float32))
    second = Predictions(np.array([[3, -1], [4, 5]], np.int32), np.array([[1, -np.inf], [2, 1]], np.float32))
    whole = concatenate_predictions([first, empty_predictions(0, 2), second])
    assert whole.labels.tolist() == [[1, 2], [3, -1], [4, 5]]
    assert whole.scores.tolist() == [[0.5, 0.25], [1, -np.inf], [2, 1]]
