"""What `fit` chooses on dev with the features of a learned encoder: C, and the scale beside words."""

import logging
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..features.hybrid import HybridFeatures
from ..features.matrix import HybridMatrix
from ..metrics import evaluate, metric_names
from .heads import build_head
from .options import ClassifierOptions

CANDIDATE_CS = (0.05, 0.1, 0.2, 0.4, 0.8)
SCALES = (0.5, 1.0, 1.5, 2.0, 3.0)
MOST_DEV_DOCS, MOST_TUNING_DOCS = 3000, 20_000

logger = logging.getLogger(__name__)


def choose_on_dev(
    options: ClassifierOptions,
    encoder: Any,
    head: Any,
    X: HybridMatrix,
    Y: csr_array,
    dev: tuple[HybridMatrix, csr_array] | None,
) -> HybridMatrix:
    """Choose C, and beside words the scale of the encoder's features, on dev. Return X with that scale.

    Args:
        options: the options of the classifier. A value that they give is not chosen.
        encoder, head: the encoder is fitted, the head is not trained yet. Both are changed in place.
        X, Y: the training documents. Where dev is None, a fifth of them is held out for it.
    """
    is_hybrid = isinstance(encoder, HybridFeatures)
    scales = SCALES if is_hybrid and options.dense_scale is None else (1.0,)
    weights = CANDIDATE_CS if options.C is None else (options.C,)
    if len(scales) * len(weights) == 1:
        return X
    if dev is None:
        order = np.random.default_rng(options.seed).permutation(Y.shape[0])
        num_dev = min(max(1, Y.shape[0] // 5), MOST_DEV_DOCS)
        train_rows, dev_rows = order[num_dev:], order[:num_dev]
        X_dev, Y_dev = X[dev_rows], Y[dev_rows]
    else:
        train_rows, (X_dev, Y_dev) = np.arange(Y.shape[0]), dev
    train_rows = np.sort(train_rows[:MOST_TUNING_DOCS])
    X_train, Y_train = X[train_rows], Y[train_rows]
    names = metric_names([k for k in (1, 3, 5) if k <= Y.shape[1]], metrics=("P",))

    @cache
    def score(scale: float, C: float) -> float:
        trial = build_head(options, C=C).fit(X_train.scaled(scale), Y_train)
        labels = trial.top_k(X_dev.scaled(scale), min(5, Y.shape[1])).labels
        value = float(np.mean(list(evaluate(Y_dev, labels, names).values())))
        logger.info("on dev: C %g, dense_scale %g: %.2f", C, scale, 100 * value)
        return value

    scale, C = scales[len(scales) // 2], weights[len(weights) // 2]
    for _ in range(2):  # one after the other, twice: the two hardly depend on each other
        C = max(weights, key=lambda C, scale=scale: score(scale, C))  # type: ignore[misc]
        scale = max(scales, key=lambda scale, C=C: score(scale, C))  # type: ignore[misc]
    head.options = replace(head.options, C=C)
    if is_hybrid:
        encoder.scale_ *= scale
    return X.scaled(scale)
