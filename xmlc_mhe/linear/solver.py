"""Dual coordinate descent for L2-regularised squared-hinge classifiers, LANES labels at a time.

Each label's problem is min_w |w|^2 / 2 + sum_i C_i max(0, 1 - y_i (w.x_i + b))^2 with y_i = +1 or -1, C_i = C for
negatives and positive_weight * C for positives, and b = BIAS + v c: v is one more weight, of a feature that every
document has with the value c = bias_feature. The dual has one alpha_i >= 0 for each document; a visit to document i
sets, with d = 1 / (2 C_i),

    G = y_i (w.x_i + b) - 1 + d alpha_i,  alpha_i <- max(alpha_i - G / (|x_i|^2 + c^2 + d), 0),
    w += (change of alpha_i) y_i x_i,  b += (change of alpha_i) y_i c^2.

The labels of a block share their documents, so a document's features are read once for LANES labels.
Source: Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008, algorithm 1.
"""

import numpy as np
from numba import njit

from .simd import LANES, dense_add, dense_dot, row_add, row_dot

BIAS = -1.0  # where the bias starts: a negative that shares no feature with the positives has zero loss
LEAST_CHANGE = 1e-3  # a visit that moves every alpha less than this is not worth writing to the weights


@njit(nogil=True, cache=True)
def solve_block(
    W: np.ndarray,
    bias: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    indices: np.ndarray,
    values: np.ndarray,
    dense: np.ndarray,
    rows: np.ndarray,
    positive: np.ndarray,
    C: float,
    positive_weight: float,
    bias_feature: float,
    passes: int,
    eps: float,
    seed: int,
) -> int:
    """Train LANES classifiers on the same documents, into W, and return the number of visits to a document.

    The first pass starts with the documents that have a positive label. The weights after these show that most of the
    other documents are easy negatives: every alpha is zero, and no gradient would raise it. Such documents are left
    out (shrinking) until a pass over the rest changes little. Then all documents are visited again.

    Args:
        W: float32 (num_dense + num_features, LANES) from `aligned_zeros`; holds the weights on return.
        bias: float32 (LANES,), BIAS at first; holds b on return.
        starts, stops: int (num_docs,); a document is the entries from start to stop of indices and values.
        indices, values: int32 and float32 (nnz,), the features and their values.
        dense, rows: float32 (any number of rows, num_dense) and int (num_docs,); a document has, beside those features,
            the values of its row of dense, whose weights stand first in W.
        positive: uint16 (num_docs,); bit l is set where the document has the label of lane l.
        C, positive_weight: the loss of a negative has the weight C, that of a positive has positive_weight * C; > 0.
        bias_feature: value c of the feature that every document has; 0 keeps the bias as it is.
        passes: most passes over the documents.
        eps: a pass over all documents that changes no alpha by more than this, or than LEAST_CHANGE, is the last.
        seed: of the random order of the documents.
    """
    num_docs, num_dense = len(positive), dense.shape[1]
    W_dense, W_sparse = W[:num_dense], W[num_dense:]
    bias_square = np.float32(bias_feature * bias_feature)
    zero, one = np.float32(0), np.float32(1)
    diagonals = np.array([0.5 / C, 0.5 / (C * positive_weight)], np.float32)  # of negatives, of positives
    inverses = np.empty((num_docs, 2), np.float32)
    for doc in range(num_docs):
        square = bias_square
        for entry in range(starts[doc], stops[doc]):
            square += values[entry] * values[entry]
        for column in range(num_dense):
            square += dense[rows[doc], column] * dense[rows[doc], column]
        inverses[doc] = one / (square + diagonals)
    alpha = np.zeros((num_docs, LANES), np.float32)  # (num_docs, B)
    dots, steps = np.empty(LANES, np.float32), np.empty(LANES, np.float32)  # (B,)

    np.random.seed(seed)
    has_label = positive != 0
    order = np.concatenate((np.flatnonzero(has_label), np.flatnonzero(~has_label))).astype(np.int32)
    num_positive = np.count_nonzero(has_label)
    np.random.shuffle(order[:num_positive])
    np.random.shuffle(order[num_positive:])
    num_active, visits = num_docs, 0
    for number in range(passes):
        if number > 0:
            np.random.shuffle(order[:num_active])
        visits += num_active
        largest_change, num_kept = zero, 0
        for position in range(num_active):
            doc = order[position]
            start, stop, signs = starts[doc], stops[doc], positive[doc]
            row_dot(W_sparse, indices, values, start, stop, dots)  # type: ignore[call-arg]
            dense_dot(W_dense, dense, rows[doc], dots)  # type: ignore[call-arg]
            change, is_needed = zero, False
            for lane in range(LANES):
                is_positive = (signs >> lane) & 1
                sign = one if is_positive else -one
                old = alpha[doc, lane]
                gradient = sign * (dots[lane] + bias[lane]) - one + diagonals[is_positive] * old
                new = max(old - gradient * inverses[doc, is_positive], zero)
                steps[lane] = sign * (new - old)
                change = max(change, abs(new - old))
                is_needed |= (new > zero) | (gradient < zero)
            if change > LEAST_CHANGE:
                for lane in range(LANES):
                    sign = one if (signs >> lane) & 1 else -one
                    alpha[doc, lane] += sign * steps[lane]
                    bias[lane] += bias_square * steps[lane]
                row_add(W_sparse, indices, values, start, stop, steps)
                dense_add(W_dense, dense, rows[doc], steps)
            largest_change = max(largest_change, change)
            if is_needed or number == 0:
                order[position], order[num_kept] = order[num_kept], doc
                num_kept += 1
        if largest_change > max(eps, LEAST_CHANGE):
            num_active = num_kept
        elif num_active < num_docs:
            num_active = num_docs
        else:
            break
    return visits
