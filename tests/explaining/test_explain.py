import json

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import TextFeatures, XMLCClassifier
from xmlc_mhe.explaining.words import ENCODER, MOST_LEFT_OUT
from xmlc_mhe.features.hybrid import HybridFeatures
from xmlc_mhe.features.learned import EncoderFeatures
from xmlc_mhe.features.spans import terms_of
from xmlc_mhe.model_files import read_model
from xmlc_mhe.ranking.candidates import NUM_CANDIDATES

NUM_LABELS = 45
TEXT = "Noise3 word7, noise5: WORD7 noise9 noise11 unheard"


@pytest.fixture(scope="module")
def planted():
    """Texts whose labels are told by a word each and come in pairs: 3,000 texts, lists of names."""
    rng = np.random.default_rng(0)
    texts, names = [], []
    for _ in range(3000):
        label = int(rng.integers(NUM_LABELS - 1))
        pair = [label, label + 1] if rng.random() < 0.7 else [label]
        words = [f"word{label}" if rng.random() < 0.8 else f"noise{rng.integers(60)}"]
        texts.append(" ".join([*words, *(f"noise{number}" for number in rng.integers(0, 60, 4))]))
        names.append([f"word{number}_topic" for number in pair])
    return texts, names


@pytest.fixture(scope="module")
def ranked(planted):
    return XMLCClassifier(threads=2).fit(*planted)


@pytest.fixture(scope="module")
def of_few(planted):
    """A model of too few documents to rank by a network."""
    return XMLCClassifier(threads=1).fit(planted[0][:300], planted[1][:300])


def check_sums(model, document, rows):
    """The words, the bias and the margin of every label fit together, and are those of decision_function."""
    margins = model.decision_function(rows, len(model.label_names_)).toarray()[0]
    explanations = model.explain(document, model.label_names_)
    for explanation in explanations:
        expected = margins[model.label_names_.index(explanation.label)]
        total = explanation.bias + sum(word.contribution for word in explanation.words)
        assert explanation.margin == pytest.approx(expected, abs=2e-6)
        assert total == pytest.approx(expected, abs=2e-6)
        sizes = [abs(word.contribution) for word in explanation.words]
        assert sizes == sorted(sizes, reverse=True)
        for word in explanation.words:
            assert word.value * word.weight == pytest.approx(word.contribution, abs=1e-6)
    return explanations


@pytest.mark.parametrize("options", [
    {}, {"head": "vanilla"}, {"head_sizes": (3, 4, 4)}, {"cascade_scale": 0.5}, {"rank": False},
    {"encoder": TextFeatures(ngram_range=(1, 2))}, {"encoder": TextFeatures(hashing_bits=6)}, {"encoder": "bow"},
], ids=str)  # fmt: skip
def test_bias_and_contributions_of_words_sum_to_the_margin(options, planted):
    model = XMLCClassifier(threads=1, **options).fit(planted[0][:500], planted[1][:500])
    explanations = check_sums(model, TEXT, [TEXT])
    assert {explanation.words_by for explanation in explanations} == {"weights"}


def test_the_strongest_word_of_the_best_label_stands_where_the_text_has_it(ranked):
    (best,) = ranked.explain(TEXT, k=1)
    assert (best.label, best.words[0].word) == ("word7_topic", "word7")
    assert best.words[0].spans == [(7, 12), (22, 27)]
    assert best.words[0].contribution > 0.5 > best.words[1].contribution


@pytest.mark.parametrize("head", ["mhc", "vanilla"])
def test_columns_of_given_features_sum_to_the_margin_however_a_row_is_passed(head, rng):
    X = sp.random_array((80, 12), density=0.4, rng=rng, dtype=np.float32, format="csr")
    model = XMLCClassifier("given", head, threads=1).fit(X, [[str(row % 6)] for row in range(80)])
    for row in (X[[3]], X[[3]].toarray(), X[[3]].toarray()[0], sp.coo_array(X[[3]])):
        explanations = check_sums(model, row, X[[3]])
        assert {word.word for word in explanations[0].words} == {f"column {column}" for column in X[[3]].indices}
        assert not any(word.spans for word in explanations[0].words)
    for wrong, got in ((X, r"shape \(80, 12\)"), ("red", "str")):
        with pytest.raises(ValueError, match=rf"text must be one row of features, with encoder=\"given\"\. Got {got}"):
            model.explain(wrong)


@pytest.fixture(scope="module")
def letters():
    """An encoder of our own: how often each letter occurs, through a layer."""
    torch = pytest.importorskip("torch")

    class Letters(torch.nn.Module):
        dim = 8

        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(26, self.dim)

        def options(self):
            return {}

        def prepare(self, texts):
            return [[ord(letter) - 97 for letter in text.lower() if "a" <= letter <= "z"] for text in texts]

        def forward(self, documents):
            counts = [torch.bincount(torch.tensor(letters, dtype=torch.int64), minlength=26) for letters in documents]
            return self.layer(torch.stack(counts).float())

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Letters()


@pytest.mark.parametrize("head", ["mhc", "vanilla"])
def test_an_encoder_beside_words_has_one_part_of_the_sum(head, planted, letters):
    encoder = HybridFeatures(TextFeatures(), EncoderFeatures(letters), scale=1.0)
    model = XMLCClassifier(encoder, head, C=0.5, threads=1).fit(planted[0][:300], planted[1][:300])
    for found in check_sums(model, TEXT, [TEXT]):
        assert found.words_by == "weights"
        assert [word.spans for word in found.words if word.word == ENCODER] == [[]]
        assert len(found.words) == 6


def test_the_labels_are_those_asked_for_or_the_best_ones(ranked):
    names = ["word3_topic", "word7_topic"]
    assert [found.label for found in ranked.explain(TEXT, names)] == names
    assert [found.label for found in ranked.explain(TEXT, "word3_topic")] == ["word3_topic"]
    assert [found.label for found in ranked.explain(TEXT, k=4)] == ranked.predict_names([TEXT], 4)[0]
    assert len(ranked.explain(TEXT)) == 5
    with pytest.raises(ValueError, match=r"label must be one of the 45 of the model\. Got \"Word7 topic\"; did you"):
        ranked.explain(TEXT, "Word7 topic")
    with pytest.raises(ValueError, match=r"text must be one text, a str\. Got list; explain texts one by one\."):
        ranked.explain([TEXT])


def test_probabilities_are_those_of_predict_also_beyond_the_candidates(ranked):
    labels, probs = (row[0] for row in ranked.predict([TEXT], NUM_LABELS))
    found = ranked.explain(TEXT, [ranked.label_names_[label] for label in labels])
    np.testing.assert_allclose([explanation.probability for explanation in found], probs, rtol=1e-5)
    assert [bool(explanation.evidence) for explanation in found] == [
        rank < NUM_CANDIDATES for rank in range(NUM_LABELS)
    ]


def test_a_model_of_margins_has_no_probability_evidence_or_neighbours(planted):
    model = XMLCClassifier(rank=False, threads=1).fit(planted[0][:300], planted[1][:300])
    for found in model.explain(TEXT):
        assert (found.probability, found.evidence, found.neighbours) == (None, [], [])


def test_each_kind_of_evidence_is_left_out_by_its_mean(ranked):
    (found,) = ranked.explain(TEXT, k=1)
    stage = ranked.ranking_
    assert [change.name for change in found.evidence] == [kind.name for kind in stage.evidence]
    X, best = ranked._margins([TEXT], NUM_CANDIDATES)
    slot = best.labels[0].tolist().index(ranked.label_names_.index(found.label))
    start = 0
    for kind, change in zip(stage.evidence, found.evidence, strict=True):
        values = stage.values(X, best)
        stop = start + len(kind.columns)
        values[:, :, start:stop] = stage.model.mean[start:stop]
        without = float(stage.model.probs(values)[0, slot])
        assert found.probability + change.change == pytest.approx(without, abs=1e-6)
        start = stop
    assert max(abs(change.change) for change in found.evidence) > 0.05


@pytest.mark.parametrize("name", ["ranked", "of_few"])
def test_the_neighbours_are_training_documents_with_their_first_words_and_labels(name, planted, request):
    texts, names = planted
    found = request.getfixturevalue(name).explain("word7 " + " ".join(texts[5].split()[1:]), ["word7_topic"])[0]
    assert len(found.neighbours) == 5
    similarities = [neighbour.similarity for neighbour in found.neighbours]
    assert similarities == sorted(similarities, reverse=True) and 0 < similarities[0] <= 1
    for neighbour in found.neighbours:
        rows = [row for row, text in enumerate(texts) if text == neighbour.text]
        assert any(sorted(names[row]) == sorted(neighbour.labels) for row in rows)
        assert neighbour.has_label == ("word7_topic" in neighbour.labels)


def test_a_saved_model_explains_the_same(ranked, of_few, tmp_path):
    for name, model in (("ranked", ranked), ("few", of_few)):
        model.save(tmp_path / name)
        assert XMLCClassifier.load(tmp_path / name, threads=1).explain(TEXT) == model.explain(TEXT)


def test_without_neighbours_no_words_of_training_are_kept(planted, tmp_path):
    model = XMLCClassifier(neighbours=False, threads=1).fit(planted[0][:300], planted[1][:300])
    model.save(tmp_path / "model")
    assert all(found.neighbours == [] for found in model.explain(TEXT))
    assert not any(name.startswith("ranking.neighbours") for name in read_model(tmp_path / "model"))


def test_the_words_of_the_name_are_marked_in_the_text(ranked):
    (found,) = ranked.explain("A WORD7 and topic, word7", "word7_topic")
    assert [(word.word, word.spans) for word in found.name_words] == [
        ("word7", [(2, 7), (19, 24)]), ("topic", [(12, 17)])
    ]  # fmt: skip


def test_json_has_these_names_and_round_trips(ranked):
    (found,) = ranked.explain(TEXT, "word7_topic")
    values = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert values == found.as_json()
    assert list(values) == [
        "label", "probability", "margin", "bias", "words", "words_by", "evidence", "neighbours", "name_words"
    ]  # fmt: skip
    assert list(values["words"][0]) == ["word", "value", "weight", "contribution", "spans"]
    assert values["words"][0]["spans"] == [[7, 12], [22, 27]]
    assert list(values["evidence"][0]) == ["name", "change"]
    assert list(values["neighbours"][0]) == ["text", "labels", "similarity", "has_label"]
    assert list(values["name_words"][0]) == ["word", "spans"]


@pytest.mark.parametrize("text", ["", "unheard", "\x1b[1m\u202e", "İ" * 3])
def test_a_text_without_a_known_word_is_explained_by_the_bias(ranked, text):
    for found in ranked.explain(text):
        assert found.words == [] and found.margin == pytest.approx(found.bias, abs=1e-6)
        assert found.neighbours == []


# --- by leaving words out ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["mhc", "softmax"])
def test_a_learned_encoder_is_explained_by_leaving_words_out(head, letters):
    options = {} if head == "mhc" else {"head_options": {"epochs": 1, "patience": 0}}
    model = XMLCClassifier(letters, head, threads=1, **options).fit(["red rose", "blue sky"] * 4, ["red", "blue"] * 4)
    found = {word.word: word for word in model.explain("Red sky, red", "red")[0].words}
    margins = [model.decision_function([text], 2)[0, 1] for text in ("Red sky, red", " sky, ", "Red , red")]
    assert found["red"].contribution == pytest.approx(margins[0] - margins[1], abs=1e-5)
    assert found["sky"].contribution == pytest.approx(margins[0] - margins[2], abs=1e-5)


def test_a_neural_head_is_explained_by_leaving_words_out(planted):
    pytest.importorskip("torch")
    options = {"head_options": {"epochs": 3, "dim": 16}, "threads": 1}
    model = XMLCClassifier(head="neural-mhc", **options).fit(planted[0][:600], planted[1][:600])
    found = model.explain(TEXT, "word7_topic")[0]
    assert found.words_by == "leaving out"
    ids = len(model.label_names_), model.label_names_.index("word7_topic")
    whole, without = (model.decision_function([text], ids[0]).toarray()[0, ids[1]]
                      for text in (TEXT, "Noise3 , noise5:  noise9 noise11 unheard"))  # fmt: skip
    assert found.margin == pytest.approx(whole, abs=1e-5)
    by_word = {word.word: word for word in found.words}
    assert by_word["word7"].contribution == pytest.approx(whole - without, abs=1e-5)
    assert by_word["word7"].spans == [(7, 12), (22, 27)]
    assert by_word.keys() == terms_of(TEXT).keys()


def test_a_neural_head_on_given_features_is_explained_by_leaving_columns_out(rng):
    pytest.importorskip("torch")
    X = sp.random_array((80, 12), density=0.4, rng=rng, dtype=np.float32, format="csr")
    options = {"head_options": {"epochs": 2, "dim": 8}, "threads": 1}
    model = XMLCClassifier("given", "softmax", **options).fit(X, [str(row % 6) for row in range(80)])
    (found,) = model.explain(X[[3]], "2")
    (column, *_) = X[[3]].indices
    without = X[[3]].tolil()
    without[0, column] = 0
    margins = [model.decision_function(row, 6)[0, 2] for row in (X[[3]], without.tocsr())]
    contributions = {word.word: word.contribution for word in found.words}
    assert contributions[f"column {column}"] == pytest.approx(margins[0] - margins[1], abs=1e-5)
    assert len(contributions) == X[[3]].nnz


def test_of_a_long_text_the_first_words_alone_are_left_out(planted):
    pytest.importorskip("torch")
    options = {"head_options": {"epochs": 1, "dim": 4}, "threads": 1}
    model = XMLCClassifier(head="softmax", **options).fit(["red rose", "blue sky"] * 4, ["red", "blue"] * 4)
    (found,) = model.explain(" ".join(f"word{number}" for number in range(MOST_LEFT_OUT + 7)), "red")
    assert len(found.words) == MOST_LEFT_OUT
