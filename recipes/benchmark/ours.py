"""Fit and predict with this project, on the matrices of a folder; print the costs as JSON.

python ours.py FOLDER THREADS NAME '{"head": "mhc", "C": 0.5}': reads X_train.npz, Y_train.npz, X_test.npz there; writes
labels_NAME.npy.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.model_files import model_bytes


def peak_mib() -> float:
    """Return the most memory this process has held; getrusage would count that of the parent before it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Run the job of the module's docstring."""
    folder, threads, name, options = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
    X, Y, X_test = (sp.load_npz(folder / f"{part}.npz") for part in ("X_train", "Y_train", "X_test"))
    start = time.perf_counter()
    tiny = XMLCClassifier("given", threads=threads).fit(X[:8], Y[:8])  # compile, or load what was compiled before
    tiny.predict(X[:8], k=1)
    compiled = time.perf_counter()
    model = XMLCClassifier("given", threads=threads, **options).fit(X, Y)
    fitted = time.perf_counter()
    saved = folder / f"model_{name}"
    model.save(saved, overwrite=True)
    model = XMLCClassifier.load(saved, threads=threads)
    start_predict = time.perf_counter()
    labels, _ = model.predict(X_test, k=5)
    done = time.perf_counter()
    np.save(folder / f"labels_{name}.npy", labels)
    costs = {
        "compile_seconds": compiled - start,
        "fit_seconds": fitted - compiled,
        "predict_ms": 1000 * (done - start_predict) / X_test.shape[0],
        "peak_mib": peak_mib(),
        "model_megabytes": model_bytes(saved) / 1e6,
        "head": model.head_.describe(),
    }
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
