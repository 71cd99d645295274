"""How a linear head is trained: options and their defaults."""

from dataclasses import dataclass

# Prefixes that a document is trained on beside its true ones: so many that they have about LABELS_A_DOCUMENT
# continuations together, within these bounds; see docs/defaults.md
LEAST_TRAIN_BEAM, MOST_TRAIN_BEAM, LABELS_A_DOCUMENT = 10, 30, 960


def default_train_beam(width: int) -> int:
    """Return the prefixes that a document is trained on, for a head that is width long."""
    return min(max(LABELS_A_DOCUMENT // width, LEAST_TRAIN_BEAM), MOST_TRAIN_BEAM)


@dataclass(frozen=True)
class SolverOptions:
    """How a head is trained; the defaults were chosen on the dev parts of eurlex57k and llms4subjects-en.

    C, positive_weight, bias_feature, passes, eps: see `solve_block`. prune: weights with |w| <= prune are dropped.
    """

    C: float = 0.5
    positive_weight: float = 1.0
    bias_feature: float = 0.3
    passes: int = 8
    eps: float = 0.01
    prune: float = 0.07
