"""How well predicted probabilities agree with the truth: calibration error, Brier score, log loss, reliability."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from .metrics import compare
from .predictions import Predictions, probs_of

NUM_BINS = 15  # of probabilities, of equal width
FREQUENCIES = (0, 10, 100, 1000)  # training documents from which a class of labels begins


def evaluate_probs(Y: sp.csr_matrix | sp.csr_array, predictions: Predictions) -> dict[str, float]:
    """Return ECE, Brier and logloss of predictions whose scores are the probabilities that their labels are true.

    All are means over the predicted pairs of document and label: compare models at the same k. A true label that was
    not predicted has no probability and counts in none of them; how many there are is for R@k to say.

    ECE is the mean distance of the predicted and the true share of a bin, weighted by its pairs, with bins of equal
    width as in `reliability_rows`, so that figure and picture agree; bins of equal mass gave the same within 0.001 on
    four data sets. Brier is the mean squared error. Log loss is in nats, with probabilities kept the resolution of
    float32 away from 0 and 1, as in scikit-learn.

    Raises: ValueError: as `evaluate` does; a score is no probability; no label was predicted.
    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3; Brier, 1950.
    """
    probs, is_true, _ = _pairs(Y, predictions)
    gaps = np.bincount(_bins(probs), probs - is_true)
    eps = np.finfo(np.float32).eps
    of_truth = np.clip(np.where(is_true, probs, 1 - probs), eps, 1 - eps)
    return {
        "ECE": float(np.abs(gaps).sum() / len(probs)),
        "Brier": float(np.mean((probs - is_true) ** 2)),
        "logloss": float(-np.log(of_truth).mean()),
    }


def reliability_rows(
    Y: sp.csr_matrix | sp.csr_array,
    predictions: Predictions,
    label_counts: np.ndarray | None = None,
    *,
    frequencies: Sequence[int] = FREQUENCIES,
) -> list[dict[str, Any]]:
    """Return what was predicted and what was true, by bins of probability and, with label_counts, by frequency.

    Args:
        label_counts: int (num_labels,), the training documents of each label; without it there is one class.
        frequencies: ascending from 0, the training documents from which a class begins.
    Returns: a row for each class and bin that has pairs, in ascending order: "fewest" and "most", the training
        documents of the class (most is None in the last); "low" and "high", the bounds of the bin; "prob", the mean
        probability; "true", the share that is true; "predictions", the pairs.
    Raises: ValueError: as `evaluate_probs` does.
    """
    probs, is_true, labels = _pairs(Y, predictions)
    starts = (0,) if label_counts is None else tuple(frequencies)
    classes = 0 if label_counts is None else np.digitize(label_counts[labels], starts) - 1
    cells = classes * NUM_BINS + _bins(probs)
    counts, sums, trues = (np.bincount(cells, weights) for weights in (None, probs, is_true))
    ends = [start - 1 for start in starts[1:]] + [None]
    return [
        {
            "fewest": starts[cell // NUM_BINS],
            "most": ends[cell // NUM_BINS],
            "low": cell % NUM_BINS / NUM_BINS,
            "high": (cell % NUM_BINS + 1) / NUM_BINS,
            "prob": float(sums[cell] / counts[cell]),
            "true": float(trues[cell] / counts[cell]),
            "predictions": int(counts[cell]),
        }
        for cell in np.flatnonzero(counts).tolist()
    ]


def _pairs(Y: sp.csr_matrix | sp.csr_array, predictions: Predictions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the probability, float64 (n,), of each predicted pair, whether it is true, and its label."""
    found, probs = compare(Y, predictions), probs_of(predictions)
    is_label = found.labels >= 0
    if not is_label.any():
        raise ValueError(
            f"predictions must have a label to measure. Got none for {len(probs)} documents; "
            "measure probabilities before a threshold is applied."
        )
    return probs[is_label].astype(np.float64), found.is_hit[is_label], found.labels[is_label]


def _bins(probs: np.ndarray) -> np.ndarray:
    """Return the number of each probability's bin; 1 is in the last."""
    return np.minimum((probs * NUM_BINS).astype(np.int64), NUM_BINS - 1)
