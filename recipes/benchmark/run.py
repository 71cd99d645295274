"""MHC, vanilla one-vs-rest and PECOS XR-Linear on the same matrices: accuracy on test, time, memory and model size.

    python recipes/benchmark/run.py DATA_ROOT [--data eurlex57k cooking] [--pecos VENV/bin/python] [--json FILE]
    python recipes/benchmark/run.py DATA_ROOT --tune       # choose options on dev, or on a seventh of train

DATA_ROOT has a folder for each data set. Every system runs in a process of its own, one after the other. Documents
without a test label that occurs in training are dropped from the accuracy, as in the figures to compare with.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from xmlc_mhe import Dataset, TextFeatures, XMLCClassifier, evaluate, load_dataset, metric_names
from xmlc_mhe.data import has_part
from xmlc_mhe.features import GivenFeatures

HERE = Path(__file__).parent
OPTIONS = {  # from --tune
    "eurlex57k": {"C": 1.0, "positive_weight": 0.5},
    "llms4subjects-en": {"C": 0.3, "positive_weight": 2.0},
    "tate-subjects": {"C": 0.7, "positive_weight": 0.5, "beam": 20},
    "cooking": {"C": 0.3},
    "delicious": {"C": 0.3, "positive_weight": 0.5, "beam": 20, "bias_feature": 1.0},
    "bibtex": {"C": 0.3, "positive_weight": 2.0},
}
PAIRS = {"eurlex57k"}  # where pairs of words, too, were tried on dev: P@3 and P@5 rose by 0.4
CANDIDATES = [(C, weight) for weight in (0.5, 0.7, 1.0, 2.0) for C in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4)]
METRICS = [*metric_names(metrics=("P",)), "nDCG@5"]


def main() -> None:
    """Print a table for each data set, and write all rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="DATA_ROOT")
    parser.add_argument("--data", nargs="+", choices=OPTIONS, default=list(OPTIONS), metavar="NAME")
    parser.add_argument("--pecos", type=Path, metavar="PYTHON", help="the Python of an environment with libpecos")
    parser.add_argument("--vanilla", action="store_true", help="with one-vs-rest, which takes longest")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = {}
    for name in args.data:
        if args.tune:
            tune(args.root / name, threads=args.threads)
            continue
        results[name] = compare(args.root / name, args)
    if args.json is not None:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


def compare(source: Path, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return and print a row for each system."""
    train, test = load_dataset(source)
    options = OPTIONS[source.name]
    systems = {"mhc": options}
    if args.vanilla:
        systems["vanilla"] = options | {"head": "vanilla"}
    if args.pecos is not None:
        systems["pecos"] = {}
    print(f"\n{source.name:>18}" + "".join(f"{metric:>8}" for metric in METRICS), end="")
    print("     fit s  ms a doc  peak MiB  model MB")
    rows = measure(train, test, TextFeatures(), systems, args)
    if source.name in PAIRS:
        systems = {"mhc, word pairs": options | {"prune": 0.05}}
        rows |= measure(train, test, TextFeatures(ngram_range=(1, 2), min_df=5), systems, args)
    return rows


def measure(
    train: Dataset, test: Dataset, encoder: TextFeatures, systems: dict[str, dict[str, Any]], args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Return and print a row for each system, all on the same features."""
    rows, truth = {}, test.Y[:, : train.num_labels]
    with tempfile.TemporaryDirectory() as folder:
        X, X_test = features(train, test, encoder)
        for name, matrix in {"X_train": X, "Y_train": train.Y, "X_test": X_test}.items():
            sp.save_npz(Path(folder, name), sp.csr_matrix(matrix), compressed=False)
        for name, options in systems.items():
            command = [sys.executable, HERE / "ours.py", folder, str(args.threads), name, json.dumps(options)]
            if name == "pecos":
                command = [args.pecos, HERE / "pecos_xr_linear.py", folder, str(args.threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            costs = json.loads(done.stdout.splitlines()[-1])
            values = evaluate(truth, np.load(Path(folder, f"labels_{name}.npy")), METRICS, drop_empty=True)
            rows[name] = values | costs
            print(f"{name:>18}" + "".join(f"{100 * values[metric]:8.2f}" for metric in METRICS), end="")
            print(f"{costs['fit_seconds']:10.2f}{costs['predict_ms']:10.3f}", end="")
            print(f"{costs['peak_mib']:10.0f}{costs['model_megabytes']:10.1f}", flush=True)
    return rows


def tune(source: Path, *, threads: int) -> None:
    """Print P@k on the dev part for each candidate; the one with the best mean goes into the table above."""
    if has_part(source, "dev"):
        train, dev = load_dataset(source, parts=("train", "dev"))
    else:
        (whole,) = load_dataset(source, parts=("train",))
        order = np.random.default_rng(0).permutation(whole.num_docs)
        train, dev = (subset(whole, order[rows::7] if rows == 0 else np.delete(order, np.s_[::7])) for rows in (1, 0))
    X, X_dev = features(train, dev, TextFeatures())
    for C, weight in CANDIDATES:
        model = XMLCClassifier("given", C=C, positive_weight=weight, threads=threads).fit(X, train.Y)
        for beam in ("all", 20):
            model.head_.beam_size = None if beam == "all" else beam
            values = evaluate(dev.Y, model.predict(X_dev), METRICS, drop_empty=True)
            mean = np.mean([values[metric] for metric in metric_names(metrics=("P",))])
            shares = "".join(f"  {metric} {100 * values[metric]:.2f}" for metric in METRICS)
            print(f"{source.name:>18}  C {C:<4} positive_weight {weight:<4} beam {beam:<4}", end="")
            print(f"{shares}  mean {100 * mean:.2f}", flush=True)


def features(train: Dataset, other: Dataset, encoder: TextFeatures) -> tuple[sp.csr_array, sp.csr_array]:
    """Return the data's own features with rows of unit length, or those of the texts."""
    if train.X is not None:
        return GivenFeatures().fit_transform(train.X), GivenFeatures().fit_transform(other.X)
    return encoder.fit_transform(train.texts), encoder.transform(other.texts)


def subset(dataset: Dataset, docs: np.ndarray) -> Dataset:
    """Return some documents of a data set."""
    texts = None if dataset.texts is None else [dataset.texts[doc] for doc in docs]
    X = None if dataset.X is None else dataset.X[docs]
    return Dataset(texts, X, dataset.Y[docs], dataset.label_names)


if __name__ == "__main__":
    main()
