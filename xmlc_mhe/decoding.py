"""Local scores to the k best global labels."""

from typing import NamedTuple

import numpy as np


class Predictions(NamedTuple):
    """The k best labels of each document, best first.

    labels: int32 (num_docs, k), -1 pads. scores: float32 (num_docs, k), -inf pads.
    """

    labels: np.ndarray
    scores: np.ndarray
