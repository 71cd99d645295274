"""A fitted classifier as the state of a model folder, and back."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from .. import __version__
from ..checks import check_option
from ..errors import data_error_of
from ..features.hybrid import HybridFeatures
from ..features.learned import EncoderFeatures
from ..linear.heads import HEADS as LINEAR_HEADS
from ..model_files import read_model
from ..neural.heads import HEADS as NEURAL_HEADS
from ..state import Fields, array, check_state, choice, mapping, part, whole, with_prefix, words
from .encoders import ENCODER_CLASSES, LEARNED_CLASSES
from .heads import head_class
from .options import HEADS, ClassifierOptions


def model_state(model: Any) -> dict[str, Any]:
    """Return what `read_parts` needs of a fitted `XMLCClassifier`: JSON values, lists of str and arrays by name."""
    params = model.get_params(deep=False)
    params["encoder"] = model.encoder if isinstance(model.encoder, str) else None
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
    state |= {f"encoder.{name}": value for name, value in model.encoder_.state().items()}
    return state | {f"head.{name}": value for name, value in model.head_.state().items()}


def state_fields(state: dict[str, Any], *, encoder_class: Any = None) -> Fields:
    """Yield what the entries of a model must be, part after part; a new part is one more `yield from` here.

    The sizes that parts share are passed on: the number of labels, and the columns of the features.
    """
    yield "versions", mapping()
    yield "params", mapping(ClassifierOptions().get_params())
    yield "encoder_class", choice(ENCODER_CLASSES)
    features_class = ENCODER_CLASSES[state["encoder_class"]]
    yield "head_name", choice(LINEAR_HEADS if features_class is HybridFeatures else HEADS)
    yield "num_docs", whole()
    yield "label_names", words()
    num_labels = len(state["label_names"])
    yield "label_counts", array("int64", (num_labels,), least=0, most=state["num_docs"])
    of_encoder = features_class.state_fields(part(state, "encoder."), **_own_class(features_class, encoder_class))
    num_features, num_dense = yield from with_prefix("encoder.", of_encoder)
    if state["head_name"] in NEURAL_HEADS:
        yield "head.name", choice((state["head_name"],))
    sizes = {"num_labels": num_labels, "num_features": num_features, "num_dense": num_dense}
    yield from with_prefix("head.", head_class(state["head_name"]).state_fields(part(state, "head."), **sizes))


def read_parts(
    folder: str | Path, options_class: type[ClassifierOptions], *, threads: int | None, encoder_class: Any
) -> Any:
    """Return the model in a folder, built by options_class; see `XMLCClassifier.load`."""
    state = read_model(folder)
    check_state(state, state_fields(state, encoder_class=encoder_class), place=folder)
    features_class = ENCODER_CLASSES[state["encoder_class"]]
    encoder = features_class.from_state(part(state, "encoder."), **_own_class(features_class, encoder_class))
    model = _with_params(state, options_class, place=folder)
    model.set_params(encoder=model.encoder or encoder, threads=threads)
    is_neural = state["head_name"] in NEURAL_HEADS
    on_encoder = {"encoder": encoder.module_} if is_neural and isinstance(encoder, EncoderFeatures) else {}
    model.head_ = head_class(state["head_name"]).from_state(part(state, "head."), **on_encoder)
    model.encoder_, model.label_names_ = encoder, state["label_names"]
    model.label_counts_, model.num_docs_ = state["label_counts"], state["num_docs"]
    return model


def _own_class(features_class: type, encoder_class: Any) -> dict[str, Any]:
    """Return the class of an encoder of the user's own as an argument, for the features that may have one."""
    return {"encoder_class": encoder_class} if features_class in LEARNED_CLASSES else {}


def _with_params(state: dict[str, Any], options_class: type[ClassifierOptions], *, place: object) -> Any:
    """Return a model with the options of a checked state; the options' own check takes them."""
    params: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in state["params"].items()
    }
    with data_error_of(f"{place}: params must be options of the model", "fit the model again"):
        model = options_class(**params)
        check_option("head", model.head, [state["head_name"]])
        if not isinstance(model.encoder, str | None):
            raise ValueError(f"encoder must be a name or null. Got {type(model.encoder).__name__}")
        ClassifierOptions.check_values(model)
    return model
