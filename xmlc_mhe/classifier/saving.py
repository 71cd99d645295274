"""A fitted classifier as the state of a model folder, and back."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from .. import __version__
from ..checks import check_option
from ..errors import DataError, data_error_of, in_short
from ..features.hybrid import HybridFeatures
from ..features.learned import EncoderFeatures
from ..linear.heads import HEADS as LINEAR_HEADS
from ..model_files import read_model
from ..neural.heads import HEADS as NEURAL_HEADS
from ..ranking.stage import RankingStage
from ..ranking.state_fields import ranking_fields
from ..state import Fields, array, check_state, choice, mapping, part, text, undeclared, whole, with_prefix, words
from .encoders import ENCODER_CLASSES, LEARNED_CLASSES, WORD_CLASSES
from .heads import head_class
from .options import HEADS, ClassifierOptions


def model_state(model: Any) -> dict[str, Any]:
    """Return what `read_parts` needs of a fitted `XMLCClassifier`: JSON values, lists of str and arrays by name."""
    params = model.get_params(deep=False)
    params["encoder"] = model.encoder if isinstance(model.encoder, str) else None
    params["head"] = model.head_.name
    if model.head in NEURAL_HEADS and model.head_options:
        params["head_options"] = {name: value for name, value in model.head_options.items() if name != "run_dir"}
    versions = {"xmlc-mhe": __version__, "python": platform.python_version()}
    versions |= {"numpy": np.__version__, "scipy": scipy.__version__}
    state: dict[str, Any] = {
        "versions": versions,
        "params": params,
        "encoder_class": type(model.encoder_).__name__,
        "head_name": model.head_.name,
        "label_names": model.label_names_,
        "label_counts": model.label_counts_,
        "num_docs": model.num_docs_,
    }
    if isinstance(model.head, type):
        state["head_class"] = f"{model.head.__module__}:{model.head.__qualname__}"
    state |= {f"encoder.{name}": value for name, value in model.encoder_.state().items()}
    state |= {f"head.{name}": value for name, value in model.head_.state().items()}
    ranking = {} if model.ranking_ is None else model.ranking_.state()
    return state | {f"ranking.{name}": value for name, value in ranking.items()}


def state_fields(state: dict[str, Any], *, encoder_class: Any = None, own_head: Any = None) -> Fields:
    """Yield what the entries of a model must be, part after part; a new part is one more `yield from` here.

    The sizes that parts share are passed on: the number of labels, and the columns of the features.
    """
    yield "versions", mapping()
    yield "params", mapping(ClassifierOptions().get_params())
    yield "encoder_class", choice(ENCODER_CLASSES)
    features_class = ENCODER_CLASSES[state["encoder_class"]]
    if "head_class" in state:
        yield "head_class", text()
        yield "head_name", text()
        own_head = _check_own_head(state, own_head)
    else:
        yield "head_name", choice(LINEAR_HEADS if features_class is HybridFeatures else HEADS)
    yield "num_docs", whole()
    yield "label_names", words()
    num_labels = len(state["label_names"])
    yield "label_counts", array("int64", (num_labels,), least=0, most=state["num_docs"])
    of_encoder = features_class.state_fields(part(state, "encoder."), **_own_class(features_class, encoder_class))
    num_features, num_dense = yield from with_prefix("encoder.", of_encoder)
    sizes = {"num_labels": num_labels, "num_features": num_features, "num_dense": num_dense}
    head = own_head if "head_class" in state else state["head_name"]
    if head in NEURAL_HEADS:
        yield "head.name", choice((state["head_name"],))
        sizes["head_class"] = NEURAL_HEADS[head] if isinstance(head, type) else None
    of_head, trained = part(state, "head."), head_class(head)
    declared = getattr(trained, "state_fields", undeclared)  # a linear head of your own need not declare its entries
    yield from with_prefix("head.", declared(of_head, **sizes))
    if stage := part(state, "ranking."):
        of_stage = {"num_labels": num_labels, "num_features": num_features, "num_dense": num_dense}
        yield from with_prefix("ranking.", ranking_fields(stage, **of_stage))


def read_parts(
    folder: str | Path,
    options_class: type[ClassifierOptions],
    *,
    threads: int | None,
    encoder_class: Any,
    own_head: Any,
    analyzer: Any,
) -> Any:
    """Return the model in a folder, built by options_class; see `XMLCClassifier.load`."""
    state = read_model(folder)
    check_state(state, state_fields(state, encoder_class=encoder_class, own_head=own_head), place=folder)
    features_class = ENCODER_CLASSES[state["encoder_class"]]
    of_own = _own_class(features_class, encoder_class)
    of_own |= {"analyzer": analyzer} if features_class in WORD_CLASSES else {}
    encoder = features_class.from_state(part(state, "encoder."), **of_own)
    head = own_head if "head_class" in state else state["head_name"]
    model = _with_params(state, options_class, head=head, place=folder)
    model.set_params(encoder=model.encoder or encoder, threads=threads)
    of_head: dict[str, Any] = {}
    if head in NEURAL_HEADS:
        on_encoder = encoder.module_ if isinstance(encoder, EncoderFeatures) else None
        of_head = {"head_class": NEURAL_HEADS[head], "encoder": on_encoder}
    model.head_ = head_class(head).from_state(part(state, "head."), **of_head)
    model.ranking_ = RankingStage.from_state(stage) if (stage := part(state, "ranking.")) else None
    model.encoder_, model.label_names_ = encoder, state["label_names"]
    model.label_counts_, model.num_docs_ = state["label_counts"], state["num_docs"]
    return model


def _own_class(features_class: type, encoder_class: Any) -> dict[str, Any]:
    """Return the class of an encoder of the user's own as an argument, for the features that may have one."""
    return {"encoder_class": encoder_class} if features_class in LEARNED_CLASSES else {}


def _with_params(state: dict[str, Any], options_class: type[ClassifierOptions], *, head: Any, place: object) -> Any:
    """Return a model with the options of a checked state; the options' own check takes them."""
    params: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in state["params"].items()
    }
    with data_error_of(f"{place}: params must be options of the model", "fit the model again"):
        check_option("head", params["head"], [state["head_name"]])
        model = options_class(**params | {"head": head})
        if not isinstance(model.encoder, str | None):
            raise ValueError(f"encoder must be a name or null. Got {type(model.encoder).__name__}")
        ClassifierOptions.check_values(model)
    return model


def _check_own_head(state: dict[str, Any], own_head: Any) -> Any:
    """Return the class of a head of your own, which must be given: to import what a file names would run its code."""
    if getattr(own_head, "name", None) != state["head_name"]:
        got = "none" if own_head is None else getattr(own_head, "__name__", repr(own_head))
        raise DataError(
            f'head_class must be the class of head "{in_short(state["head_name"])}" to load a model with a head of '
            f"your own. Got {got}, and the model names {in_short(state['head_class'])}; pass that class."
        )
    return own_head
