"""Run a recipe: fit, predict, measure; the result as JSON values, and what a report is drawn from."""

import os
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from ..classifier.classifier import XMLCClassifier
from ..data.benchmarks.cards import DATA_DIR_VARIABLE, cards
from ..data.dataset import Dataset, subset
from ..data.formats.options import DEFAULT_OPTIONS, ReadOptions
from ..data.reading import load_dataset, load_part
from ..data.sources import Source, locate
from ..errors import DataError
from ..features.hybrid import HybridFeatures
from ..linear.heads import HEADS as LINEAR_HEADS
from ..metrics import METRICS, evaluate, metric_names
from ..model_files import model_bytes
from ..outputs import scratch_folder
from ..propensity import propensity_of_counts
from ..ranking.learning import LEAST_FOLDED
from .origin import commit, describe_data, peak_mib, versions
from .outcome import Outcome
from .recipe import Evaluation, Recipe

FORMAT = "xmlc-mhe-result-1"
RESULT, OUTCOME = ".result.json", ".outcome.npz"  # after the name of the recipe's file
KEPT_LABELS = 20  # predictions of a document kept for the report, more where the recipe's cutoffs want them
SNIPPET = 160  # characters of a text kept for the report
CURVE_SHARES = (1 / 8, 1 / 4, 1 / 2)  # of the training documents, for the learning curve; the whole is the run itself


def run_recipe(
    recipe: Recipe,
    *,
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    model_folder: str | os.PathLike[str] | None = None,
    learning_curve: bool = False,
) -> tuple[dict[str, Any], Outcome]:
    """Fit, predict and measure; return the result as JSON values, and the outcome.

    Args:
        recipe: what to do.
        name: what tables call the result.
        data_dir: where recipe.data is a folder; None: the variable XMLC_DATA.
        threads: at most; default: all cores.
        model_folder: a new folder to keep the model in; None: its size is taken and it is gone.
        learning_curve: measure models of CURVE_SHARES of the training documents, too.
    Raises: DataError: the data cannot be found or read.
    """
    evaluation = recipe.evaluation
    reading = replace(recipe.reading, data_dir=None if data_dir is None else str(data_dir))
    place = find_data(recipe.data, reading)
    train, test = load_dataset(place, parts=("train", evaluation.part))
    filled = recipe.filled(has_texts=train.texts is not None)
    threads = joblib.cpu_count() if threads is None else threads
    model = recipe.build(has_texts=train.texts is not None, threads=threads)
    is_learned = model.learns_encoder
    has_dev = is_learned and evaluation.part != "dev" and place.has("dev")
    dev = load_part(place, "dev", train.label_names) if has_dev else None
    start = time.perf_counter()
    if model.head in LINEAR_HEADS:  # compile, or load what was compiled before: no part of a fit
        compile_kernels(model.head)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    compiled, cpu_before = time.perf_counter(), time.process_time()
    model.fit(train, dev=dev)
    fitted, cpu_after = time.perf_counter(), time.process_time()
    chosen = {}  # by fit, on dev
    if is_learned and model.head in LINEAR_HEADS:
        chosen["C"] = model.head_.options.C
        if isinstance(model.encoder_, HybridFeatures):
            chosen["dense_scale"] = model.encoder_.scale_
    with scratch_folder(Path(tempfile.gettempdir(), "xmlc-mhe")) as scratch:
        folder = Path(model_folder) if model_folder is not None else scratch / "model"
        model.save(folder)
        megabytes = model_bytes(folder) / 1e6
    k = min(max(KEPT_LABELS, *evaluation.k), train.num_labels)
    before = time.perf_counter()
    model.predict(test, min(max(evaluation.k), train.num_labels))
    predicted = time.perf_counter()
    outcome = Outcome(
        model.predict(test, k),
        test.Y,
        train.label_names,
        model.label_counts_,
        train.num_docs,
        [" ".join(text[: 2 * SNIPPET].split())[:SNIPPET] for text in test.texts or ()],
    )
    result = {
        "format": FORMAT,
        "name": name,
        "data": describe_data({"train": train, evaluation.part: test}),
        "head": model.head_.describe(),
        "metrics": measure(outcome, evaluation),
        "seconds": {
            "compile": compiled - start,
            "fit": fitted - compiled,
            "fit_cpu": cpu_after - cpu_before,  # of all threads: hardly more on a machine that others use, too
            "predict": predicted - before,
        },
        "predict_ms": 1000 * (predicted - before) / max(test.num_docs, 1),
        "model_megabytes": megabytes,
        "peak_mib": peak_mib(),
        "recipe": filled,
        "chosen": chosen,
        "machine": {
            "cores": joblib.cpu_count(),
            "threads": threads,
            "architecture": platform.machine(),
            "load_before": load,  # processes that ran or waited in the last minute, those of others among them
        },
        "versions": versions(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "outcome": outcome.digest(),
    }
    if learning_curve:
        result["learning_curve"] = learning_curve_of(recipe, train, test, threads=threads)
    return result, outcome


def compile_kernels(head: str) -> None:
    """Fit a few documents by a linear head and predict them, so that what is timed next compiles nothing.

    There are so many labels that a group leaves documents out, and so many documents that a ranking is learned.
    """
    names = [f"word{number}" for number in range(400)] * (1 + LEAST_FOLDED // 400)
    texts = [f"{name} with another" for name in names]
    for beam in ("all", 20):
        model = XMLCClassifier("tfidf", head=head)
        if head == "mhc":
            model.set_params(train_beam=1, beam=beam)
        model.fit(texts, names).predict(texts[:500], k=1)


def find_data(name: str, reading: ReadOptions = DEFAULT_OPTIONS) -> Source:
    """Return the source for load_dataset that the data of a recipe names.

    It is what `locate` finds, or a folder of that name in reading.data_dir, or in the folder that XMLC_DATA names.
    """
    top = reading.data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if top and name != "pydocs" and name not in cards() and Path(top, name).is_dir():
        return locate(Path(top, name), reading)
    try:
        return locate(name, reading)
    except DataError as error:
        raise DataError(f"{error} It may also be a folder of --data-dir or {DATA_DIR_VARIABLE}.") from None


def measure(outcome: Outcome, evaluation: Evaluation) -> dict[str, float]:
    """Return every metric at every cutoff that the recipe asks for, fractions."""
    labels, num_columns = outcome.predictions.labels, outcome.Y.shape[1]
    padding = max(max(evaluation.k) - labels.shape[1], 0)  # where there are fewer labels than a cutoff
    propensity = propensity_of_counts(
        outcome.label_counts,
        outcome.num_train_docs,
        a=evaluation.propensity_a,
        b=evaluation.propensity_b,
        num_labels=num_columns,
    )
    return evaluate(
        outcome.Y,
        np.pad(labels, ((0, 0), (0, padding)), constant_values=-1),
        metric_names(evaluation.k, metrics=list(METRICS)),
        propensity=propensity,
        drop_empty=evaluation.drop_empty,
    )


def learning_curve_of(
    recipe: Recipe, train: Dataset, test: Dataset, *, threads: int | None = None
) -> list[dict[str, float]]:
    """Return documents, seconds of the fit and P@k of models that learn from CURVE_SHARES of the training documents.

    The shares are the beginnings of one random order, so that a larger one holds the smaller. A true label that no
    model of the curve has seen counts as missed.
    """
    order = np.random.default_rng(0).permutation(train.num_docs)
    names = metric_names(recipe.evaluation.k, metrics=("P",))
    rows = []
    for share in CURVE_SHARES:
        docs = np.sort(order[: max(1, round(share * train.num_docs))])
        model = recipe.build(has_texts=train.texts is not None, threads=threads)
        start = time.perf_counter()
        model.fit(subset(train, docs))
        seconds = time.perf_counter() - start
        predictions = model.predict(test, min(max(recipe.evaluation.k), train.num_labels))
        values = evaluate(test.Y, predictions, names, drop_empty=recipe.evaluation.drop_empty)
        rows.append({"docs": len(docs), "fit_seconds": seconds, **values})
    return rows
