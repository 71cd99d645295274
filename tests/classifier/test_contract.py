"""What every head in the table of heads keeps, linear or neural; test_heads and test_neural have what only some do."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

pytest.importorskip("torch")

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.classifier.options import HEADS
from xmlc_mhe.cli import build_parser
from xmlc_mhe.linear.heads import HEADS as LINEAR_HEADS
from xmlc_mhe.neural.heads import HEADS as NEURAL_HEADS

NUM_DOCS, NUM_LABELS = 50, 23  # 23 labels are no product: codes have padding
TRAINING = {"dim": 24, "epochs": 80, "batch_size": 25, "learning_rate": 0.01}  # of neural heads
every_head = pytest.mark.parametrize("name", HEADS)


def classifier(name, **options):
    return XMLCClassifier("given", name, head_options=None if name in LINEAR_HEADS else TRAINING, threads=1, **options)


@pytest.fixture(scope="module")
def planted():
    """X, Y of 50 documents with one of 23 labels, whose own feature each has beside two of no meaning."""
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_DOCS) % NUM_LABELS
    X = np.zeros((NUM_DOCS, NUM_LABELS + 15), np.float32)
    for doc, label in enumerate(labels):
        X[doc, [label, *(NUM_LABELS + rng.permutation(15)[:2])]] = 1
    return sp.csr_array(X), sp.csr_array(np.eye(NUM_LABELS)[labels])


@pytest.fixture(scope="module")
def fitted(planted):
    """Name of a head -> a fitted model, made once."""
    models = {}

    def get(name):
        if name not in models:
            models[name] = classifier(name).fit(*planted)
        return models[name]

    return get


@every_head
def test_a_head_learns_one_label_a_document(fitted, planted, name):
    assert fitted(name).score(*planted, metric="P@1") == 1.0


@every_head
def test_predictions_are_distinct_labels_best_first(fitted, planted, name):
    labels, scores = fitted(name).predict(planted[0], NUM_LABELS)
    assert (labels.dtype, scores.dtype) == (np.int32, np.float32)
    assert (np.diff(scores, axis=1) <= 0).all()
    for row in labels.tolist():
        found = [label for label in row if label >= 0]
        assert row == found + [-1] * (NUM_LABELS - len(found))
        assert len(set(found)) == len(found) > 0
        assert max(found) < NUM_LABELS


@every_head
def test_fewer_predictions_are_the_first_of_more(fitted, planted, name):
    more = fitted(name).predict(planted[0], 7)
    fewer = fitted(name).predict(planted[0], 3)
    np.testing.assert_array_equal(fewer.labels, more.labels[:, :3])
    np.testing.assert_array_equal(fewer.scores, more.scores[:, :3])


@every_head
def test_a_saved_model_predicts_the_same(fitted, planted, name, tmp_path):
    fitted(name).save(tmp_path / "model")
    again = XMLCClassifier.load(tmp_path / "model", threads=1).predict(planted[0], 5)
    expected = fitted(name).predict(planted[0], 5)
    np.testing.assert_array_equal(again.labels, expected.labels)
    np.testing.assert_array_equal(again.scores, expected.scores)


@every_head
def test_the_same_seed_gives_the_same_predictions(fitted, planted, name):
    again = classifier(name).fit(*planted).predict(planted[0], 5)
    np.testing.assert_array_equal(again.labels, fitted(name).predict(planted[0], 5).labels)


@every_head
def test_several_labels_a_document_are_learned_or_refused_with_what_to_use_instead(planted, name):
    X, Y = planted
    Y = sp.csr_array((Y.toarray() + np.roll(Y.toarray(), 1, axis=1)) > 0)
    if name in LINEAR_HEADS or getattr(NEURAL_HEADS[name], "takes_many_labels", False):
        assert classifier(name).fit(X, Y).score(X, Y, metric="R@2") > 0.9
        return
    with pytest.raises(ValueError, match=r"Got 2 in document 0; use head=\"mhc\""):
        classifier(name).fit(X, Y)


@every_head
def test_a_head_is_on_the_command_line_and_in_the_document_of_heads(name):
    assert build_parser().parse_args(["fit", "data", "-m", "model", "--head", name]).head == name
    rows = Path(__file__).parents[2].joinpath("docs", "heads.md").read_text().splitlines()
    tables = [row for row in rows if row.startswith(f"| `{name}`")]
    assert len(tables) >= 2, "a row of what it is for and one of its equation"
