"""Several models as one: the mean of the probabilities that they give each label."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array

from ..data.dataset import Dataset
from ..predictions import Predictions, concatenate_predictions, empty_predictions
from ..ranking.candidates import NUM_CANDIDATES
from .classifier import XMLCClassifier
from .options import DEFAULT_K

LABELS_OF_EACH = 4  # times k labels are taken of each model; at least LEAST_LABELS
LEAST_LABELS = 20


class Ensemble:
    """The mean of several models' probabilities. The models may differ in encoder, head and seed.

    They are those of the ranking stage. A model without one has its head turn margins into numbers from 0 to 1
    (`to_probs`). Where a label is not among the best ones of a model, it gets the probability of the last of these.
    Most published figures are those of three models.

    Args:
        models: fitted models with the same label names, in any order.
    Raises: ValueError: there is no model, or the label names differ.
    """

    def __init__(self, models: Sequence[XMLCClassifier]) -> None:
        if not models:
            raise ValueError("models must be at least one. Got none; give a model.")
        self.models = list(models)
        self.label_names_ = self.models[0].label_names_
        ids = {name: label for label, name in enumerate(self.label_names_)}
        self._ids = []  # of each model, label -> ours
        for number, model in enumerate(self.models, start=1):
            if len(model.label_names_) != len(ids) or not ids.keys() >= set(model.label_names_):
                raise ValueError(
                    f"models must have the same label names. Got others in model {number} than in the first; train all "
                    "on the same labels."
                )
            self._ids.append(np.array([ids[name] for name in model.label_names_], np.int32))

    @property
    def gives_probs(self) -> bool:
        """Whether the scores of all models are probabilities, so that their mean is one."""
        return all(model.gives_probs for model in self.models)

    @property
    def has_rules(self) -> bool:
        """Whether the first model, whose thresholds are taken, has some that were chosen by rules."""
        return self.models[0].has_rules

    def predict(self, X: Any, k: int | None = None, *, threshold: str | float | None = None) -> Predictions:
        """Return the k best labels of each document, best first, and the means of their probabilities.

        Args:
            threshold: the labels that pass alone; a probability, or a rule with what the first model chose for it.
        """
        return concatenate_predictions(list(self.predict_batches([X], k, threshold=threshold)))

    def predict_batches(
        self, batches: Iterable[Any], k: int | None = None, *, threshold: str | float | None = None
    ) -> Iterator[Predictions]:
        """Yield the predictions of batch after batch; see `XMLCClassifier.predict_batches`."""
        num_labels = len(self.label_names_)
        keep = None if threshold is None else self.keeper(threshold)
        if k is None:
            k = min(DEFAULT_K if threshold is None else NUM_CANDIDATES, num_labels)
        num_each = min(max(LABELS_OF_EACH * k, LEAST_LABELS), num_labels)
        for batch in batches:
            documents = (batch.texts if batch.X is None else batch.X) if isinstance(batch, Dataset) else batch
            parts = []
            for model, ids in zip(self.models, self._ids, strict=True):
                labels, scores = model.predict(documents, max(k, num_each))
                parts.append((np.where(labels < 0, -1, ids[labels]), model.probs_of(scores)))
            best = mean_of_best(parts, k)
            yield best if keep is None else keep(best)

    def keeper(self, rule: str | float) -> Callable[[Predictions], Predictions]:
        """Return the function that keeps the labels that pass, by the first model; see `XMLCClassifier.keeper`."""
        return self.models[0].keeper(rule)

    def label_propensity(self, **options: Any) -> np.ndarray:
        """Return the propensities by the first model; see `XMLCClassifier.label_propensity`."""
        return self.models[0].label_propensity(**options)


def mean_of_best(parts: Sequence[tuple[np.ndarray, np.ndarray]], k: int) -> Predictions:
    """Return the k labels with the largest mean probability; of equal ones the lower label comes first.

    Args:
        parts: for each model its labels, int (num_docs, K), best first, -1 pads, and their probabilities (num_docs, K).
            A label that is missing in a row gets the probability of the last one in it.
    """
    floors = [np.where(labels < 0, np.inf, probs).min(axis=1, initial=1.0) for labels, probs in parts]  # (B,) each
    labels = np.concatenate([labels for labels, _ in parts], axis=1)  # (B, M K)
    gains = np.concatenate([probs - floor[:, None] for (_, probs), floor in zip(parts, floors, strict=True)], axis=1)
    docs, columns = np.nonzero(labels >= 0)
    shape = (len(labels), int(labels.max(initial=-1)) + 1)
    sums = coo_array((gains[docs, columns].astype(np.float64), (docs, labels[docs, columns])), shape).tocsr()
    docs = np.repeat(np.arange(len(labels)), np.diff(sums.indptr))
    order = np.lexsort((sums.indices, -sums.data, docs))
    ranks = np.arange(len(order)) - sums.indptr[docs]
    kept, (docs, ranks) = order[ranks < k], (docs[ranks < k], ranks[ranks < k])
    best = empty_predictions(len(labels), k)
    best.labels[docs, ranks] = sums.indices[kept]
    best.scores[docs, ranks] = (sums.data[kept] + np.sum(floors, axis=0)[docs]) / len(parts)
    return best
