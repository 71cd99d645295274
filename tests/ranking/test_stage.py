import logging

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from xmlc_mhe import Ensemble, XMLCClassifier, evaluate
from xmlc_mhe.classifier.options import RANKED_HEADS
from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear.heads import HEADS as LINEAR_HEADS
from xmlc_mhe.predictions import Predictions
from xmlc_mhe.ranking import learning
from xmlc_mhe.ranking.calibration import MarginCalibration
from xmlc_mhe.ranking.candidates import NUM_CANDIDATES
from xmlc_mhe.ranking.network import RankingNetwork
from xmlc_mhe.ranking.stage import RankingStage, in_order

NUM_LABELS = 45


@pytest.fixture(scope="module")
def planted():
    """Texts whose labels are told by a word each and come in pairs: 3,000 texts, lists of names."""
    rng = np.random.default_rng(0)
    texts, names = [], []
    for _ in range(3000):
        label = int(rng.integers(NUM_LABELS - 1))
        pair = [label, label + 1] if rng.random() < 0.7 else [label]
        words = [f"word{label}" if rng.random() < 0.8 else f"noise{rng.integers(60)}"]
        words += [f"noise{number}" for number in rng.integers(0, 60, 4)]
        texts.append(" ".join(words))
        names.append([f"word{label}" if label % 2 else f"name{label}" for label in pair])
    return texts, names


@pytest.fixture(scope="module")
def ranked(planted):
    texts, names = planted
    return XMLCClassifier(threads=2).fit(texts[:2600], names[:2600])


@pytest.fixture(scope="module")
def unranked(planted):
    texts, names = planted
    return XMLCClassifier(rank=False, threads=2).fit(texts[:2600], names[:2600])


def p_at(model, planted, ks=("P@1", "P@2", "P@3")):
    texts, names = planted
    ids = {name: label for label, name in enumerate(model.label_names_)}
    indptr = np.cumsum([0, *map(len, names[2600:])])
    labels = [ids[name] for row in names[2600:] for name in row]
    Y = sp.csr_array((np.ones(len(labels)), labels, indptr), (len(texts) - 2600, len(ids)))
    return evaluate(Y, model.predict(texts[2600:]), ks), Y


def test_ranking_loses_nothing_where_labels_go_together(ranked, unranked, planted):
    gained, _ = p_at(ranked, planted)
    before, _ = p_at(unranked, planted)
    assert gained["P@2"] >= before["P@2"] - 0.01  # of 400 documents
    assert gained["P@3"] >= before["P@3"] - 0.01
    assert isinstance(ranked.ranking_.model, RankingNetwork)


def test_scores_are_probabilities_that_are_calibrated(ranked, planted):
    _, Y = p_at(ranked, planted)
    predictions = ranked.predict(planted[0][2600:], NUM_CANDIDATES)
    assert ((predictions.scores >= 0) & (predictions.scores <= 1)).all()
    assert (np.diff(predictions.scores, axis=1) <= 0).all()
    truth = Y.toarray()[np.arange(len(predictions.labels))[:, None], predictions.labels]
    for low, high in ((0, 0.1), (0.1, 1.01)):
        among = (predictions.scores >= low) & (predictions.scores < high)
        assert among.sum() > 300
        assert truth[among].mean() == pytest.approx(predictions.scores[among].mean(), abs=0.1)


def test_beyond_the_candidates_labels_follow_by_margin_below_all_of_them(ranked, planted):
    texts = planted[0][:20]
    every, margins = ranked.predict(texts, NUM_LABELS), ranked.decision_function(texts, NUM_LABELS).toarray()
    assert (np.sort(every.labels, axis=1) == np.arange(NUM_LABELS)).all()
    assert (np.diff(every.scores, axis=1) <= 0).all()
    rest = every.labels[:, NUM_CANDIDATES:]
    assert (np.diff(np.take_along_axis(margins, rest, axis=1), axis=1) <= 0).all()
    few = ranked.predict(texts, 3)
    np.testing.assert_array_equal(every.labels[:, :3], few.labels)
    np.testing.assert_array_equal(every.scores[:, :3], few.scores)


def test_margins_stay_what_they_were(ranked, unranked, planted):
    texts = planted[0][:20]
    plain = unranked.predict(texts, NUM_LABELS)
    margins = ranked.decision_function(texts, NUM_LABELS)
    np.testing.assert_array_equal(margins.toarray()[np.arange(20)[:, None], plain.labels], plain.scores)
    assert margins.has_sorted_indices and margins.nnz == 20 * NUM_LABELS
    with pytest.raises(ValueError, match=r"predict_proba needs a ranking stage\. Got a model with margins alone; fit"):
        unranked.predict_proba(texts)


def test_predict_proba_has_the_candidates(ranked, planted):
    texts = planted[0][:20]
    probs, predictions = ranked.predict_proba(texts), ranked.predict(texts, NUM_CANDIDATES)
    assert (probs.shape, probs.nnz, probs.dtype) == ((20, NUM_LABELS), 20 * NUM_CANDIDATES, np.float32)
    np.testing.assert_array_equal(probs.toarray()[np.arange(20)[:, None], predictions.labels], predictions.scores)
    assert ranked.predict_proba(texts, k=2).nnz == 40


@pytest.mark.parametrize("options", [{}, {"head": "vanilla"}, {"beam": 2}, {"neighbours": False}], ids=str)
def test_a_saved_model_ranks_as_before_and_threads_change_nothing(options, planted, tmp_path):
    texts, names = planted
    model = XMLCClassifier(threads=1, **options).fit(texts[:2600], names[:2600])
    other = XMLCClassifier(threads=3, **options).fit(texts[:2600], names[:2600])
    model.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model", threads=1)
    expected = model.predict(texts[2600:], 7)
    for found in (loaded.predict(texts[2600:], 7), other.predict(texts[2600:], 7)):
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.scores, expected.scores)
    alone = [loaded.predict([text], 7) for text in texts[2600:2620]]
    np.testing.assert_array_equal(np.concatenate([one.scores for one in alone]), expected.scores[:20])
    has_neighbours = any(kind.name == "neighbours" for kind in loaded.ranking_.evidence)
    assert has_neighbours == options.get("neighbours", True)


def test_given_features_are_ranked_without_names(rng):
    X = rng.random((3000, 12)).astype(np.float32)
    Y = (X[:, :8] > 0.75).astype(int)
    model = XMLCClassifier("given", threads=1).fit(X, Y)
    assert [kind.name for kind in model.ranking_.evidence] == ["margins", "frequency", "neighbours", "cooccurrence"]
    assert ((scores := model.predict(X[:50]).scores) >= 0).all() and (scores <= 1).all()


def test_few_documents_are_calibrated_and_keep_their_order(planted, caplog):
    texts, names = planted[0][:200], planted[1][:200]
    with caplog.at_level(logging.INFO, "xmlc_mhe"):
        model = XMLCClassifier(threads=1).fit(texts, names)
    assert "margins are calibrated: 40 held-out documents are too few to learn a ranking from" in caplog.text
    assert isinstance(model.ranking_.model, MarginCalibration)
    plain = XMLCClassifier(rank=False, threads=1).fit(texts, names)
    np.testing.assert_array_equal(model.predict(texts, 10).labels, plain.predict(texts, 10).labels)


@pytest.mark.parametrize("num_docs", [1, 2, 3, 6])
def test_the_fewest_documents_have_probabilities_too(num_docs):
    texts, names = ["red rose", "blue sky", "red sky"] * 2, ["rose", "sky", "sky"] * 2
    model = XMLCClassifier(threads=1).fit([f"{texts[0]} {text}" for text in texts[:num_docs]] * 2, names[:num_docs] * 2)
    scores = model.predict(texts[:1], 1).scores
    assert 0 <= scores[0, 0] <= 1


@pytest.mark.parametrize("rule", [0.3, "micro-f1", "macro-f1", "doc-f1", "precision=0.6"])
def test_a_threshold_keeps_the_labels_that_pass(rule, ranked, planted):
    texts = planted[0][2600:]
    kept, every = ranked.predict(texts, threshold=rule), ranked.predict(texts, NUM_CANDIDATES)
    assert kept.labels.shape == every.labels.shape
    passed = kept.labels >= 0
    np.testing.assert_array_equal(kept.labels[passed], every.labels[passed])
    assert 0 < passed.sum() < passed.size
    if rule == 0.3:
        np.testing.assert_array_equal(passed, every.scores >= np.float32(0.3))
    names = [[ranked.label_names_[label] for label in row if label >= 0] for row in kept.labels[:9]]
    assert ranked.predict_names(texts[:9], threshold=rule) == names


def test_a_threshold_needs_probabilities(unranked, planted):
    with pytest.raises(ValueError, match=r"threshold must be None with a model without a ranking stage"):
        unranked.predict(planted[0][:2], threshold=0.5)
    with pytest.raises(ValueError, match=r"threshold must be a probability from 0 to 1, micro-f1"):
        unranked.predict(planted[0][:2], threshold="most")


def test_rules_need_held_out_documents_but_a_number_does_not():
    model = XMLCClassifier(threads=1).fit(["red rose", "blue sky"] * 2, ["rose", "sky"] * 2)
    assert model.ranking_.thresholds is None
    assert model.predict(["red rose"], threshold=0.0).labels.shape == (1, 2)
    with pytest.raises(ValueError, match=r"threshold must be a number with a model that had too few documents"):
        model.predict(["red rose"], threshold="doc-f1")


def test_an_ensemble_has_the_mean_of_the_probabilities(ranked, planted):
    texts = planted[0][2600:2610]
    both = Ensemble([ranked, ranked])
    assert both.gives_probs
    np.testing.assert_allclose(both.predict(texts, 3).scores, ranked.predict(texts, 3).scores, rtol=1e-6)
    counts = [(model.predict(texts, threshold=0.4).labels >= 0).sum() for model in (both, ranked)]
    assert counts[0] == counts[1]


def test_heads_of_one_label_are_not_ranked(planted):
    pytest.importorskip("torch")
    options = {"head_options": {"epochs": 1, "dim": 4}, "threads": 1}
    model = XMLCClassifier(head="softmax", **options).fit(planted[0][:50], [names[0] for names in planted[1][:50]])
    assert model.ranking_ is None and "softmax" not in RANKED_HEADS and set(LINEAR_HEADS) < set(RANKED_HEADS)


def test_neural_cascades_are_ranked(planted):
    pytest.importorskip("torch")
    options = {"head_options": {"epochs": 1, "dim": 8}, "threads": 1}
    model = XMLCClassifier(head="neural-mhc", **options).fit(planted[0][:2600], planted[1][:2600])
    assert isinstance(model.ranking_.model, RankingNetwork)
    assert ((scores := model.predict(planted[0][:5]).scores) >= 0).all() and (scores <= 1).all()


@pytest.mark.parametrize("name", ["rank", "neighbours"])
def test_the_switches_are_true_or_false(name):
    with pytest.raises(ValueError, match=rf"{name} must be True or False\. Got 'yes'; choose one\."):
        XMLCClassifier(**{name: "yes"}).fit(["red rose"] * 2, ["a", "b"])


# --- the stage alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_docs", "quick", "sizes"), [
    (10, True, [2]), (999, True, [199]), (1001, True, [201, 200, 200, 200, 200]), (6000, True, [1200] * 5),
    (6001, True, [1200]), (3000, False, [600]), (40_000, True, [6000]),
])  # fmt: skip
def test_few_documents_are_held_out_in_folds_and_many_in_one_part(num_docs, quick, sizes):
    Y = sp.csr_array(np.ones((num_docs, 1), np.float32))
    parts = learning.hold_out(Y, 0, quick=quick)
    assert [len(held) for _, held in parts] == sizes
    for rest, held in parts:
        assert sorted([*rest, *held]) == list(range(num_docs))
        assert (np.diff(rest) > 0).all() and (np.diff(held) > 0).all()
    assert len(set(np.concatenate([held for _, held in parts]).tolist())) == sum(sizes)


def test_documents_are_held_out_only_where_a_label_stays():
    one = sp.csr_array((np.ones(1), [0], [0, *[0] * 4, *[1] * 6]), (10, 1))
    for seed in range(20):
        ((rest, _),) = learning.hold_out(one, seed, quick=True)
        assert one[rest].nnz == 1


def test_the_order_of_equal_probabilities_is_that_of_margins():
    labels = np.array([[4, 2, -1, 7]], np.int32)
    found = in_order(labels, np.array([[0.5, 0.5, 0.9, 0.6]], np.float32))
    assert found.labels.tolist() == [[7, 4, 2, -1]]
    assert found.scores.tolist() == [[np.float32(0.6), 0.5, 0.5, -np.inf]]


def test_a_beam_with_fewer_labels_than_are_asked_for_pads():
    stage = RankingStage([], MarginCalibration(4.0, 0.0, 0.0))
    labels, scores = np.full((1, 32), -1, np.int32), np.full((1, 32), -np.inf, np.float32)
    labels[0, :2], scores[0, :2] = [5, 1], [0.5, -0.25]
    X = HybridMatrix.of(sp.csr_array((1, 3), dtype=np.float32))
    found = stage.rank(X, Predictions(labels, scores), 32)
    assert found.labels.tolist() == labels.tolist()
    np.testing.assert_allclose(found.scores[0, :2], expit([2.0, -1.0]), rtol=1e-6)
    assert (found.scores[0, 2:] == -np.inf).all()
