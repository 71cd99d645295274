import numpy as np
import pytest

from xmlc_mhe import Ensemble, XMLCClassifier
from xmlc_mhe.classifier.ensemble import mean_of_best
from xmlc_mhe.cli import main

TEXTS = ["red red rose", "blue sky", "green grass", "a red rose"] * 6
NAMES = [["red", "flower"], ["blue"], ["green"], ["red"]] * 6


def models():
    return [XMLCClassifier(threads=1, C=C, head=head).fit(TEXTS, NAMES) for C, head in ((0.5, "mhc"), (2.0, "vanilla"))]


@pytest.mark.parametrize(("num_models", "num_each", "k"), [(1, 4, 4), (2, 3, 2), (3, 5, 9), (3, 2, 1), (4, 6, 3)])
def test_the_mean_agrees_with_plain_loops(rng, num_models, num_each, k):
    parts = []
    for _ in range(num_models):
        labels = np.array([rng.permutation(9)[:num_each] for _ in range(7)])
        probs = -np.sort(-rng.integers(0, 5, (7, num_each)) / 4, axis=1)  # with ties
        labels[2, 1:] = -1
        labels[3] = -1
        parts.append((labels, probs))
    found = mean_of_best(parts, k)
    for doc in range(7):
        sums, floors = {}, [min([p for y, p in zip(ys[doc], ps[doc], strict=True) if y >= 0], default=1.0)
                            for ys, ps in parts]  # fmt: skip
        known = {int(y) for ys, _ in parts for y in ys[doc] if y >= 0}
        for label in known:
            sums[label] = sum(
                dict(zip(ys[doc].tolist(), ps[doc].tolist(), strict=True)).get(label, floor)
                for (ys, ps), floor in zip(parts, floors, strict=True)
            )
        best = sorted(known, key=lambda label: (-sums[label], label))[:k]
        assert found.labels[doc].tolist() == best + [-1] * (k - len(best))
        np.testing.assert_allclose(found.scores[doc][: len(best)], [sums[y] / num_models for y in best], rtol=1e-6)


def test_one_model_twice_ranks_as_once():
    model = models()[0]
    np.testing.assert_array_equal(Ensemble([model, model]).predict(TEXTS, 2).labels, model.predict(TEXTS, 2).labels)


def test_models_may_have_their_labels_in_another_order():
    first = XMLCClassifier(threads=1).fit(TEXTS, NAMES)
    second = XMLCClassifier(threads=1).fit(TEXTS, NAMES)
    second.label_names_ = second.label_names_[::-1]  # as if trained on other ids
    second.predict = lambda X, k: first.predict(X, k)._replace(labels=3 - first.predict(X, k).labels)
    np.testing.assert_array_equal(Ensemble([first, second]).predict(TEXTS, 1).labels, first.predict(TEXTS, 1).labels)


def test_probabilities_lie_between_zero_and_one():
    for model in models():
        probs = model.head_.to_probs(model.predict(TEXTS, 4).scores)
        assert (probs >= 0).all() and (probs <= 1).all() and (np.diff(probs, axis=1) <= 0).all()


def test_batches_are_predicted_one_after_the_other_as_the_whole():
    ensemble = Ensemble(models())
    parts = list(ensemble.predict_batches([TEXTS[:5], TEXTS[5:]], 2))
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), ensemble.predict(TEXTS, 2).labels)


def test_no_models_and_models_of_other_labels_are_refused():
    other = XMLCClassifier(threads=1).fit(TEXTS, [["x"], ["y"], ["z"], ["x"]] * 6)
    with pytest.raises(ValueError, match=r"models must be at least one\. Got none; "):
        Ensemble([])
    with pytest.raises(ValueError, match=r"models must have the same label names\. Got others in model 2 than"):
        Ensemble([models()[0], other])


def test_the_commands_take_several_models(tmp_path, capsys):
    for number, model in enumerate(models()):
        model.save(tmp_path / f"model{number}")
    for part in ("train", "test"):
        (tmp_path / f"{part}_texts.txt").write_text("\n".join(TEXTS) + "\n")
        (tmp_path / f"{part}_labels.txt").write_text("\n".join(" ".join(row) for row in NAMES) + "\n")
    folders = [str(tmp_path / "model0"), str(tmp_path / "model1")]
    assert main(["eval", *folders, str(tmp_path), "-k", "1", "--threads", "1"]) == 0
    assert "100.00" in capsys.readouterr().out
    assert main(["predict", *folders, str(tmp_path / "test_texts.txt"), "-k", "1", "--threads", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(TEXTS)
