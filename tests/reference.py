"""Slow plain loops, to compare the fast code with."""

import math

# --- metrics ---------------------------------------------------------------------------------------------------------


def reference_propensity(rows, num_labels, a, b):
    """Propensity of each label from training rows, each a list of the labels that are true."""
    C = (math.log(len(rows)) - 1) * (b + 1) ** a
    return [1 / (1 + C * (sum(label in row for row in rows) + b) ** -a) for label in range(num_labels)]


def reference_metric(metric, k, true_rows, predicted_rows, *, num_labels, propensity, drop_empty):
    """One metric at k, from a set of true labels and a ranked list of labels (-1 pads) for each document."""
    docs = [(true, predicted[:k]) for true, predicted in zip(true_rows, predicted_rows, strict=True)]
    if drop_empty:
        docs = [(true, predicted) for true, predicted in docs if true]
    if metric in ("P", "R", "nDCG"):
        share = {"P": _precision, "R": _recall, "nDCG": _ndcg}[metric]
        return sum(share(true, predicted, k) for true, predicted in docs) / len(docs)
    if metric in ("PSP", "PSnDCG"):
        gain = best = 0.0
        for true, predicted in docs:
            ideal = sorted(true, key=lambda label: propensity[label])[:k]
            gain += _ps_gain(true, predicted, k, propensity, discounted=metric == "PSnDCG")
            best += _ps_gain(true, ideal, k, propensity, discounted=metric == "PSnDCG")
        return gain / best if best else 0.0
    hits, predictions, trues = [0] * num_labels, [0] * num_labels, [0] * num_labels
    for true, predicted in docs:
        for label in range(num_labels):
            hits[label] += label in true and label in predicted
            predictions[label] += label in predicted
            trues[label] += label in true
    if metric == "coverage":
        with_truth = [label for label in range(num_labels) if trues[label]]
        return sum(hits[label] > 0 for label in with_truth) / len(with_truth) if with_truth else 0.0
    if metric == "macroF1":
        f1 = [2 * h / (p + t) for h, p, t in zip(hits, predictions, trues, strict=True) if p + t]
        return sum(f1) / len(f1) if f1 else 0.0
    if metric == "microF1":
        total = sum(predictions) + sum(trues)
        return 2 * sum(hits) / total if total else 0.0
    raise AssertionError(f"no reference for {metric}")


def _precision(true, predicted, k):
    return sum(label in true for label in predicted) / k


def _recall(true, predicted, k):
    return sum(label in true for label in predicted) / len(true) if true else 0.0


def _best_dcg(true, k):
    return sum(1 / math.log2(rank + 1) for rank in range(1, min(len(true), k) + 1))


def _ndcg(true, predicted, k):
    dcg = sum(1 / math.log2(rank + 1) for rank, label in enumerate(predicted, start=1) if label in true)
    return dcg / _best_dcg(true, k) if true else 0.0


def _ps_gain(true, predicted, k, propensity, *, discounted):
    gain = 0.0
    for rank, label in enumerate(predicted, start=1):
        if label in true:
            gain += 1 / propensity[label] / (math.log2(rank + 1) * _best_dcg(true, k) if discounted else 1)
    return gain
