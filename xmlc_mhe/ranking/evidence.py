"""The contract of evidence: what a kind of it learns from training, and what it says of each candidate."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array

from ..features.matrix import HybridMatrix


class Training(NamedTuple):
    """What evidence may learn from: the documents that the heads were fitted on.

    X: features. Y: CSR (num_docs, num_labels) of ones. names: CSR (num_labels, num_words), the words of each label's
    name as columns of X; None where the columns are no words. texts: of the documents, None where there are none or
    nobody is to see them.
    """

    X: HybridMatrix
    Y: csr_array
    names: csr_array | None
    texts: Sequence[str] | None = None


class Candidates(NamedTuple):
    """The labels that are ranked for each of B documents, best margin first.

    X: the documents' features. labels: int32 (B, S), -1 pads. margins: float32 (B, S), finite; where there is padding,
    that of the document's last candidate.
    """

    X: HybridMatrix
    labels: np.ndarray
    margins: np.ndarray


class Evidence(Protocol):
    """One kind of evidence.

    name: how model files and studies call it. columns: names of its values, which may depend on the features.
    """

    name: str
    columns: tuple[str, ...]

    @classmethod
    def learn(cls, training: Training) -> "Evidence | None":
        """Return the evidence that these training documents give; None where they cannot give any."""

    def values(self, candidates: Candidates) -> np.ndarray:
        """Return float32 (B, S, len(columns)); what stands where there is padding is not looked at."""

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Evidence":
        """Return the evidence whose `state` this is."""
