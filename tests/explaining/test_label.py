import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import TextFeatures, XMLCClassifier
from xmlc_mhe.explaining.label import NUM_WORDS, describe_label
from xmlc_mhe.explaining.label_names import nearest_names

TEXTS = ["red rose", "blue sky", "green grass", "red and blue"] * 6
NAMES = [["red", "flower"], ["blue"], ["green"], ["red", "blue"]] * 6


@pytest.mark.parametrize("options", [{}, {"head": "vanilla"}, {"cascade_scale": 0.5}], ids=str)
def test_a_label_has_its_strongest_words_documents_and_companions(options):
    red = describe_label(XMLCClassifier(threads=1, **options).fit(TEXTS, NAMES), "red")
    assert (red.label, red.num_docs) == ("red", 12)
    assert red.words[0].word == "red" and red.words[0].weight > 0 > red.words_against[0].weight
    assert {word.word for word in red.words} <= {"red", "rose", "blue", "sky", "green", "grass", "and"}
    weights = [word.weight for word in red.words]
    assert weights == sorted(weights, reverse=True)
    assert {other.label: round(other.share, 2) for other in red.companions} == {"flower": 0.5, "blue": 0.5}
    assert set(red.as_json()) == {"label", "num_docs", "words", "words_against", "companions"}


def test_the_words_shown_are_the_strongest_of_many(rng):
    X = sp.csr_array(rng.random((200, 100), dtype=np.float32))
    model = XMLCClassifier("given", "vanilla", prune=0.0, threads=1)
    model.fit(X, [["low"] if row[0] < 0.5 else ["high"] for row in X.toarray()])
    high = describe_label(model, "high")
    assert len(high.words) == NUM_WORDS and high.words[0].word == "column 0"
    assert describe_label(model, "low").words_against[0].word == "column 0"


def test_without_weights_of_named_words_a_label_has_none():
    hashed = XMLCClassifier(TextFeatures(hashing_bits=8), threads=1).fit(TEXTS, NAMES)
    assert describe_label(hashed, "red").words == describe_label(hashed, "red").words_against == []
    pytest.importorskip("torch")
    options = {"head_options": {"epochs": 1, "dim": 4}, "threads": 1}
    neural = describe_label(XMLCClassifier(head="neural-mhc", **options).fit(TEXTS, NAMES), "red")
    assert neural.words == [] and neural.num_docs == 12


def test_without_a_ranking_stage_a_label_has_no_companions():
    assert describe_label(XMLCClassifier(rank=False, threads=1).fit(TEXTS, NAMES), "red").companions == []


@pytest.mark.parametrize("name, near", [("Red", ["red"]), ("flowr", ["flower"]), ("xyz", []), ("", [])])
def test_an_unknown_label_is_answered_with_the_nearest_names(name, near):
    assert nearest_names(name, ["blue", "flower", "green", "red"]) == near


def test_a_label_without_near_names_is_refused_in_one_line():
    model = XMLCClassifier(threads=1).fit(TEXTS, NAMES)
    with pytest.raises(ValueError, match=r"Got \"x\\x1by\"; the model lists all in label_names_\."):
        describe_label(model, "x\x1by")
