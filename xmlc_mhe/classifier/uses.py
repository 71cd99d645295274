"""USES: the heads and encoders with which each option has an effect. An option without an effect is refused."""

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any

from ..errors import in_short
from ..features.options import WEIGHTINGS, WordOptions
from ..linear.heads import HEADS as LINEAR_HEADS
from ..neural.heads import HEADS as NEURAL_HEADS
from .options import RANKED_HEADS

# Kinds of encoders -> what a message calls them
ENCODER_KINDS = {
    "tfidf": "tfidf",
    "bow": "bow",
    "given": "given",
    "learned": "a learned encoder by name",
    "hybrid": "words beside a learned encoder",
    "built": "an Encoder that is built",
}
LEARNED_ALONE = ("learned", "built")


@dataclass(frozen=True)
class Use:
    """The heads, and the kinds of encoders, with which an option has an effect."""

    heads: Collection[str] = (*LINEAR_HEADS, *NEURAL_HEADS)
    encoders: Collection[str] = tuple(ENCODER_KINDS)


USES: dict[str, Use] = {
    # of XMLCClassifier; an option that is not here has an effect with all
    "encoder_options": Use(encoders=("learned", "hybrid")),
    "dense_scale": Use(encoders=("hybrid",)),
    "head_sizes": Use(heads=("mhc", "neural-mhc", "mhp", "cp")),
    "label_order": Use(heads=("mhc", "neural-mhc")),
    **{name: Use(heads=("mhc",)) for name in ("beam", "train_beam", "cascade_scale")},
    **{
        name: Use(heads=tuple(LINEAR_HEADS))
        for name in ("C", "positive_weight", "bias_feature", "passes", "eps", "prune")
    },
    **{name: Use(heads=RANKED_HEADS) for name in ("rank", "neighbours")},
    "head_options": Use(heads=tuple(NEURAL_HEADS)),
    # of TextFeatures
    **{name: Use(encoders=WEIGHTINGS) for name in WordOptions().get_params() if name != "weighting"},
    "sublinear_tf": Use(encoders=("tfidf",)),
}
# Of head_options; a head knows by itself which of its own options it has
TRAINING_USES: dict[str, Use] = {
    "table_learning_rate": Use(heads=("neural-mhc",)),
    **{
        name: Use(heads=tuple(NEURAL_HEADS), encoders=LEARNED_ALONE)
        for name in ("encoder_learning_rate", "weight_decay", "clip")
    },
}


def kind_of_encoder(encoder: Any) -> str:
    """Return the key of ENCODER_KINDS for what `XMLCClassifier` takes as its encoder."""
    if isinstance(encoder, str):
        if encoder in ENCODER_KINDS:
            return encoder
        return "hybrid" if "+" in encoder else "learned"
    from ..features.given import GivenFeatures
    from ..features.hybrid import HybridFeatures
    from ..features.words import TextFeatures

    if isinstance(encoder, TextFeatures):
        return encoder.weighting
    if isinstance(encoder, GivenFeatures):
        return "given"
    return "hybrid" if isinstance(encoder, HybridFeatures) else "built"


def useless(
    options: Collection[str], head: str, encoder: Any, *, uses: Mapping[str, Use] = USES
) -> Iterator[tuple[str, str, str]]:
    """Yield each option without an effect, what that is due to ("head" or "encoder"), and what the option goes with.

    Args:
        options: the names of the options that were given.
        head: the name of a head. With an unknown name nothing is yielded, as another error tells of it.
        encoder: the encoder as `XMLCClassifier` takes it; None where it is not known yet.
        uses: USES or TRAINING_USES.
    """
    for name in options:
        if (use := uses.get(name)) is None:
            continue
        if head in Use.heads and head not in use.heads:
            yield name, "head", f"head {_or(use.heads)}"
        elif encoder is not None and kind_of_encoder(encoder) not in use.encoders:
            yield name, "encoder", f"encoder {_or([ENCODER_KINDS[kind] for kind in use.encoders])}"


def problems_of_uses(classifier: type, options: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence, by the option's name, for each option that differs from its default and has no effect.

    Args:
        classifier: XMLCClassifier, whose defaults hold for the options that are not given.
        options: the arguments of its constructor.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(classifier).parameters.items()}
    values = defaults | dict(options)
    given = [name for name, value in values.items() if not _is_same(value, defaults.get(name))]
    chosen = {"head": values["head"], "encoder": values["encoder"]}
    problems = {}
    for name, why, goes_with in useless(given, **chosen):
        problems[name] = (
            f"{name} must be {defaults[name]!r} with {why}={_named(chosen[why])}. Got {in_short(repr(values[name]))}; "
            f"leave it out, or choose {goes_with}."
        )
    if isinstance(of_training := values["head_options"], Mapping) and values["head"] in NEURAL_HEADS:
        for name, why, goes_with in useless(list(of_training), **chosen, uses=TRAINING_USES):
            problems["head_options"] = (
                f"head_options must not have {name} with {why}={_named(chosen[why])}. Got "
                f"{in_short(repr(of_training[name]))}; leave it out, or choose {goes_with}."
            )
    return problems


def check_uses(model: Any) -> None:
    """Raise ValueError where an option of a classifier differs from its default and has no effect."""
    for problem in problems_of_uses(type(model), model.get_params(deep=False)).values():
        raise ValueError(problem)


def _is_same(value: Any, default: Any) -> bool:
    if isinstance(value, Mapping) and not value:
        return default is None
    return value is default or ((isinstance(value, Number) or not hasattr(value, "shape")) and bool(value == default))


def _named(chosen: Any) -> str:
    return in_short(repr(chosen) if isinstance(chosen, str) else type(chosen).__name__)


def _or(names: Collection[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
