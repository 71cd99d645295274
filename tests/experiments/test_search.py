import json
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import Dataset, XMLCClassifier, evaluate, load_dataset
from xmlc_mhe.cli import main
from xmlc_mhe.data import reading as data
from xmlc_mhe.data.writing import save_dataset
from xmlc_mhe.errors import DataError
from xmlc_mhe.experiments.recipe import FEATURE_OPTIONS, MODEL_OPTIONS, read_recipe
from xmlc_mhe.experiments.search import load_to_choose, recipe_text, search
from xmlc_mhe.linear.options import SolverOptions

pytest.importorskip("optuna")

NUM_LABELS = 40


def make_part(rng, num_docs):
    """Texts of noise and, for half of their labels, a word of the label."""
    Y = np.zeros((num_docs, NUM_LABELS), int)
    for doc, row in enumerate(Y):
        row[[doc % NUM_LABELS, *rng.choice(NUM_LABELS, 2)]] = 1
    said = Y * (rng.random(Y.shape) < 0.5)
    texts = [
        " ".join([f"word{label}" for label in np.flatnonzero(row)] + [f"noise{i}" for i in rng.choice(30, 5)])
        for row in said
    ]
    return Dataset(texts, None, sp.csr_array(Y), [f"label{label:02}" for label in range(NUM_LABELS)])


@pytest.fixture
def parts(rng):
    return make_part(rng, 150), make_part(rng, 50)


def test_the_first_trial_is_the_defaults_and_none_that_comes_out_is_worse(parts, tmp_path):
    train, dev = parts
    trials = search(train, dev, tmp_path / "study.db", minutes=1, trials=4, threads=2)
    assert len(trials) == 4
    first = next(trial for trial in trials if trial["number"] == 0)
    expected = evaluate(dev.Y, XMLCClassifier().fit(train).predict(dev), ["nDCG@5"])["nDCG@5"]
    assert first["value"] == pytest.approx(expected)
    assert first["features"] == {name: FEATURE_OPTIONS[name] for name in first["features"]}
    defaults = {**MODEL_OPTIONS, "C": SolverOptions.C, "train_beam": 30}  # what None stands for here
    assert first["model"] == {name: defaults[name] for name in first["model"]}
    values = [trial["value"] for trial in trials]
    assert values == sorted(values, reverse=True)
    assert len(set(map(str, (trial["model"] for trial in trials)))) == 4


def test_the_recipe_of_a_trial_gives_its_value_again_but_for_rounding(parts, tmp_path):
    train, dev = parts
    trials = search(train, dev, tmp_path / "study.db", minutes=1, trials=4, metric="P@1", threads=2)
    for number, trial in enumerate(trials):
        path = tmp_path / f"{number}.toml"
        path.write_text(recipe_text("records", trial))
        model = read_recipe(path).build(has_texts=True).fit(train)
        value = evaluate(dev.Y, model.predict(dev, 1), ["P@1"])["P@1"]
        assert value == pytest.approx(trial["value"], abs=1.01 / dev.num_docs)


def test_the_same_seed_tries_the_same_options_and_another_seed_others(parts, tmp_path):
    tried = [
        [trial["model"] for trial in search(*parts, tmp_path / f"{place}.db", minutes=1, trials=2, seed=seed)]
        for place, seed in enumerate((1, 1, 2))
    ]
    assert tried[0] == tried[1] != tried[2]


def test_a_search_goes_on_where_it_was_left(parts, tmp_path):
    study = tmp_path / "study.db"
    first = search(*parts, study, minutes=1, trials=2)
    both = search(*parts, study, minutes=1, trials=1)
    assert len(both) == 3
    assert all(trial in both for trial in first)
    assert sorted(trial["number"] for trial in both) == list(range(3))


def test_a_search_ends_with_the_trial_under_way_when_its_minutes_are_over(parts, tmp_path):
    assert len(search(*parts, tmp_path / "study.db", minutes=1e-6)) == 1


def test_features_are_searched_without_options_for_words(parts, tmp_path):
    train, dev = (Dataset(None, part.Y, part.Y, part.label_names) for part in parts)
    trials = search(train, dev, tmp_path / "study.db", minutes=1, trials=2)
    assert [trial["features"] for trial in trials] == [{}, {}]


def test_a_trial_that_leaves_no_word_is_passed_over(parts, tmp_path):
    train, dev = (
        Dataset([f"twice{doc // 2}" for doc in range(part.num_docs)], None, part.Y, part.label_names) for part in parts
    )
    trials = search(train, dev, tmp_path / "study.db", minutes=1, trials=5)
    assert 0 < len(trials) < 5
    assert max(trial["features"]["min_df"] for trial in trials) <= 2


def test_a_seventh_of_train_is_held_out_where_there_is_no_dev_and_test_is_never_read(rng, tmp_path, monkeypatch):
    train, dev = make_part(rng, 140), make_part(rng, 30)
    save_dataset({"train": train, "test": make_part(rng, 20)}, tmp_path / "two")
    save_dataset({"train": train, "dev": dev, "test": make_part(rng, 20)}, tmp_path / "three")
    read = []
    original = data._read_part

    def read_part(folder, part, *rest):
        read.append(part)
        return original(folder, part, *rest)

    monkeypatch.setattr(data, "_read_part", read_part)
    most, some = load_to_choose(tmp_path / "two")
    assert (most.num_docs, some.num_docs) == (120, 20)
    assert not set(most.texts) & set(some.texts)
    assert sorted(most.texts + some.texts) == sorted(train.texts)
    assert load_to_choose(tmp_path / "three")[1].texts == dev.texts
    assert set(read) == {"train", "dev"}


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 0}, "minutes must be above 0, and trials from 1"),
        ({"trials": 0}, "minutes must be above 0, and trials from 1"),
        ({"metric": "PSP@5"}, "metric must not need propensities"),
        ({"metric": "P@50"}, "metric must have a cutoff from 1 to 40"),
        ({"metric": "accuracy"}, "metrics must be from P@k"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_work(parts, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        search(*parts, tmp_path / "study.db", **{"minutes": 1, **options})
    assert not (tmp_path / "study.db").exists()


def test_a_study_of_other_data_or_another_metric_and_a_file_that_is_none_are_refused(parts, tmp_path):
    train, dev = parts
    study = tmp_path / "study.db"
    search(train, dev, study, minutes=1, trials=1)
    with pytest.raises(DataError, match=r"must be a search of the same data by P@1\. Got one by nDCG@5"):
        search(train, dev, study, minutes=1, metric="P@1")
    with pytest.raises(DataError, match=r"must be a search of the same data by nDCG@5\. Got other data"):
        search(dev, train, study, minutes=1)
    study.write_text("not a database, of more than a few bytes" * 30)
    with pytest.raises(DataError, match="must be the file of a search, or new"):
        search(train, dev, study, minutes=1)


def test_a_missing_extra_is_named(parts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r'pip install "xmlc-mhe\[search\]"'):
        search(*parts, tmp_path / "study.db", minutes=1)


# --- the command ------------------------------------------------------------------------------------------------------


def test_search_writes_a_recipe_that_runs_and_all_trials(rng, tmp_path, capsys):
    save_dataset({"train": make_part(rng, 140), "test": make_part(rng, 20)}, tmp_path / "records")
    arguments = ["search", "records", "--data-dir", str(tmp_path), "-o", str(tmp_path / "best.toml"), "--trials", "2"]
    assert main([*arguments, "--json", str(tmp_path / "trials.json"), "--threads", "2"]) == 0
    table = capsys.readouterr().out.splitlines()
    trials = json.loads((tmp_path / "trials.json").read_text())
    assert trials["metric"] == table[0].split()[0] == "nDCG@5"
    assert [f"{100 * trial['value']:.2f}" for trial in trials["trials"]] == [line.split()[0] for line in table[1:]]
    assert (tmp_path / "best.db").exists()
    assert "best of 2 trials" in (tmp_path / "best.toml").read_text()
    assert main(["run", str(tmp_path / "best.toml"), "--data-dir", str(tmp_path), "-q"]) == 0
    assert load_dataset(tmp_path / "records")[0].num_docs == 140
