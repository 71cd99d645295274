import numpy as np
import pytest
from scipy.special import expit, logit

from xmlc_mhe.predictions import Predictions
from xmlc_mhe.ranking import network as network_module
from xmlc_mhe.ranking.calibration import PRIOR, MarginCalibration
from xmlc_mhe.ranking.network import RankingNetwork


@pytest.fixture
def rows(rng):
    """Rows whose label is true with a probability that is no line in any of the columns: float32 (20000, 5), bool."""
    rows = rng.normal(size=(20000, 5)).astype(np.float32)
    rows[:, 4] = 7  # a column that says nothing
    probs = expit(3 * np.abs(rows[:, 0]) - 3 + np.where(rows[:, 1] > 0, 1, -1))
    return rows, rng.random(len(rows)) < probs, probs


def reference_probs(network, rows):
    """Slow, plain: the mean of the networks, in float64."""
    total = 0.0
    for W1, b1, W2, b2, W3, b3 in zip(*network[2:], strict=True):
        inputs = (rows.astype(np.float64) - network.mean) / network.scale
        first = np.maximum(inputs @ W1 + b1, 0)
        total += expit(np.maximum(first @ W2 + b2, 0) @ W3 + b3)[:, 0]
    return total / len(network.W1)


def test_a_network_learns_what_is_no_line(rows):
    values, is_true, probs = rows
    network = RankingNetwork.train(values, is_true, seed=0, threads=2)
    found = network.probs(values[None])[0]
    assert np.abs(found - probs).mean() < 0.06
    assert np.abs(is_true.mean() - probs).mean() > 0.2  # what a network that learned nothing would be off


def test_the_probabilities_are_the_mean_of_the_networks(rows):
    values, is_true, _ = rows
    network = RankingNetwork.train(values[:2000], is_true[:2000], seed=0, threads=1)
    odd = np.concatenate([values[:700], np.full((1, 5), 1e6, np.float32), np.full((1, 5), -1e6, np.float32)])
    np.testing.assert_allclose(network.probs(odd[None])[0], reference_probs(network, odd), atol=1e-5)
    assert network.probs(odd[:0].reshape(0, 3, 5)).shape == (0, 3)


def test_a_gradient_is_the_slope_of_the_loss(rows, monkeypatch):
    values, is_true, _ = rows
    values, is_true = np.ascontiguousarray(values[:64, :4]), is_true[:64].astype(np.float32)
    weights = network_module._first_weights(4, np.random.default_rng(1))

    def loss(changed):
        layers = [layer.astype(np.float64) for layer in changed]
        first = np.maximum(values @ layers[0] + layers[1], 0)
        logits = (np.maximum(first @ layers[2] + layers[3], 0) @ layers[4] + layers[5])[:, 0]
        return np.mean(np.logaddexp(0, logits) - is_true * logits)

    before = [layer.copy() for layer in weights]
    network_module._train(values, is_true, *weights, 1, 0)  # one batch: the first step of Adam goes by the sign
    for layer, (old, new) in enumerate(zip(before, weights, strict=True)):
        for place in [tuple(0 for _ in old.shape), tuple(size // 2 for size in old.shape)]:
            up = [array.astype(np.float64) for array in before]
            down = [array.astype(np.float64) for array in before]
            up[layer][place] += 1e-4
            down[layer][place] -= 1e-4
            slope = (loss(up) - loss(down)) / 2e-4
            if abs(slope) > 1e-4:
                assert np.sign(new[place] - old[place]) == -np.sign(slope)


def test_the_same_seed_gives_the_same_networks_for_any_number_of_threads(rows):
    values, is_true, _ = rows
    one = RankingNetwork.train(values[:3000], is_true[:3000], seed=3, threads=1)
    many = RankingNetwork.train(values[:3000], is_true[:3000], seed=3, threads=4)
    other = RankingNetwork.train(values[:3000], is_true[:3000], seed=4, threads=1)
    for name, array in one._asdict().items():
        np.testing.assert_array_equal(array, getattr(many, name))
    assert not np.array_equal(one.W1, other.W1)


def test_a_row_has_the_same_probability_alone_and_among_others(rows):
    values, is_true, _ = rows
    network = RankingNetwork.train(values[:2000], is_true[:2000], seed=0, threads=1)
    together = network.probs(values[:1500].reshape(50, 30, 5))
    for doc in (0, 17, 49):
        np.testing.assert_array_equal(network.probs(values[30 * doc :][:30].reshape(1, 30, 5))[0], together[doc])


# --- few documents ----------------------------------------------------------------------------------------------------


def margins_and_truth(rng, numbers, num_docs=4000, num_candidates=6):
    margins = np.sort(rng.normal(-0.5, 0.7, (num_docs, num_candidates)))[:, ::-1].astype(np.float32)
    labels = np.tile(np.arange(num_candidates, dtype=np.int32), (num_docs, 1))
    slope, intercept, decay = numbers
    probs = expit(slope * margins + intercept - decay * np.log1p(np.arange(num_candidates)))
    return Predictions(labels, margins), rng.random(probs.shape) < probs, probs


def test_a_calibration_finds_the_numbers_that_made_the_truth(rng):
    best, is_true, probs = margins_and_truth(rng, (3.0, 0.5, 0.4))
    calibration = MarginCalibration.learn(best, is_true)
    assert calibration == pytest.approx((3.0, 0.5, 0.4), abs=0.2)
    assert np.abs(calibration.probs(best) - probs).mean() < 0.01


@pytest.mark.parametrize("num_docs", [0, 1, 2])
def test_a_calibration_without_documents_is_near_its_prior(rng, num_docs):
    best, is_true, _ = margins_and_truth(rng, (3.0, 0.5, 0.4), num_docs=num_docs)
    calibration = MarginCalibration.learn(best, is_true)
    np.testing.assert_allclose(calibration, PRIOR, atol=2.5 if num_docs else 1e-9)
    assert np.isfinite(logit(calibration.probs(best))).all()


def test_a_calibration_never_changes_the_order_of_a_document(rng):
    best, is_true, _ = margins_and_truth(rng, (3.0, 0.5, 0.4), num_docs=40)
    wrong_way = MarginCalibration.learn(best, np.fliplr(is_true))
    probs = wrong_way.probs(best)
    assert (np.diff(probs, axis=1) <= 0).all()
    assert MarginCalibration.from_state(wrong_way.state()) == wrong_way


def test_padding_has_no_probability(rng):
    best, is_true, _ = margins_and_truth(rng, (3.0, 0.5, 0.4), num_docs=5)
    labels, scores = best.labels.copy(), best.scores.copy()
    labels[1, 3:], scores[1, 3:] = -1, -np.inf
    padded = Predictions(labels, scores)
    probs = MarginCalibration.learn(padded, is_true & (labels >= 0)).probs(padded)
    assert (probs[1, 3:] == 0).all() and np.isfinite(probs).all()
