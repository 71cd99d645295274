"""Run a recipe: fit, predict, measure; the result as JSON values, and what a report is drawn from."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import joblib
import numpy as np
from scipy.sparse import csr_array

from . import __version__
from .cards import DATA_DIR_VARIABLE, cards
from .data import load_dataset, load_part
from .dataset import Dataset
from .decoding import Predictions
from .encoders import HybridFeatures
from .errors import DataError
from .formats import DEFAULT_OPTIONS, ReadOptions
from .linear import HEADS as LINEAR_HEADS
from .metrics import METRICS, evaluate, metric_names, propensity_of_counts
from .model import XMLCClassifier
from .model_files import model_bytes
from .recipe import Evaluation, Recipe
from .sources import Source, locate

FORMAT = "xmlc-mhe-result-1"
RESULT, OUTCOME = ".result.json", ".outcome.npz"  # after the name of the recipe's file
KEPT_LABELS = 20  # predictions of a document kept for the report, more where the recipe's cutoffs want them
SNIPPET = 160  # characters of a text kept for the report
CURVE_SHARES = (1 / 8, 1 / 4, 1 / 2)  # of the training documents, for the learning curve; the whole is the run itself
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model predicted and what was true: all that a report needs beside the result.

    predictions: k labels a document, best first. Y: CSR truth (num_docs, >= num_labels). label_names: of the training
    labels. label_counts: int64 (num_labels,), training documents of each. num_train_docs: their number. snippets: the
    beginning of each text; none where the documents are features.
    """

    predictions: Predictions
    Y: csr_array
    label_names: list[str]
    label_counts: np.ndarray
    num_train_docs: int
    snippets: list[str]

    def digest(self) -> str:
        """Return the SHA-256 of the predicted labels, which ties an outcome to its result."""
        return hashlib.sha256(self.predictions.labels.tobytes()).hexdigest()

    def write(self, file: IO[bytes]) -> None:
        """Write an npz without pickles: lists of strings as the bytes of their JSON."""
        np.savez_compressed(
            file,
            labels=self.predictions.labels,
            scores=self.predictions.scores,
            Y_indptr=self.Y.indptr,
            Y_indices=self.Y.indices,
            num_columns=np.int64(self.Y.shape[1]),
            label_counts=self.label_counts,
            num_train_docs=np.int64(self.num_train_docs),
            label_names=_as_bytes(self.label_names),
            snippets=_as_bytes(self.snippets),
        )

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Return what `write` wrote; raises DataError where it is damaged."""
        try:
            with path.open("rb") as opened, np.load(opened) as file:  # refuses pickles
                arrays = {name: file[name] for name in file.files}
            indices = arrays["Y_indices"]
            shape = (len(arrays["labels"]), int(arrays["num_columns"]))
            return cls(
                Predictions(arrays["labels"], arrays["scores"]),
                csr_array((np.ones(len(indices), np.float32), indices, arrays["Y_indptr"]), shape=shape),
                json.loads(arrays["label_names"].tobytes()),
                arrays["label_counts"],
                int(arrays["num_train_docs"]),
                json.loads(arrays["snippets"].tobytes()),
            )
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            raise DataError(f"{path} must be what run wrote. Got {type(error).__name__}: {error}; run again.") from None


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
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(model_folder) if model_folder is not None else Path(scratch, "model")
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
    """Fit a few documents by a linear head and predict them, so that what is timed next compiles nothing."""
    documents = np.eye(400)  # so many that a group of labels leaves documents out
    for beam in ("all", 20):
        model = XMLCClassifier("given", head=head, train_beam=1, beam=beam)
        model.fit(documents, documents).predict(documents, k=1)


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


def subset(dataset: Dataset, docs: np.ndarray) -> Dataset:
    """Return some documents of a data set, int (n,), with all of its labels."""
    texts = None if dataset.texts is None else [dataset.texts[doc] for doc in docs]
    X = None if dataset.X is None else dataset.X[docs]
    return Dataset(texts, X, dataset.Y[docs], dataset.label_names)


def describe_data(parts: Mapping[str, Dataset]) -> dict[str, Any]:
    """Return sizes of the parts and the SHA-256 of what was read, which is the same in whatever files it lies."""
    train = parts["train"]
    described: dict[str, Any] = {"labels": train.num_labels}
    if train.X is not None:
        described["features"] = train.X.shape[1]
    for part, dataset in parts.items():
        described[part] = {
            "docs": dataset.num_docs,
            "labels_a_doc": dataset.Y.nnz / max(dataset.num_docs, 1),
            "sha256": data_sha256(dataset),
        }
    return described


def data_sha256(dataset: Dataset) -> str:
    """Return the SHA-256 of texts or features, labels and their names."""
    digest = hashlib.sha256()
    for strings in (dataset.texts or [], dataset.label_names):
        for string in strings:
            encoded = string.encode(errors="surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    for matrix in (dataset.X, dataset.Y):
        if matrix is not None:
            digest.update(repr(matrix.shape).encode())
            for array in (matrix.indptr.astype("<i8"), matrix.indices.astype("<i8"), matrix.data.astype("<f4")):
                digest.update(array.data)
    return digest.hexdigest()


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB."""
    try:  # not getrusage, which would count that of the parent before it, too
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        resource = import_module("resource")
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions() -> dict[str, str]:
    """Return the versions of Python and of what computes."""
    found = {"xmlc-mhe": __version__, "python": platform.python_version()}
    return found | {name: version(name) for name in PACKAGES}


def commit() -> str | None:
    """Return the commit of the source that runs, "+changes" behind it where files differ; None outside a checkout."""
    folder = Path(__file__).parent
    try:
        head, status = (
            subprocess.run(["git", "-C", folder, *command], capture_output=True, text=True, check=True, timeout=10)
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", "."])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")


def _as_bytes(strings: list[str]) -> np.ndarray:
    return np.frombuffer(json.dumps(strings).encode(), np.uint8)
