"""The ranking stage: a head's best labels of a document, ranked by all that is known of them, with probabilities."""

from typing import Any

import numpy as np
from scipy.special import expit

from ..features.matrix import HybridMatrix
from ..predictions import Predictions
from .calibration import MarginCalibration
from .candidates import candidates_of
from .cooccurrence import CooccurrenceEvidence
from .evidence import Evidence
from .frequency import FrequencyEvidence
from .margins import MarginEvidence
from .names import NameEvidence
from .neighbours import NeighbourEvidence
from .network import RankingNetwork
from .thresholds import Thresholds

EVIDENCE: dict[str, Any] = {  # a new kind is a file beside this one, and a name here
    kind.name: kind
    for kind in (MarginEvidence, FrequencyEvidence, NeighbourEvidence, CooccurrenceEvidence, NameEvidence)
}


class RankingStage:
    """Evidence and a network that makes a probability of it; with few documents, a calibration of the margin alone.

    evidence: of all training documents. model: RankingNetwork, or MarginCalibration, which looks at no evidence; what
        there is of it then is for people to see.
    thresholds: chosen on held-out documents; None where they had no label among their candidates.
    """

    def __init__(
        self,
        evidence: list[Evidence],
        model: RankingNetwork | MarginCalibration,
        thresholds: Thresholds | None = None,
    ) -> None:
        self.evidence, self.model, self.thresholds = evidence, model, thresholds

    def rank(self, X: HybridMatrix, best: Predictions, k: int) -> Predictions:
        """Return the k best labels of each document and their probabilities, best first, ties to the greater margin.

        Args:
            X: features of the documents, (B, num_features).
            best: their max(k, NUM_CANDIDATES) labels of greatest margin, or all labels. Those beyond the candidates
                follow by margin, with probabilities below all of theirs.
        """
        ranked = in_order(candidates_of(X, best).labels, self.probs(X, best))  # (B, S)
        num_candidates = ranked.labels.shape[1]
        if k > num_candidates:
            rest = Predictions(best.labels[:, num_candidates:], probs_beyond(ranked, best.scores[:, num_candidates:]))
            ranked = Predictions(*(np.concatenate(columns, axis=1) for columns in zip(ranked, rest, strict=True)))
        labels, probs = ranked.labels[:, :k], ranked.scores[:, :k]
        return Predictions(labels, np.where(labels < 0, -np.inf, probs).astype(np.float32))

    def probs(self, X: HybridMatrix, best: Predictions) -> np.ndarray:
        """Return the probability of each candidate, float32 (B, S), in the order of margins."""
        if isinstance(self.model, MarginCalibration):
            candidates = candidates_of(X, best)
            return self.model.probs(Predictions(candidates.labels, candidates.margins))
        return self.model.probs(self.values(X, best))

    def values(self, X: HybridMatrix, best: Predictions) -> np.ndarray:
        """Return the evidence of each candidate, float32 (B, S, num_columns)."""
        candidates = candidates_of(X, best)
        return np.concatenate([kind.values(candidates) for kind in self.evidence], axis=2)

    @property
    def columns(self) -> list[str]:
        """The names of the evidence's values."""
        return [column for kind in self.evidence for column in kind.columns]

    def describe(self) -> str:
        """Return a few words for people: what ranks."""
        return "calibrated" if isinstance(self.model, MarginCalibration) else "ranked"

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        kinds = [kind.name for kind in self.evidence]
        state: dict[str, Any] = {"kinds": kinds, "is_network": isinstance(self.model, RankingNetwork)}
        parts: dict[str, Any] = {kind.name: kind for kind in self.evidence} | {"model": self.model}
        if self.thresholds is not None:
            parts["thresholds"] = self.thresholds
        return state | {f"{part}.{name}": value for part in parts for name, value in parts[part].state().items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RankingStage":
        """Return the stage whose `state` this is."""
        parts: dict[str, dict[str, Any]] = {name: {} for name in ("model", "thresholds", *state["kinds"])}
        for name, value in state.items():
            part, dot, key = name.partition(".")
            if dot:
                parts[part][key] = value
        model = (RankingNetwork if state["is_network"] else MarginCalibration).from_state(parts["model"])
        thresholds = Thresholds.from_state(parts["thresholds"]) if parts["thresholds"] else None
        return cls([EVIDENCE[name].from_state(parts[name]) for name in state["kinds"]], model, thresholds)


def probs_beyond(candidates: Predictions, margins: np.ndarray) -> np.ndarray:
    """Return probabilities, (B, n), for the margins of labels that are no candidates, below those of all candidates."""
    last = np.where(candidates.labels < 0, 1, candidates.scores).min(axis=1, keepdims=True, initial=1)  # (B, 1)
    return last * expit(margins)


def in_order(labels: np.ndarray, probs: np.ndarray) -> Predictions:
    """Return labels, int32 (B, S), -1 pads, in the order of their probabilities, (B, S); ties keep theirs."""
    probs = np.where(labels < 0, -np.inf, probs).astype(np.float32)
    order = np.argsort(-probs, axis=1, kind="stable")
    return Predictions(np.take_along_axis(labels, order, axis=1), np.take_along_axis(probs, order, axis=1))
