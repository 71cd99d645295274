"""Prediction over joblib's backends: threads, processes of this machine, or the workers of a Dask cluster.

Training needs no function of its own. Under `joblib.parallel_config(backend=...)`, the training of a linear head
sends its groups of labels to that backend.
"""

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import joblib

from ..predictions import Predictions
from .classifier import XMLCClassifier


def predict_over_workers(
    model_folder: str | os.PathLike[str], batches: Iterable[Any], k: int | None = None, *, jobs: int | None = None
) -> Iterator[Predictions]:
    """Return an iterator over the predictions of batch after batch, by the backend of `joblib.parallel_config`.

    Args:
        model_folder: a saved model, which each worker maps from disk once.
        batches: texts or rows, for example from `iter_documents`. Each batch is a job, and few jobs run at a time.
        k: 1 to num_labels; None: as in `XMLCClassifier.predict`.
        jobs: how many workers run at a time; None: as many as the backend has, or one.
    """
    backend, _ = joblib.parallel.get_active_backend(prefer="threads")
    return_as = "generator" if backend.supports_return_generator else "list"
    pool = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as=return_as)
    folder = os.path.abspath(model_folder)  # workers may stand in other folders
    return iter(pool(joblib.delayed(_predict)(folder, batch, k) for batch in batches))


def _predict(folder: str, batch: Any, k: int | None) -> Predictions:
    return _load(folder).predict(batch, k)


@lru_cache(maxsize=1)
def _load(folder: str) -> XMLCClassifier:
    return XMLCClassifier.load(folder, threads=1)
