"""A fitted classifier as the state of a model folder, and back."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from .. import __version__
from ..errors import DataError, in_short
from ..features.learned import EncoderFeatures
from ..model_files import read_model
from ..neural.heads import HEADS as NEURAL_HEADS
from ..ranking.stage import RankingStage
from .encoders import ENCODER_CLASSES, LEARNED_CLASSES
from .heads import head_class
from .options import ClassifierOptions


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


def read_parts(
    folder: str | Path,
    options_class: type[ClassifierOptions],
    *,
    threads: int | None,
    encoder_class: Any,
    own_head: Any,
) -> Any:
    """Return the model in a folder, built by options_class; see `XMLCClassifier.load`."""
    state = read_model(folder)
    parts: dict[str, dict[str, Any]] = {"encoder": {}, "head": {}, "ranking": {}}
    try:
        for name, value in state.items():
            part, _, key = name.partition(".")
            if key:
                parts[part][key] = value
        features_class = ENCODER_CLASSES[state["encoder_class"]]
        of_encoder = {"encoder_class": encoder_class} if features_class in LEARNED_CLASSES else {}
        encoder = features_class.from_state(parts["encoder"], **of_encoder)
        params: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in state["params"].items()
        }
        params["encoder"] = params["encoder"] or encoder
        head = _check_own_head(state, own_head) if "head_class" in state else state["head_name"]
        model: Any = options_class(**params | {"head": head, "threads": threads})
        of_head: dict[str, Any] = {}
        if head in NEURAL_HEADS:
            on_encoder = encoder.module_ if isinstance(encoder, EncoderFeatures) else None
            of_head = {"head_class": NEURAL_HEADS[head], "encoder": on_encoder}
        model.head_ = head_class(head).from_state(parts["head"], **of_head)
        model.ranking_ = RankingStage.from_state(parts["ranking"]) if parts["ranking"] else None
        model.encoder_, model.label_names_ = encoder, state["label_names"]
        model.label_counts_, model.num_docs_ = state["label_counts"], state["num_docs"]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder} must hold all that a model has. Got {type(error).__name__}: {in_short(error)}; fit the model "
            "again."
        ) from None
    return model


def _check_own_head(state: dict[str, Any], own_head: Any) -> Any:
    """Return the class of a head of your own, which must be given: to import what a file names would run its code."""
    if getattr(own_head, "name", None) != state["head_name"]:
        got = "none" if own_head is None else getattr(own_head, "__name__", repr(own_head))
        raise DataError(
            f'head_class must be the class of head "{state["head_name"]}" to load a model with a head of your own. '
            f"Got {got}, and the model names {state['head_class']}; pass that class."
        )
    return own_head
