import dataclasses

import pytest

from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.formats.table import FORMATS
from xmlc_mhe.errors import RecipeError
from xmlc_mhe.experiments.recipe import FEATURE_OPTIONS, MODEL_OPTIONS, Evaluation, make_recipe, read_recipe

FULL = """
data = "records"
[reading]
label_separator = ";"
[features]
ngram_range = [1, 2]
min_df = 3
[model]
encoder = "bow"
C = 2
head_sizes = [4, 16]
beam = "all"
[evaluation]
part = "dev"
k = [1, 10]
drop_empty = true
propensity_a = 0.5
propensity_b = 0.4
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "bow.toml"
    path.write_text(FULL)
    return read_recipe(path)


def test_what_a_file_says_reaches_the_model_and_the_evaluation(recipe):
    model = recipe.build(has_texts=True, threads=3)
    assert (model.C, model.head_sizes, model.beam, model.threads) == (2, (4, 16), "all", 3)
    encoder = model.encoder.get_params()
    assert (encoder["weighting"], encoder["ngram_range"], encoder["min_df"]) == ("bow", (1, 2), 3)
    assert recipe.reading == ReadOptions(label_separator=";")
    assert recipe.evaluation == Evaluation("dev", (1, 10), True, 0.5, 0.4)


def test_a_filled_recipe_names_every_option_and_is_a_recipe_again(recipe):
    filled = recipe.filled(has_texts=True)
    assert filled["features"].keys() == FEATURE_OPTIONS.keys()
    assert filled["model"].keys() == MODEL_OPTIONS.keys()
    assert filled["model"]["head"] == "mhc"
    assert filled["features"]["sublinear_tf"] is True
    again = make_recipe(filled)
    assert again.build(has_texts=True).get_params().keys() == recipe.build(has_texts=True).get_params().keys()
    assert again.filled(has_texts=True) == filled


@pytest.mark.parametrize(("has_texts", "encoder"), [(True, "tfidf"), (False, "given")])
def test_the_encoder_follows_the_data_where_the_recipe_names_none(has_texts, encoder):
    recipe = make_recipe({"data": "records", "features": {"min_df": 5}})
    assert recipe.filled(has_texts=has_texts)["model"]["encoder"] == encoder
    assert recipe.filled(has_texts=has_texts)["features"] == ({**FEATURE_OPTIONS, "min_df": 5} if has_texts else {})
    model = recipe.build(has_texts=has_texts)
    assert model.encoder == encoder if encoder == "given" else model.encoder.min_df == 5


def test_a_recipe_cannot_be_changed(recipe):
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.data = "other"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "data must be the name of a data set"),
        ({"data": ""}, "data must be the name"),
        ({"data": "x", "modle": {}}, 'a recipe has no option "modle"; did you mean "model"?'),
        ({"data": "x", "model": 3}, r"model must be a table of options. Got 3; write \[model\] above them"),
        ({"data": "x", "model": {"c": 1}}, r'\[model\] has no option "c"; '),
        ({"data": "x", "model": {"C": "high"}}, r"\[model\] C must be a number above 0. Got 'high'"),
        ({"data": "x", "model": {"C": True}}, r"\[model\] C must not be true or false"),
        ({"data": "x", "model": {"threads": 2}}, r'\[model\] has no option "threads"'),
        ({"data": "x", "model": {"head": "mch"}}, r"\[model\] head must be one of"),
        ({"data": "x", "model": {"head_sizes": [0]}}, r"\[model\] head_sizes must be None or whole numbers"),
        ({"data": "x", "model": {"head_options": {"epochs": 3}}}, r"\[model\] head_options must be None with head="),
        ({"data": "x", "features": {"min_df": 0}}, r"\[features\] min_df must be a whole number from 1"),
        ({"data": "x", "features": {"sublinear_tf": "no"}}, r"\[features\] sublinear_tf must be true or false"),
        ({"data": "x", "features": {"min_df": 2}, "model": {"encoder": "given"}}, r"\[features\] min_df must be left"),
        ({"data": "x", "reading": {"text_columns": "a"}}, r"\[reading\] text_columns must be a list of names"),
        ({"data": "x", "reading": {"format": "doc"}}, rf"\[reading\] format must be one of {next(iter(FORMATS))}"),
        ({"data": "x", "reading": {"label_column": 1}}, r"\[reading\] label_column must be a string"),
        ({"data": "x", "reading": {"data_dir": "a"}}, r'\[reading\] has no option "data_dir"'),
        ({"data": "x", "evaluation": {"k": 5}}, r"\[evaluation\] k must be a list of whole numbers"),
        ({"data": "x", "evaluation": {"k": []}}, r"\[evaluation\] k must be a list"),
        ({"data": "x", "evaluation": {"k": [True]}}, r"\[evaluation\] k must be a list"),
        ({"data": "x", "evaluation": {"part": 1}}, r"\[evaluation\] part must be the name of a part"),
        ({"data": "x", "evaluation": {"drop_empty": 1}}, r"\[evaluation\] drop_empty must be true or false"),
        ({"data": "x", "evaluation": {"propensity_a": -1}}, r"\[evaluation\] propensity_a must be at least 0"),
        ({"data": "x", "evaluation": {"propensity_b": "b"}}, r"\[evaluation\] propensity_a and propensity_b must be"),
        ({"data": "x", "evaluation": {"ks": [1]}}, r'\[evaluation\] has no option "ks"; did you mean "k"'),
    ],
)
def test_a_wrong_value_is_named_with_its_table(values, message):
    with pytest.raises(RecipeError, match=message) as error:
        make_recipe(values)
    assert "Got 1 problem;" in str(error.value)


def test_all_problems_come_in_one_error(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text('[features]\nmin_df = 0\nmax_df = 1\n[model]\nC = -1\nseed = "x"\n[evaluation]\nk = [0]\n')
    with pytest.raises(RecipeError) as error:
        read_recipe(path)
    first, *problems = str(error.value).splitlines()
    assert first == f"{path} must be a recipe. Got 6 problems; mend:"
    assert [problem.split(" must")[0].split(" has")[0] for problem in problems] == [
        "- data", "- [features]", "- [features] min_df", "- [model] C", "- [model] seed", "- [evaluation] k"
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"data = ", b"\xff", None])
def test_a_file_that_is_no_toml_is_refused(tmp_path, content):
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"recipe.toml must be a recipe in TOML\. Got: "):
        read_recipe(path)


def test_random_tables_give_a_recipe_or_a_recipe_error(rng):
    values = [0, 1, -1, 2.5, float("nan"), True, "all", "x", [1, 2], [], {"a": 1}, "mhc"]
    for _ in range(300):
        tables = {
            "features": {name: values[rng.integers(len(values))] for name in FEATURE_OPTIONS if rng.random() < 0.2},
            "model": {name: values[rng.integers(len(values))] for name in MODEL_OPTIONS if rng.random() < 0.1},
            "evaluation": {"k": values[rng.integers(len(values))]},
        }
        try:
            recipe = make_recipe({"data": "x", **tables})
        except RecipeError:
            continue
        recipe.build(has_texts=True)


def test_a_benchmark_has_the_propensities_of_its_card_unless_the_recipe_says_others():
    for given, expected in (({}, (0.6, 2.6)), ({"propensity_b": 1}, (0.6, 1))):
        evaluation = make_recipe({"data": "amazon-670k", "evaluation": given}).evaluation
        assert (evaluation.propensity_a, evaluation.propensity_b) == expected


def test_the_defaults_of_a_recipe_are_those_of_the_model():
    model = make_recipe({"data": "x"}).build(has_texts=True).get_params()
    assert {name: model[name] for name in MODEL_OPTIONS if name != "encoder"} == {
        name: value for name, value in MODEL_OPTIONS.items() if name != "encoder"
    }
    assert model["C"] is None  # for 0.5, or chosen on dev with a learned encoder


def test_a_recipe_may_have_a_learned_encoder_beside_words_with_its_options():
    model = {"encoder": "tfidf+minilm", "encoder_options": {"max_length": 64}, "dense_scale": 1.5}
    built = make_recipe({"data": "x", "model": model}).build(has_texts=True)
    assert (built.encoder, built.encoder_options, built.dense_scale) == ("tfidf+minilm", {"max_length": 64}, 1.5)
    with pytest.raises(RecipeError, match=r"encoder_options must be None with encoder='tfidf'"):
        make_recipe({"data": "x", "model": model | {"encoder": "tfidf"}})
