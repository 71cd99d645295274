"""How a linear head is trained: options and their defaults."""

from dataclasses import dataclass

TRAIN_BEAM = 30  # prefixes that a document is trained on beside its true ones, see docs/defaults.md


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
