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


# --- label code ------------------------------------------------------------------------------------------------------


def reference_digits(code, head_sizes):
    """The digits of a code in the mixed radix head_sizes, the last varying fastest."""
    digits = []
    for size in reversed(head_sizes):
        digits.insert(0, code % size)
        code //= size
    return digits


def reference_prefix_ids(num_labels, head_sizes, num_digits):
    """Each prefix of num_digits digits that a label has -> its number, in ascending order."""
    prefixes = sorted({tuple(reference_digits(code, head_sizes)[:num_digits]) for code in range(num_labels)})
    return {prefix: number for number, prefix in enumerate(prefixes)}


def reference_index_matrix(num_labels, head_sizes, num_digits):
    """Row: a prefix; columns: the number of its continuation by each next digit, -1 where no label has it."""
    following = reference_prefix_ids(num_labels, head_sizes, num_digits + 1)
    return [
        [following.get((*prefix, digit), -1) for digit in range(head_sizes[num_digits])]
        for prefix in reference_prefix_ids(num_labels, head_sizes, num_digits)
    ]


# --- solver ----------------------------------------------------------------------------------------------------------


def reference_dual_coordinate_descent(X, y, C, bias, passes, *, positive_weight=1.0):
    """Weights of the L2-regularised squared hinge, from dense rows X, signs y and a fixed bias (Hsieh et al., 2008)."""
    w, alpha = [0.0] * len(X[0]), [0.0] * len(X)
    for _ in range(passes):
        for doc, (x, sign) in enumerate(zip(X, y, strict=True)):
            diagonal = 1 / (2 * C * (positive_weight if sign > 0 else 1))
            gradient = sign * (_dot(w, x) + bias) - 1 + diagonal * alpha[doc]
            old, alpha[doc] = alpha[doc], max(alpha[doc] - gradient / (_dot(x, x) + diagonal), 0.0)
            w = [weight + (alpha[doc] - old) * sign * value for weight, value in zip(w, x, strict=True)]
    return w


def reference_weights_of_margins(X, y, w, C, bias, *, positive_weight=1.0):
    """sum_i alpha_i y_i x_i with alpha_i = 2 C_i max(0, 1 - y_i (w.x_i + bias)): it is w if and only if w is best."""
    total = [0.0] * len(w)
    for x, sign in zip(X, y, strict=True):
        alpha = 2 * C * (positive_weight if sign > 0 else 1) * max(0.0, 1 - sign * (_dot(w, x) + bias))
        total = [weight + alpha * sign * value for weight, value in zip(total, x, strict=True)]
    return total


def _dot(w, x):
    return sum(weight * value for weight, value in zip(w, x, strict=True))


# --- top k -----------------------------------------------------------------------------------------------------------


def reference_best(pairs, k):
    """Labels and scores of the k best (label, score), ties to the lower label, padded with -1 and -inf."""
    best = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]
    best += [(-1, -math.inf)] * (k - len(best))
    return [label for label, _ in best], [score for _, score in best]


def reference_top_k(x, W, bias, k, labels):
    """The k best of some labels for a dense row x by margin, from dense weights W (num_features, num_labels)."""
    return reference_best([(label, _dot([row[label] for row in W], x) + bias) for label in labels], k)


# --- sets and thresholds ---------------------------------------------------------------------------------------------


def _f1_precision_recall(hits, predicted, true):
    nothing = float(predicted + true == 0)
    f1 = 2 * hits / (predicted + true) if predicted + true else nothing
    return f1, hits / predicted if predicted else nothing, hits / true if true else nothing


def reference_set_metrics(true_rows, predicted_rows, num_labels):
    """F1, precision and recall of sets of labels by name, from two sets of each document."""
    pairs = list(zip(true_rows, predicted_rows, strict=True))
    docs = [(len(true & predicted), len(predicted), len(true)) for true, predicted in pairs]
    labels = [
        (
            sum(label in true and label in predicted for true, predicted in pairs),
            sum(label in predicted for _, predicted in pairs),
            sum(label in true for true, _ in pairs),
        )
        for label in range(num_labels)
    ]
    counts = {
        "micro": [tuple(map(sum, zip(*docs, strict=True)))],
        "macro": [(h, p, t) for h, p, t in labels if p + t],
        "doc": docs,
    }
    values = {}
    for kind, rows in counts.items():
        for place, name in enumerate(("F1", "P", "R")):
            shares = [_f1_precision_recall(*row)[place] for row in rows]
            values[kind + name] = sum(shares) / len(shares) if shares else 1.0
    values["labels_a_doc"] = sum(len(predicted) for predicted in predicted_rows) / len(pairs)
    values["no_label"] = sum(not predicted for predicted in predicted_rows) / len(pairs)
    empty = [not predicted for true, predicted in pairs if not true]
    return values | ({"no_label_right": sum(empty) / len(empty)} if empty else {})


def reference_expected_f1(probs, m, no_label_factor):
    """Expected F1 of keeping the first m of labels that are true with probs, over every set of true labels."""
    none = math.prod(1 - p for p in probs)
    scaled = min(1.0, no_label_factor * none)
    total = 0.0
    for outcome in range(2 ** len(probs)):
        is_true = [bool(outcome >> place & 1) for place in range(len(probs))]
        chance = math.prod(p if true else 1 - p for p, true in zip(probs, is_true, strict=True))
        if not any(is_true):
            total += scaled * (m == 0)
        elif none < 1:
            f1 = 2 * sum(is_true[:m]) / (m + sum(is_true))
            total += f1 * chance * (1 - scaled) / (1 - none)
    return total
