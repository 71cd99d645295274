import math

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from xmlc_mhe.features.matrix import HybridMatrix, unit_rows
from xmlc_mhe.predictions import Predictions
from xmlc_mhe.ranking import cooccurrence
from xmlc_mhe.ranking.candidates import NUM_CANDIDATES, candidates_of, truth_of
from xmlc_mhe.ranking.evidence import Candidates, Training
from xmlc_mhe.ranking.learning import learn_evidence
from xmlc_mhe.ranking.stage import EVIDENCE

NUM_DOCS, NUM_LABELS, NUM_WORDS = 60, 12, 25


@pytest.fixture
def training(rng):
    def sparse(num_rows, num_columns, density):
        is_there = rng.random((num_rows, num_columns)) < density
        return sp.csr_array((rng.random(is_there.shape) * is_there).astype(np.float32))

    Y = sp.csr_array((rng.random((NUM_DOCS, NUM_LABELS)) < 0.25).astype(np.float32))
    X = unit_rows(sparse(NUM_DOCS, NUM_WORDS, 0.3))
    return Training(HybridMatrix.of(X), Y, sparse(NUM_LABELS, NUM_WORDS, 0.1))


@pytest.fixture
def candidates(rng, training):
    labels = np.array([rng.permutation(NUM_LABELS)[:7] for _ in range(9)], np.int32)
    labels[2, 4:] = -1
    margins = np.sort(rng.normal(size=labels.shape))[:, ::-1].astype(np.float32)
    margins[2, 4:] = margins[2, 3]
    return Candidates(training.X[np.arange(9)], labels, margins)


def values_of(name, training, candidates):
    return EVIDENCE[name].learn(training).values(candidates)


def there(candidates):
    """Document, slot and label of every candidate."""
    for doc, row in enumerate(candidates.labels):
        yield from ((doc, slot, label) for slot, label in enumerate(row) if label >= 0)


@pytest.mark.parametrize("name", EVIDENCE)
def test_every_kind_keeps_its_contract(name, training, candidates):
    kind = EVIDENCE[name].learn(training)
    values = kind.values(candidates)
    assert (values.shape, values.dtype) == ((*candidates.labels.shape, len(kind.columns)), np.float32)
    assert np.isfinite(values).all()
    assert kind.name == name
    again = EVIDENCE[name].from_state(kind.state())
    assert again.columns == kind.columns
    np.testing.assert_array_equal(again.values(candidates), values)
    for doc in range(len(values)):  # one document equals its row of a batch
        one = Candidates(candidates.X[[doc]], candidates.labels[[doc]], candidates.margins[[doc]])
        np.testing.assert_array_equal(kind.values(one)[0], values[doc])


def test_margins_are_told_beside_the_best_the_second_and_the_fifth(training, candidates):
    values = values_of("margins", training, candidates)
    for doc, slot, _ in there(candidates):
        margins = candidates.margins[doc]
        expected = [margins[slot], math.log(slot + 1), margins[0] - margins[slot], margins[slot] - margins[4]]
        np.testing.assert_allclose(values[doc, slot], [*expected, margins[0], margins[0] - margins[1]], rtol=1e-5)


def test_margins_of_a_single_candidate_are_told(training):
    one = Candidates(training.X[[0]], np.array([[3]], np.int32), np.array([[0.5]], np.float32))
    np.testing.assert_allclose(values_of("margins", training, one)[0, 0], [0.5, 0, 0, 0, 0.5, 0])


def test_frequency_is_the_logarithm_of_documents_and_of_words(training, candidates):
    values, counts = values_of("frequency", training, candidates), np.bincount(training.Y.indices, minlength=NUM_LABELS)
    for doc, slot, label in there(candidates):
        expected = [math.log(1 + counts[label]), math.log(1 + candidates.X.sparse[[doc]].nnz)]
        np.testing.assert_allclose(values[doc, slot], expected, rtol=1e-5)


def test_companions_speak_as_sure_as_their_margins(training, candidates):
    Y = training.Y.toarray()
    together = Y.T @ Y
    shares = np.where(together >= cooccurrence.LEAST_DOCS, np.rint(255 * together / Y.sum(axis=0)[:, None]) / 255, 0)
    values = values_of("cooccurrence", training, candidates)
    for doc, slot, label in there(candidates):
        spoken = [
            expit(cooccurrence.STEEPNESS * candidates.margins[doc, other_slot]) * shares[other, label]
            for other_slot, other in enumerate(candidates.labels[doc, : cooccurrence.SURE])
            if other >= 0 and other != label
        ]
        np.testing.assert_allclose(values[doc, slot], [sum(spoken), max(spoken)], rtol=1e-4, atol=1e-6)


def test_the_likeliest_companions_are_kept():
    Y = np.zeros((10, 4), np.float32)
    Y[:, 0] = 1
    Y[:5, 1] = Y[:3, 2] = Y[:1, 3] = 1
    X = HybridMatrix.of(sp.csr_array((10, 3), dtype=np.float32))
    kind = EVIDENCE["cooccurrence"].learn(Training(X, sp.csr_array(Y), None))
    first = slice(kind.indptr[0], kind.indptr[1])
    assert kind.labels[first].tolist() == [1, 2]  # label 3 shares one document with label 0
    assert kind.shares[first].tolist() == [round(255 * 0.5), round(255 * 0.3)]


def test_names_are_looked_for_word_by_word(training, candidates):
    values, names, X = values_of("names", training, candidates), training.names.toarray(), candidates.X.sparse.toarray()
    for doc, slot, label in there(candidates):
        words = np.flatnonzero(names[label])
        found = words[X[doc, words] != 0]
        squares = names[label] ** 2
        expected = np.zeros(3)
        if len(words):
            expected = [len(found) / len(words), len(found), squares[found].sum() / squares.sum()]
        np.testing.assert_allclose(values[doc, slot], expected, rtol=1e-5)


def test_neighbours_share_their_labels_by_the_power_of_their_cosine(training, candidates):
    X, Y = training.X.sparse.toarray(), training.Y.toarray()
    values = values_of("neighbours", training, candidates)
    for doc, slot, label in there(candidates):
        cosines = np.maximum(X @ candidates.X.sparse.toarray()[doc], 0)
        kept = np.argsort(-cosines, kind="stable")[:50]
        for column, power in enumerate((2, 6)):
            weights = cosines[kept] ** power
            expected = (weights * Y[kept, label]).sum() / weights.sum()
            assert values[doc, slot, column] == pytest.approx(expected, abs=0.05)  # a byte a weight


def test_dense_features_have_neighbours_of_their_own(rng, training, candidates):
    dense = rng.normal(size=(NUM_DOCS, 8)).astype(np.float32)
    both = training._replace(X=HybridMatrix(training.X.sparse, dense))
    of_both = candidates._replace(X=both.X[np.arange(9)])
    kind = EVIDENCE["neighbours"].learn(both)
    assert len(kind.columns) == 4
    words = values_of("neighbours", training, candidates)
    np.testing.assert_array_equal(kind.values(of_both)[:, :, :2], words)
    alone = HybridMatrix.of(dense)
    of_dense = values_of("neighbours", training._replace(X=alone), of_both._replace(X=alone[np.arange(9)]))
    np.testing.assert_array_equal(kind.values(of_both)[:, :, 2:], of_dense)


def test_what_cannot_be_learned_is_left_out(training):
    kinds = [kind.name for kind in learn_evidence(training._replace(names=None), neighbours=False)]
    assert kinds == [name for name in EVIDENCE if name not in ("names", "neighbours")]


def test_candidates_are_the_best_margins_and_padding_has_the_last(training):
    labels, scores = np.full((1, 40), -1, np.int32), np.full((1, 40), -np.inf, np.float32)
    labels[0, :2], scores[0, :2] = [5, 1], [0.5, -0.25]
    found = candidates_of(training.X[[0]], Predictions(labels, scores))
    assert found.labels.shape == (1, NUM_CANDIDATES)
    assert found.margins[0].tolist() == [0.5, *[-0.25] * (NUM_CANDIDATES - 1)]
    nothing = candidates_of(training.X[[0]], Predictions(labels[:, 2:], scores[:, 2:]))
    assert (nothing.margins == 0).all()


def test_the_truth_of_candidates_is_that_of_the_labels(rng, training, candidates):
    Y = training.Y[np.arange(9)]
    truth = truth_of(candidates.labels, Y)
    for doc, slot, label in there(candidates):
        assert truth[doc, slot] == bool(Y.toarray()[doc, label])
    assert not truth[2, 4:].any()
