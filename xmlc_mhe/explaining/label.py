"""What a model knows of one label by itself: its strongest words, its documents, the labels that it goes with."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..features.hybrid import HybridFeatures
from ..features.words import TextFeatures
from ..linear.label_weights import label_weights
from .label_names import label_id
from .words import has_weights

NUM_WORDS, NUM_COMPANIONS = 20, 10


@dataclass(frozen=True)
class LabelWord:
    """A word, or a column of given features, and the weight of the label on it."""

    word: str
    weight: float


@dataclass(frozen=True)
class Companion:
    """Another label, and the share of the label's training documents that have it, too."""

    label: str
    share: float


@dataclass(frozen=True)
class LabelDescription:
    """One label of a model.

    Attributes:
        label: its name.
        num_docs: its training documents.
        words: those that speak for it, the strongest first; none where no weights belong to words, as in a learned
            encoder, in a neural head, or where words are hashed.
        words_against: those that speak against it, the strongest first.
        companions: the labels that it goes with, the most frequent first; none where the model has no ranking stage.
    """

    label: str
    num_docs: int
    words: list[LabelWord]
    words_against: list[LabelWord]
    companions: list[Companion]

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


def describe_label(model: Any, name: str) -> LabelDescription:
    """Return what a fitted model knows of the label of this name; raises ValueError where there is none."""
    label = label_id(model.label_names_, name)
    words = _words(model, label)
    against = sorted((word for word in words if word.weight < 0), key=lambda word: word.weight)
    return LabelDescription(
        label=model.label_names_[label],
        num_docs=int(model.label_counts_[label]),
        words=sorted((word for word in words if word.weight > 0), key=lambda word: -word.weight)[:NUM_WORDS],
        words_against=against[:NUM_WORDS],
        companions=_companions(model, label),
    )


def _words(model: Any, label: int) -> list[LabelWord]:
    """Return the NUM_WORDS greatest and the NUM_WORDS least weights of a label, and maybe more."""
    encoder: Any = model.encoder_.words if isinstance(model.encoder_, HybridFeatures) else model.encoder_
    is_of_words = isinstance(encoder, TextFeatures)
    if not has_weights(model) or (is_of_words and encoder.hashing_bits):
        return []
    weights = label_weights(model.head_.label_index, int(model.head_.code.position[label]))
    num_own = encoder.num_features if is_of_words else encoder.num_features_
    order = np.argsort(weights.weights, kind="stable")
    order = order[weights.features[order] < num_own]  # those beyond are the scores of groups of labels
    ends = order if len(order) <= 2 * NUM_WORDS else np.concatenate([order[:NUM_WORDS], order[-NUM_WORDS:]])
    columns = weights.features[ends].tolist()
    known = [term for counter in encoder.counters_ for term in counter.vocabulary] if is_of_words else []
    names = [known[column] if is_of_words else f"column {column}" for column in columns]
    return [LabelWord(word, weight) for word, weight in zip(names, weights.weights[ends].tolist(), strict=True)]


def _companions(model: Any, label: int) -> list[Companion]:
    evidence = [] if model.ranking_ is None else model.ranking_.evidence
    for kind in evidence:
        if kind.name == "cooccurrence":
            row = slice(*kind.indptr[label : label + 2])
            pairs = zip(kind.labels[row].tolist(), (kind.shares[row] / 255).tolist(), strict=True)
            best = sorted(pairs, key=lambda pair: -pair[1])[:NUM_COMPANIONS]
            return [Companion(model.label_names_[other], share) for other, share in best]
    return []
