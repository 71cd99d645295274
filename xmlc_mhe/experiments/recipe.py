"""Recipe files: what to train on which data and how to measure it; the only reader of them and builder from them."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from ..classifier.classifier import XMLCClassifier
from ..classifier.uses import problems_of_uses, useless
from ..data.benchmarks.cards import cards, tomllib
from ..data.formats.options import DEFAULT_OPTIONS, ReadOptions
from ..data.formats.table import FORMATS
from ..errors import RecipeError, in_short
from ..features.options import WEIGHTINGS, kind_of_analyzer
from ..features.words import TextFeatures
from ..propensity import PROPENSITY_A, PROPENSITY_B, propensity_of_counts

FEATURE_OPTIONS = {name: value for name, value in TextFeatures().get_params().items() if name != "weighting"}
READING_OPTIONS = ("format", "text_columns", "label_column", "label_separator", "encoding", "sheet", "num_labels")
MODEL_OPTIONS = {name: value for name, value in XMLCClassifier().get_params().items() if name != "threads"}


@dataclass(frozen=True)
class Evaluation:
    """How the predictions are measured.

    part: of the data. k: cutoffs of every metric. drop_empty: leave out documents without labels. propensity_a,
    propensity_b: constants of PSP and PSnDCG, see `label_propensity`; those of the data's card where it has one.
    """

    part: str = "test"
    k: tuple[int, ...] = (1, 3, 5)
    drop_empty: bool = False
    propensity_a: float = PROPENSITY_A
    propensity_b: float = PROPENSITY_B


@dataclass(frozen=True)
class Recipe:
    """One run: the data, the features of its texts, the model, the measures.

    data: "pydocs", a path, a benchmark, or the name of a folder in that of all data sets. reading: how its files are
    read. features: options of TextFeatures, without use where the documents are features already. model: options of
    XMLCClassifier. Both hold only what differs from the defaults, as the file does; `filled` adds the others.
    """

    data: str
    reading: ReadOptions = DEFAULT_OPTIONS
    features: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Evaluation = Evaluation()

    def filled(self, *, has_texts: bool) -> dict[str, Any]:
        """Return the recipe as JSON values, with every option that it leaves to its default."""
        encoder = self.model.get("encoder", "tfidf" if has_texts else "given")
        features = {**FEATURE_OPTIONS, **self.features} if encoder in WEIGHTINGS else {}
        reading = {name: getattr(self.reading, name) for name in READING_OPTIONS}
        whole = asdict(replace(self, reading=DEFAULT_OPTIONS)) | {"reading": reading}
        return whole | {"features": features, "model": {**MODEL_OPTIONS, **self.model, "encoder": encoder}}

    def build(self, *, has_texts: bool, threads: int | None = None) -> XMLCClassifier:
        """Return the model to fit, on texts or on features; any number of threads gives the same."""
        options = self.filled(has_texts=has_texts)["model"]
        if options["encoder"] in WEIGHTINGS:
            options["encoder"] = TextFeatures(options["encoder"], **self.features)
        return XMLCClassifier(**options, threads=threads)


def read_recipe(path: str | Path) -> Recipe:
    """Return the recipe in a TOML file.

    Raises: RecipeError: it cannot be read, or has problems: all of them are listed.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(
            f"{path} must be a recipe in TOML. Got: {in_short(error)}; mend it or check the path."
        ) from None
    return make_recipe(values, source=str(path))


def make_recipe(values: Mapping[str, Any], *, source: str = "recipe") -> Recipe:
    """Return the recipe with the values of a TOML file.

    Args:
        values: "data", a string, and tables of options: "reading", "features", "model", "evaluation".
        source: what the error calls it.
    Raises: RecipeError: lists every unknown name and every value that is not as it must be.
    """
    known = [option.name for option in fields(Recipe)]
    problems = list(_unknown_names(values, known, "a recipe"))
    if not (isinstance(values.get("data"), str) and values["data"]):
        problems.append(f'data must be the name of a data set, such as "cooking". Got {_shown(values.get("data"))}.')
    tables: dict[str, dict[str, Any]] = {}
    for name in known[1:]:
        table = values.get(name, {})
        if not isinstance(table, Mapping):
            problems.append(f"{name} must be a table of options. Got {_shown(table)}; write [{name}] above them.")
            table = {}
        tables[name] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    problems += _problems_of_reading(tables["reading"])
    chosen = {name: tables["model"].get(name, MODEL_OPTIONS[name]) for name in ("head", "encoder")}
    features = tables["features"]
    if chosen["encoder"] in WEIGHTINGS:  # a recipe that `filled` completed has every default
        features = {name: value for name, value in features.items() if value != FEATURE_OPTIONS.get(name)}
    without_use = list(useless(features, **chosen))
    used = {name: value for name, value in tables["features"].items() if name not in [name for name, *_ in without_use]}
    problems += _problems_of_options(used, FEATURE_OPTIONS, "[features]", TextFeatures)
    problems += _problems_of_options(tables["model"], MODEL_OPTIONS, "[model]", XMLCClassifier)
    problems += _problems_of_evaluation(tables["evaluation"])
    for name, why, goes_with in without_use:
        problems.append(
            f"[features] {name} must be left out with {why} = {_shown(chosen[why])}. Got {_shown(features[name])}; "
            f"remove it, or choose {goes_with}."
        )
    if problems:
        number = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise RecipeError("\n- ".join([f"{source} must be a recipe. Got {number}; mend:", *problems]))
    given = {name: value for name, value in tables["reading"].items() if value is not None}
    card = cards().get(values["data"])
    constants = {} if card is None else {f"propensity_{name}": value for name, value in card.propensity.items()}
    evaluation = Evaluation(**{**constants, **tables["evaluation"]})
    return Recipe(values["data"], ReadOptions(**given), tables["features"], tables["model"], evaluation)


def _unknown_names(table: Mapping[str, Any], known: Iterable[str], place: str) -> Iterable[str]:
    names = list(known)
    for name in table:
        if name not in names:
            close = get_close_matches(name, names, n=1, cutoff=0.5)
            mend = f'did you mean "{close[0]}"?' if close else f"choose from {', '.join(names)}."
            yield f'{place} has no option "{in_short(name)}"; {mend}'


def _problems_of_reading(table: Mapping[str, Any]) -> Iterable[str]:
    yield from _unknown_names(table, READING_OPTIONS, "[reading]")
    for name, value in table.items():
        if name == "text_columns":
            if not (isinstance(value, tuple) and value and all(isinstance(column, str) for column in value)):
                yield f'[reading] text_columns must be a list of names, such as ["title", "text"]. Got {_shown(value)}.'
        elif name == "format" and value is not None and value not in FORMATS:
            yield f"[reading] format must be one of {', '.join(FORMATS)}. Got {_shown(value)}."
        elif name == "num_labels":
            if not (value is None or (type(value) is int and value > 0)):
                yield f"[reading] num_labels must be a whole number from 1. Got {_shown(value)}."
        elif name in READING_OPTIONS and not (value is None or (isinstance(value, str) and value)):
            yield f"[reading] {name} must be a string that is not empty. Got {_shown(value)}."


def _problems_of_options(
    table: Mapping[str, Any], known: Mapping[str, Any], place: str, builder: type[TextFeatures] | type[XMLCClassifier]
) -> Iterable[str]:
    """Yield which options have no effect, and what is wrong with each other one by itself; else with all of these.

    All is in the words of the class that takes the options.
    """
    yield from _unknown_names(table, known, place)
    given = {name: value for name, value in table.items() if name in known}
    without_use = problems_of_uses(builder, given) if builder is XMLCClassifier else {}
    given = {name: value for name, value in given.items() if name not in without_use}
    analyzer = {name: value for name, value in given.items() if name == "analyzer" and kind_of_analyzer(value)}
    alone = [
        problem
        for name, value in given.items()
        if builder is TextFeatures or not problems_of_uses(builder, {name: value})  # not one that needs another head
        for problem in _refusal(builder, analyzer | {name: value})  # another analyzer has other options
    ]
    for problem in [*without_use.values(), *(alone or _refusal(builder, given))]:
        yield f"{place} {problem}"


def _refusal(builder: type[TextFeatures] | type[XMLCClassifier], options: Mapping[str, Any]) -> list[str]:
    for name, value in options.items():
        is_switch = isinstance({**FEATURE_OPTIONS, **MODEL_OPTIONS}[name], bool)
        if isinstance(value, bool) != is_switch:  # Python takes true for the number 1
            return [f"{name} must {'' if is_switch else 'not '}be true or false. Got {_shown(value)}."]
    try:
        builder(**options).check_values()
    except ValueError as error:
        return [in_short(error, most=500)]
    except TypeError as error:
        shown = f"{_shown(dict(options))}: {in_short(error)}"
        return [f"{', '.join(options)} must have values of the right kind. Got {shown}."]
    return []


def _problems_of_evaluation(table: Mapping[str, Any]) -> Iterable[str]:
    place = "[evaluation]"
    defaults = {option.name: option.default for option in fields(Evaluation) if option.default is not MISSING}
    yield from _unknown_names(table, defaults, place)
    values = defaults | dict(table)
    if not (isinstance(values["part"], str) and values["part"]):
        yield f'{place} part must be the name of a part, such as "test". Got {_shown(values["part"])}.'
    ks = values["k"]
    if not (isinstance(ks, tuple) and ks and all(_is_number(k, Integral) and k >= 1 for k in ks)):
        yield f"{place} k must be a list of whole numbers from 1, such as [1, 3, 5]. Got {_shown(ks)}."
    if not isinstance(values["drop_empty"], bool):
        yield f"{place} drop_empty must be true or false. Got {_shown(values['drop_empty'])}."
    a, b = values["propensity_a"], values["propensity_b"]
    if not all(_is_number(value, (int, float)) for value in (a, b)):
        yield f"{place} propensity_a and propensity_b must be numbers. Got {_shown(a)} and {_shown(b)}."
        return
    try:
        propensity_of_counts(np.zeros(0), 0, a=a, b=b)
    except ValueError as error:
        yield f"{place} propensity_{error}"


def _shown(value: Any) -> str:
    """Return a value of the file for a message."""
    return in_short(repr(value))


def _is_number(value: Any, kinds: Any) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
