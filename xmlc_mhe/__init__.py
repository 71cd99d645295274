"""Extreme multi-label text classification with Multi-Head Encoding."""

__version__ = "0.1.0"

from .data import Dataset, load_dataset, load_part
from .decoding import Predictions
from .encoders import Encoder
from .ensemble import Ensemble
from .errors import DataError
from .features import TextFeatures
from .formats import ReadOptions
from .metrics import evaluate, label_propensity, metric_names
from .model import XMLCClassifier

__all__ = [
    "DataError",
    "Dataset",
    "Encoder",
    "Ensemble",
    "Predictions",
    "ReadOptions",
    "TextFeatures",
    "XMLCClassifier",
    "evaluate",
    "label_propensity",
    "load_dataset",
    "load_part",
    "metric_names",
]
