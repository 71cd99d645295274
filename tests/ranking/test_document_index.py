from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe.errors import DataError
from xmlc_mhe.features.matrix import unit_rows
from xmlc_mhe.ranking import document_index
from xmlc_mhe.ranking.document_index import DenseIndex, DocumentIndex

MANY = (1 << 16) + 40  # more documents than uint16 can name


def rows_of_signs(rng, num_docs, num_features, *, density=0.3, signs=(-1, 1)):
    """Rows whose weights are all of one size, which the index stores without rounding; the last row is empty."""
    X = rng.choice(signs, (num_docs, num_features)) * (rng.random((num_docs, num_features)) < density)
    X[-1] = 0
    return sp.csr_array(X.astype(np.float32))


def real_rows(rng, num_docs, num_features, *, density=0.3):
    X = rng.normal(size=(num_docs, num_features)) * (rng.random((num_docs, num_features)) < density)
    return unit_rows(sp.csr_array(X.astype(np.float32)))


def reference_nearest(cosines, k):
    """The k greatest cosines above 0 of each row, by a stable sort: documents and cosines."""
    docs, best = np.full((len(cosines), k), -1), np.zeros((len(cosines), k), np.float32)
    for row, values in enumerate(cosines):
        found = [doc for doc in np.argsort(-values, kind="stable") if values[doc] > 0][:k]
        docs[row, : len(found)], best[row, : len(found)] = found, values[found]
    return docs, best


def check(neighbours, cosines, k):
    docs, best = reference_nearest(cosines, k)
    assert neighbours.docs.dtype == np.int32
    assert neighbours.cosines.dtype == np.float32
    np.testing.assert_array_equal(neighbours.docs, docs)
    np.testing.assert_allclose(neighbours.cosines, best, rtol=1e-5)


def four_words(rng, num_docs, num_features=12, *, num_words=4):
    """Rows of so many words of weight 1 / 2, whose cosines are quarters and so tie exactly."""
    words = np.argsort(rng.random((num_docs, num_features)), axis=1)[:, :num_words]
    values = np.full(words.size, 0.5, np.float32) * rng.choice([-1, 1], words.size).astype(np.float32)
    X = sp.csr_array((values, words.ravel(), np.arange(0, words.size + 1, num_words)), shape=(num_docs, num_features))
    return X.sorted_indices()


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 7, 200, 210])  # of 200 documents
def test_the_nearest_documents_agree_with_a_product_of_all_ties_to_the_lower(rng, k):
    X, queries = four_words(rng, 200), four_words(rng, 30)
    check(DocumentIndex.from_rows(X).nearest(queries, k), (queries @ X.T).toarray(), k)


def test_documents_without_a_word_in_common_or_of_a_negative_cosine_are_no_neighbours():
    X = sp.csr_array(np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 0]], np.float32))
    found = DocumentIndex.from_rows(X).nearest(X, 3)
    assert found.docs.tolist() == [[0, -1, -1], [1, -1, -1], [2, -1, -1], [-1, -1, -1]]
    assert found.cosines.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_cosines_of_any_weights_are_off_by_three_percent_or_a_thousandth(rng):
    X, queries = abs(real_rows(rng, 300, 40)), abs(real_rows(rng, 20, 40))
    found = DocumentIndex.from_rows(X).nearest(queries, 300, max_postings=10**9)
    exact = np.take_along_axis((queries @ X.T).toarray(), found.docs, 1) * (found.docs >= 0)
    np.testing.assert_allclose(found.cosines, exact, rtol=0.03, atol=1e-3)
    assert (np.diff(found.cosines, axis=1) <= 0).all()


def test_the_index_keeps_the_heaviest_words_of_a_document_at_unit_length(rng):
    X = sp.csr_array(np.array([[0.6, 0, -0.64, 0.48], [0, 0.5, 0.5, 0.5], [0, 0, 0, 1], [0, 0, 0, 0]], np.float32))
    index = DocumentIndex.from_rows(X, words_per_doc=2)
    assert np.diff(index.indptr).tolist() == [1, 1, 2, 1]
    assert index.docs.tolist() == [0, 1, 0, 1, 2]  # of equal words the first two
    length = np.hypot(0.6, 0.64)
    expected = [0.6 / length, 0.5**0.5, -0.64 / length, 0.5**0.5, 1]
    np.testing.assert_allclose(index.levels[index.codes], expected, rtol=0.03)


def test_stored_zeros_are_not_in_the_index():
    X = sp.csr_array((np.float32([0, 1, 0]), np.array([0, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    index = DocumentIndex.from_rows(X)
    assert (index.indptr.tolist(), index.docs.tolist()) == ([0, 0, 1], [0])


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 5)])
def test_documents_without_words_have_no_neighbours(shape):
    index = DocumentIndex.from_rows(sp.csr_array(shape, dtype=np.float32))
    found = index.nearest(sp.csr_array((2, shape[1]), dtype=np.float32), 4)
    assert (found.docs.tolist(), found.cosines.tolist()) == ([[-1] * 4] * 2, [[0.0] * 4] * 2)


def test_words_are_read_from_the_heaviest_on_as_far_as_their_postings_fit():
    # Word 0 has three postings, word 1 two, word 2 one, each of weight 1.
    X = sp.csr_array(np.array([[1, 0, 0]] * 3 + [[0, 1, 0]] * 2 + [[0, 0, 1]], np.float32))
    query = sp.csr_array(np.array([[0.7, 0.6, 0.4]], np.float32))
    index = DocumentIndex.from_rows(X)
    found = {limit: set(index.nearest(query, 6, max_postings=limit).docs[0].tolist()) - {-1} for limit in range(1, 7)}
    heaviest = {0, 1, 2}  # is read even where it alone has too many
    assert found[1] == found[2] == found[3] == heaviest
    assert found[4] == heaviest | {5}  # word 1 would be too many, word 2 fits
    assert found[5] == heaviest | {3, 4}
    assert found[6] == heaviest | {3, 4, 5}


@pytest.mark.parametrize("chunk", [1, 7, 200])
def test_the_size_of_a_chunk_changes_no_index(rng, chunk, monkeypatch):
    X = real_rows(rng, 200, 30)
    index = DocumentIndex.from_rows(X, words_per_doc=5)
    monkeypatch.setattr(document_index, "CHUNK", chunk)
    for name, again in DocumentIndex.from_rows(X, words_per_doc=5)._asdict().items():
        np.testing.assert_array_equal(again, getattr(index, name))


def test_building_an_index_leaves_the_documents_as_they_were(rng):
    X = real_rows(rng, 50, 30)
    before = X.copy()
    DocumentIndex.from_rows(X, words_per_doc=3)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(X, name), getattr(before, name))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_documents_may_have_pointers_of_either_type(rng, dtype):
    X, queries = four_words(rng, 70), four_words(rng, 9)
    exact = (queries @ X.T).toarray()
    for matrix in (X, queries):
        matrix.indptr, matrix.indices = matrix.indptr.astype(dtype), matrix.indices.astype(dtype)
    check(DocumentIndex.from_rows(X).nearest(queries, 5), exact, 5)


def test_documents_beyond_two_bytes_are_found(rng):
    X = sp.csr_array(sp.vstack([sp.csr_array((MANY - 40, 12), dtype=np.float32), four_words(rng, 40)], format="csr"))
    queries = four_words(rng, 9)
    index = DocumentIndex.from_rows(X)
    assert index.docs.dtype == np.int32
    check(index.nearest(queries, 10), (queries @ X.T).toarray(), 10)


# --- dense features ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 7, 200, 210])
def test_the_nearest_dense_documents_agree_with_a_product_of_all_ties_to_the_lower(rng, k):
    X, queries = four_words(rng, 200).toarray(), four_words(rng, 30).toarray()  # as bytes they are 127, -127 and 0
    check(DenseIndex.from_rows(X).nearest(queries, k), queries @ X.T, k)


def test_cosines_of_dense_documents_are_off_by_three_thousandths_at_most(rng):
    X, queries = (rng.normal(size=(num, 384)).astype(np.float32) + 1 for num in (300, 20))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = DenseIndex.from_rows(X).nearest(queries, 300)
    assert np.abs(found.cosines - np.take_along_axis(queries @ X.T, found.docs, 1)).max() < 0.003


def test_a_dense_row_of_zeros_is_no_neighbour_and_has_none():
    X = np.array([[0, 0], [1, 0]], np.float32)
    assert DenseIndex.from_rows(X).nearest(X, 2).docs.tolist() == [[-1, -1], [1, -1]]


# --- both -------------------------------------------------------------------------------------------------------------


def both(rng):
    X, queries = real_rows(rng, 300, 40), real_rows(rng, 30, 40)
    return [(DocumentIndex.from_rows(X), queries), (DenseIndex.from_rows(X.toarray()), queries.toarray())]


def test_a_document_has_the_same_neighbours_alone_among_others_and_in_threads(rng):
    for index, queries in both(rng):
        together = index.nearest(queries, 9)
        with ThreadPoolExecutor(2) as threads:
            alone = list(threads.map(index.nearest, (queries[row : row + 1] for row in range(30)), [9] * 30))
        for row, one in enumerate(alone):
            np.testing.assert_array_equal(one.docs[0], together.docs[row])
            np.testing.assert_array_equal(one.cosines[0], together.cosines[row])


def test_an_index_comes_back_from_its_state(rng):
    for index, queries in both(rng):
        again = type(index).from_state(index.state("near"), "near", num_docs=300, num_features=40)
        for got, expected in zip(again.nearest(queries, 9), index.nearest(queries, 9), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_no_neighbours_and_other_features_are_refused(rng):
    for index, queries in both(rng):
        with pytest.raises(ValueError, match=r"k must be at least 1\. Got 0; "):
            index.nearest(queries, 0)
        with pytest.raises(ValueError, match=r"X must have the 40 columns of the training documents\. Got 39; "):
            index.nearest(queries[:, :39], 5)


# --- files that were made to harm -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("indptr", np.int64([0, 1]), "must be an index"),
        ("indptr", np.int64([0, 3, 2]), "must be an index"),
        ("indptr", np.int64([1, 1, 2]), "must be an index"),
        ("indptr", np.int64([0, 1, 3]), "must be an index"),
        ("indptr", np.float64([0, 1, 2]), "must be an index"),
        ("docs", np.uint16([0]), "must be an index"),
        ("docs", np.int64([0, 1]), "must be an index"),
        ("docs", np.uint16([0, 3]), r"must have documents from 0 to 2\. Got others; "),
        ("codes", np.uint8([[0], [1]]), "must be an index"),
        ("codes", np.int8([0, -1]), "must be an index"),
        ("levels", np.ones(255, np.float32), "must be an index"),
        ("levels", np.full(256, np.nan, np.float32), "must be an index"),
        ("num_docs", 1 << 40, "must be an index"),
    ],
)
def test_a_state_of_words_that_would_be_read_out_of_bounds_is_refused(name, value, message):
    index = DocumentIndex.from_rows(sp.csr_array(np.array([[1, 0], [0, 1], [0, 0]], np.float32)))
    DocumentIndex.from_state(index.state("near"), "near", num_docs=3, num_features=2)
    with pytest.raises(DataError, match=f"near {message}"):
        DocumentIndex.from_state(index.state("near") | {f"near.{name}": value}, "near", num_docs=3, num_features=2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("codes", np.ones((2, 2), np.int8)),
        ("codes", np.ones((3, 3), np.int8)),
        ("codes", np.ones((3, 2), np.uint8)),
        ("scales", np.ones(2, np.float32)),
        ("scales", np.ones(3)),
        ("scales", np.float32([1, np.inf, 1])),
    ],
)
def test_a_dense_state_that_would_be_read_out_of_bounds_is_refused(name, value):
    state = DenseIndex.from_rows(np.eye(3, 2, dtype=np.float32)).state("near")
    DenseIndex.from_state(state, "near", num_docs=3, num_features=2)
    with pytest.raises(DataError, match="near must be an index of documents"):
        DenseIndex.from_state(state | {f"near.{name}": value}, "near", num_docs=3, num_features=2)
