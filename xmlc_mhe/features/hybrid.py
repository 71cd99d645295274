"""Words and a learned encoder side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..estimator import Estimator, check_is_fitted
from ..state import Fields, number, part, with_prefix
from .learned import TRANSFORMER, EncoderFeatures, class_name
from .matrix import HybridMatrix
from .options import OWN, kind_of_analyzer
from .words import TextFeatures


class HybridFeatures(Estimator):
    """Words and the features of a learned encoder, side by side; the latter are multiplied by a scale.

    Args:
        words: makes the sparse block.
        learned: makes the dense block, whose rows have unit length.
        scale: the factor of the dense block. With None, `XMLCClassifier` chooses it on a dev part.
    """

    def __init__(self, words: TextFeatures, learned: EncoderFeatures, *, scale: float | None = None) -> None:
        self.words = words
        self.learned = learned
        self.scale = scale

    def fit(self, texts: Sequence[str], Y: Any = None) -> "HybridFeatures":
        """Learn the words, and build the encoder."""
        self.fit_transform(texts, Y)
        return self

    def fit_transform(self, texts: Sequence[str], Y: Any = None, *, threads: int = 1) -> HybridMatrix:
        """Fit and return the features of the same texts; `threads` threads count the words."""
        self.scale_ = 1.0 if self.scale is None else self.scale
        words = self.words.fit_transform(texts, threads=threads)
        return HybridMatrix(words, self._scaled(self.learned.fit_transform(texts)))

    def transform(self, texts: Sequence[str]) -> HybridMatrix:
        """Return the features of texts, both blocks."""
        check_is_fitted(self, "scale_")
        return HybridMatrix(self.words.transform(texts), self._scaled(self.learned.transform(texts)))

    def _scaled(self, dense: np.ndarray) -> np.ndarray:
        return dense * np.float32(self.scale_)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        parts = {"words": self.words.state(), "learned": self.learned.state()}
        state = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        return state | {"scale": self.scale_}

    @staticmethod
    def state_fields(state: dict[str, Any], *, encoder_class: Any = None) -> Fields:
        """Yield what the entries of `state` must be, and return the numbers of sparse and of dense columns."""
        of_words = TextFeatures.state_fields(part(state, "words."))
        of_learned = EncoderFeatures.state_fields(part(state, "learned."), encoder_class=encoder_class)
        num_features, _ = yield from with_prefix("words.", of_words)
        _, num_dense = yield from with_prefix("learned.", of_learned)
        yield "scale", number()
        return num_features, num_dense

    @classmethod
    def from_state(cls, state: dict[str, Any], *, encoder_class: Any = None, analyzer: Any = None) -> "HybridFeatures":
        """Return the features whose `state` this is; see `EncoderFeatures.from_state` and `TextFeatures.from_state`."""
        learned = EncoderFeatures.from_state(part(state, "learned."), encoder_class=encoder_class)
        features = cls(TextFeatures.from_state(part(state, "words."), analyzer=analyzer), learned, scale=state["scale"])
        features.scale_ = state["scale"]
        return features


def has_own_encoder(features: Any) -> bool:
    """Return whether fitted features come from an encoder of the user's own, whose class loading a model needs."""
    learned = features.learned if isinstance(features, HybridFeatures) else features
    return isinstance(learned, EncoderFeatures) and class_name(learned.module_) != TRANSFORMER


def has_own_analyzer(features: Any) -> bool:
    """Return whether fitted features are words of an analyzer of the user's own, which loading a model needs."""
    found = features.words if isinstance(features, HybridFeatures) else features
    return isinstance(found, TextFeatures) and kind_of_analyzer(found.analyzer) == OWN
