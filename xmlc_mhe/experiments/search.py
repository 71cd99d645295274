"""Choose options on held-out documents with Optuna: resumable, within a budget of minutes; test is never read."""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..classifier.classifier import XMLCClassifier
from ..codes.head_sizes import LANES, cascade_head_sizes
from ..data.dataset import Dataset, subset
from ..data.formats.options import DEFAULT_OPTIONS, ReadOptions
from ..data.reading import load_dataset
from ..data.sources import Source, locate
from ..errors import DataError, in_short
from ..features.words import TextFeatures
from ..linear.options import SolverOptions, default_train_beam
from ..metrics import evaluate
from .origin import data_sha256
from .recipe import FEATURE_OPTIONS, MODEL_OPTIONS, READING_OPTIONS

logger = logging.getLogger("xmlc_mhe")

HELD_OUT = 7  # a seventh of the training documents stands in for a missing part "dev"
LAST_HEADS = (16, 32, 48, 64, 96, 128)  # lengths tried; multiples of LANES waste no lane
BEAMS = ("auto", "all", 10, 20, 40)
STUDY = "xmlc-mhe"  # in the SQLite file, which holds one


def load_to_choose(source: str | os.PathLike[str] | Source) -> tuple[Dataset, Dataset]:
    """Return the documents to learn from and those to measure on: train and dev, or six sevenths of train and one."""
    place = locate(source, DEFAULT_OPTIONS)
    if place.has("dev"):
        train, dev = load_dataset(place, parts=("train", "dev"))
        return train, dev
    (whole,) = load_dataset(place, parts=("train",))
    order = np.random.default_rng(0).permutation(whole.num_docs)
    num_held_out = -(-whole.num_docs // HELD_OUT)
    return subset(whole, np.sort(order[num_held_out:])), subset(whole, np.sort(order[:num_held_out]))


def search(
    train: Dataset,
    dev: Dataset,
    study_path: str | os.PathLike[str],
    *,
    minutes: float,
    trials: int | None = None,
    metric: str = "nDCG@5",
    seed: int = 0,
    threads: int | None = None,
) -> list[dict[str, Any]]:
    """Try options until the minutes are over, and return all trials of the study, the best first.

    The first trial has the defaults, so that what comes out is no worse than those on dev. A trial under way when the
    time is over is finished.

    Args:
        train, dev: to learn from and to measure on, with the same label names.
        study_path: an SQLite file: new, or that of an earlier search on the same data, which is continued.
        minutes: budget of this call, above 0.
        trials: most trials of this call.
        metric: what to maximise, without propensities, such as "nDCG@5" or "P@1".
        seed: of the sampler; the same seed tries the same options, if the trials are limited and not the time.
    Returns: for each trial that was not refused "value", "features", "model" (options as a recipe has them), "seconds".
    Raises: DataError: the file is not a study of this data and metric; ValueError: an argument is not as above;
        ImportError: optuna is not installed.
    """
    optuna = import_optuna()
    if not minutes > 0 or (trials is not None and trials < 1):
        raise ValueError(f"minutes must be above 0, and trials from 1. Got {minutes} and {trials}; raise them.")
    k = _cutoff(metric, train.num_labels)
    with _open_study(optuna, Path(study_path), [data_sha256(train), data_sha256(dev)], metric) as study:
        study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))  # others than before a restart
        if not study.trials:
            study.enqueue_trial(_defaults(train))
        features_of = lru_cache(maxsize=2)(lambda *options: _features(train, dev, *options))

        def objective(trial: Any) -> float:
            features, model = suggest(trial, train)
            trial.set_user_attr("options", {"features": features, "model": model})
            start = time.perf_counter()
            try:
                X, X_dev = features_of(*features.values())
                fitted = XMLCClassifier("given", **model, threads=threads).fit(X, train.Y)
            except ValueError as error:  # such as a min_df that leaves no word
                raise optuna.TrialPruned(str(error)) from None
            value = evaluate(dev.Y, fitted.predict(X_dev, k), [metric])[metric]
            trial.set_user_attr("seconds", time.perf_counter() - start)
            logger.info("trial %d: %s %.2f, %s", trial.number, metric, 100 * value, describe(features | model))
            return value

        study.optimize(objective, n_trials=trials, timeout=60 * minutes)
        done = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    done.sort(key=lambda trial: (-trial.value, trial.number))
    return [_row_of(trial) for trial in done]


def suggest(trial: Any, train: Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that a trial tries: those of TextFeatures, none without texts, and those of the model."""
    features: dict[str, Any] = {}
    if train.texts is not None:
        features = {
            "ngram_range": (1, trial.suggest_int("longest_ngram", 1, 2)),
            "min_df": trial.suggest_int("min_df", 1, 10, log=True),
        }
    model: dict[str, Any] = {
        "C": trial.suggest_float("C", 0.05, 3, log=True),
        "positive_weight": trial.suggest_float("positive_weight", 0.25, 4, log=True),
        "train_beam": trial.suggest_int("train_beam", 10, 80, log=True),
        "beam": trial.suggest_categorical("beam", BEAMS),
    }
    if (last := trial.suggest_categorical("last_head", _last_heads(train.num_labels))) is not None:
        model["head_sizes"] = (-(-train.num_labels // last), last)
    return features, model


def recipe_text(data: str, best: Mapping[str, Any], *, reading: ReadOptions = DEFAULT_OPTIONS) -> str:
    """Return a recipe file with the options of a trial that differ from the defaults, numbers to three digits."""
    lines = [f"data = {json.dumps(data)}"]
    defaults = {"reading": asdict(DEFAULT_OPTIONS), "features": FEATURE_OPTIONS, "model": MODEL_OPTIONS}
    tables = {**best, "reading": {name: getattr(reading, name) for name in READING_OPTIONS}}
    for table in defaults:
        options = {name: value for name, value in tables[table].items() if value != defaults[table][name]}
        lines += [f"\n[{table}]"] if options else []
        for name, value in options.items():  # JSON's strings, numbers and lists are TOML's, too
            lines.append(f"{name} = {json.dumps(float(f'{value:.3g}') if isinstance(value, float) else value)}")
    return "\n".join(lines) + "\n"


def describe(options: Mapping[str, Any]) -> str:
    """Return options in a line for people."""
    texts = {name: f"{value:.3g}" if isinstance(value, float) else str(value) for name, value in options.items()}
    return ", ".join(f"{name} {text}" for name, text in texts.items())


def _row_of(trial: Any) -> dict[str, Any]:
    tables = {
        table: {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        for table, options in trial.user_attrs["options"].items()  # they come back from JSON
    }
    return {"number": trial.number, "value": trial.value, "seconds": trial.user_attrs["seconds"], **tables}


def _last_heads(num_labels: int) -> tuple[int | None, ...]:
    """Return the lengths of the last head to try; None: as the model chooses."""
    return (None, *(length for length in LAST_HEADS if length <= max(num_labels // 4, LANES)))


def _defaults(train: Dataset) -> dict[str, Any]:
    """Return the parameters of the trial that has every option as it is by default."""
    words = {} if train.texts is None else {"longest_ngram": 1, "min_df": FEATURE_OPTIONS["min_df"]}
    beam = default_train_beam(cascade_head_sizes(train.num_labels)[-1])
    options = {name: MODEL_OPTIONS[name] for name in ("positive_weight", "beam")}
    return {**words, "C": SolverOptions.C, **options, "train_beam": beam, "last_head": None}


def _features(train: Dataset, dev: Dataset, *options: Any) -> tuple[csr_array, csr_array]:
    if train.texts is None:
        return train.X, dev.X
    encoder = TextFeatures(ngram_range=options[0], min_df=options[1])
    return encoder.fit_transform(train.texts), encoder.transform(dev.texts or [])


def _cutoff(metric: str, num_labels: int) -> int:
    """Return the k of a metric's name; evaluate refuses a wrong name."""
    cutoff = metric.rpartition("@")[2]
    k = int(cutoff) if cutoff.isdecimal() else 1
    if metric.startswith("PS"):
        raise ValueError(f'metric must not need propensities. Got "{metric}"; choose for example nDCG@5 or macroF1@5.')
    evaluate(csr_array((1, 1)), np.full((1, max(k, 1)), -1), [metric])
    if k > num_labels:
        raise ValueError(f'metric must have a cutoff from 1 to {num_labels}, the labels. Got "{metric}"; lower it.')
    return k


@contextlib.contextmanager
def _open_study(optuna: Any, path: Path, data: list[str], metric: str) -> Iterator[Any]:
    """Open the study in a file, a new one where there is no file; it must have been about the same data and metric."""
    from sqlalchemy.exc import SQLAlchemyError  # comes with optuna

    broken = SQLAlchemyError, optuna.exceptions.StorageInternalError
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
    except (*broken, RuntimeError) as error:
        raise _cannot_keep(path, "be the file of a search, or new", error) from None
    try:
        study = optuna.create_study(storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True)
        asked, found = {"data": data, "metric": metric}, study.user_attrs
        if found and found != asked:
            got = "other data" if found["data"] != data else f"one by {found['metric']}"
            raise DataError(f"{path} must be a search of the same data by {metric}. Got {got}; name a new file.")
        for name, value in asked.items():
            study.set_user_attr(name, value)
        yield study
    except broken as error:
        raise _cannot_keep(path, "be a file that keeps the trials", error) from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _cannot_keep(path: Path, rule: str, error: BaseException) -> DataError:
    """Return the error that names the file of a study and what SQLite says of it, without the SQL."""
    while error.__cause__ is not None:  # optuna's and sqlalchemy's tell of the statement, too
        error = error.__cause__
    reason = getattr(error, "orig", None) or error
    got = in_short(next(iter(str(reason).splitlines()), type(reason).__name__))
    return DataError(f"{path} must {rule}. Got: {got}; make room on its disk, or choose another with --study.")


def import_optuna() -> Any:
    """Return the package, which then warns and no more; raises ImportError with what to install."""
    try:
        optuna = import_module("optuna")
    except ImportError:
        raise ImportError('search needs optuna. Got none; pip install "xmlc-mhe[search]".') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
