"""Heads for unbalanced classes, simplex ETF and RBF-Softmax, against the plain softmax on long-tailed digits.

python recipes/studies/imbalance.py [--quick]
"""

import argparse
from typing import Any

import common
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from xmlc_mhe.neural.heads import HEADS

CASES: dict[str, tuple[str, dict[str, Any]]] = {  # title -> head, options
    "softmax": ("softmax", {}),
    "ETF, dot regression": ("etf", {"loss": "dot_regression"}),
    "ETF, cross-entropy": ("etf", {"loss": "cross_entropy"}),
    "RBF-Softmax": ("rbf", {}),
}
LEARNING_RATES = (0.001, 0.003, 0.01, 0.03)
NUM_CLASSES, DIM, BATCH_SIZE, NUM_RARE = 10, 64, 64, 3


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train each head on the same two layers on digits whose class sizes fall geometrically; test on balanced ones."""
    ratios = (1, 50) if args.quick else (1, 10, 50, 100)
    rates = (0.01,) if args.quick else LEARNING_RATES
    num_seeds, num_steps = (2, 100) if args.quick else (5, 600)
    torch.set_num_threads(1)  # the matrices are small
    rows = []
    for ratio in ratios:
        parts = [long_tailed_digits(ratio, seed) for seed in range(num_seeds)]
        for title in CASES:
            tried = {
                rate: [fit_and_test(title, part, seed, rate, num_steps) for seed, part in enumerate(parts)]
                for rate in rates
            }
            rate = max(tried, key=lambda rate: np.mean([run["dev"] for run in tried[rate]]))
            runs = tried[rate]
            row = {"ratio": ratio, "head": title, "learning_rate": rate}
            rows.append(row | {name: [run[name] for run in runs] for name in runs[0]})
    return {
        "setting": {"seeds": num_seeds, "steps": num_steps, "rates": rates, "torch": torch.__version__},
        "rows": rows,
    }


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows, setting = data["rows"], data["setting"]
    etf, rbf = "Yang et al., arXiv:2203.09081", "Zhang et al., ECCV 2020"
    return {
        "title": "Unbalanced classes",
        "about": "The data are scikit-learn's digits. The largest class has 100 training images and the rarest "
        "1/ratio of that. The sizes between fall geometrically, and which class is rare changes with the seed. Dev "
        f"and test parts are balanced. All heads are on the same two layers, of 128 units and {DIM}, trained for "
        f"{setting['steps']} steps of Adam. For each head and ratio, the learning rate is the one of "
        f"{', '.join(map(str, setting['rates']))} that is best on dev. Accuracy is that on test, as mean and standard "
        f"deviation of {setting['seeds']} seeds.",
        "claims": [
            claim_of(rows, "ETF, dot regression", etf, "a fixed ETF with dot regression beats a learned classifier."),
            claim_of(rows, "ETF, cross-entropy", etf, "a fixed ETF with cross-entropy does, too."),
            claim_of(rows, "RBF-Softmax", rbf, "RBF-Softmax classifies better than softmax."),
        ],
        "table": [
            {
                "ratio": row["ratio"],
                "head": row["head"],
                "learning rate": row["learning_rate"],
                "accuracy, %": mean_and_spread(row["test"]),
                f"of the {NUM_RARE} rarest classes, %": mean_and_spread(row["rare"]),
            }
            for row in rows
        ],
    }


def claim_of(rows: list[dict[str, Any]], title: str, source: str, text: str) -> dict[str, Any]:
    """Return a claim on the gains of a head over softmax with the same seeds.

    It holds where the mean gain is above two standard errors at every unbalanced ratio.
    """
    gains = {}
    for row in (row for row in rows if row["head"] == title):
        (base,) = (other for other in rows if (other["ratio"], other["head"]) == (row["ratio"], "softmax"))
        values = np.array(row["test"]) - base["test"]  # (num_seeds,)
        gains[row["ratio"]] = values.mean(), 2 * values.std(ddof=1) / len(values) ** 0.5
    is_clear = {ratio: mean > error for ratio, (mean, error) in gains.items()}
    listed = ", ".join(f"{100 * m:+.1f} ± {100 * e:.1f} (ratio {ratio})" for ratio, (m, e) in gains.items())
    below = [str(ratio) for ratio, (mean, error) in gains.items() if mean < -error]
    above = [str(ratio) for ratio, value in is_clear.items() if value]
    return common.claim(
        source,
        text,
        holds=all(value for ratio, value in is_clear.items() if ratio > 1),
        measured=f"Points of accuracy over softmax, mean and two standard errors: {listed}. Clearly above 0 at "
        f"ratio {', '.join(above) or 'none'}; clearly below at {', '.join(below) or 'none'}.",
    )


def mean_and_spread(shares: list[float]) -> str:
    """Return mean and standard deviation in percent."""
    return f"{100 * np.mean(shares):.1f} ± {100 * np.std(shares, ddof=1):.1f}"


def long_tailed_digits(ratio: int, seed: int) -> dict[str, Any]:
    """Return tensors of balanced dev and test parts and of a long-tailed training part, and the rarest classes."""
    X, labels = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rest, test = train_test_split(np.arange(len(X)), test_size=0.25, random_state=seed, stratify=labels)
    train, dev = train_test_split(rest, test_size=0.25, random_state=seed, stratify=labels[rest])
    classes = np.random.default_rng(seed).permutation(NUM_CLASSES)  # most frequent first
    sizes = 100 * ratio ** (-np.arange(NUM_CLASSES) / (NUM_CLASSES - 1))
    kept = np.concatenate(
        [train[labels[train] == c][: max(1, round(size))] for c, size in zip(classes, sizes, strict=True)]
    )
    parts = {"train": kept, "dev": dev, "test": test}
    tensors = {name: (torch.from_numpy(X[docs]), torch.from_numpy(labels[docs])) for name, docs in parts.items()}
    return tensors | {"rare": torch.from_numpy(classes[-NUM_RARE:])}


def fit_and_test(title: str, parts: dict[str, Any], seed: int, rate: float, num_steps: int) -> dict[str, float]:
    """Return accuracies on dev, on test and on the rarest classes of test of one head behind two layers."""
    name, options = CASES[title]
    torch.manual_seed(seed)
    body = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, DIM))
    head = HEADS[name](NUM_CLASSES, DIM, **options)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=rate)
    X, labels = parts["train"]
    for _ in range(num_steps):
        docs = torch.randint(len(X), (BATCH_SIZE,))
        optimiser.zero_grad()
        head.loss(body(X[docs]), labels[docs]).backward()
        optimiser.step()
    with torch.inference_mode():
        correct = {part: head.top_k(body(parts[part][0]), 1)[0][:, 0] == parts[part][1] for part in ("dev", "test")}
    is_rare = torch.isin(parts["test"][1], parts["rare"])
    accuracies = {part: right.double().mean().item() for part, right in correct.items()}
    return accuracies | {"rare": correct["test"][is_rare].double().mean().item()}


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw the accuracies, of all classes and of the rarest, by ratio; bars are a standard deviation."""
    axes = common.panels(figure, 2)
    for number, title in enumerate(CASES):
        rows = [row for row in data["rows"] if row["head"] == title]
        for axis, name in zip(axes, ("test", "rare"), strict=True):
            shares = 100 * np.array([row[name] for row in rows])  # (ratios, seeds)
            places = np.array([row["ratio"] for row in rows]) * 1.06 ** (number - 1.5)  # side by side
            axis.errorbar(places, shares.mean(axis=1), shares.std(axis=1), marker="o", capsize=2, label=title)
    for axis, title in zip(axes, ("All classes", f"The {NUM_RARE} rarest classes"), strict=True):
        axis.set(title=title, xlabel="largest class over rarest", xscale="log", ylabel="test accuracy, %")
        ratios = sorted({row["ratio"] for row in data["rows"]})
        axis.set_xticks(ratios, map(str, ratios))
        axis.minorticks_off()
    axes[0].legend(loc="lower left")


if __name__ == "__main__":
    common.run(__file__, measure, report, draw)
