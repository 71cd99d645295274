"""Extreme multi-label text classification with Multi-Head Encoding."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .classifier.classifier import XMLCClassifier
    from .classifier.ensemble import Ensemble
    from .data.dataset import Dataset
    from .data.formats.options import ReadOptions
    from .data.reading import load_dataset, load_part
    from .errors import DataError
    from .features.learned import Encoder
    from .features.words import TextFeatures
    from .metrics import evaluate, metric_names
    from .predictions import Predictions
    from .propensity import label_propensity

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

_MODULES = {  # of the public names, which are imported when they are used: `xmlc-mhe --help` needs none of them
    "DataError": "errors",
    "Dataset": "data.dataset",
    "Encoder": "features.learned",
    "Ensemble": "classifier.ensemble",
    "Predictions": "predictions",
    "ReadOptions": "data.formats.options",
    "TextFeatures": "features.words",
    "XMLCClassifier": "classifier.classifier",
    "evaluate": "metrics",
    "label_propensity": "propensity",
    "load_dataset": "data.reading",
    "load_part": "data.reading",
    "metric_names": "metrics",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)
