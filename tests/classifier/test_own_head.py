"""A neural head of your own: a class that XMLCClassifier takes as `head`."""

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch")

from xmlc_mhe import DataError, XMLCClassifier  # noqa: E402
from xmlc_mhe.linear.one_vs_rest import OneVsRest  # noqa: E402
from xmlc_mhe.neural.one_hot import OneHot  # noqa: E402

TEXTS = [f"word{doc % 7} also{doc % 5}" for doc in range(70)]
LABELS = [[f"a{doc % 7}", f"b{doc % 5}"] for doc in range(70)]
TRAINING = {"epochs": 40, "batch_size": 16, "learning_rate": 0.02, "dim": 24}


class OneVsAll(OneHot):
    """The plain classifier for several labels, under a name of its own."""

    name = "one-vs-all"
    takes_many_labels = True

    def __init__(self, num_labels, dim, *, first_bias=-4.0):
        super().__init__(num_labels, dim, loss="bce")
        torch.nn.init.constant_(self.classifier.bias, first_bias)


@pytest.fixture(scope="module")
def fitted():
    return XMLCClassifier(head=OneVsAll, head_options=TRAINING | {"first_bias": -2.0}, threads=1).fit(TEXTS, LABELS)


def test_a_head_of_your_own_does_what_the_same_head_of_ours_does(fitted):
    assert fitted.score(TEXTS, LABELS, metric="P@1") == 1.0
    mine = XMLCClassifier(head=OneVsAll, head_options=TRAINING, threads=1).fit(TEXTS, LABELS)
    ours = XMLCClassifier(head="softmax", head_options=TRAINING | {"loss": "bce"}, threads=1).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(mine.predict(TEXTS).scores, ours.predict(TEXTS).scores)


def test_a_head_of_your_own_is_cloned_saved_and_loaded_with_its_class(fitted, tmp_path):
    assert clone(fitted).head is OneVsAll
    fitted.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model", head_class=OneVsAll)
    np.testing.assert_array_equal(loaded.predict(TEXTS).scores, fitted.predict(TEXTS).scores)
    loaded.save(tmp_path / "again")
    assert XMLCClassifier.load(tmp_path / "again", head_class=OneVsAll).head is OneVsAll


@pytest.mark.parametrize("head_class, got", [(None, "none"), (OneHot, "OneHot"), ("os:system", "'os:system'")])
def test_a_model_with_a_head_of_your_own_is_not_loaded_without_its_class(fitted, tmp_path, head_class, got):
    fitted.save(tmp_path / "model")
    with pytest.raises(DataError, match=f'must be the class of head "one-vs-all" .* Got {got}, and .*:OneVsAll'):
        XMLCClassifier.load(tmp_path / "model", head_class=head_class)


@pytest.mark.parametrize("missing", ["name", "takes_many_labels", "is_fixed", "loss", "top_k"])
def test_a_class_without_a_member_that_a_head_needs_is_refused_before_the_work(missing):
    members = {"name": "x", "takes_many_labels": False, "is_fixed": False, "loss": None, "top_k": None}
    head = type("Incomplete", (), {name: value for name, value in members.items() if name != missing})
    with pytest.raises(ValueError, match=f"head must be a name, or .* Got Incomplete, without {missing}"):
        XMLCClassifier(head=head).fit(TEXTS, LABELS)


def test_the_name_of_a_head_of_ours_is_refused():
    with pytest.raises(ValueError, match=r'name must not be that of a head of the package\. Got "softmax" for OneHot'):
        XMLCClassifier(head=type("OneHot", (OneVsAll,), {"name": "softmax"})).fit(TEXTS, LABELS)


def test_an_instance_is_refused_as_it_does_not_know_the_number_of_labels():
    with pytest.raises(ValueError, match="head must be one of mhc"):
        XMLCClassifier(head=OneVsAll(3, 4)).fit(TEXTS, LABELS)


# --- linear heads -----------------------------------------------------------------------------------------------------


class Mine(OneVsRest):
    """The linear yardstick under a name of its own."""

    name = "mine"


def test_a_linear_head_of_your_own_does_what_the_same_head_of_ours_does_and_is_loaded_with_its_class(tmp_path):
    mine = XMLCClassifier(head=Mine, threads=1).fit(TEXTS, LABELS)
    ours = XMLCClassifier(head="vanilla", rank=False, threads=1).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(mine.predict(TEXTS).scores, ours.predict(TEXTS).scores)
    assert clone(mine).head is Mine
    mine.save(tmp_path / "model")
    loaded = XMLCClassifier.load(tmp_path / "model", head_class=Mine)
    np.testing.assert_array_equal(loaded.predict(TEXTS).scores, ours.predict(TEXTS).scores)
    with pytest.raises(DataError, match=r'must be the class of head "mine"'):
        XMLCClassifier.load(tmp_path / "model")


@pytest.mark.parametrize("missing", ["name", "fit", "top_k", "to_probs", "describe", "state"])
def test_a_class_without_a_member_that_a_linear_head_needs_is_refused_before_the_work(missing):
    members = ("name", "fit", "top_k", "to_probs", "describe", "state", "from_state")
    head = type("Incomplete", (), {name: None for name in members if name != missing})
    with pytest.raises(ValueError, match=f"class of a linear head with .* Got Incomplete, without {missing}"):
        XMLCClassifier(head=head).fit(TEXTS, LABELS)


def test_a_linear_head_of_your_own_must_not_have_the_name_of_one_of_ours():
    with pytest.raises(ValueError, match='Got "vanilla" for OneVsRest'):
        XMLCClassifier(head=OneVsRest).fit(TEXTS, LABELS)
