import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_expected_f1

from xmlc_mhe.ranking import expected_f1
from xmlc_mhe.ranking.expected_f1 import best_counts, choose_no_label_factor


def counts_at(probs, no_label_factor):
    counts, factors = best_counts(probs)
    return np.where(factors <= no_label_factor, 0, counts).tolist()


def counts_of(rows, no_label_factor=1.0):
    width = max(map(len, rows), default=0)
    probs = np.array([[*row, *[-np.inf] * (width - len(row))] for row in rows], np.float32).reshape(len(rows), width)
    return counts_at(probs, no_label_factor)


def test_two_labels_agree_with_values_found_by_hand():
    # 0.5, 0.5: none is true with 1/4, one of them with 1/4 each, both with 1/4.
    #   keep 0: 1/4.  keep 1: 1/4 (1) + 1/4 (0) + 1/4 (2/3) = 5/12.  keep 2: 1/4 (2/3) + 1/4 (2/3) + 1/4 (1) = 7/12.
    # 0.3, 0: keep 0: 0.7.  keep 1: 0.3.   With no label scaled to 0, keep 1: 1.
    assert reference_expected_f1([0.5, 0.5], 1, 1.0) == pytest.approx(5 / 12)
    assert reference_expected_f1([0.5, 0.5], 2, 1.0) == pytest.approx(7 / 12)
    assert counts_of([[0.5, 0.5], [0.3, 0.0]]) == [2, 0]
    assert counts_of([[0.3, 0.0]], no_label_factor=0.0) == [1]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1, width=32), max_size=7), st.sampled_from([0.0, 0.3, 1.0, 2.5]))
def test_no_other_number_of_labels_has_a_larger_expected_f1(probs, no_label_factor):
    probs = sorted(probs, reverse=True)
    expected = [reference_expected_f1(probs, m, no_label_factor) for m in range(len(probs) + 1)]
    (count,) = counts_of([probs], no_label_factor)
    assert expected[count] == pytest.approx(max(expected), abs=1e-9)


def test_certain_labels_are_kept_and_no_others():
    assert counts_of([[1.0, 1.0, 1.0, 0.0], [0.0], [1.0], []]) == [3, 0, 1, 0]


def test_a_document_is_not_changed_by_those_before_it(rng):
    probs = -np.sort(-(rng.random((20, 8)).astype(np.float32) ** 2), axis=1)
    probs[rng.random(20) < 0.5, 4:] = -np.inf
    alone = [counts_at(row[None], 0.7)[0] for row in probs]
    assert counts_at(probs, 0.7) == alone


def test_a_larger_factor_leaves_more_documents_without_a_label(rng):
    probs = -np.sort(-rng.random((200, 6)).astype(np.float32) / 2, axis=1)
    without = [counts_at(probs, factor).count(0) for factor in (0.0, 0.5, 1.0, 3.0, 1e9)]
    assert without[0] == 0 < without[2] < without[3] < without[4] == 200
    assert without == sorted(without)


def test_labels_beyond_the_most_that_are_looked_at_are_not_kept():
    assert counts_of([[1.0] * 300]) == [expected_f1.MOST]


# documents, by factor:  0.5          0.5      1        2      inf
#   kept, hits, true:    1, 0, 0      1, 1, 1  2, 0, 0  2, 1, 2  1, 0, 0
#   F1, of none:         0, 1         1, 0     0, 1     1/2, 0   0, 1
# gains of giving none up to 0.5: 0;  1: 1;  2: 1/2. The last always keeps its label.
def test_the_factor_of_five_documents_agrees_with_values_found_by_hand():
    counts, hits, true = np.array([1, 1, 2, 2, 1]), np.array([0, 1, 0, 1, 0]), np.array([0, 1, 0, 2, 0])
    factors = np.array([0.5, 0.5, 1.0, 2.0, np.inf])
    order = [3, 0, 4, 2, 1]
    assert choose_no_label_factor(counts[order], factors[order], hits[order], true[order]) == 1.0
    assert choose_no_label_factor(counts[:2], factors[:2], hits[:2], true[:2]) == 0.0
    assert choose_no_label_factor(counts[:1], factors[:1], hits[:1], true[:1]) == 0.5
    assert choose_no_label_factor(counts[4:], factors[4:], hits[4:], true[4:]) == 0.0
