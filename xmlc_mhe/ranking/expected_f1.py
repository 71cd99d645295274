"""How many of its labels give a document the largest expected F1."""

import numpy as np
from numba import njit

MOST = 200  # labels of a document that may be kept; the time grows with the square of those looked at


@njit(nogil=True, cache=True)
def best_counts(probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many of its first labels to keep, and how likely no label must be for that to be none.

    With A true ones of the m labels kept and B of the others, F1 is 2 A / (m + A + B), and 1 where m = 0 and none is
    true. Labels are taken as independent, and those not among the n as false; then the sums over A and B are exact, by
    recursion, in O(n^2) a document.

    Independence makes the probability that no label is true, prod(1 - p), much too large where every document has one,
    and too small elsewhere. So it is multiplied by a factor, to be chosen on held-out documents; the other outcomes
    share the rest in proportion, which leaves the best m >= 1 as it was.

    Args:
        probs: float32 (num_docs, n), descending, -inf pads.
    Returns: int64 (num_docs,), the m >= 1 of the largest expected F1, the least of equal, and 0 without labels; and
        float64 (num_docs,), the factor from which on keeping none is as good: at that or a larger one, keep none.
    Source: Ye, Chai, Lee and Chieu, "Optimizing F-Measures: A Tale of Two Approaches", ICML 2012; the factor is ours.
    """
    num_docs, width = probs.shape
    width = min(width, MOST)
    counts, factors = np.zeros(num_docs, np.int64), np.zeros(num_docs)
    among = np.zeros((width + 1, width + 1))  # [m, a]: the probability that a of the first m labels are true
    among[0, 0] = 1.0
    inverse = np.empty(2 * width + 2)  # [r]: the mean of 1 / (r + B), first for m = n
    for doc in range(num_docs):
        n = 0
        while n < width and probs[doc, n] >= 0:
            n += 1
        for m in range(1, n + 1):
            p = np.float64(probs[doc, m - 1])
            among[m, 0] = among[m - 1, 0] * (1 - p)
            for a in range(1, m):
                among[m, a] = among[m - 1, a] * (1 - p) + among[m - 1, a - 1] * p
            among[m, m] = among[m - 1, m - 1] * p
        for r in range(1, 2 * n + 2):
            inverse[r] = 1 / r
        best = 0.0
        for m in range(n, 0, -1):
            expected = 0.0
            for a in range(1, m + 1):
                expected += 2 * a * among[m, a] * inverse[m + a]
            if expected >= best:
                best, counts[doc] = expected, m
            p = np.float64(probs[doc, m - 1])
            for r in range(1, 2 * m):
                inverse[r] = p * inverse[r + 1] + (1 - p) * inverse[r]
        none = among[n, 0]
        if best > 0:  # the expected F1 of m labels, times 1 - none, falls as that of none grows
            factors[doc] = best / (1 - none + best) / none if none > 0 else np.inf
    return counts, factors


def choose_no_label_factor(counts: np.ndarray, factors: np.ndarray, hits: np.ndarray, true_counts: np.ndarray) -> float:
    """Return the factor of the largest mean F1 of held-out documents, the least of several; 0 keeps a label of each.

    Args:
        counts, factors: (num_docs,), from `best_counts`.
        hits: (num_docs,), true labels among the first `counts` of each document. true_counts: (num_docs,).
    """
    f1 = 2 * hits / np.maximum(counts + true_counts, 1)
    order = np.argsort(factors, kind="stable")
    factors = factors[order]
    gains = np.cumsum(((true_counts == 0) - f1)[order])  # of giving none to the first 1, 2, ...
    ends = np.flatnonzero(np.append(factors[1:] != factors[:-1], True) & np.isfinite(factors))
    values = np.append(0.0, gains[ends])
    return float(np.append(0.0, factors[ends])[np.argmax(values)])
