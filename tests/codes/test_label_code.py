import math
from itertools import chain

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference_digits, reference_index_matrix, reference_prefix_ids

from xmlc_mhe.checks import check_option
from xmlc_mhe.codes.head_sizes import LANES, cascade_head_sizes
from xmlc_mhe.codes.label_code import LabelCode
from xmlc_mhe.codes.orders import LABEL_ORDERS


@st.composite
def codes(draw):
    """Codes of 1 to 4 heads of any lengths, with and without padding, in any order of the labels."""
    head_sizes = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    num_labels = draw(st.integers(1, math.prod(head_sizes)))
    order = np.random.default_rng(draw(st.integers(0, 9))).permutation(num_labels).astype(np.int32)
    return LabelCode(order, head_sizes)


def labels_of_documents(rng, num_docs, num_labels):
    Y = sp.csr_array(rng.random((num_docs, num_labels)) < 0.3, dtype=np.float32)
    return sp.csr_array(sp.vstack([Y, sp.csr_array((1, num_labels), dtype=np.float32)]))  # a document without labels


# --- labels and codes -------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(codes())
def test_a_label_comes_back_from_its_local_labels(code):
    labels = np.arange(code.num_labels)
    local_labels = code.encode(labels)
    assert local_labels.shape == (code.num_labels, code.num_heads)
    assert ((local_labels >= 0) & (local_labels < code.head_sizes)).all()
    np.testing.assert_array_equal(code.decode(local_labels), labels)


@settings(deadline=None)
@given(codes())
def test_every_label_has_its_own_code(code):
    assert len(np.unique(code.encode(np.arange(code.num_labels)), axis=0)) == code.num_labels


@settings(deadline=None)
@given(codes())
def test_local_labels_are_the_digits_of_the_position_in_the_order(code):
    expected = [reference_digits(place, code.head_sizes) for place in range(code.num_labels)]
    np.testing.assert_array_equal(code.encode(code.order), expected)


@settings(deadline=None)
@given(codes())
def test_every_code_is_a_label_or_decodes_to_minus_one(code):
    every_code = [reference_digits(place, code.head_sizes) for place in range(math.prod(code.head_sizes))]
    padding = [-1] * (len(every_code) - code.num_labels)
    np.testing.assert_array_equal(code.decode(np.array(every_code)), [*code.order, *padding])


def test_the_labels_of_padding_and_of_minus_one_are_minus_one_in_any_shape():
    code = LabelCode(np.array([2, 0, 1], np.int32), (2, 2))
    labels = code.labels_of(np.array([[0, 3, -1], [2, 1, 7]]))
    assert labels.dtype == np.int32
    assert labels.tolist() == [[2, -1, -1], [1, 0, -1]]


# Labels by code: 3 1 0 2 4, head_sizes (3, 2), so the codes are 00 01 10 11 20 and 21 is padding
def test_five_labels_in_two_heads_have_the_codes_found_by_hand():
    code = LabelCode(np.array([3, 1, 0, 2, 4], np.int32), (3, 2))
    assert code.encode(np.arange(5)).tolist() == [[1, 0], [0, 1], [1, 1], [0, 0], [2, 0]]
    assert code.decode(np.array([[2, 1], [2, 0]])).tolist() == [-1, 4]
    assert code.index_matrix(0).tolist() == [[0, 1, 2]]
    assert code.index_matrix(1).tolist() == [[0, 1], [2, 3], [4, -1]]


@pytest.mark.parametrize("head_sizes", [(2, 3), (6,), (7, 0), (-7, -1), ()])
def test_head_sizes_that_do_not_name_every_label_are_refused(head_sizes):
    with pytest.raises(
        ValueError,
        match=r"head_sizes must (multiply to at least num_labels=7\. Got \(.*\), .*; enlarge|be a whole number from 1)",
    ):
        LabelCode(np.arange(7, dtype=np.int32), head_sizes)


# --- prefixes ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(codes())
def test_the_index_matrix_agrees_with_plain_loops(code):
    for num_digits in range(code.num_heads):
        matrix = code.index_matrix(num_digits)
        assert matrix.shape == (code.num_prefixes(num_digits), code.head_sizes[num_digits])
        assert matrix.tolist() == reference_index_matrix(code.num_labels, code.head_sizes, num_digits)


@settings(deadline=None)
@given(codes())
def test_the_index_matrix_covers_each_following_prefix_exactly_once(code):
    for num_digits in range(code.num_heads):
        following = code.index_matrix(num_digits).ravel()
        np.testing.assert_array_equal(following[following >= 0], np.arange(code.num_prefixes(num_digits + 1)))


@settings(deadline=None)
@given(codes(), st.integers(0, 9))
def test_the_prefixes_of_documents_agree_with_plain_loops_and_leave_their_labels_unchanged(code, seed):
    Y = labels_of_documents(np.random.default_rng(seed), 6, code.num_labels)
    before = Y.data.tolist(), Y.indices.tolist(), Y.indptr.tolist()
    for num_digits in range(code.num_heads + 1):
        ids = reference_prefix_ids(code.num_labels, code.head_sizes, num_digits)
        expected = np.zeros((Y.shape[0], len(ids)))
        for doc, label in zip(*(axis.tolist() for axis in Y.nonzero()), strict=True):
            digits = reference_digits(code.order.tolist().index(label), code.head_sizes)
            expected[doc, ids[tuple(digits[:num_digits])]] = 1
        prefixes = code.prefixes(Y, num_digits)
        np.testing.assert_array_equal(prefixes.toarray(), expected)
        assert prefixes.nnz == expected.sum()
        assert prefixes.has_sorted_indices
    assert (Y.data.tolist(), Y.indices.tolist(), Y.indptr.tolist()) == before


# --- orders -----------------------------------------------------------------------------------------------------------


def test_labels_by_frequency_descend_and_tie_by_ascending_id(rng):
    Y = labels_of_documents(rng, 12, 40)  # 40 labels with 0 to 12 documents: many ties
    counts = Y.toarray().sum(axis=0)
    expected = sorted(range(40), key=lambda label: (-counts[label], label))
    assert LABEL_ORDERS["frequency"](Y, 0).tolist() == expected


def test_the_given_order_is_by_ascending_id(rng):
    assert LABEL_ORDERS["given"](labels_of_documents(rng, 3, 9), 5).tolist() == list(range(9))


def test_the_random_order_depends_on_the_seed_alone(rng):
    some, others = labels_of_documents(rng, 3, 30), labels_of_documents(rng, 8, 30)
    order = LABEL_ORDERS["random"](some, 7)
    np.testing.assert_array_equal(order, LABEL_ORDERS["random"](others, 7))
    assert order.tolist() != LABEL_ORDERS["random"](some, 8).tolist()


@pytest.mark.parametrize("name", LABEL_ORDERS)
def test_every_order_names_each_label_once(rng, name):
    order = LABEL_ORDERS[name](labels_of_documents(rng, 4, 25), 3)
    assert order.dtype == np.int32
    assert sorted(order.tolist()) == list(range(25))


def test_an_option_that_is_not_allowed_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"label_order must be one of frequency, given, random\. Got 'size'; choose"):
        check_option("label_order", "size", LABEL_ORDERS)


# --- lengths of the heads ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4])
def test_cascade_head_sizes_name_every_label_and_descend_where_labels_are_many(num_heads):
    for num_labels in chain(range(1, 5000), range(5000, 10**6, 101), [4095, 4096, 65535, 65536, 10**6]):
        head_sizes = cascade_head_sizes(num_labels, num_heads)
        assert len(head_sizes) == num_heads
        assert min(head_sizes) >= 1
        assert math.prod(head_sizes) >= num_labels, num_labels
        if num_labels >= LANES**num_heads:
            assert sorted(head_sizes, reverse=True) == list(head_sizes), num_labels


@pytest.mark.parametrize(
    ("num_labels", "head_sizes"),
    [(1, (1, 16)), (566, (36, 16)), (4193, (132, 32)), (31880, (399, 80)), (670091, (1821, 368))],
)
def test_two_heads_have_the_lengths_that_results_were_recorded_with(num_labels, head_sizes):
    assert cascade_head_sizes(num_labels) == head_sizes


@pytest.mark.parametrize("order", [[0, 0, 1], [0, 1, 3]])
def test_an_order_that_is_no_order_is_refused(order):
    with pytest.raises(ValueError, match=r"order must name each of 3 labels once\. Got another order; fit again\."):
        LabelCode(np.array(order, np.int32), (2, 2))
