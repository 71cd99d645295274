"""The vanilla yardstick: one classifier for each label, trained and scored on all documents."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..codes.label_code import LabelCode, order_field
from ..codes.orders import frequency_order
from ..features.matrix import HybridMatrix
from ..predictions import Predictions
from ..state import Fields, part, with_prefix
from .options import SolverOptions
from .scorer import InvertedIndex
from .simd import LANES
from .training import fit_head, margins_to_probs


class OneVsRest:
    """One linear classifier for each label.

    Labels are stored by descending frequency, so that of equal scores the more frequent label comes first.
    """

    name = "vanilla"

    def __init__(self, options: SolverOptions, *, seed: int = 0, threads: int = 1) -> None:
        self.options = options
        self.seed = seed
        self.threads = threads

    def fit(self, X: csr_array | HybridMatrix, Y: csr_array) -> "OneVsRest":
        """Train on X (num_docs, num_features) and Y (num_docs, num_labels)."""
        self.code = LabelCode(frequency_order(Y, self.seed), (Y.shape[1],))
        self.index = fit_head(
            HybridMatrix.of(X),
            self.code.prefixes(Y, 1),
            width=LANES,
            options=self.options,
            seed=self.seed,
            threads=self.threads,
            title="one-vs-rest",
        )
        return self

    def top_k(self, X: csr_array | HybridMatrix, k: int) -> Predictions:
        """Return the k best labels of each row of X by margin."""
        codes, scores = self.index.top_k(X, k)
        return Predictions(self.code.labels_of(codes), scores)

    @property
    def label_index(self) -> InvertedIndex:
        """The weights of the labels, by their codes."""
        return self.index

    def label_features(self, X: HybridMatrix) -> HybridMatrix:
        """Return the features that these weights are of: those of the documents."""
        return X

    def to_probs(self, scores: np.ndarray) -> np.ndarray:
        """Return numbers from 0 to 1 for the scores that `top_k` gave; see `margins_to_probs`."""
        return margins_to_probs(scores)

    def describe(self) -> str:
        """Return one line for people: what was built."""
        return f"one classifier for each of {self.code.num_labels} labels"

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        return {"order": self.code.order, **self.index.state("head_1")}

    @staticmethod
    def state_fields(state: dict[str, Any], *, num_labels: int, num_features: int, num_dense: int) -> Fields:
        """Yield what the entries of `state` must be."""
        yield "order", order_field(num_labels)
        of_index = InvertedIndex.state_fields(
            part(state, "head_1."), num_features=num_features, num_dense=num_dense, num_labels=num_labels
        )
        yield from with_prefix("head_1.", of_index)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "OneVsRest":
        """Return the trained head whose `state` this is."""
        head = cls(SolverOptions())
        head.code = LabelCode(state["order"], (len(state["order"]),))
        head.index = InvertedIndex.from_state(part(state, "head_1."))
        return head
