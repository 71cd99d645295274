"""What every system of the comparison does in its own process: fit, save, load, predict, and measure the costs.

A script of a system calls `run` with four functions. It is given FOLDER THREADS NAME OPTIONS, reads X_train.npz,
Y_train.npz and X_test.npz in the folder, writes labels_NAME.npy there and prints the costs as JSON. Only numpy and
scipy are needed here, as a system has an environment of its own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

K = 5  # labels predicted for a document
SINGLE_DOCS = 300  # predicted one by one for the latencies


def run(
    fit: Callable[..., Any], save: Callable[..., None], load: Callable[..., Any], predict: Callable[..., np.ndarray]
) -> None:
    """Do the job of the module's docstring.

    Args:
        fit: (X, Y, folder, threads, options) -> model; the folder is new, and for whatever it must write.
        save: (model, folder) writes the model.
        load: (folder, threads) -> model, as a server would load it.
        predict: (model, X, k, threads) -> int labels (num_docs, k), best first, -1 pads.
    """
    folder, threads, name, options = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
    X, Y, X_test = (
        sp.csr_matrix(sp.load_npz(folder / f"{part}.npz"), dtype=np.float32)
        for part in ("X_train", "Y_train", "X_test")
    )
    saved = folder / f"model_{name}"
    saved.mkdir()
    start, cpu_start = time.perf_counter(), time.process_time()
    model = fit(X, Y, saved, threads, options)
    fitted, cpu_fitted = time.perf_counter(), time.process_time()
    save(model, saved)
    model = load(saved, threads)
    predict(model, X_test[:1], K, threads)  # what is loaded or compiled at the first call
    before = time.perf_counter()
    labels = predict(model, X_test, K, threads)
    done = time.perf_counter()
    latencies = []
    for doc in range(min(SINGLE_DOCS, X_test.shape[0])):
        row, began = X_test[doc], time.perf_counter()
        predict(model, row, K, 1)  # a second thread only costs here, where a system lets us choose
        latencies.append(1000 * (time.perf_counter() - began))
    np.save(folder / f"labels_{name}.npy", labels)
    costs = {
        "fit_seconds": fitted - start,
        "fit_cpu_seconds": cpu_fitted - cpu_start,
        "predict_ms": 1000 * (done - before) / X_test.shape[0],
        "latency_ms": {f"p{share}": float(np.percentile(latencies, share)) for share in (50, 90, 99)},
        "peak_mib": peak_mib(),
        "model_megabytes": sum(path.stat().st_size for path in saved.rglob("*") if path.is_file()) / 1e6,
    }
    print(json.dumps(costs))


def peak_mib() -> float:
    """Return the most memory this process has held; getrusage would count that of the parent before it, too."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def best_of_rows(scores: sp.csr_matrix, k: int) -> np.ndarray:
    """Return the k columns of the largest values of each row, int32 (num_rows, k), -1 pads."""
    labels = np.full((scores.shape[0], k), -1, np.int32)
    for doc in range(scores.shape[0]):
        row = slice(scores.indptr[doc], scores.indptr[doc + 1])
        order = np.argsort(-scores.data[row], kind="stable")[:k]
        labels[doc, : len(order)] = scores.indices[row][order]
    return labels


def padded(rows: list[list[int]], k: int) -> np.ndarray:
    """Return lists of labels as int32 (num_rows, k), -1 pads."""
    labels = np.full((len(rows), k), -1, np.int32)
    for doc, row in enumerate(rows):
        labels[doc, : len(row[:k])] = row[:k]
    return labels
