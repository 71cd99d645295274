"""Propensities of labels: the chance that a true label was annotated, by its number of training documents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array, csr_matrix

PROPENSITY_A, PROPENSITY_B = 0.55, 1.5  # for data that is neither of Wikipedia nor of Amazon


def label_propensity(
    Y: csr_matrix | csr_array, *, a: float = PROPENSITY_A, b: float = PROPENSITY_B, num_labels: int | None = None
) -> np.ndarray:
    """Return each label's propensity, the chance that a true label was annotated, float64 (num_labels,) in (0, 1].

    p_l = 1 / (1 + C (n_l + b)^-a), C = (log N - 1) (b + 1)^a, with n_l of the N training documents carrying label l.
    C is 0, hence every propensity 1, for N < 3, where the formula would leave (0, 1].

    Args:
        Y: CSR (num_docs, labels) of the training documents; a stored non-zero is a true label.
        a, b: the data set's constants: Wikipedia 0.5, 0.4; Amazon 0.6, 2.6; others the defaults.
        num_labels: length of the result, default Y.shape[1]; labels beyond Y have n_l = 0.
    Raises: ValueError: a < 0, b <= 0, or num_labels < Y.shape[1].
    Source: Jain et al., KDD 2016; the constants are the Extreme Classification Repository's.
    """
    from .data.csr import true_labels

    counts = np.bincount(true_labels(Y).indices, minlength=Y.shape[1])
    return propensity_of_counts(counts, Y.shape[0], a=a, b=b, num_labels=num_labels)


def propensity_of_counts(
    counts: np.ndarray,
    num_docs: int,
    *,
    a: float = PROPENSITY_A,
    b: float = PROPENSITY_B,
    num_labels: int | None = None,
) -> np.ndarray:
    """Return what `label_propensity` does, from each label's number of training documents, int (labels,)."""
    num_labels = len(counts) if num_labels is None else num_labels
    if a < 0 or b <= 0:
        raise ValueError(f"a must be at least 0 and b above 0. Got a={a}, b={b}; the usual ones are a=0.55, b=1.5.")
    if num_labels < len(counts):
        raise ValueError(
            f"num_labels must be at least {len(counts)}, the columns of Y. Got {num_labels}; leave it out or raise it."
        )
    padded = np.concatenate([counts, np.zeros(num_labels - len(counts), np.int64)])
    C = (math.log(max(num_docs, math.e)) - 1) * (b + 1) ** a
    return 1 / (1 + C * (padded + float(b)) ** -a)
