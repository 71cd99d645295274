"""Model folders that version 0.1.0 saved, of every head and every kind of features, load and predict as they did."""

import json
from pathlib import Path

import numpy as np
import pytest

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.classifier.options import HEADS
from xmlc_mhe.neural.heads import HEADS as NEURAL_HEADS

FOLDER = Path(__file__).parents[1] / "models" / "0.1.0"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def test_there_is_an_old_model_of_every_head():
    assert set(HEADS) <= set(EXPECTED["predictions"])


@pytest.mark.parametrize("name", EXPECTED["predictions"])
def test_a_model_of_version_0_1_0_predicts_as_it_did(name):
    if name in NEURAL_HEADS:
        pytest.importorskip("torch")
    model = XMLCClassifier.load(FOLDER / name, threads=1)
    documents = np.array(EXPECTED["X"], np.float32) if name == "given" else EXPECTED["texts"]
    labels, scores = model.predict(documents, 3)
    expected = EXPECTED["predictions"][name]
    np.testing.assert_array_equal(labels, expected["labels"])
    expected_scores = [[-np.inf if score is None else score for score in row] for row in expected["scores"]]
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", EXPECTED["predictions"])
def test_a_model_of_version_0_1_0_explains_what_it_predicts(name):
    if name in NEURAL_HEADS:
        pytest.importorskip("torch")
    model = XMLCClassifier.load(FOLDER / name, threads=1)
    document = np.array(EXPECTED["X"], np.float32)[0] if name == "given" else EXPECTED["texts"][0]
    found = model.explain(document, k=3)
    assert [model.label_names_.index(one.label) for one in found] == EXPECTED["predictions"][name]["labels"][0]
    np.testing.assert_allclose(
        [one.margin for one in found], EXPECTED["predictions"][name]["scores"][0], rtol=1e-4, atol=1e-5
    )
    for one in found:
        assert one.bias + sum(word.contribution for word in one.words) == pytest.approx(one.margin, abs=1e-5)
