import numpy as np
import pytest
import scipy.sparse as sp
from reference import reference_top_k

from xmlc_mhe.errors import DataError
from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear.scorer import InvertedIndex
from xmlc_mhe.linear.simd import LANES
from xmlc_mhe.linear.solver import BIAS
from xmlc_mhe.state import check_state, part

MANY = (1 << 16) + 40  # more labels than uint16 can name


def whole_numbers(rng, shape, *, density):
    """0, 1, 2, -1 and -2, which the index stores, and float32 adds up, without rounding; with many ties."""
    return (rng.integers(-2, 3, shape) * (rng.random(shape) < density)).astype(np.float32)


def fixed_bias(num_labels):
    return np.full(num_labels, BIAS, np.float32)


def index_of(W, *, width=LANES, num_dense=0):
    """The index of weights (num_dense + num_features, num_labels), whose entries are offered label by label."""
    num_labels, sparse = W.shape[1], W[num_dense:]
    labels, features = np.nonzero(sparse.T)
    tiles = []
    for group in range(0, num_labels, width):
        for first in range(group, group + width, LANES):
            lanes = W[:num_dense, first : min(first + LANES, group + width, num_labels)]
            tiles.append(np.pad(lanes, ((0, 0), (0, LANES - lanes.shape[1]))))
    return InvertedIndex.from_entries(
        [(features, labels, sparse[features, labels])],
        num_features=len(sparse),
        bias=fixed_bias(num_labels),
        width=width,
        tiles=np.stack(tiles),
    )


def documents(rng, num_docs, num_features):
    X = sp.csr_array(whole_numbers(rng, (num_docs, num_features), density=0.4))
    return sp.csr_array(sp.vstack([X, sp.csr_array((1, num_features), dtype=np.float32)], format="csr"))


def check(predictions, X, W, k, labels_of_docs):
    """Compare with plain loops over the labels of each document."""
    assert predictions.labels.dtype == np.int32
    assert predictions.scores.dtype == np.float32
    for doc, x in enumerate(X.toarray().tolist()):
        labels, scores = reference_top_k(x, W.tolist(), BIAS, k, labels_of_docs[doc])
        assert predictions.labels[doc].tolist() == labels
        assert predictions.scores[doc].tolist() == scores


# --- entries ----------------------------------------------------------------------------------------------------------


def test_entries_are_sorted_by_feature_with_ascending_labels(rng):
    W = whole_numbers(rng, (9, 13), density=0.5)
    W[4] = 0  # a feature without weights
    index = index_of(W)
    assert index.indptr.dtype == np.int64
    assert index.num_features == 9
    for feature in range(9):
        span = slice(index.indptr[feature], index.indptr[feature + 1])
        assert index.labels[span].tolist() == np.flatnonzero(W[feature]).tolist()
        assert index.levels[index.codes[span]].tolist() == W[feature][W[feature] != 0].tolist()


@pytest.mark.parametrize(("num_labels", "dtype"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.int32)])
def test_labels_take_two_bytes_where_those_can_name_every_label(num_labels, dtype):
    one = np.array([0])
    index = InvertedIndex.from_entries(
        [(one, np.array([num_labels - 1]), np.ones(1, np.float32))], num_features=1, bias=fixed_bias(num_labels)
    )
    assert index.labels.dtype == dtype
    assert index.labels.tolist() == [num_labels - 1]


def test_scores_begin_at_the_bias_of_each_label(rng):
    X, W, bias = documents(rng, 6, 8), whole_numbers(rng, (8, 20), density=0.5), rng.random(20).astype(np.float32)
    labels, features = np.nonzero(W.T)
    entries = [(features, labels, W[features, labels])]
    index = InvertedIndex.from_entries(entries, num_features=8, bias=bias, width=7)
    scores = X.toarray() @ W + bias
    best = np.argsort(-scores, axis=1, kind="stable")
    np.testing.assert_array_equal(index.top_k(X, 20).labels, best)
    np.testing.assert_array_equal(index.top_k_of_groups(X, np.tile(np.int32([1, 0, 2]), (7, 1)), 20).labels, best)


def test_an_index_comes_back_from_its_state(rng):
    index = index_of(whole_numbers(rng, (9, 13), density=0.5))
    again = InvertedIndex.from_state(part(index.state("head_1"), "head_1."))
    X = documents(rng, 5, 9)
    for got, expected in zip(again.top_k(X, 13), index.top_k(X, 13), strict=True):
        np.testing.assert_array_equal(got, expected)


# --- all labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 11, 14])  # 11 labels; the rest of 14 is padding
@pytest.mark.parametrize("density", [0.5, 0.05, 0.0])  # with 0.0 every label ties
def test_the_best_of_all_labels_agree_with_plain_loops(rng, k, density):
    X, W = documents(rng, 12, 8), whole_numbers(rng, (8, 11), density=density)
    check(index_of(W).top_k(X, k), X, W, k, [range(11)] * X.shape[0])


def test_the_best_of_all_labels_agree_with_a_dense_product(rng):
    X, W = documents(rng, 40, 30).toarray(), rng.normal(size=(30, 50)).astype(np.float32)
    scores = X @ W + BIAS
    predictions = index_of(W).top_k(sp.csr_array(X), 50)
    np.testing.assert_array_equal(np.sort(predictions.labels, axis=1), np.tile(np.arange(50), (41, 1)))
    off = 0.03 * np.abs(X) @ np.abs(W) + 1e-5  # the index rounds each weight by up to 3%
    error = np.abs(np.take_along_axis(scores, predictions.labels, 1) - predictions.scores)
    assert (error <= np.take_along_axis(off, predictions.labels, 1)).all()
    assert (np.diff(predictions.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("ratio", [1.0, 1 + 1e-6, 3.0, 60.0, 1000.0])
@pytest.mark.parametrize("largest", [1e-2, 1.0, 40.0])
def test_a_stored_weight_keeps_its_sign_and_its_size_to_three_percent(rng, ratio, largest):
    sizes = largest * np.concatenate([[1.0, 1 / ratio], ratio ** -rng.random(400)])
    weights = (sizes * rng.choice([-1, 1], len(sizes))).astype(np.float32)
    index = InvertedIndex.from_entries(
        [(np.arange(402), np.zeros(402, int), weights)], num_features=402, bias=fixed_bias(1)
    )
    stored = index.levels[index.codes]
    np.testing.assert_allclose(stored, weights, rtol=0.03)
    order = np.argsort(weights, kind="stable")
    assert (np.diff(stored[order]) >= 0).all()


def test_weights_too_small_to_store_become_the_smallest_that_is():
    weights = np.array([1.0, 1e-6, -1e-6], np.float32)
    index = InvertedIndex.from_entries([(np.arange(3), np.zeros(3, int), weights)], num_features=3, bias=fixed_bias(1))
    assert index.levels[index.codes].tolist() == pytest.approx([1.0, 1e-3, -1e-3])


def test_a_head_without_weights_scores_every_label_by_the_bias(rng):
    none = np.array([], np.int64)
    index = InvertedIndex.from_entries([(none, none, np.array([], np.float32))], num_features=8, bias=fixed_bias(3))
    labels, scores = index.top_k(documents(rng, 2, 8), 3)
    assert labels.tolist() == [[0, 1, 2]] * 3
    assert scores.tolist() == [[BIAS] * 3] * 3


def test_an_empty_document_ranks_labels_by_their_number(rng):
    X, W = sp.csr_array((1, 8), dtype=np.float32), whole_numbers(rng, (8, 11), density=0.5)
    labels, scores = index_of(W).top_k(X, 4)
    assert labels.tolist() == [[0, 1, 2, 3]]
    assert scores.tolist() == [[BIAS] * 4]


# --- labels of groups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4, 9, 14])
@pytest.mark.parametrize("density", [0.5, 0.05, 0.0])
@pytest.mark.parametrize(("width", "num_kept"), [(1, 11), (3, 4), (3, 2), (4, 2), (11, 1), (16, 1)])
def test_the_best_labels_of_groups_agree_with_plain_loops(rng, width, num_kept, density, k):
    X, W = documents(rng, 12, 8), whole_numbers(rng, (8, 11), density=density)
    num_groups = -(-11 // width)  # the last of 3, 4 and 16 labels is cut off by the end
    groups = np.argsort(rng.random((X.shape[0], num_groups)), axis=1)[:, :num_kept].astype(np.int32)
    groups[rng.random(groups.shape) < 0.3] = -1  # padding, not only at the end
    groups[3] = -1
    before = groups.copy()
    labels = [
        [label for group in row if group >= 0 for label in range(group * width, min((group + 1) * width, 11))]
        for row in groups.tolist()
    ]
    check(index_of(W, width=width).top_k_of_groups(X, groups, k), X, W, k, labels)
    np.testing.assert_array_equal(groups, before)


def test_every_group_together_gives_exactly_the_best_of_all_labels(rng):
    X, W = documents(rng, 20, 30), rng.normal(size=(30, 50)).astype(np.float32)
    groups = np.tile(np.arange(13, dtype=np.int32)[::-1], (X.shape[0], 1))
    index = index_of(W, width=4)
    for got, expected in zip(index.top_k_of_groups(X, groups, 50), index.top_k(X, 50), strict=True):
        np.testing.assert_array_equal(got, expected)


# --- dense features ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_dense", [1, 4, 9])
@pytest.mark.parametrize("width", [3, LANES, 20])  # less than a tile, a tile, a tile and a part
def test_dense_features_add_to_the_scores_of_all_labels_and_of_groups(rng, width, num_dense):
    num_labels = 50
    sparse, W = documents(rng, 40, 8), whole_numbers(rng, (num_dense + 8, num_labels), density=0.5)
    dense = whole_numbers(rng, (41, num_dense), density=0.9)
    X, rows = HybridMatrix(sparse, dense), sp.csr_array(np.hstack([dense, sparse.toarray()]))
    index = index_of(W, width=width, num_dense=num_dense)
    check(index.top_k(X, 12), rows, W, 12, [range(num_labels)] * 41)
    groups = np.tile(np.array([2, 0], np.int32), (41, 1))
    labels = [*range(width), *range(2 * width, min(3 * width, num_labels))]
    check(index.top_k_of_groups(X, groups, 12), rows, W, 12, [labels] * 41)


# --- index types ------------------------------------------------------------------------------------------------------


def test_labels_beyond_two_bytes_are_found_among_all_and_in_groups(rng):
    X, few = documents(rng, 6, 8), whole_numbers(rng, (8, 40), density=0.5)
    labels, features = np.nonzero(few.T)
    index = InvertedIndex.from_entries(
        [(features, labels + MANY - 40, few[features, labels])], num_features=8, bias=fixed_bias(MANY), width=32
    )
    W = np.zeros((8, MANY), np.float32)
    W[:, -40:] = few
    scores = X.toarray() @ W + np.float32(BIAS)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :45]
    everything = index.top_k(X, 45)
    np.testing.assert_array_equal(everything.labels, best)
    np.testing.assert_array_equal(everything.scores, np.take_along_axis(scores, best, 1))
    last = (MANY - 1) // 32
    groups = np.tile(np.array([last, 0, last - 1], np.int32), (X.shape[0], 1))
    in_groups = [*range(32), *range((last - 1) * 32, MANY)]
    best = np.array(in_groups)[np.argsort(-scores[:, in_groups], axis=1, kind="stable")][:, :10]
    np.testing.assert_array_equal(index.top_k_of_groups(X, groups, 10).labels, best)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_documents_may_have_pointers_of_either_type(rng, dtype):
    X, W = documents(rng, 6, 8), whole_numbers(rng, (8, 11), density=0.5)
    X.indptr, X.indices = X.indptr.astype(dtype), X.indices.astype(dtype)
    assert X.indptr.dtype == dtype
    groups = np.tile(np.array([2, 0], np.int32), (X.shape[0], 1))
    check(index_of(W).top_k(X, 5), X, W, 5, [range(11)] * X.shape[0])
    check(index_of(W, width=4).top_k_of_groups(X, groups, 5), X, W, 5, [[0, 1, 2, 3, 8, 9, 10]] * X.shape[0])


# --- files that were made to harm -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("indptr", [0, 1, 5], r"head_1: labels must be an array of uint16 of shape \(5\) .* Got .* of shape \(2\)"),
        ("indptr", [0, 3, 2], r"head_1: indptr must be .*, from 0 on, ascending\. Got "),
        ("indptr", [1, 1, 2], r"head_1: indptr must be .*, from 0 on, ascending\. Got "),
        ("indptr", [0, 2], r"head_1: indptr must be an array of int64 of shape \(3\)"),
        ("codes", [1], r"head_1: codes must be an array of uint8 of shape \(2\)\. Got .* of shape \(1\)"),
        ("levels", [1.0], r"head_1: levels must be an array of float32 of shape \(256\), finite\. Got "),
        ("bias", [1, np.nan, 2], r"head_1: bias must be .*, finite\. Got .* from nan to nan; fit the model again\."),
        ("labels", [0, 7], r"head_1: labels must be .* from 0 to 2, ascending within a feature\. Got .* from 0 to 7; "),
        ("tiles", np.zeros((2, 0, LANES)), r"head_1: tiles must be .*\(1, 0, 16\), finite\. Got .*\(2, 0, 16\); "),
        ("tiles", np.zeros((1, 0, 8)), r"head_1: tiles must be .*\(1, 0, 16\), finite\. Got .*\(1, 0, 8\); "),
        ("width", 0, r"head_1: width must be a whole number from 1 to 2147483647\. Got 0; "),
    ],
)
def test_a_state_whose_arrays_would_be_read_out_of_bounds_is_refused(name, value, message):
    state = part(index_of(np.array([[1, 0, 0], [0, 2, 0]], np.float32)).state("head_1"), "head_1.")
    sizes = {"num_features": 2, "num_dense": 0, "num_labels": 3}
    check_state(state, InvertedIndex.state_fields(state, **sizes), place="head_1")
    state[name] = value if name == "width" else np.array(value, state[name].dtype)
    with pytest.raises(DataError, match=message):
        check_state(state, InvertedIndex.state_fields(state, **sizes), place="head_1")


def test_labels_of_a_feature_ascend_and_those_of_the_next_begin_anew():
    weights = np.array([[1, 0, 1], [0, 0, 0], [2, 2, 0], [0, 0, 3]], np.float32)
    state = part(index_of(weights).state("head_1"), "head_1.")
    sizes = {"num_features": 4, "num_dense": 0, "num_labels": 3}
    assert state["labels"].tolist() == [0, 2, 0, 1, 2]
    check_state(state, InvertedIndex.state_fields(state, **sizes), place="head_1")
    for labels in ([2, 0, 0, 1, 2], [0, 0, 0, 1, 2], [0, 2, 1, 1, 2], [0, 2, 1, 0, 2]):
        state["labels"] = np.array(labels, np.uint16)
        with pytest.raises(DataError, match=r"labels must be .*, ascending within a feature\. Got "):
            check_state(state, InvertedIndex.state_fields(state, **sizes), place="head_1")


def test_a_group_wider_than_all_labels_takes_no_more_memory_than_these(rng):
    weights = whole_numbers(rng, (4, 5), density=0.8)
    wide = index_of(weights)._replace(width=2**31 - 1)
    X = documents(rng, 3, 4)
    groups = np.zeros((3, 1), np.int32)
    expected = index_of(weights, width=5).top_k_of_groups(X, groups, 5)
    np.testing.assert_array_equal(wide.top_k_of_groups(X, groups, 5).scores, expected.scores)
