"""What the ranking stage knows of one document: probabilities, what moves them, similar training documents."""

from typing import Any, NamedTuple

import numpy as np

from ..features.matrix import HybridMatrix
from ..predictions import Predictions
from ..ranking.candidates import candidates_of
from ..ranking.network import RankingNetwork
from ..ranking.stage import RankingStage, in_order, probs_beyond
from .explanation import EvidenceChange

NUM_SIMILAR = 5


class SimilarRow(NamedTuple):
    """A training document: its first words, None where the model keeps none, its labels, its cosine."""

    text: str | None
    labels: list[int]
    cosine: float


class RankedDocument:
    """One document before a ranking stage.

    Args:
        X: its features, (1, num_features).
        best: its labels of greatest margin, as many as there are candidates.
    """

    def __init__(self, stage: RankingStage, X: HybridMatrix, best: Predictions) -> None:
        self.stage, self.X, self.best = stage, X, best
        self.candidates = candidates_of(X, best)
        self.probs = stage.probs(X, best)  # (1, S)
        self._slots = {label: slot for slot, label in enumerate(self.candidates.labels[0].tolist())}

    def probability(self, label: int, margin: float) -> float:
        """Return the probability of a label as `predict` gives it."""
        if label in self._slots:
            return float(self.probs[0, self._slots[label]])
        ranked = in_order(self.candidates.labels, self.probs)
        return float(probs_beyond(ranked, np.array([[margin]], np.float32))[0, 0])

    def changes(self, label: int) -> list[EvidenceChange]:
        """Return how the probability of a candidate changes without each kind of evidence; of others, nothing.

        "Without" a kind, its columns have their mean over the candidates that the networks were trained on.
        """
        model = self.stage.model
        if label not in self._slots or not isinstance(model, RankingNetwork):
            return []
        row = self.stage.values(self.X, self.best)[0, self._slots[label]]  # (num_columns,)
        rows, start = np.repeat(row[None], len(self.stage.evidence) + 1, axis=0), 0  # the last one stays as it is
        for number, kind in enumerate(self.stage.evidence):
            columns = slice(start, start + len(kind.columns))
            rows[number, columns] = model.mean[columns]
            start = columns.stop
        *without, whole = model.probs(rows[None])[0].tolist()
        return [
            EvidenceChange(kind.name, prob - whole) for kind, prob in zip(self.stage.evidence, without, strict=True)
        ]

    def similar(self) -> list[SimilarRow]:
        """Return the training documents nearest to this one, by its words where it has any; none if none are kept."""
        kinds: dict[str, Any] = {kind.name: kind for kind in self.stage.evidence}
        if (kind := kinds.get("neighbours")) is None:
            return []
        docs, cosines = next(iter(kind.nearest(self.candidates).values()))
        first_words = kind.first_words
        return [
            SimilarRow(
                None if first_words is None else first_words.of_doc(doc),
                kind.Y[[doc]].indices.tolist(),
                min(cosine, 1.0),  # weights of a byte may sum to a little more
            )
            for doc, cosine in list(zip(docs[0].tolist(), cosines[0].tolist(), strict=True))[:NUM_SIMILAR]
            if doc >= 0
        ]
