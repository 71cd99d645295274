from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from xmlc_mhe.features import piece_counts
from xmlc_mhe.features.given import GivenFeatures
from xmlc_mhe.features.words import TextFeatures
from xmlc_mhe.model_files import read_model, write_model

OPTIONS = [
    {},
    {"sublinear_tf": False, "min_df": 1},
    {"ngram_range": (1, 2), "min_df": 3},
    {"ngram_range": [2, 2], "min_df": np.int64(2)},
    {"weighting": "bow"},
    {"weighting": "bow", "ngram_range": (1, 3)},
    {"hashing_bits": 8},
    {"hashing_bits": 12, "ngram_range": (1, 2), "sublinear_tf": False},
    {"weighting": "bow", "hashing_bits": 8},
]


@pytest.fixture
def texts(rng):
    """Texts of 0 to 20 words, with capitals, marks, letters beyond ASCII and words of one letter."""
    words = [*(f"word{i}" for i in range(60)), "Große", "größe", "naïve", "NAÏVE", "a", "don't", "x-ray"]
    drawn = [" ".join(rng.choice(words, rng.integers(0, 20))) for _ in range(80)]
    return [*drawn, "", " ", "a b c", "once"]


def sklearn_features(texts, *, weighting="tfidf", sublinear_tf=True, min_df=2, ngram_range=(1, 1), hashing_bits=0):
    """The same options as scikit-learn's own pipeline, fitted on the texts."""
    shared = {"ngram_range": tuple(ngram_range), "binary": weighting == "bow", "dtype": np.float32}
    if hashing_bits:
        counter = HashingVectorizer(n_features=2**hashing_bits, alternate_sign=False, norm=None, **shared)
    elif weighting == "tfidf":
        return TfidfVectorizer(min_df=int(min_df), sublinear_tf=sublinear_tf, **shared).fit(texts)
    else:
        counter = CountVectorizer(min_df=int(min_df), **shared)
    weigher = Normalizer() if weighting == "bow" else TfidfTransformer(sublinear_tf=sublinear_tf)
    return make_pipeline(counter, weigher).fit(texts)


def assert_equal(got, expected, *, rtol=0.0):
    np.testing.assert_allclose(got.toarray(), expected.toarray(), rtol=rtol)
    assert got.nnz == expected.nnz


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", OPTIONS)
def test_features_are_those_of_scikit_learn(texts, options):
    features = TextFeatures(**options)
    reference = sklearn_features(texts, **options)
    assert_equal(features.fit_transform(texts), reference.transform(texts), rtol=1e-6)
    other = ["word1 word2 unknown word1", "größe GRÖSSE naïve", "", *texts[::-1]]
    assert_equal(features.transform(other), reference.transform(other), rtol=1e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_features_read_from_a_saved_state_are_identical(texts, options, tmp_path):
    features = TextFeatures(**options).fit(texts)
    write_model(tmp_path / "model", features.state())
    loaded = TextFeatures.from_state(read_model(tmp_path / "model"))
    assert_equal(loaded.transform(texts), features.transform(texts))
    assert loaded.get_params() == {**features.get_params(), "ngram_range": tuple(features.ngram_range)}
    write_model(tmp_path / "again", loaded.state())
    assert_equal(TextFeatures.from_state(read_model(tmp_path / "again")).transform(texts), features.transform(texts))


def test_a_state_is_not_changed_by_reading_it(texts):
    state = TextFeatures().fit(texts).state()
    names = list(state)
    TextFeatures.from_state(state)
    assert list(state) == names


@pytest.mark.parametrize("options", OPTIONS)
def test_rows_are_sorted_float32_and_of_unit_length_and_empty_texts_are_empty_rows(texts, options):
    features = TextFeatures(**options)
    for X in (features.fit_transform(texts), features.transform(texts)):
        assert (type(X), X.dtype, X.shape[0]) == (sp.csr_array, np.float32, len(texts))
        assert all((np.diff(X.indices[start:end]) > 0).all() for start, end in pairwise(X.indptr))
        lengths = np.sqrt((X**2).sum(axis=1))
        np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-6)
        assert (lengths[80:83] == 0).all()  # "", " ", "a b c"


def test_fit_and_transform_give_what_fit_transform_gives(texts):
    assert_equal(TextFeatures().fit(texts).transform(texts), TextFeatures().fit_transform(texts))


@pytest.mark.parametrize("options", OPTIONS)
def test_threads_change_nothing(texts, options, monkeypatch):
    monkeypatch.setattr(piece_counts, "PIECE_CHARACTERS", 100)
    features, other = TextFeatures(**options), TextFeatures(**options)
    assert_equal(other.fit_transform(texts, threads=3), features.fit_transform(texts))
    assert_equal(other.fit(texts, threads=2).transform(texts, threads=3), features.transform(texts))


@pytest.mark.parametrize("options", OPTIONS)
def test_no_documents_give_no_rows_and_all_columns(texts, options):
    features = TextFeatures(**options)
    num_features = features.fit_transform(texts).shape[1]
    assert features.transform([]).shape == (0, num_features)


def test_tuples_and_arrays_of_texts_are_taken(texts):
    features = TextFeatures().fit(texts)
    for other in (tuple(texts), np.array(texts), np.array(texts, dtype=object)):
        assert_equal(features.transform(other), features.transform(texts))


def test_a_clone_is_not_fitted(texts):
    features = TextFeatures(ngram_range=(1, 2)).fit(texts)
    copied = clone(features)
    assert copied.get_params() == features.get_params()
    with pytest.raises(NotFittedError):
        copied.transform(texts)


@pytest.mark.parametrize("call", [lambda features: features.transform(["text"]), lambda features: features.state()])
@pytest.mark.parametrize("features", [TextFeatures(), TextFeatures(hashing_bits=8), GivenFeatures()])
def test_features_that_are_not_fitted_are_refused(features, call):
    with pytest.raises(NotFittedError):
        call(features)


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (
            ["one two", "three four"],
            {},
            r"occurs in min_df=2 documents or more\. Got 2 texts .*; lower min_df",
        ),
        (["one two"], {}, r"occurs in min_df=2 documents or more\. Got 1 texts without one "),
        (["", "a"], {"min_df": 1}, r"occurs in min_df=1 documents or more\. Got 2 texts without one "),
        ([], {"min_df": 1}, r"documents or more\. Got 0 texts without one "),
        (["", "a"], {"hashing_bits": 4}, r"Got 2 texts without one \(no words at all\)"),
        ([], {"hashing_bits": 4}, r"Got 0 texts without one "),
    ],
)
def test_texts_without_a_word_to_learn_are_refused(texts, options, message):
    with pytest.raises(ValueError, match=message):
        TextFeatures(**options).fit(texts)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one text", r"X must be a list of texts\. Got str; put one text in a list: \[text\]\."),
        (iter(["one text"]), r"X must be a list of texts\. Got list_iterator; put one text"),
        (["text", 3], r'X must be a list of texts\. Got int at 1; fit with encoder="given" for features\.'),
        (["text", None], r"X must be a list of texts\. Got NoneType at 1; "),
        ([b"text"], r"X must be a list of texts\. Got bytes at 0; "),
        (np.eye(2), r'X must be a list of texts\. Got a matrix of shape \(2, 2\); fit with encoder="given"'),
        (sp.csr_array(np.eye(2)), r"X must be a list of texts\. Got a matrix of shape \(2, 2\); "),
    ],
)
def test_documents_that_are_not_texts_are_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        TextFeatures().fit(texts)
    with pytest.raises(ValueError, match=message):
        TextFeatures(min_df=1).fit(["some text"]).transform(texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weighting": "bm25"}, r"weighting must be one of tfidf, bow\. Got .bm25.; choose one"),
        ({"min_df": 0}, r"min_df must be a whole number from 1\. Got 0; "),
        ({"min_df": 0.5}, r"min_df must be a whole number from 1\. Got 0\.5; "),
        ({"hashing_bits": -1}, r"hashing_bits must be a whole number from 0 to 30\. Got -1; "),
        ({"hashing_bits": 31}, r"hashing_bits must be a whole number from 0 to 30\. Got 31; "),
        ({"ngram_range": (2, 1)}, r"ngram_range must be the shortest and the longest run .*\. Got \(2, 1\); write "),
        ({"ngram_range": (0, 1)}, r"ngram_range must be .* from 1\. Got \(0, 1\); "),
        ({"ngram_range": (1,)}, r"ngram_range must be .* Got \(1,\); "),
        ({"ngram_range": (1, 2.5)}, r"ngram_range must be .* Got \(1, 2\.5\); "),
        ({"ngram_range": 2}, r"ngram_range must be .* Got 2; "),
    ],
)
def test_an_option_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TextFeatures(**options).fit(["one text", "one text"])


# --- given features ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [np.asarray, sp.csr_matrix, sp.csc_array, sp.coo_array, np.ndarray.tolist])
def test_given_rows_are_scaled_to_unit_length_the_same_in_fit_and_transform(rng, convert):
    dense = rng.random((7, 5)) * (rng.random((7, 5)) < 0.5)
    dense[3] = 0
    X = convert(dense)
    features = GivenFeatures()
    expected = dense / np.maximum(np.sqrt((dense**2).sum(axis=1, keepdims=True)), 1e-12)
    for got in (features.fit_transform(X), features.transform(X), GivenFeatures().fit(X).transform(X)):
        assert (type(got), got.dtype) == (sp.csr_array, np.float32)
        np.testing.assert_allclose(got.toarray(), expected, rtol=1e-6)


def test_given_rows_stay_as_they_are_where_normalize_is_false(rng):
    dense = rng.random((4, 3)).astype(np.float32)
    features = GivenFeatures(normalize=False)
    for got in (features.fit_transform(dense), features.transform(dense)):
        np.testing.assert_array_equal(got.toarray(), dense)


def test_a_given_matrix_is_not_changed(rng):
    X = sp.csr_array(rng.random((4, 3)).astype(np.float32))
    before = X.toarray()
    GivenFeatures().fit(X).transform(X)
    np.testing.assert_array_equal(X.toarray(), before)


@pytest.mark.parametrize("normalize", [True, False])
def test_given_features_read_from_a_saved_state_are_identical(rng, tmp_path, normalize):
    X = rng.random((4, 3))
    features = GivenFeatures(normalize=normalize).fit(X)
    write_model(tmp_path / "model", features.state())
    assert_equal(GivenFeatures.from_state(read_model(tmp_path / "model")).transform(X), features.transform(X))


def test_no_given_rows_give_no_rows():
    assert GivenFeatures().fit(np.eye(3)).transform(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("text", r'X must be rows of features, with encoder="given"\. Got texts; fit with encoder="tfidf" for texts\.'),
        (["text"], r'X must be rows of features, with encoder="given"\. Got texts; '),
        (np.array(["text"]), r"X must be a matrix, a row a document\. Got shape \(1,\)\. "),
        (
            np.ones(3),
            r"X must be a matrix, a row a document\. Got shape \(3,\)\. Reshape .*reshape\(1, -1\)\.",
        ),
        (np.ones((2, 2, 2)), r"X must have two dimensions .* Got shape \(2, 2, 2\); "),
        (np.array([[1, np.nan, 0]]), r"X must be finite in float32; .* Got nan in row 0, column 1; "),
        (np.array([[1, np.inf, 0]]), r"X must be finite in float32; .* Got inf in row 0, column 1; "),
    ],
)
def test_a_given_matrix_that_is_none_is_refused(X, message):
    for call in (GivenFeatures().fit, GivenFeatures().fit(np.eye(3)).transform):
        with pytest.raises(ValueError, match=message):
            call(X)


def test_a_given_matrix_without_columns_is_refused_at_fit():
    with pytest.raises(
        ValueError, match=r"X must have a column\. Got 0 feature\(s\) \(shape=\(2, 0\)\) while .*; check X"
    ):
        GivenFeatures().fit(np.empty((2, 0)))


def test_another_number_of_columns_than_in_training_is_refused():
    message = r"the columns of training\. X has 4 features, but GivenFeatures is expecting 3 .*; build it with the same"
    with pytest.raises(ValueError, match=message):
        GivenFeatures().fit(np.eye(3)).transform(np.eye(4))
