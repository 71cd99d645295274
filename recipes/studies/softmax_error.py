"""Theorem 4: how far the bound sum_j |exp(Delta_j) - 1| lies above the error of an approximate softmax.

python recipes/studies/softmax_error.py [--quick]
"""

import argparse
from typing import Any

import common
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

PAPER = "Liang et al., theorem 4"
ERRORS = {"largest": "largest entry", "half": "half the sum", "sum": "sum"}  # of |softmax(O + Delta) - softmax(O)|


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Compare the bound with the error for Gaussian errors of logits, digits cut to a low rank, and the worst case."""
    rng = np.random.default_rng(0)
    num_rows = 100 if args.quick else 1000
    rows = [
        {"kind": "Gaussian", "labels": num_labels, "sigma": sigma}
        | ratios(rng.normal(0, 3, (num_rows, num_labels)), rng.normal(0, sigma, (num_rows, num_labels)))
        for num_labels in (10, 100, 1000)
        for sigma in (0.01, 0.1, 0.5, 1.0, 2.0)
    ]
    logits = digit_logits()
    left, values, right = np.linalg.svd(logits, full_matrices=False)
    rows += [
        {"kind": "digits", "labels": 10, "rank": rank}
        | ratios(logits, (left[:, :rank] * values[:rank]) @ right[:rank] - logits)
        for rank in range(1, 9)  # the ten logits sum to 0: nine are all
    ]
    rows.append({"kind": "all logits + 1", "labels": 10} | ratios(logits, np.ones_like(logits)))
    rows.append(worst_case(rng, num_starts=20 if args.quick else 200, num_steps=200 if args.quick else 2000))
    return {"setting": {"rows": num_rows}, "rows": rows}


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows = data["rows"]
    most = {name: max(row[f"{name}_over_bound"] for row in rows) for name in ERRORS}
    loose = {row["labels"]: row["bound"] / row["half"] for row in rows if row.get("sigma") == 0.1}
    digits = {row["rank"]: row for row in rows if row["kind"] == "digits"}
    (shifted,) = (row for row in rows if row["kind"] == "all logits + 1")
    return {
        "title": "The bound of theorem 4",
        "about": "Logits O are disturbed by an error Delta, of three kinds. The first is Gaussian: O has the standard "
        "deviation 3, and Delta has sigma. The second are the logits of a logistic regression on scikit-learn's "
        "digits, cut to a lower rank, or all raised by 1. The third is a climb from random rows to the largest error "
        "over bound. The error is the difference of the two softmaxes, as its largest entry or as the sum of its "
        "absolute entries, and figures are means over rows. We do not know which of these norms the theorem means, so "
        "all are here.",
        "claims": [
            common.claim(
                PAPER,
                "the error of the approximate softmax is at most sum_j |exp(Delta_j) - 1|.",
                holds=most["half"] <= 1,
                measured=f"Of all rows, the largest error over bound was {most['largest']:.3f} for the largest entry "
                f"and {most['half']:.3f} for half the sum (total variation), {most['sum']:.3f} for the whole sum: "
                f"the bound covers {'all three' if most['sum'] <= 1 else 'the first two, not the third'}.",
            ),
            common.claim(
                "A reader's hope",
                "the bound tells how good an approximation is (we ask for ten times half the sum, and 1 where "
                "nothing changes).",
                holds=max(loose.values()) < 10 and shifted["bound"] < 1,
                measured="With sigma = 0.1, bound over half the sum was "
                + ", ".join(f"{ratio:,.0f} for {num_labels:,} labels" for num_labels, ratio in loose.items())
                + f". 1 more in all logits changes no probability; the bound is {shifted['bound']:.1f}. Digits cut to "
                f"rank 1 have half the sum {digits[1]['half']:.2f} and the bound {digits[1]['bound']:,.0f}; to rank 8, "
                f"{digits[8]['half']:.3f} and {digits[8]['bound']:.1f}.",
            ),
        ],
        "table": [
            {
                "Delta": describe(row),
                "labels": row["labels"],
                "bound": f"{row['bound']:.3g}",
                "largest entry": f"{row['largest']:.3g}",
                "half the sum": f"{row['half']:.3g}",
                "largest half over bound": f"{row['half_over_bound']:.3g}",
            }
            for row in rows
        ],
    }


def describe(row: dict[str, Any]) -> str:
    """Return what made Delta."""
    if row["kind"] == "Gaussian":
        return f"Gaussian, sigma {row['sigma']}"
    return f"digits, rank {row['rank']}" if row["kind"] == "digits" else row["kind"]


def bound_and_errors(logits: np.ndarray, delta: np.ndarray) -> dict[str, np.ndarray]:
    """Return the bound and the errors of each row of logits and delta, float64 (n, C)."""
    difference = np.abs(softmax(logits + delta, axis=1) - softmax(logits, axis=1))
    return {
        "bound": np.abs(np.expm1(delta)).sum(axis=1),
        "largest": difference.max(axis=1),
        "half": difference.sum(axis=1) / 2,
        "sum": difference.sum(axis=1),
    }


def ratios(logits: np.ndarray, delta: np.ndarray) -> dict[str, float]:
    """Return the means of bound and errors over the rows, and the largest error over bound of a row."""
    of_rows = bound_and_errors(logits, delta)
    means = {name: float(values.mean()) for name, values in of_rows.items()}
    return means | {f"{name}_over_bound": float((of_rows[name] / of_rows["bound"]).max()) for name in ERRORS}


def digit_logits() -> np.ndarray:
    """Return the logits of a logistic regression on digits, float64 (1797, 10)."""
    X, labels = load_digits(return_X_y=True)
    return LogisticRegression(max_iter=300).fit(X / 16, labels).decision_function(X / 16)


def worst_case(rng: np.random.Generator, *, num_starts: int, num_steps: int) -> dict[str, Any]:
    """Climb from random rows of three labels to a large sum of the error over the bound; return the highest row."""
    logits, delta = rng.normal(0, 5, (num_starts, 3)), rng.normal(0, 5, (num_starts, 3))

    def height(logits: np.ndarray, delta: np.ndarray) -> np.ndarray:
        of_rows = bound_and_errors(logits, delta)
        return of_rows["sum"] / of_rows["bound"]

    best = height(logits, delta)
    for _ in range(num_steps):
        size = 10 ** rng.uniform(-2, 0.5, (num_starts, 1))
        moved = logits + size * rng.normal(size=logits.shape), delta + size * rng.normal(size=delta.shape)
        heights = height(*moved)
        is_higher = (heights > best)[:, None]
        logits, delta = np.where(is_higher, moved[0], logits), np.where(is_higher, moved[1], delta)
        best = np.maximum(best, heights)
    top = [int(best.argmax())]
    row = {"kind": "worst found", "labels": 3, "logits": logits[top[0]].tolist(), "delta": delta[top[0]].tolist()}
    return row | ratios(logits[top], delta[top])


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw error against bound for the Gaussian errors, and both by the rank that the logits of digits are cut to."""
    left, right = common.panels(figure, 2)
    gaussian = [row for row in data["rows"] if row["kind"] == "Gaussian"]
    for colour, num_labels in enumerate(sorted({row["labels"] for row in gaussian})):
        rows = [row for row in gaussian if row["labels"] == num_labels]
        sigmas, colour = [row["sigma"] for row in rows], f"C{colour}"
        left.plot(sigmas, [row["bound"] for row in rows], "--", color=colour, label=f"bound, {num_labels:,} labels")
        left.plot(sigmas, [row["half"] for row in rows], "o-", color=colour, label=f"error, {num_labels:,} labels")
    left.set(title="Gaussian Delta", xlabel="sigma of Delta", xscale="log", yscale="log")
    left.set(ylabel="bound; half the sum of the error")
    left.legend(ncols=2, fontsize=6.5)
    digits = [row for row in data["rows"] if row["kind"] == "digits"]
    for name, style in (("bound", "k--"), ("half", "C3o-")):
        label = "bound" if name == "bound" else "error"
        right.plot([row["rank"] for row in digits], [row[name] for row in digits], style, label=label)
    right.set(title="Logits of digits, cut to a rank", xlabel="rank", yscale="log")
    right.legend()


if __name__ == "__main__":
    common.run(__file__, measure, report, draw)
