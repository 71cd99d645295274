"""Fit and predict with PECOS XR-Linear, one model, in an environment with libpecos; print the costs as JSON.

python pecos_xr_linear.py FOLDER THREADS: reads X_train.npz, Y_train.npz, X_test.npz there; writes labels_pecos.npy.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from pecos.xmc import Indexer, LabelEmbeddingFactory
from pecos.xmc.xlinear.model import XLinearModel


def peak_mib() -> float:
    """Return the most memory this process has held; getrusage would count that of the parent before it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Run the job of the module's docstring."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    X, Y, X_test = (
        sp.csr_matrix(sp.load_npz(folder / f"{name}.npz"), dtype=np.float32)
        for name in ("X_train", "Y_train", "X_test")
    )
    start = time.perf_counter()
    chain = Indexer.gen(LabelEmbeddingFactory.create(Y, X, "pifa"), threads=threads)
    model = XLinearModel.train(X, Y, C=chain, threshold=0.1, threads=threads)
    fitted = time.perf_counter()
    saved = folder / "model_pecos"
    model.save(str(saved))
    model = XLinearModel.load(str(saved), is_predict_only=True)
    start_predict = time.perf_counter()
    best = model.predict(X_test, beam_size=10, only_topk=10, threads=threads)
    done = time.perf_counter()
    labels = np.full((X_test.shape[0], 5), -1, np.int32)
    for doc in range(X_test.shape[0]):
        row = slice(best.indptr[doc], best.indptr[doc + 1])
        order = np.argsort(-best.data[row], kind="stable")[:5]
        labels[doc, : len(order)] = best.indices[row][order]
    np.save(folder / "labels_pecos.npy", labels)
    costs = {
        "fit_seconds": fitted - start,
        "predict_ms": 1000 * (done - start_predict) / X_test.shape[0],
        "peak_mib": peak_mib(),
        "model_megabytes": sum(path.stat().st_size for path in saved.rglob("*") if path.is_file()) / 1e6,
    }
    print(json.dumps(costs))


if __name__ == "__main__":
    main()
