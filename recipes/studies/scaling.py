"""Time and memory of the sparse cascade as documents, labels and features grow together to the size of Wiki-500K.

python recipes/studies/scaling.py [--quick]
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import numpy as np
import scipy.sparse as sp

from xmlc_mhe import XMLCClassifier, evaluate
from xmlc_mhe.experiments.origin import peak_mib
from xmlc_mhe.model_files import model_bytes

# Documents, labels, features, and non-zeros of Y and X of the part train: PECOS, examples/spmm/README.md
NUM_DOCS, NUM_LABELS, NUM_FEATURES, LABEL_NNZ, FEATURE_NNZ = 1_779_881, 501_070, 2_381_304, 8_446_236, 689_526_754
SHARES = (1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8)
TEST_DOCS, THREADS = 2000, 2
WORDS_A_LABEL, SHARE_OF_WORDS = 30, 0.3  # a label has words of its own; its documents have this share of them
LABEL_SKEW, WORD_SKEW, SHIFT = 0.75, 0.95, 30  # see `skewed`: Zipf's law as Mandelbrot wrote it
PIECE_DOCS = 10_000
FITTED = 3  # the largest sizes, whose growth is carried on to the whole
GROWING = ("fit_seconds", "own_mib", "x_mib", "model_mib", "predict_ms")
MACHINE_GIB = 24


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Fit generated data of growing size, each in a process of its own, X mapped from files."""
    shares = (1 / 1024, 1 / 512) if args.quick else SHARES
    rows = []
    for share in shares:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), share)
            rows.append({"share": share} | common.in_own_process(fit, folder))
            print(rows[-1], flush=True)
    return {"setting": {"threads": THREADS, "test_docs": TEST_DOCS}, "rows": rows}


def generate(folder: Path, share: float) -> None:
    """Write X and Y of a share of Wiki-500K's documents, labels and features, piece by piece, and of test documents."""
    rng = np.random.default_rng(0)
    num_labels, num_features = round(NUM_LABELS * share), round(NUM_FEATURES * share)
    words = skewed(rng, num_features, (num_labels, WORDS_A_LABEL), WORD_SKEW)  # of each label
    for part, num_docs in (("train", round(NUM_DOCS * share)), ("test", TEST_DOCS)):
        sizes: dict[str, list[np.ndarray]] = {"X": [], "Y": []}
        with (folder / f"{part}.X.indices").open("wb") as indices, (folder / f"{part}.X.data").open("wb") as data:
            for X, Y in pieces(rng, num_docs, words, num_labels, num_features):
                X.indices.astype(np.int32).tofile(indices)
                X.data.tofile(data)
                sizes["X"].append(np.diff(X.indptr))
                sizes["Y"].append(Y)
        np.save(folder / f"{part}.X.indptr.npy", np.cumsum([0, *np.concatenate(sizes["X"])], dtype=np.int64))
        sp.save_npz(folder / f"{part}.Y.npz", sp.vstack(sizes["Y"], format="csr"))
    np.save(folder / "shape.npy", [num_labels, num_features])


def pieces(
    rng: np.random.Generator, num_docs: int, words: np.ndarray, num_labels: int, num_features: int
) -> Iterator[tuple[sp.csr_array, sp.csr_array]]:
    """Yield X, rows of unit length, and Y of a few thousand documents at a time."""
    for start in range(0, num_docs, PIECE_DOCS):
        size = min(PIECE_DOCS, num_docs - start)
        counts = 1 + rng.poisson(LABEL_NNZ / NUM_DOCS - 1, size)
        docs = np.repeat(np.arange(size), counts)
        labels = skewed(rng, num_labels, len(docs), LABEL_SKEW)
        Y = sp.csr_array((np.ones(len(docs), np.float32), (docs, labels)), (size, num_labels))
        is_used = rng.random((len(docs), WORDS_A_LABEL)) < SHARE_OF_WORDS
        num_others = round(0.93 * FEATURE_NNZ / NUM_DOCS)  # beside those of the labels; some are drawn twice
        others = skewed(rng, num_features, (size, num_others), WORD_SKEW)
        rows = np.concatenate([np.repeat(docs, is_used.sum(1)), np.repeat(np.arange(size), num_others)])
        columns = np.concatenate([words[labels][is_used], others.ravel()])
        X = sp.csr_array((np.ones(len(rows), np.float32), (rows, columns)), (size, num_features))
        X.sum_duplicates()
        X.data = rarity(X.indices, num_features)
        X.data /= np.sqrt(np.repeat(np.add.reduceat(X.data**2, X.indptr[:-1]), np.diff(X.indptr)))
        yield X, Y


def skewed(rng: np.random.Generator, size: int, shape: Any, skew: float) -> np.ndarray:
    """Return numbers below size, int64 of the shape, whose frequency falls as (number + SHIFT) ** -skew."""
    least, most = SHIFT ** (1 - skew), (size + SHIFT) ** (1 - skew)
    numbers = (least + (most - least) * rng.random(shape)) ** (1 / (1 - skew)) - SHIFT
    return np.minimum(numbers.astype(np.int64), size - 1)


def rarity(columns: np.ndarray, num_features: int) -> np.ndarray:
    """Return weights of words that grow with their rank, as inverse document frequencies do, float32."""
    return (1 + np.log1p(columns * (1000 / num_features))).astype(np.float32)


def mapped(folder: Path, part: str) -> sp.csr_array:
    """Return X of a part, its arrays mapped from their files."""
    indptr = np.load(folder / f"{part}.X.indptr.npy")
    arrays = [np.memmap(folder / f"{part}.X.{name}", dtype, "r") for name, dtype in (("data", "f4"), ("indices", "i4"))]
    return sp.csr_array((*arrays, indptr), (len(indptr) - 1, np.load(folder / "shape.npy")[1]))


def fit(folder_name: str) -> dict[str, Any]:
    """Return sizes, times, memory and accuracy of a model of what `generate` wrote."""
    folder = Path(folder_name)
    X, Y = mapped(folder, "train"), sp.load_npz(folder / "train.Y.npz")
    X_test, Y_test = mapped(folder, "test"), sp.load_npz(folder / "test.Y.npz")
    XMLCClassifier("given", threads=THREADS).fit(X_test, Y_test)  # compiles the kernels for mapped arrays
    with OwnMemory() as memory:
        start = time.perf_counter()
        model = XMLCClassifier("given", threads=THREADS).fit(X, Y)
        fit_seconds = time.perf_counter() - start
    model.save(folder / "model")
    del model
    model = XMLCClassifier.load(folder / "model", threads=THREADS)
    start = time.perf_counter()
    predictions = model.predict(X_test)
    predict_seconds = time.perf_counter() - start
    return {
        "docs": X.shape[0],
        "labels": Y.shape[1],
        "features": X.shape[1],
        "nonzeros": X.nnz,
        "fit_seconds": common.significant(fit_seconds),
        "own_mib": common.significant(memory.peak_mib),
        "peak_mib": round(peak_mib()),
        "x_mib": common.significant(8 * X.nnz / 2**20),
        "model_mib": common.significant(model_bytes(folder / "model") / 2**20),
        "predict_ms": common.significant(1000 * predict_seconds / X_test.shape[0]),
        "P@1": round(evaluate(Y_test, predictions, ["P@1"])["P@1"], 4),
    }


class OwnMemory:
    """The most memory that the process holds of its own, without mapped files.

    It is looked at when the block begins, five times a second, and when the block ends, however short that is.
    """

    def __enter__(self) -> "OwnMemory":
        self.peak_mib, self.is_over = 0.0, threading.Event()
        self._look()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()
        self._look()

    def _watch(self) -> None:
        while not self.is_over.wait(0.2):
            self._look()

    def _look(self) -> None:
        held = int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024
        self.peak_mib = max(self.peak_mib, held)


def growth(rows: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """Return the power of the share that a measure grew as over the largest sizes, and its value at the whole."""
    if (least := min(row[name] for row in rows[-FITTED:])) <= 0:
        raise ValueError(f"{name} must be above 0 in every row to have a power. Got {least}; measure it anew.")
    shares, values = np.log([[row["share"], row[name]] for row in rows[-FITTED:]]).T
    power, whole = np.polyfit(shares, values, 1)
    return float(power), float(np.exp(whole))


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows, setting = data["rows"], data["setting"]
    powers, whole = zip(*(growth(rows, name) for name in GROWING), strict=True)
    power, value = dict(zip(GROWING, powers, strict=True)), dict(zip(GROWING, whole, strict=True))
    largest = rows[-1]
    in_proportion = largest["own_mib"] / largest["share"]
    columns = {
        "documents": (NUM_DOCS, "docs", ","),
        "labels": (NUM_LABELS, "labels", ","),
        "features": (NUM_FEATURES, "features", ","),
        "X, MiB": (value["x_mib"], "x_mib", ",.0f"),
        "fit, s": (value["fit_seconds"], "fit_seconds", ",.0f"),
        "memory of its own, MiB": (value["own_mib"], "own_mib", ",.0f"),
        "model, MiB": (value["model_mib"], "model_mib", ",.0f"),
        "predict, ms a document": (value["predict_ms"], "predict_ms", ".3f"),
    }
    table = [
        {"": f"1/{round(1 / row['share'])}"}
        | {title: format(row[name], form) for title, (_, name, form) in columns.items()}
        for row in rows
    ]
    table.append({"": "whole, extrapolated"} | {title: format(end, form) for title, (end, _, form) in columns.items()})
    return {
        "title": "Wiki-500K's size on two cores",
        "about": f"Documents are generated with the sizes of Wiki-500K (train: {NUM_DOCS:,} documents, {NUM_LABELS:,} "
        f"labels, {NUM_FEATURES:,} features; {LABEL_NNZ / NUM_DOCS:.1f} labels, {FEATURE_NNZ / NUM_DOCS:.0f} words a "
        "document) and with skewed frequencies. A share of the documents, and the same share of the labels and of the "
        'features, is used. The head is `head="mhc"` with its defaults, on '
        f"{setting['threads']} threads, and X is mapped from files. Memory of its own is the most that the process "
        "held while it fitted, without the pages of mapped files.",
        "claims": [
            common.claim(
                "Ours",
                f"a fit of Wiki-500K's size stays within {MACHINE_GIB} GiB.",
                holds=max(value["own_mib"], in_proportion) < 1024 * MACHINE_GIB,
                measured=f"Extrapolated, not run: {value['own_mib'] / 1024:.1f} GiB of its own, beside "
                f"{value['x_mib'] / 1024:.1f} GiB of mapped X, of which it needs the pages at work. The largest fit "
                f"measured, {largest['docs']:,} documents and {largest['labels']:,} labels, took "
                f"{largest['own_mib'] / 1024:.1f} GiB; over the last {FITTED} sizes memory grew as the power "
                f"{power['own_mib']:.2f} of the share; in proportion to the largest it would be "
                f"{in_proportion / 1024:.1f} GiB.",
            ),
            common.claim(
                "Ours",
                "with twice the documents and labels, a fit takes less than four times as long.",
                holds=power["fit_seconds"] < 2,
                measured=f"It grew as the power {power['fit_seconds']:.2f} of the share, which makes "
                f"{value['fit_seconds'] / 3600:.1f} hours of the whole on {setting['threads']} cores (extrapolated: 1/"
                f"{round(1 / largest['share'])} took {largest['fit_seconds']:.0f} s).",
            ),
            common.claim(
                "Ours",
                "predicting a document grows more slowly than the number of labels.",
                holds=power["predict_ms"] < 1,
                measured=f"It grew as the power {power['predict_ms']:.2f}: {largest['predict_ms']:.2f} ms with "
                f"{largest['labels']:,} labels; P@1 on the generated documents there {common.percent(largest['P@1'])}.",
            ),
        ],
        "table": table,
    }


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw time, memory and latency by the number of labels, and where their growth leads."""
    titles = {"fit_seconds": "fit, s", "own_mib": "memory of its own, MiB", "predict_ms": "predict, ms a document"}
    rows = data["rows"]
    for axes, (name, title) in zip(common.panels(figure, 3), titles.items(), strict=True):
        axes.plot([row["labels"] for row in rows], [row[name] for row in rows], marker="o", label="measured")
        ends = [rows[-1]["labels"], NUM_LABELS]
        axes.plot(ends, [rows[-1][name], growth(rows, name)[1]], "--", color="C0", label="extrapolated")
        axes.set(xscale="log", yscale="log", xlabel="labels", ylabel=title)
    figure.axes[0].legend()


if __name__ == "__main__":
    common.run(__file__, measure, report, draw)
