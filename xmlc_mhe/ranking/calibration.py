"""Few documents: the margin alone, made a probability by three numbers; the order of the labels stays."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

from ..predictions import Predictions

PRIOR = np.array([4.0, 0.0, 0.0])  # what the numbers are without documents
PRIOR_ROWS = np.array([1.0, 1.0, 10.0])  # how strongly they are held to it, as the inverse of a variance
NEWTON_STEPS = 25


class MarginCalibration(NamedTuple):
    """P(label | margin, rank) = sigmoid(slope margin + intercept - decay log(1 + rank)), ranks from 0.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999, with a term for the rank and a normal prior.
    """

    slope: float
    intercept: float
    decay: float

    @classmethod
    def learn(cls, best: Predictions, is_true: np.ndarray) -> "MarginCalibration":
        """Return the calibration of candidates, best first, of which is_true, bool (B, S), are labels.

        Slope and decay stay at 0 or above, so that a label never passes one with a greater margin.
        """
        there = best.labels >= 0
        ranks = np.broadcast_to(np.log1p(np.arange(best.labels.shape[1])), best.labels.shape)
        rows = np.column_stack([best.scores[there], np.ones(int(there.sum())), -ranks[there]]).astype(np.float64)
        target, numbers = is_true[there], PRIOR.copy()
        for _ in range(NEWTON_STEPS):
            probs = expit(rows @ numbers)
            gradient = rows.T @ (probs - target) + PRIOR_ROWS * (numbers - PRIOR)
            curvature = (rows.T * (probs * (1 - probs))) @ rows + np.diag(PRIOR_ROWS)
            step = np.linalg.solve(curvature, gradient)
            numbers = numbers - step / max(1.0, float(np.abs(step).max()))  # at most 1 a step: it cannot run away
            if np.abs(step).max() < 1e-8:
                break
        return cls(max(float(numbers[0]), 1e-3), float(numbers[1]), max(float(numbers[2]), 0.0))

    def probs(self, best: Predictions) -> np.ndarray:
        """Return the probabilities of predictions with margins, float32 (B, S); those of padding are 0."""
        ranks = np.log1p(np.arange(best.labels.shape[1]))
        with np.errstate(invalid="ignore"):
            logits = self.slope * best.scores + self.intercept - self.decay * ranks
        return np.where(best.labels >= 0, expit(logits), 0).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return self._asdict()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "MarginCalibration":
        """Return the calibration whose `state` this is."""
        return cls(**{name: state[name] for name in cls._fields})
