import inspect

import numpy as np
import pytest

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.classifier.options import HEADS
from xmlc_mhe.classifier.uses import ENCODER_KINDS, TRAINING_USES, USES, Use, kind_of_encoder, problems_of_uses, useless
from xmlc_mhe.cli import main
from xmlc_mhe.errors import RecipeError
from xmlc_mhe.experiments.recipe import FEATURE_OPTIONS, MODEL_OPTIONS, make_recipe
from xmlc_mhe.features.given import GivenFeatures
from xmlc_mhe.features.words import TextFeatures
from xmlc_mhe.linear.heads import HEADS as LINEAR_HEADS
from xmlc_mhe.neural.heads import HEADS as NEURAL_HEADS

ENCODERS = {"tfidf": "tfidf", "bow": "bow", "given": "given", "learned": "minilm", "hybrid": "tfidf+minilm"}
# A value of each option that is not the default, and how the command line has it
VALUES = {
    "encoder_options": ({"max_length": 8}, ["--encoder-option", "max_length=8"]),
    "dense_scale": (2.0, ["--dense-scale", "2"]),
    "head_sizes": ((3, 4), ["--head-sizes", "3,4"]),
    "label_order": ("given", ["--label-order", "given"]),
    "beam": (2, ["--beam", "2"]),
    "train_beam": (2, ["--train-beam", "2"]),
    "cascade_scale": (0.3, ["--cascade-scale", "0.3"]),
    "C": (2.0, ["--C", "2"]),
    "positive_weight": (2.0, ["--positive-weight", "2"]),
    "bias_feature": (0.5, ["--bias-feature", "0.5"]),
    "passes": (2, ["--passes", "2"]),
    "eps": (0.5, ["--eps", "0.5"]),
    "prune": (0.5, ["--prune", "0.5"]),
    "rank": (False, ["--no-rank"]),
    "neighbours": (False, ["--no-neighbours"]),
    "head_options": ({"epochs": 2}, ["--head-option", "epochs=2"]),
    "min_df": (3, ["--min-df", "3"]),
    "ngram_range": ((1, 2), ["--ngrams", "1,2"]),
    "analyzer": ("word", ["--analyzer", "word"]),
    "normalization": (None, ["--normalization", "none"]),
    "case": ("keep", ["--case", "keep"]),
    "strip_accents": (True, ["--strip-accents"]),
    "token_pattern": (r"\w+", ["--token-pattern", r"\w+"]),
    "stem": ("english", ["--stem", "english"]),
    "stop_words": (["the"], ["--stop-words", "the"]),
    "char_ngram_range": ((2, 3), ["--char-ngrams", "2,3"]),
    "hashing_bits": (9, ["--hashing-bits", "9"]),
    "sublinear_tf": (False, ["--raw-tf"]),
}
OF_MODEL = [name for name in USES if name in MODEL_OPTIONS]
WITHOUT_USE = [
    *((name, {"head": head}) for name, use in USES.items() for head in HEADS if head not in use.heads),
    *(
        (name, {"encoder": encoder})
        for name, use in USES.items()
        for kind, encoder in ENCODERS.items()
        if kind not in use.encoders
    ),
]


def with_head_for(name, chosen):
    """Choose a head with which the option has an effect, where the test is about the encoder."""
    return chosen | ({} if "head" in chosen else {"head": next(iter(USES[name].heads))})


def test_the_table_names_options_heads_and_encoders_that_there_are():
    assert VALUES.keys() == USES.keys() <= MODEL_OPTIONS.keys() | FEATURE_OPTIONS.keys()
    for use in (*USES.values(), *TRAINING_USES.values()):
        assert set(use.heads) <= set(HEADS)
        assert set(use.encoders) <= set(ENCODER_KINDS)
        assert use != Use()
    assert {*Use.heads} == {*HEADS}


def test_the_table_says_of_neural_heads_what_their_classes_say():
    pytest.importorskip("torch")
    from xmlc_mhe.neural.training_options import TrainingOptions

    for name, head in NEURAL_HEADS.items():
        assert (name in USES["head_sizes"].heads) == ("head_sizes" in inspect.signature(head).parameters)
        assert (name in USES["label_order"].heads) == getattr(head, "orders_labels", False)
    assert all(hasattr(TrainingOptions, name) for name in TRAINING_USES)


def test_the_table_says_of_linear_heads_what_their_classes_say():
    for name in LINEAR_HEADS:
        parameters = inspect.signature(LINEAR_HEADS[name]).parameters
        for option in ("head_sizes", "label_order", "beam", "train_beam", "cascade_scale"):
            assert (name in USES[option].heads) == (option in parameters)


@pytest.mark.parametrize(
    ("encoder", "kind"),
    [
        *((encoder, kind) for kind, encoder in ENCODERS.items()),
        (TextFeatures("bow"), "bow"),
        (GivenFeatures(), "given"),
        ("owner/name", "learned"),
        ("bow+owner/name", "hybrid"),
        (object(), "built"),
    ],
)
def test_an_encoder_has_a_kind(encoder, kind):
    assert kind_of_encoder(encoder) == kind


def test_a_head_that_is_no_head_and_an_encoder_not_known_yet_make_nothing_useless():
    assert list(useless(USES, "tree", None)) == []


@pytest.mark.parametrize(("name", "chosen"), [case for case in WITHOUT_USE if case[0] in MODEL_OPTIONS])
def test_an_option_of_the_model_without_effect_is_refused_at_fit(name, chosen):
    chosen = with_head_for(name, chosen)
    if chosen["head"] in NEURAL_HEADS:
        pytest.importorskip("torch")
    model = XMLCClassifier(**{"encoder": "tfidf", **chosen, name: VALUES[name][0]})  # not refused by itself
    with pytest.raises(
        ValueError, match=rf"^{name} must be .* with (head|encoder)='.*'\. Got .*; leave it out, or cho"
    ):
        model.fit(["a", "b"], ["x", "y"])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", [*ENCODERS.values(), TextFeatures(min_df=1), GivenFeatures(), object()])
def test_defaults_are_never_refused_and_neither_is_what_has_an_effect(encoder, head):
    assert problems_of_uses(XMLCClassifier, XMLCClassifier(encoder, head).get_params(deep=False)) == {}
    kind = kind_of_encoder(encoder)
    used = [name for name in OF_MODEL if head in USES[name].heads and kind in USES[name].encoders]
    options = {"encoder": encoder, "head": head} | {name: VALUES[name][0] for name in used}
    assert problems_of_uses(XMLCClassifier, options) == {}


@pytest.mark.parametrize("value", [None, {}, np.float64(0.0), 0])
def test_a_default_in_another_type_is_the_default(value):
    name = "head_options" if value is None or value == {} else "cascade_scale"
    assert problems_of_uses(XMLCClassifier, {"head": "vanilla", name: value}) == {}


@pytest.mark.parametrize("name", TRAINING_USES)
def test_an_option_of_the_training_without_effect_is_refused(name):
    message = rf"^head_options must not have {name} with .*\. Got 0\.5; leave it out, or choose (head|encoder) "
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match=message):
        XMLCClassifier("tfidf", "softmax", head_options={name: 0.5}).fit(["a", "b"], ["x", "y"])
    of_both = XMLCClassifier("minilm", "neural-mhc", head_options={name: 0.5}).get_params(deep=False)
    assert problems_of_uses(XMLCClassifier, of_both) == {}


@pytest.mark.parametrize(("name", "chosen"), WITHOUT_USE)
def test_an_option_of_fit_without_effect_is_refused_in_one_line(tmp_path, capsys, name, chosen):
    words = [word for option, value in with_head_for(name, chosen).items() for word in (f"--{option}", value)]
    given = VALUES[name][1]
    assert main(["fit", "no such data", "-m", str(tmp_path / "model"), *words, *given]) == 2
    (why, value), *_ = chosen.items()
    line = capsys.readouterr().err
    assert line.startswith(
        f"xmlc-mhe: error: {given[0]} must be left out with --{why} {value}, where it has no effect. Got it; "
        f"remove it, or choose {why} "
    )
    assert line.count("\n") == 1


def test_a_default_that_is_given_counts_as_given(tmp_path, capsys):
    assert main(["fit", "pydocs", "-m", str(tmp_path / "model"), "--head", "vanilla", "--beam", "auto"]) == 2
    assert "--beam must be left out with --head vanilla" in capsys.readouterr().err


def test_the_encoder_that_the_data_asks_for_counts_too(tmp_path, capsys):
    (tmp_path / "all.svm").write_text("0 1:1 2:1\n1 2:1\n")
    assert main(["fit", str(tmp_path / "all.svm"), "-m", str(tmp_path / "model"), "--min-df", "1"]) == 2
    assert "--min-df must be left out with --encoder given" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(("name", "chosen"), WITHOUT_USE)
def test_a_recipe_with_an_option_without_effect_is_refused(name, chosen):
    chosen, (value, _) = with_head_for(name, chosen), VALUES[name]
    if chosen["head"] in NEURAL_HEADS:
        pytest.importorskip("torch")
    values = {"data": "x", "model": dict(chosen)}
    values["model" if name in MODEL_OPTIONS else "features"] = {
        **(chosen if name in MODEL_OPTIONS else {}), name: value
    }  # fmt: skip
    with pytest.raises(RecipeError, match=rf"(?s)Got 1 problem; mend:.*- \[(model|features)\] {name} must be .* with "):
        make_recipe(values)


def test_a_recipe_lists_every_option_without_effect():
    model = {"head": "vanilla", "beam": 3, "head_sizes": [3, 4], "dense_scale": 2.0, "encoder": "given", "C": -1}
    with pytest.raises(RecipeError) as error:
        make_recipe({"data": "x", "features": {"min_df": 3, "ngram_range": [1, 2]}, "model": model})
    _, *problems = str(error.value).splitlines()
    assert sorted(problem.split(" must")[0] for problem in problems) == [
        "- [features] min_df", "- [features] ngram_range",
        "- [model] C", "- [model] beam", "- [model] dense_scale", "- [model] head_sizes",
    ]  # fmt: skip


@pytest.mark.parametrize("command", [["predict", "MODEL", "-"], ["eval", "MODEL", "no such data"]])
def test_a_class_of_an_encoder_is_refused_where_no_model_has_one(tmp_path, capsys, command):
    model = str(tmp_path / "model")
    XMLCClassifier(TextFeatures(min_df=1)).fit(["a word", "b word"], ["x", "y"]).save(model)
    words = [model if word == "MODEL" else word for word in command]
    assert main([*words, "--encoder-class", "package.module:Class"]) == 2
    message = "--encoder-class must be left out with models that have no encoder of your own. Got it; remove it."
    assert capsys.readouterr().err == f"xmlc-mhe: error: {message}\n"
