import gc
import json
import logging
import threading
import weakref

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from xmlc_mhe import Dataset, TextFeatures, XMLCClassifier, evaluate, label_propensity
from xmlc_mhe.classifier import documents as documents_module
from xmlc_mhe.errors import DataError
from xmlc_mhe.model_files import read_model
from xmlc_mhe.predictions import concatenate_predictions

NUM_LABELS = 30
NAMES = [f"label {i:02}" for i in range(NUM_LABELS)]


@pytest.fixture(scope="module")
def planted():
    """Texts with words of their one to three labels and noise: 300 documents, 30 labels, as lists of names and as Y."""
    rng = np.random.default_rng(0)
    Y = np.zeros((300, NUM_LABELS), int)
    for doc, row in enumerate(Y):
        row[[doc % NUM_LABELS, *rng.choice(NUM_LABELS, doc % 3)]] = 1
    noise = [f"noise{i}" for i in range(50)]
    texts = [
        " ".join([f"word{label} also{label}" for label in np.flatnonzero(row)] + list(rng.choice(noise, 4)))
        for row in Y
    ]
    names = [[NAMES[label] for label in np.flatnonzero(row)] for row in Y]
    return texts, names, sp.csr_array(Y)


@pytest.fixture(scope="module")
def fitted(planted):
    texts, names, _ = planted
    return XMLCClassifier(TextFeatures(ngram_range=(1, 2)), threads=2).fit(texts, names)


@pytest.fixture(scope="module")
def X(planted):
    return sp.csr_array(CountVectorizer(dtype=np.float32).fit_transform(planted[0]))


def assert_same(got, expected):
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_array_equal(got.scores, expected.scores)


# --- documents and labels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["mhc", "vanilla"])
@pytest.mark.parametrize("encoder", ["tfidf", "bow"])
def test_planted_labels_are_found(planted, head, encoder):
    texts, names, _ = planted
    model = XMLCClassifier(encoder, head).fit(texts, names)
    assert model.score(texts, names, metric="P@1") == 1.0
    assert model.predict_names(["word7 also7"], k=1) == [["label 07"]]


def test_labels_as_names_as_sparse_and_dense_matrices_and_in_a_dataset_give_the_same_model(planted):
    texts, names, Y = planted
    expected = XMLCClassifier().fit(texts, names)
    assert (expected.label_names_, expected.num_docs_) == (NAMES, 300)
    np.testing.assert_array_equal(expected.label_counts_, Y.sum(axis=0))
    assert not hasattr(expected, "n_features_in_")
    ids = [str(label) for label in range(NUM_LABELS)]
    forms = [
        (texts, Y, ids),
        (texts, sp.coo_matrix(Y), ids),
        (texts, Y.toarray(), ids),
        (tuple(texts), Y.toarray().astype(bool), ids),
        (np.array(texts), [tuple(row) for row in names], NAMES),
        (texts, np.array([np.array(row, object) for row in names], object), NAMES),
        (texts, ([*row, row[0]] for row in names), NAMES),  # a generator, and a name said twice
        (Dataset(texts, None, Y, NAMES), None, NAMES),
    ]
    for documents, labels, label_names in forms:
        model = XMLCClassifier().fit(documents, labels)
        assert model.label_names_ == label_names
        assert_same(model.predict(texts), expected.predict(texts))


@pytest.mark.parametrize(
    ("labels", "label_names"),
    [
        (["b", "a", "c", "b"], ["a", "b", "c"]),
        (np.array(["b", "a", "c", "b"]), ["a", "b", "c"]),
        ([2, 1, 3, 2], ["1", "2", "3"]),
        (np.array([2, 1, 3, 2]), ["1", "2", "3"]),
        ([[2, "2"], [1], [3], [2]], ["1", "2", "3"]),
    ],
)
def test_one_name_a_document_is_enough(labels, label_names):
    texts = ["red red", "blue sky", "green grass", "red rose"]
    model = XMLCClassifier(TextFeatures(min_df=1)).fit(texts, labels)
    assert model.label_names_ == label_names
    assert [names[0] for names in model.predict_names(texts)] == [label_names[label] for label in (1, 0, 2, 1)]
    assert model.score(texts, labels, metric="P@1") == 1.0


def test_a_dataset_of_texts_or_of_features_is_taken_everywhere(planted, X):
    texts, _, Y = planted
    for dataset, encoder in ((Dataset(texts, None, Y, NAMES), "tfidf"), (Dataset(None, X, Y, NAMES), "given")):
        documents = texts if encoder == "tfidf" else X
        model = XMLCClassifier(encoder).fit(dataset)
        assert_same(model.predict(dataset), model.predict(documents))
        assert model.predict_names(dataset, k=1) == model.predict_names(documents, k=1)
        assert model.score(dataset) == model.score(documents, Y)


def test_documents_without_labels_and_empty_texts_are_taken(planted):
    texts, names, _ = planted
    model = XMLCClassifier().fit([*texts, "", "word1"], [*names, ["label 01"], []])
    assert model.num_docs_ == 302
    predictions = model.predict(["", "unknown words only"], k=NUM_LABELS)
    assert sorted(predictions.labels[0].tolist()) == list(range(NUM_LABELS))


def test_the_arguments_of_fit_are_not_changed(planted, X):
    Y = planted[2]
    before = [array.copy() for matrix in (X, Y) for array in (matrix.data, matrix.indices, matrix.indptr)]
    XMLCClassifier("given", cascade_scale=0.4).fit(X, Y)
    after = [array for matrix in (X, Y) for array in (matrix.data, matrix.indices, matrix.indptr)]
    for got, expected in zip(after, before, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_fit_that_fails_keeps_what_was_fitted(planted):
    texts, names, _ = planted
    model = XMLCClassifier().fit(texts, names)
    expected = model.predict(texts)
    model.set_params(head_sizes=(2, 3))
    with pytest.raises(ValueError, match=r"head_sizes must .* num_labels=9\. Got \(2, 3\), .*; enlarge one head\."):
        model.fit(["the same text"] * 9, list("abcdefghi"))
    assert_same(model.predict(texts), expected)


# --- prediction -------------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_predicted_labels(planted, fitted):
    texts = planted[0]
    labels, scores = fitted.predict(texts, 3)
    assert (labels.shape, labels.dtype, scores.shape, scores.dtype) == ((300, 3), np.int32, (300, 3), np.float32)
    assert fitted.predict_names(texts, 3) == [[NAMES[label] for label in row] for row in labels.tolist()]


def test_names_of_padding_are_left_out(planted):
    texts, names, _ = planted
    model = XMLCClassifier(beam=1, head_sizes=(10, 3)).fit(texts, names)
    assert {len(row) for row in model.predict_names(texts, 5)} == {3}
    assert (model.predict(texts, 5).labels[:, 3:] == -1).all()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_number_of_threads_and_the_size_of_a_batch_change_nothing(planted, fitted, monkeypatch, threads):
    texts, names, _ = planted
    expected = fitted.predict(texts)
    other = clone(fitted).set_params(threads=threads).fit(texts, names)
    for size in (1, 7, 299, 300, 301):
        monkeypatch.setattr(documents_module, "BATCH_SIZE", size)
        assert_same(other.predict(texts), expected)
        batches = list(other.predict_batches([texts[:1], [], texts[1:50], texts[50:]]))
        assert_same(concatenate_predictions(batches), expected)


def test_rows_of_any_kind_of_matrix_give_the_same(planted, X, monkeypatch):
    fitted = XMLCClassifier("given").fit(X, planted[2])
    expected = fitted.predict(X)
    monkeypatch.setattr(documents_module, "BATCH_SIZE", 64)
    for other in (X.toarray(), X.toarray().tolist(), sp.csr_matrix(X), X.tocsc(), X.tocoo(), X.toarray().astype(int)):
        assert_same(fitted.predict(other), expected)


def test_no_documents_give_arrays_without_rows(planted, fitted, X):
    given = XMLCClassifier("given").fit(X, planted[2])
    hashed = XMLCClassifier(TextFeatures(hashing_bits=10)).fit(*planted[:2])
    cascade = XMLCClassifier("given", cascade_scale=0.4, beam=2).fit(X, planted[2])
    nothing = [(fitted, []), (hashed, ()), (given, X[:0]), (given, X[:0].toarray()), (cascade, X[:0])]
    for fitted_model, documents in nothing:
        labels, scores = fitted_model.predict(documents, 4)
        assert (labels.shape, labels.dtype, scores.shape, scores.dtype) == ((0, 4), np.int32, (0, 4), np.float32)
        assert fitted_model.predict_names(documents) == []
    assert list(fitted.predict_batches([])) == []


def test_five_labels_are_predicted_or_all_where_there_are_fewer():
    texts, names = ["red red", "blue sky", "green grass"] * 2, ["b", "a", "c"] * 2
    assert XMLCClassifier().fit(texts, names).predict(texts).labels.shape == (6, 3)
    assert XMLCClassifier().fit(texts, list("abcdef")).predict(texts).labels.shape == (6, 5)


@pytest.mark.parametrize("k", [0, -1, 31, 2.0, "3"])
def test_k_out_of_range_is_refused_at_once(fitted, k):
    message = rf"k must be 1 to 30, the number of labels\. Got {k}; choose another\."
    for call in (fitted.predict, fitted.predict_names, fitted.predict_batches):
        with pytest.raises(ValueError, match=message):
            call(["text"], k)


def test_a_numpy_integer_is_a_k(fitted):
    assert fitted.predict(["word1"], np.int64(2)).labels.shape == (1, 2)


def test_a_model_that_is_not_fitted_is_refused(tmp_path):
    model = XMLCClassifier()
    for call in (
        lambda: model.predict(["text"]),
        lambda: model.predict_batches([["text"]]),
        lambda: model.score(["text"], [["a"]]),
        lambda: model.save(tmp_path / "model"),
        lambda: model.label_propensity(),
    ):
        with pytest.raises(NotFittedError):
            call()


# --- streaming --------------------------------------------------------------------------------------------------------


def with_threads(fitted, threads):
    """The fitted model itself, with another number of threads."""
    return fitted.set_params(threads=threads)


class Source:
    """Batches of one document each, which counts how many were taken and whether it was closed."""

    def __init__(self, num_batches, *, fail_at=None):
        self.num_batches, self.fail_at, self.taken, self.closed, self.threads = num_batches, fail_at, 0, False, set()

    def __iter__(self):
        try:
            for number in range(self.num_batches):
                if number == self.fail_at:
                    raise DataError("line 17 is broken")
                self.taken += 1
                self.threads.add(threading.current_thread())
                yield [f"word{number % NUM_LABELS} also{number % NUM_LABELS}"]
        finally:
            self.closed = True


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_are_read_as_far_as_predictions_are_taken(fitted, threads):
    source = Source(1000)
    loaded = with_threads(fitted, threads)
    predictions = loaded.predict_batches(source, 1)
    assert source.taken == 0
    for number, (labels, _) in enumerate(predictions):
        assert source.taken <= number + 2 * threads + 1
        assert labels.tolist() == [[number % NUM_LABELS]]
    assert (number, source.taken, source.closed) == (999, 1000, True)
    assert source.threads == {threading.current_thread()}  # an iterator need not bear more


def test_a_stream_that_is_left_is_closed_and_its_threads_end(fitted):
    source, before = Source(1000), threading.active_count()
    predictions = with_threads(fitted, 3).predict_batches(source, 1)
    next(predictions)
    predictions.close()
    del predictions
    gc.collect()
    assert source.closed
    assert source.taken < 20
    assert threading.active_count() == before


def test_an_error_of_the_source_reaches_the_caller_and_its_threads_end(fitted):
    before = threading.active_count()
    predictions = with_threads(fitted, 2).predict_batches(Source(100, fail_at=50), 1)
    with pytest.raises(DataError, match="line 17 is broken"):
        list(predictions)
    assert threading.active_count() == before


def test_an_error_in_a_later_batch_reaches_the_caller(fitted):
    batches = [["word1"]] * 20 + [["word1", None]]
    with pytest.raises(ValueError, match=r"X must be a list of texts\. Got NoneType at 1; "):
        list(fitted.predict_batches(batches))


def test_predictions_are_not_kept_once_taken(fitted):
    taken = []
    for labels, _ in fitted.predict_batches(Source(50), 1):
        taken.append(weakref.ref(labels))
        del labels
        assert sum(ref() is not None for ref in taken) <= 1


# --- score ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["P@1", "nDCG@5", "R@30", "microF1@2"])
def test_the_score_is_what_evaluate_gives(planted, fitted, metric):
    texts, names, Y = planted
    expected = evaluate(Y, fitted.predict(texts, NUM_LABELS), [metric])[metric]
    assert fitted.score(texts, names, metric=metric) == pytest.approx(expected)
    assert fitted.score(texts, Y.toarray(), metric=metric) == pytest.approx(expected)


def test_a_true_label_that_training_never_saw_counts_as_missed(fitted):
    assert fitted.score(["word1 also1"], [["label 01"]], metric="R@5") == 1.0
    assert fitted.score(["word1 also1"], [["label 01", "unseen"]], metric="R@5") == 0.5
    assert fitted.score(["word1 also1"], ["unseen"], metric="R@5") == 0.0
    wide = np.zeros((1, NUM_LABELS + 7))
    wide[0, [1, NUM_LABELS + 3]] = 1
    assert fitted.score(["word1 also1"], wide, metric="R@5") == 0.5
    assert fitted.score(["word1 also1"], wide[:, :2], metric="R@5") == 1.0  # a matrix of the first labels alone


def test_a_cutoff_beyond_the_labels_counts_the_missing_ones_as_wrong():
    texts, names = ["red red", "blue sky"] * 2, ["b", "a"] * 2
    model = XMLCClassifier().fit(texts, names)
    assert model.score(texts, names) == 1.0  # nDCG@5
    assert model.score(texts, names, metric="P@5") == pytest.approx(1 / 5)


@pytest.mark.parametrize("metric", ["P", "P@", "P@x", "P@0", "MAP@1", "P@1.5", "P@²"])
def test_an_unknown_metric_is_refused(planted, fitted, metric):
    with pytest.raises(ValueError, match=r"metrics must be from P@k, |k must be 1 to "):
        fitted.score(*planted[:2], metric=metric)


def test_propensities_are_those_of_the_training_labels(planted, fitted):
    Y = planted[2]
    expected = label_propensity(Y, a=0.6, b=2.6, num_labels=NUM_LABELS + 2)
    np.testing.assert_allclose(fitted.label_propensity(a=0.6, b=2.6, num_labels=NUM_LABELS + 2), expected)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"encoder": "bert"},
            r"encoder must be one of tfidf, bow, given, minilm, a folder, .*\. Got 'bert'; choose one",
        ),
        ({"encoder": "tfidf+bert"}, r"encoder must be one of minilm, a folder, owner/name .*\. Got 'bert'; choose one"),
        ({"encoder": "tfidf+bow"}, r'encoder must be words and a learned encoder .*\. Got "tfidf\+bow"; write '),
        ({"encoder": "minilm+tfidf"}, r'encoder must be words and a learned encoder .*\. Got "minilm\+tfidf"; write '),
        ({"encoder": TfidfVectorizer()}, r"encoder must be a name, a TextFeatures, or .* Got TfidfVectorizer, without"),
        ({"encoder": None}, r"encoder must be a name, .* Got NoneType, without dim; "),
        ({"encoder": TextFeatures}, r"encoder must be a name, .* Got type, without dim; "),
        ({"encoder_options": {"a": 1}}, r"encoder_options must be None with encoder='tfidf'\. Got \{'a': 1\}; leave"),
        ({"dense_scale": 2}, r"dense_scale must be None with encoder='tfidf'\. Got 2; leave it out, or"),
        ({"encoder": "tfidf+minilm", "dense_scale": 0}, r"dense_scale must be a number above 0\. Got 0; "),
        (
            {"encoder": "tfidf+minilm", "head": "mhp"},
            r'head must be mhc or vanilla with words .* Got "mhp"; choose one',
        ),
        ({"encoder": TextFeatures("bm25")}, r"weighting must be one of tfidf, bow\. Got 'bm25'; "),
        ({"head": "tree"}, r"head must be one of mhc, vanilla, softmax, .*\. Got 'tree'; "),
        ({"label_order": "best"}, r"label_order must be one of frequency, given, random\. Got 'best'; "),
        ({"head_sizes": (40,)}, r"head_sizes must have two lengths or more\. Got \(40,\); "),
        ({"head_sizes": (2, 2)}, r"head_sizes must multiply .* num_labels=30\. Got \(2, 2\), .*; enlarge one head\."),
        ({"head_sizes": (0, 40)}, r"head_sizes must be None or whole numbers from 1\. Got \(0, 40\); write "),
        ({"head_sizes": (2.5, 40)}, r"head_sizes must be None or whole numbers from 1\. Got \(2\.5, 40\); "),
        ({"head_sizes": 40}, r"head_sizes must be None or whole numbers from 1\. Got 40; "),
        ({"head_sizes": "auto"}, r"head_sizes must be None or whole numbers from 1\. Got 'auto'; "),
        *(({name: 0}, rf"{name} must be a number above 0\. Got 0; ") for name in ("C", "positive_weight")),
        ({"C": float("nan")}, r"C must be a number above 0\. Got nan; "),
        ({"C": float("inf")}, r"C must be a number above 0\. Got inf; "),
        ({"C": "1"}, r"C must be a number above 0\. Got '1'; "),
        *(
            ({name: -0.1}, rf"{name} must be a number from 0\. Got -0\.1; ")
            for name in ("prune", "eps", "cascade_scale")
        ),
        *(({name: 0}, rf"{name} must be a whole number from 1\. Got 0; ") for name in ("passes", "train_beam")),
        ({"passes": 2.0}, r"passes must be a whole number from 1\. Got 2\.0; "),
        ({"seed": -1}, r"seed must be a whole number from 0\. Got -1; "),
        ({"seed": None}, r"seed must be a whole number from 0\. Got None; "),
        ({"beam": 0}, r'beam must be "auto", "all" or a whole number from 1\. Got 0; '),
        ({"beam": "most"}, r'beam must be "auto", "all" or a whole number from 1\. Got \'most\'; '),
        ({"threads": 0}, r"threads must be None or a whole number from 1\. Got 0; "),
        ({"threads": 1.5}, r"threads must be None or a whole number from 1\. Got 1\.5; "),
    ],
)
def test_an_option_out_of_range_is_refused_at_fit(planted, options, message):
    texts, names, _ = planted
    with pytest.raises(ValueError, match=message):
        XMLCClassifier(**options).fit(texts, names)


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        (["a"], None, r"Y must be given with texts or features\. Got None; pass the labels, or a Dataset as X\."),
        (["a"], [["x"], ["y"]], r"X and Y must have a row for each document\. Got 1 and 2; align them\."),
        (["a"], np.eye(2), r"X and Y must have a row for each document\. Got 1 and 2; "),
        (["a", "b"], [[], []], r"Y must have a true label\. Got 2 documents without any; check the labels\."),
        ([], [], r"Y must have a true label\. Got 0 documents without any; "),
        (["a", "b"], sp.csr_array((2, 3)), r"Y must have a true label\. "),
        (["a"], "x", r"Y must be one list of label names a document, .*\. Got str; write for example "),
        (["a"], 3, r"Y must be one list of label names a document, .*\. Got int; "),
        (["a"], np.ones((1, 1, 1)), r"Y must be one list .*\. Got ndarray of shape \(1, 1, 1\); "),
        (["a"], [[-1.0]] * np.ones((1, 1)), r"Y must not be negative\. Got -1 in row 0, column 0; "),
        (["a"], np.array([["x", "y"]]), r"Y must hold real numbers\. Got dtype <U1; "),
        ("a", [["x"]], r"X must be a list of texts, or a matrix\. Got str; put one text in a list: \[text\]\."),
        (iter(["a"]), [["x"]], r"X must be a list of texts, or a matrix\. Got list_iterator; "),
        (np.array("a"), [["x"]], r"X must be a list of texts, or a matrix\. Got ndarray; "),
        (np.eye(2), np.eye(2), r'X must be a list of texts\. Got a matrix of shape \(2, 2\); fit with encoder="given"'),
        (["a", "b"], np.eye(2), r"texts must have a word that occurs in min_df=2 documents or more\. "),
    ],
)
def test_documents_and_labels_that_do_not_fit_are_refused(X, Y, message):
    with pytest.raises(ValueError, match=message):
        XMLCClassifier().fit(X, Y)


def test_texts_are_refused_by_a_model_of_given_features(planted, X):
    message = r'X must be rows of features, with encoder="given"\. Got texts; fit with encoder="tfidf" for texts\.'
    with pytest.raises(ValueError, match=message):
        XMLCClassifier("given").fit(planted[0], planted[1])
    with pytest.raises(ValueError, match=message):
        XMLCClassifier("given").fit(X, planted[2]).predict(["text"])


@pytest.mark.parametrize("text", ["one text", iter(["text"]), None, 3])
def test_what_is_no_list_of_texts_is_refused_at_prediction(fitted, text):
    with pytest.raises(ValueError, match=r"X must be a list of texts, or a matrix\. Got .*; put one text in a list"):
        fitted.predict(text)


def test_a_dataset_with_its_labels_given_again_is_refused(planted, fitted):
    texts, names, Y = planted
    dataset = Dataset(texts, None, Y, NAMES)
    for call in (XMLCClassifier().fit, fitted.score):
        with pytest.raises(ValueError, match=r"Y must be None with a Dataset, which has its own\. Got both; pass one"):
            call(dataset, names)


def test_a_dataset_with_other_label_names_is_refused(planted, fitted):
    dataset = Dataset(planted[0], None, planted[2], NAMES[::-1])
    with pytest.raises(
        ValueError, match=r"label names of the model\. Got a Dataset with 30 others; read it with load_part"
    ):
        fitted.score(dataset)


def test_a_dataset_with_labels_beyond_its_names_is_refused_for_training(planted):
    texts, _, Y = planted
    with pytest.raises(ValueError, match=r"Y must have 29 columns, one for each of label_names\. Got 30; name all "):
        XMLCClassifier().fit(Dataset(texts, None, Y, NAMES[:29]))


# --- save and load ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"encoder": "bow", "head": "vanilla"},
        {"encoder": TextFeatures(ngram_range=(1, 2), hashing_bits=12)},
        {"encoder": TextFeatures("bow", hashing_bits=12)},
        {"head_sizes": [8, 4], "beam": 2, "label_order": "random", "seed": np.int64(3), "C": np.float32(1)},
        {"head_sizes": np.array([4, 3, 3]), "train_beam": np.int32(2), "cascade_scale": 0.3},
    ],
)
def test_a_loaded_model_predicts_the_same(planted, tmp_path, options):
    texts, names, _ = planted
    model = XMLCClassifier(**options).fit(texts, names)
    model.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model")
    loaded.save(tmp_path / "again")
    for other in (loaded, XMLCClassifier.load(str(tmp_path / "again"), threads=1)):
        assert_same(other.predict(texts, 7), model.predict(texts, 7))
        assert other.label_names_ == model.label_names_
        np.testing.assert_array_equal(other.label_propensity(), model.label_propensity())
    for name in ("encoder.json", "arrays.safetensors"):
        paths = [tmp_path / folder / name for folder in ("model", "again")]
        assert not paths[0].exists() or paths[0].read_bytes() == paths[1].read_bytes()
    assert_same(clone(loaded).fit(texts, names).predict(texts), model.predict(texts))  # its options came along


def test_a_loaded_model_of_given_features_predicts_the_same(planted, X, tmp_path):
    model = XMLCClassifier("given").fit(X, planted[2])
    model.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model")
    assert (loaded.n_features_in_, loaded.encoder) == (X.shape[1], "given")
    assert_same(loaded.predict(X), model.predict(X))


def test_odd_label_names_survive(tmp_path):
    odd = ["tab\there", "two\nlines", '"quoted"', "größe", "😀", " ", "\ud800", "", "[1]", "é", "e\u0301"]
    texts = [f"word{i} word{i}" for i in range(len(odd))] * 2
    model = XMLCClassifier().fit(texts, odd * 2)
    model.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model")
    assert sorted(loaded.label_names_) == sorted(odd)
    assert [names[0] for names in loaded.predict_names(texts[: len(odd)], 1)] == odd


def test_the_threads_of_a_loaded_model_are_chosen_anew(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert XMLCClassifier.load(tmp_path / "model").threads is None
    assert XMLCClassifier.load(tmp_path / "model", threads=3).threads == 3
    with pytest.raises(ValueError, match=r"threads must be None or a whole number from 1\. Got 0; "):
        XMLCClassifier.load(tmp_path / "model", threads=0).predict(["text"])


def test_a_loaded_model_may_overwrite_its_own_folder(planted, fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model")
    with pytest.raises(DataError, match=r"must not exist yet, .*Got a model; "):
        loaded.save(tmp_path / "model")
    loaded.save(tmp_path / "model", overwrite=True)
    for other in (loaded, XMLCClassifier.load(tmp_path / "model")):
        assert_same(other.predict(planted[0]), fitted.predict(planted[0]))


def test_a_fit_counts_words_by_the_threads_of_the_model(planted, monkeypatch):
    asked = []
    count = TextFeatures.fit_transform
    monkeypatch.setattr(TextFeatures, "fit_transform", lambda *args, **rest: asked.append(rest) or count(*args, **rest))
    XMLCClassifier(threads=3).fit(*planted[:2])
    assert asked == [{"threads": 3}]


def test_the_same_seed_gives_the_same_arrays_for_any_number_of_threads(planted, tmp_path):
    texts, names, _ = planted
    for threads in (1, 2, 4):
        XMLCClassifier(seed=5, head_sizes=(8, 4), threads=threads).fit(texts, names).save(tmp_path / f"{threads}")
    assert len({(tmp_path / f"{threads}" / "arrays.safetensors").read_bytes() for threads in (1, 2, 4)}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        *({key: "missing"} for key in ("encoder_class", "head_name", "params", "num_docs", "head.head_sizes")),
        *({key: None} for key in ("encoder_class", "head_name", "params", "head.head_sizes", "encoder.ngram_range")),
        {"encoder_class": "BertEncoder"},
        {"head_name": "tree"},
        {"params": {"of_a_later_version": 1, "encoder": "tfidf"}},
        {"encoder.of_a_later_version": 1},
        {"part_of_a_later_version.x": 1},
    ],
)
def test_a_config_that_lacks_something_or_is_of_a_later_version_is_refused(fitted, tmp_path, changes):
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "missing"}))
    with pytest.raises(DataError, match=r"model: .* must (be|have) .* Got .*; fit the model again"):
        XMLCClassifier.load(tmp_path / "model")


def test_the_versions_are_kept(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert read_model(tmp_path / "model")["versions"].keys() == {"xmlc-mhe", "python", "numpy", "scipy"}


# --- scikit-learn -----------------------------------------------------------------------------------------------------


def test_a_clone_has_the_same_options_and_is_not_fitted(fitted):
    copied = clone(fitted)
    assert copied.get_params(deep=False).keys() == fitted.get_params(deep=False).keys()
    assert copied.encoder.get_params() == fitted.encoder.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(["text"])


def test_options_are_set_by_name_and_those_of_the_encoder_too(planted):
    texts, names, _ = planted
    model = XMLCClassifier(TextFeatures()).set_params(C=2.0, encoder__min_df=1, encoder__ngram_range=(1, 2))
    assert (model.get_params()["C"], model.get_params()["encoder__min_df"]) == (2.0, 1)
    num_features = model.fit(texts, names).encoder_.transform(["text"]).shape[1]
    assert num_features > XMLCClassifier().fit(texts, names).encoder_.transform(["text"]).shape[1]
    assert not hasattr(model.encoder, "counters_")  # the option itself stays as it was given
    with pytest.raises(ValueError, match=r"options of XMLCClassifier must be among .* Got 'c'; choose"):
        model.set_params(c=1)


def test_a_pipeline_from_a_vectorizer_predicts_and_scores(planted):
    texts, names, Y = planted
    pipeline = make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True, dtype=np.float32), XMLCClassifier("given"))
    expected = XMLCClassifier(rank=False).fit(texts, names)  # names of labels are evidence only with words
    pipeline.set_params(xmlcclassifier__rank=False)
    for labels in (names, Y):
        pipeline.fit(texts, labels)
        np.testing.assert_array_equal(pipeline.predict(texts, k=3).labels, expected.predict(texts, 3).labels)
        assert pipeline.score(texts, labels) == pytest.approx(expected.score(texts, names))


@pytest.mark.parametrize("kind", ["names", "matrix", "one name"])
def test_grid_search_chooses_c_by_the_score(planted, kind):
    texts, names, Y = planted
    labels = {"names": names, "matrix": Y, "one name": [row[0] for row in names]}[kind]
    search = GridSearchCV(XMLCClassifier(), {"C": np.array([1e-9, 1.0])}, cv=3).fit(texts, labels)
    assert search.best_params_ == {"C": 1.0}
    assert search.best_score_ == search.cv_results_["mean_test_score"][1] > 0.9
    assert search.predict(texts).labels.shape == (300, 5)


def test_cross_validation_takes_rows_of_features(planted, X):
    scores = cross_val_score(XMLCClassifier("given"), X, planted[2].toarray(), cv=3)
    assert (scores > 0.9).all()


PAIR = "predict returns a pair of arrays, labels and scores"
EXPECTED_FAILURES = {
    "check_methods_sample_order_invariance": PAIR,
    "check_estimator_sparse_array": PAIR,
    "check_estimator_sparse_matrix": PAIR,
    "check_n_features_in_after_fitting": "score names its second argument Y; see the test of the columns below",
    "check_complex_data": "complex numbers are refused in our own words",
    "check_dtype_object": "a matrix of Python objects is refused, not converted",
}


@pytest.mark.filterwarnings("ignore:Estimator XMLCClassifier does not inherit from")  # it would be slow to import
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")  # checks that need packages not installed
def test_scikit_learn_finds_its_conventions_kept():
    if tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 6):
        pytest.skip("scikit-learn before 1.6 cannot be told which checks to leave out")
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(XMLCClassifier("given"), expected_failed_checks=EXPECTED_FAILURES)
    failed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert failed == set(EXPECTED_FAILURES)


def test_another_number_of_columns_than_in_training_is_refused_by_predict_and_score(planted, X):
    model = XMLCClassifier("given").fit(X, planted[2])
    assert model.n_features_in_ == X.shape[1]
    assert not hasattr(clone(model), "n_features_in_")
    message = rf"X has {X.shape[1] - 1} features, but GivenFeatures is expecting {X.shape[1]} features as input"
    for call in (lambda rows: model.predict(rows), lambda rows: model.score(rows, planted[2])):
        with pytest.raises(ValueError, match=message):
            call(X[:, 1:])


def test_fitting_and_predicting_print_nothing_and_log_that_few_documents_are_calibrated(planted, capfd, caplog):
    with caplog.at_level(logging.DEBUG, "xmlc_mhe"):
        XMLCClassifier().fit(planted[0][:200], planted[1][:200]).predict(planted[0])
    assert capfd.readouterr() == ("", "")
    (record,) = caplog.records
    assert record.levelno == logging.INFO and "margins are calibrated" in record.getMessage()
