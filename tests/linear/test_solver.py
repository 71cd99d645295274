from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from reference import reference_dual_coordinate_descent, reference_weights_of_margins
from sklearn.preprocessing import normalize
from sklearn.svm import LinearSVC

from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear import training
from xmlc_mhe.linear.options import SolverOptions
from xmlc_mhe.linear.simd import LANES, aligned_zeros
from xmlc_mhe.linear.solver import BIAS, LEAST_CHANGE, solve_block
from xmlc_mhe.linear.training import _gather_rows, fit_head

WEIGHTINGS = [(0.1, 1.0), (0.5, 1.0), (2.0, 1.0), (0.5, 3.0)]  # C and positive_weight
EXACT = SolverOptions(C=0.5, bias_feature=0.0, passes=500, eps=0.0, prune=0.0)


def documents(rng, num_docs, num_features, *, density=0.3):
    """Rows of length one with positive entries, as TF-IDF gives."""
    X = sp.csr_array(rng.random((num_docs, num_features)) * (rng.random((num_docs, num_features)) < density))
    return normalize(X).astype(np.float32)


def truth(rng, num_docs, num_labels, *, density=0.2):
    return sp.csr_array(rng.random((num_docs, num_labels)) < density, dtype=np.float32)


def solve(
    X, Y, *, dense=None, C=0.5, positive_weight=1.0, bias_feature=0.0, bias=None, passes=500, eps=LEAST_CHANGE, seed=0
):
    """The weights (num_features, LANES) of the labels Y, dense bool (num_docs, up to LANES), and the visits.

    The rows of dense, the first document's last, are more features, whose weights come first.
    """
    dense = np.zeros((X.shape[0], 0), np.float32) if dense is None else dense
    W = aligned_zeros(dense.shape[1] + X.shape[1])
    bias = np.full(LANES, BIAS, np.float32) if bias is None else bias
    positive = (Y @ (1 << np.arange(Y.shape[1]))).astype(np.uint16)
    visits = solve_block(
        W,
        bias,
        X.indptr[:-1],
        X.indptr[1:],
        X.indices,
        X.data,
        np.ascontiguousarray(dense[::-1]),
        np.arange(X.shape[0])[::-1],
        positive,
        C,
        positive_weight,
        bias_feature,
        passes,
        eps,
        seed,
    )
    return W, visits


def fit(X, Y, *, width=LANES, shortlist=None, options=EXACT, seed=0, threads=1):
    options_of_fit = {"options": options, "seed": seed, "threads": threads, "title": "a head"}
    return fit_head(HybridMatrix.of(X), Y, width=width, shortlist=shortlist, **options_of_fit)


class DenseWeights:
    """Stands in for the index, which rounds the weights; those of dense features, in blocks of LANES, come first."""

    @staticmethod
    def from_entries(groups, *, num_features, bias, tiles, width):
        W = np.zeros((num_features, len(bias)), np.float32)
        for features, labels, weights in groups:
            np.add.at(W, (features, labels), weights)
        if tiles.shape[1]:
            assert width == LANES
            W = np.vstack([np.hstack(tiles)[:, : len(bias)], W])
        return W


@pytest.fixture
def fit_dense(monkeypatch):
    """fit, which returns the dense weights (num_features, num_labels) as the solver left them."""
    monkeypatch.setattr(training, "InvertedIndex", DenseWeights)
    return fit


def signs(column):
    return np.where(column, 1, -1).tolist()


# --- the solution -----------------------------------------------------------------------------------------------------


# After a pass that changed nothing, an alpha is within LEAST_CHANGE * (1 + 2C|x|^2) of what its margin asks for.
@pytest.mark.parametrize(("C", "positive_weight"), WEIGHTINGS)
@pytest.mark.parametrize("num_labels", [1, 5, LANES])
def test_the_weights_are_the_sum_of_documents_that_their_margins_ask_for(rng, C, positive_weight, num_labels):
    X, Y = documents(rng, 60, 30), truth(rng, 60, num_labels).toarray() > 0
    W, _ = solve(X, Y, C=C, positive_weight=positive_weight)
    rows = X.toarray().tolist()
    squares = (X.toarray() ** 2).sum(axis=1)
    slack = LEAST_CHANGE * (1 + 2 * C * max(1, positive_weight) * squares) @ X.toarray() + 1e-4  # (D,), and rounding
    for label in range(num_labels):
        w, y = W[:, label].tolist(), signs(Y[:, label])
        asked = reference_weights_of_margins(rows, y, w, C, BIAS, positive_weight=positive_weight)
        assert (np.abs(W[:, label] - asked) <= slack).all()
        assert np.abs(W[:, label]).max() > 50 * LEAST_CHANGE  # not the trivial solution


@pytest.mark.parametrize(("C", "positive_weight"), WEIGHTINGS)
def test_the_weights_agree_with_plain_loops(rng, C, positive_weight):
    X, Y = documents(rng, 40, 12), truth(rng, 40, 3).toarray() > 0
    W, _ = solve(X, Y, C=C, positive_weight=positive_weight)
    for label in range(3):
        expected = reference_dual_coordinate_descent(
            X.toarray().tolist(), signs(Y[:, label]), C, BIAS, 300, positive_weight=positive_weight
        )
        np.testing.assert_allclose(W[:, label], expected, atol=0.01)


def test_the_bias_is_learnt_as_the_weight_of_a_feature_of_all_documents(rng):
    X, Y = documents(rng, 40, 12), truth(rng, 40, 3).toarray() > 0
    wide = sp.csr_array(sp.hstack([X, np.full((40, 1), 0.7, np.float32)]))
    bias = np.full(LANES, BIAS, np.float32)
    W, _ = solve(X, Y, bias_feature=0.7, bias=bias)
    for label in range(3):
        expected = reference_dual_coordinate_descent(wide.toarray().tolist(), signs(Y[:, label]), 0.5, BIAS, 300)
        np.testing.assert_allclose(W[:, label], expected[:-1], atol=0.01)
        np.testing.assert_allclose(bias[label], BIAS + 0.7 * expected[-1], atol=0.01)
        assert abs(bias[label] - BIAS) > 0.05


@pytest.mark.parametrize(("C", "positive_weight"), WEIGHTINGS)
def test_without_a_bias_the_plain_loops_agree_with_scikit_learn(rng, C, positive_weight):
    X, y = documents(rng, 40, 12).toarray(), rng.random(40) < 0.3
    theirs = LinearSVC(
        C=C,
        class_weight={True: positive_weight, False: 1.0},
        loss="squared_hinge",
        dual=True,
        fit_intercept=False,
        tol=1e-9,
        max_iter=10**6,
    ).fit(X, y)
    got = reference_dual_coordinate_descent(X.tolist(), signs(y), C, 0.0, 500, positive_weight=positive_weight)
    np.testing.assert_allclose(got, theirs.coef_[0], atol=1e-5)


# One document x = (1), positive, C = 1/2: min w^2/2 + max(0, 1 - (w - 1))^2 / 2, so w = 2 - w
def test_the_weight_of_one_document_agrees_with_the_value_found_by_hand():
    W, _ = solve(sp.csr_array(np.ones((1, 1), np.float32)), np.ones((1, 1), bool))
    assert W[0, 0] == pytest.approx(1.0)
    assert (W[0, 1:] == 0).all()


@pytest.mark.parametrize("num_dense", [1, 4, 7])  # less than, as many as, and more than are summed side by side
def test_dense_features_are_solved_as_sparse_ones(rng, num_dense):
    X, Y = documents(rng, 40, 12 + num_dense), truth(rng, 40, 3).toarray() > 0
    both, _ = solve(X, Y)
    apart, _ = solve(sp.csr_array(X[:, num_dense:]), Y, dense=X[:, :num_dense].toarray())
    np.testing.assert_allclose(apart, both, atol=0.01)
    assert (np.abs(apart[:num_dense]).max(axis=1) > 0.02).all()


def test_lanes_without_a_label_keep_zero_weights(rng):
    W, _ = solve(documents(rng, 30, 10), rng.random((30, 5)) < 0.3)
    assert (W[:, 5:] == 0).all()
    assert (W[:, :5] != 0).any(axis=0).all()


def test_a_label_is_solved_the_same_whatever_the_other_lanes_hold(rng):
    X, Y = documents(rng, 50, 20), rng.random((50, LANES)) < 0.2
    together, _ = solve(X, Y)
    for label in range(LANES):
        alone, _ = solve(X, Y[:, [label]])
        np.testing.assert_allclose(together[:, label], alone[:, 0], atol=0.01)


def test_empty_documents_change_no_weight(rng):
    X, Y = documents(rng, 30, 10), rng.random((30, 4)) < 0.3
    empty = sp.csr_array((3, 10), dtype=np.float32)
    with_empty = sp.csr_array(sp.vstack([empty, X, empty], format="csr"))
    labels_of_empty = np.ones((3, 4), bool)
    W, _ = solve(X, Y)
    W_with_empty, _ = solve(with_empty, np.vstack([labels_of_empty, Y, ~labels_of_empty]))
    np.testing.assert_allclose(W_with_empty, W, atol=0.01)


def test_labels_without_documents_and_no_documents_give_no_weights(rng):
    X = documents(rng, 20, 8)
    W, _ = solve(X, np.zeros((20, 3), bool))
    assert (W == 0).all()
    W, visits = solve(X[:0], np.zeros((0, 3), bool))
    assert (W == 0).all()
    assert visits == 0


# --- passes -----------------------------------------------------------------------------------------------------------


def test_a_large_eps_stops_after_one_pass_and_a_smaller_one_later(rng):
    X, Y = documents(rng, 50, 20), rng.random((50, LANES)) < 0.2
    visits = [solve(X, Y, passes=100, eps=eps)[1] for eps in (1e9, 0.1, LEAST_CHANGE)]
    assert visits[0] == 50
    assert visits == sorted(set(visits))
    assert visits[2] < 100 * 50
    assert solve(X, Y, passes=100, eps=0.0)[1] == visits[2]  # changes below LEAST_CHANGE are not made


def test_documents_that_every_label_finds_easy_are_not_visited_again(rng):
    X, Y = easy_negatives(rng)
    _, visits = solve(X, Y, passes=20, eps=0.0)
    assert visits < 20 * X.shape[0]


# All lanes agree on what is easy, so this leaves out as much as can be before the rest has converged.
def test_documents_left_out_too_early_are_taken_in_again(rng):
    X = documents(rng, 60, 30)
    for _ in range(6):
        y = rng.random((60, 1)) < 0.2
        copies, visits = solve(X, np.repeat(y, LANES, axis=1), C=1.0, passes=300, eps=0.0)
        expected = reference_dual_coordinate_descent(X.toarray().tolist(), signs(y[:, 0]), 1.0, BIAS, 300)
        assert visits < 300 * 60
        np.testing.assert_allclose(copies, np.repeat(np.array(expected)[:, None], LANES, axis=1), atol=0.02)


def easy_negatives(rng):
    """Documents of few features, so that negatives far from every positive are met again and again."""
    X, Y = documents(rng, 300, 10, density=1.0), rng.random((300, LANES)) < 0.01
    Y[:LANES] |= np.eye(LANES, dtype=bool)
    return X, Y


# --- a head -----------------------------------------------------------------------------------------------------------


def test_a_head_agrees_with_plain_loops_for_every_label(rng, fit_dense):
    X, Y = documents(rng, 40, 12), truth(rng, 40, 20)  # a block of 16 and one of 4
    W = fit_dense(X, Y)
    for label in range(20):
        y = signs(Y.toarray()[:, label] > 0)
        expected = reference_dual_coordinate_descent(X.toarray().tolist(), y, EXACT.C, BIAS, 60)
        np.testing.assert_allclose(W[:, label], expected, atol=0.01)


@pytest.mark.parametrize("width", [3, LANES, 40])
def test_the_number_of_threads_changes_no_weight(rng, width):
    X, Y = documents(rng, 80, 30), truth(rng, 80, 70)
    shortlist = groups_of(Y, width)
    one, *others = (fit(X, Y, width=width, shortlist=shortlist, threads=threads) for threads in (1, 2, 4))
    for other in others:
        for name, array in one.state("head_1").items():
            np.testing.assert_array_equal(other.state("head_1")[name], array)


def groups_of(Y, width, *, others=None):
    """The groups of each document's labels, with a share of other groups, as CSR."""
    groups = np.zeros((Y.shape[0], -(-Y.shape[1] // width)), bool)
    docs, labels = Y.nonzero()
    groups[docs, labels // width] = True
    if others is not None:
        groups |= others.random(groups.shape) < 0.3
    return sp.csr_array(groups, dtype=np.float32)


def test_the_same_seed_gives_the_same_weights_and_another_seed_nearly_the_same(rng, fit_dense):
    X, Y = documents(rng, 80, 30), truth(rng, 80, 20)
    first, again, other = (fit_dense(X, Y, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_allclose(first, other, atol=0.01)


@pytest.mark.parametrize("width", [5, LANES, 20])  # less than a block, a block, a block and a part
def test_a_group_is_trained_on_the_documents_of_its_shortlist_alone(rng, fit_dense, width):
    X, Y = documents(rng, 60, 25), truth(rng, 60, 50, density=0.05)
    shortlist = groups_of(Y, width, others=rng)
    W = fit_dense(X, Y, width=width, shortlist=shortlist)
    for group in range(shortlist.shape[1]):
        docs = np.flatnonzero(shortlist.toarray()[:, group])
        assert 0 < len(docs) < 60
        labels = slice(group * width, (group + 1) * width)
        expected = fit_dense(X[docs], Y[docs], width=width)
        np.testing.assert_array_equal(W[:, labels], expected[:, labels])


@pytest.mark.parametrize("with_shortlist", [False, True])
def test_a_head_learns_the_same_from_dense_features_as_from_sparse_ones(rng, fit_dense, with_shortlist):
    X, Y = documents(rng, 60, 25), truth(rng, 60, 40)
    apart = HybridMatrix(sp.csr_array(X[:, 9:]), X[:, :9].toarray())
    shortlist = groups_of(Y, LANES, others=rng) if with_shortlist else None
    W = fit_dense(apart, Y, shortlist=shortlist)
    assert W.shape == (25, 40)
    np.testing.assert_allclose(W, fit_dense(X, Y, shortlist=shortlist), atol=0.01)


def test_a_group_without_documents_has_no_weights(rng):
    X, Y = documents(rng, 30, 10), truth(rng, 30, 2 * LANES)
    Y = sp.csr_array(sp.hstack([Y, sp.csr_array((30, LANES), dtype=np.float32)], format="csr"))
    index = fit(X, Y, shortlist=groups_of(Y, LANES))
    assert index.num_labels == 3 * LANES
    assert set(index.labels) == set(range(2 * LANES))


def test_weights_up_to_prune_are_dropped_and_the_others_kept(rng, fit_dense):
    X, Y = documents(rng, 60, 25), truth(rng, 60, 20)
    everything = fit_dense(X, Y)
    pruned = fit_dense(X, Y, options=replace(EXACT, prune=0.2))
    np.testing.assert_array_equal(pruned, np.where(np.abs(everything) > 0.2, everything, 0))
    assert 0 < (pruned != 0).sum() < (everything != 0).sum()


def test_features_that_no_document_holds_have_no_weights(rng, fit_dense):
    X, Y = documents(rng, 30, 10), truth(rng, 30, 5)
    wide = sp.csr_array((X.data, X.indices * 3, X.indptr), shape=(30, 40))
    np.testing.assert_array_equal(fit_dense(wide, Y)[:30:3], fit_dense(X, Y))
    assert fit_dense(wide, Y).any(axis=1).sum() == 10


@pytest.mark.parametrize("docs", [[], [4], [7, 2, 4], range(12)])
def test_gathered_rows_have_the_features_and_values_of_the_rows(rng, docs):
    X = sp.csr_array(documents(rng, 12, 30, density=0.1).toarray() * (np.arange(12) != 4)[:, None])  # row 4 is empty
    docs = np.array(docs, np.int32)
    features, (starts, stops, indices, values) = _gather_rows(docs, X.indptr, X.indices, X.data, X.shape[1])
    appearing = [feature for doc in docs for feature in X.indices[X.indptr[doc] : X.indptr[doc + 1]].tolist()]
    assert features.tolist() == list(dict.fromkeys(appearing))
    assert features[indices].tolist() == appearing
    indptr = np.append(starts, len(indices))
    assert stops.tolist() == indptr[1:].tolist()
    gathered = sp.csr_array((values, features[indices], indptr), shape=(len(docs), 30))
    np.testing.assert_array_equal(gathered.toarray(), X[docs].toarray())
