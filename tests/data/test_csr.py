import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xmlc_mhe.data.csr import check_csr, check_labels, first_duplicate, pad_columns

DENSE = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3]])


def raw(data, indices, indptr, shape):
    """CSR of these very arrays, broken or not."""
    X = sp.csr_array(shape)
    X.data, X.indices, X.indptr = (np.asarray(array) for array in (data, indices, indptr))
    return X


def arrays_of(X):
    return [X.data, X.indices, X.indptr]


@pytest.mark.parametrize("of_format", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32, np.float64])
def test_every_format_and_real_type_becomes_the_same_csr_of_float32(of_format, kind, dtype):
    X = check_csr(kind(DENSE.astype(dtype)).asformat(of_format), "X")
    assert isinstance(X, sp.csr_array)
    assert (X.dtype, X.indices.dtype, X.indptr.dtype) == (np.float32, np.int32, np.int32)
    np.testing.assert_array_equal(X.toarray(), DENSE.astype(dtype))


@pytest.mark.parametrize("X", [DENSE, DENSE.tolist(), np.asfortranarray(DENSE)])
def test_dense_input_becomes_csr(X):
    np.testing.assert_array_equal(check_csr(X, "X").toarray(), DENSE)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_a_matrix_without_rows_or_columns_keeps_its_shape(shape):
    assert check_csr(np.zeros(shape), "X").shape == shape
    assert check_labels(np.zeros(shape), "Y").shape == shape


def test_input_that_fits_is_not_copied():
    X = sp.csr_array(DENSE.astype(np.float32))
    for own, given_array in zip(arrays_of(check_csr(X, "X")), arrays_of(X), strict=True):
        assert np.shares_memory(own, given_array)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("check", [check_csr, check_labels])
def test_unsorted_columns_and_zeros_are_put_right_and_the_input_is_left_alone(check, index_dtype):
    X = raw([3.0, 1.0, 0.0], np.array([2, 0, 1], index_dtype), np.array([0, 2, 3], index_dtype), (2, 3))
    given_arrays, copies = arrays_of(X), [array.copy() for array in arrays_of(X)]
    checked = check(X, "X")
    expected = X.toarray() if check is check_csr else X.toarray() != 0
    np.testing.assert_array_equal(checked.toarray(), expected)
    assert checked.has_sorted_indices
    assert checked.nnz == (3 if check is check_csr else 2)  # a stored zero is a feature, and no label
    for now, then, copy in zip(arrays_of(X), given_arrays, copies, strict=True):
        assert now is then
        np.testing.assert_array_equal(now, copy)
        assert now.dtype == copy.dtype


def test_an_out_of_date_flag_of_the_input_is_not_believed():
    X = sp.csr_array(DENSE)
    assert X.has_sorted_indices
    X.indices[1:] = [2, 0]  # row 2, backwards
    np.testing.assert_array_equal(check_csr(X, "X").indices, [1, 0, 2])


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(0, 5)), elements=st.floats(0, 9, width=32)))
def test_labels_are_ones_where_the_input_is_not_zero(Y):
    checked = check_labels(Y, "Y")
    np.testing.assert_array_equal(checked.toarray(), Y != 0)
    assert (checked.data == 1).all()
    assert checked.dtype == np.float32


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(3), r"X must have two dimensions \(num_docs, columns\)\. Got shape \(3,\); "),
        (np.zeros((1, 1, 1)), r"X must have two dimensions .* Got shape \(1, 1, 1\); "),
        ([["a"]], r"X must hold real numbers\. Got dtype <U1; "),
        (DENSE.astype(object), r"X must hold real numbers\. Got dtype object; "),
        (sp.csr_array(DENSE * 1j), r"X must hold real numbers\. Got dtype complex128; "),
        (raw([1.0], [3], [0, 1], (1, 3)), r"X must be a well-formed csr matrix\. Got: .*; build it again\."),
        (raw([1.0], [-1], [0, 1], (1, 3)), r"X must be a well-formed csr matrix\. "),
        (raw([1.0, 1.0], [0, 1], [0, 2, 1], (2, 3)), r"X must be a well-formed csr matrix\. "),
        (raw([1.0, 2.0], [1, 1], [0, 0, 2], (2, 3)), r"name a column once in a row\. Got row 1, column 1 twice; sum "),
        ([[0, 0], [0, np.nan]], r"X must be finite in float32; .* Got nan in row 1, column 1; replace it\."),
        ([[np.inf]], r"X must be finite .* Got inf in row 0, column 0; "),
        ([[0, 1e39]], r"X must be finite .* Got inf in row 0, column 1; "),
    ],
)
def test_a_wrong_matrix_is_refused_with_what_was_got_and_the_mend(X, message):
    with pytest.raises(ValueError, match=message):
        check_csr(X, "X")


def test_a_negative_label_is_refused():
    with pytest.raises(ValueError, match=r"Y must not be negative\. Got -1 in row 1, column 0; write 0 for a label "):
        check_labels([[0, 1], [-1, 1]], "Y")


def test_the_same_column_in_two_rows_is_no_duplicate():
    assert first_duplicate(raw([1, 1, 1], [2, 2, 2], [0, 1, 1, 2, 3], (4, 3))) is None
    assert first_duplicate(raw([1, 1, 1, 1], [2, 0, 2, 2], [0, 1, 1, 4, 4], (4, 3))) == 3
    assert first_duplicate(sp.csr_array((2, 2))) is None


def test_columns_are_added_and_never_taken_away():
    X = sp.csr_array(DENSE)
    wider = pad_columns(X, num_columns=5)
    np.testing.assert_array_equal(wider.toarray(), np.pad(DENSE, [(0, 0), (0, 2)]))
    assert np.shares_memory(wider.data, X.data)
    assert pad_columns(X, num_columns=1).shape == X.shape
