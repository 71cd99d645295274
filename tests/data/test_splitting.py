import sys

import numpy as np
import pytest

from xmlc_mhe.data import splitting
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.reading import load_dataset
from xmlc_mhe.data.splitting import split_dataset
from xmlc_mhe.errors import DataError


@pytest.fixture
def dataset(rng):
    """400 documents of 12 labels, the first with half of the documents and the last with few."""
    Y = rng.random((400, 12)) < 0.5 / np.arange(1, 13)
    return Dataset([f"text {i}" for i in range(400)], None, Y, [f"l{i}" for i in range(12)])


@pytest.mark.parametrize("stratify", [True, False])
def test_parts_hold_every_document_once_with_its_labels_in_their_order(dataset, stratify):
    pytest.importorskip("iterstrat")
    parts = split_dataset(dataset, {"dev": 0.1, "test": 0.2}, stratify=stratify)
    assert list(parts) == ["train", "dev", "test"]
    numbers = {part: [int(text.split()[1]) for text in d.texts] for part, d in parts.items()}
    assert sorted(number for of_part in numbers.values() for number in of_part) == list(range(400))
    assert all(order == sorted(order) for order in numbers.values())
    assert [d.num_docs for d in parts.values()] == pytest.approx([280, 40, 80], abs=0 if not stratify else 6)
    for part, d in parts.items():
        assert d.label_names == dataset.label_names
        np.testing.assert_array_equal(d.Y.toarray(), dataset.Y.toarray()[numbers[part]])


def test_rows_of_features_are_split_too(dataset):
    rows = Dataset(None, np.arange(800).reshape(400, 2), dataset.Y, dataset.label_names)
    parts = split_dataset(rows, {"test": 0.25}, stratify=False)
    first = np.concatenate([d.X.toarray()[:, 0] for d in parts.values()])
    assert sorted(first) == list(range(0, 800, 2))


@pytest.mark.parametrize("stratify", [True, False])
def test_the_same_seed_gives_the_same_parts_and_another_seed_others(dataset, stratify):
    pytest.importorskip("iterstrat")
    first, again, other = (split_dataset(dataset, {"test": 0.2}, stratify=stratify, seed=s)["test"] for s in (1, 1, 2))
    assert first.texts == again.texts != other.texts


def test_stratified_parts_have_their_share_of_each_label_where_chance_misses_it(shared, monkeypatch):
    pytest.importorskip("iterstrat")
    monkeypatch.setattr(splitting, "MAX_STRATIFIED", 60)
    (train,) = load_dataset(shared / "data" / "cooking", parts=("train",))
    frequencies = np.bincount(train.Y.indices)
    frequent = np.argsort(-frequencies)[:60]
    errors = []
    for stratify in (True, False):
        dev = split_dataset(train, {"dev": 0.1}, stratify=stratify)["dev"]
        share = np.bincount(dev.Y.indices, minlength=len(frequencies))[frequent] / frequencies[frequent]
        errors.append(np.abs(share - 0.1).mean())
    assert errors[0] < 0.2 * errors[1]


def test_one_label_and_a_cap_on_the_labels_are_no_obstacle(dataset, monkeypatch, caplog):
    pytest.importorskip("iterstrat")
    monkeypatch.setattr(splitting, "MAX_STRATIFIED", 1)
    caplog.set_level("INFO")
    test = split_dataset(dataset, {"test": 0.5})["test"]
    assert "stratified by the 1 most frequent of 12 labels" in caplog.text
    assert test.Y.toarray()[:, 0].sum() == pytest.approx(dataset.Y.toarray()[:, 0].sum() / 2, abs=1)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({}, r"shares must be above 0, and their sum below 1, for train is the rest\. Got none; "),
        ({"dev": 0}, r"shares must be above 0, .* Got 0 for dev; "),
        ({"dev": 0.5, "test": 0.5}, r"shares must be .* Got 0\.5 for dev, 0\.5 for test; change them\."),
        ({"dev": 1e-9}, r"a part must get a document, and train too\. Got 0 of 400 for dev; "),
        ({"dev": 1 - 1e-9}, r"a part must get a document, and train too\. Got 400 of 400 for dev; "),
    ],
)
def test_shares_that_leave_a_part_empty_are_refused(dataset, shares, message):
    with pytest.raises(DataError, match=message):
        split_dataset(dataset, shares)


def test_without_the_package_the_line_that_installs_it_is_told(dataset, monkeypatch):
    monkeypatch.setitem(sys.modules, "iterstrat", None)
    monkeypatch.setitem(sys.modules, "iterstrat.ml_stratifiers", None)
    with pytest.raises(ImportError, match=r'install it: pip install "xmlc-mhe\[split\]"\.'):
        split_dataset(dataset, {"test": 0.2})
    assert split_dataset(dataset, {"test": 0.2}, stratify=False)["test"].num_docs == 80
