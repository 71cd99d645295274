"""The options of the classifier, their defaults and their checks; light, as `xmlc-mhe fit --help` shows them."""

import math
from collections.abc import Sequence
from typing import Any

from ..checks import check_number, check_option, check_whole, is_whole
from ..estimator import Estimator
from ..linear.heads import HEADS as LINEAR_HEADS
from ..linear.options import SolverOptions
from ..neural.heads import HEADS as NEURAL_HEADS
from ..neural.heads import check_own_head

ENCODERS = ("tfidf", "bow", "given")  # beside the learned ones
HEADS = (*LINEAR_HEADS, *NEURAL_HEADS)
RANKED_HEADS = (*LINEAR_HEADS, "neural-mhc")  # several labels a document
DEFAULT_K = 5  # labels predicted for a document


class ClassifierOptions(Estimator):
    """The options of `XMLCClassifier`, their defaults, and what each may be.

    Args:
        encoder: "tfidf" or "bow" for texts, "given" for a matrix of features, or a TextFeatures with your own options;
            or a learned one, see `EncoderFeatures`: "minilm", a transformer's name (owner/name) or folder, a model's
            folder, "package.module:Class", or an `Encoder`. A neural head learns it further; with "mhc" and "vanilla"
            it stays as it is. "tfidf+minilm" (or another after the plus) puts words beside its features, for these two.
        encoder_options: of a learned encoder that a string stands for, such as {"max_length": 64}.
        dense_scale: what the features of a learned encoder beside words are multiplied with; None: chosen on dev.
        head: "mhc", the Multi-Head Cascade, or "vanilla", one classifier a label on all documents; or a neural one, see
            docs/heads.md: "softmax", "neural-mhc", "mhp", "mhs", "cp", "lowrank", "etf", "rbf"; or the class of a
            neural head of your own, see docs/tutorials/own-head.md.
        head_sizes: mhc: lengths of the heads, first to last, e.g. (257, 16); their product is at least the number of
            labels. None: two heads, the last about sqrt(num_labels / 5) long.
        label_order: mhc, neural-mhc: "frequency", "given" or "random".
        C: weight of the loss against the size of the weights, > 0; lower where documents are few or short. None: 0.5;
            with the features of a learned encoder, chosen on dev.
        positive_weight: weight of the loss of a label's positives over that of its negatives, > 0; higher favours tail
            labels.
        bias_feature: value of a feature that every document has, whose weight is the bias that a label learns; 0: none.
        train_beam: mhc: groups that each document is trained on beside its true ones; None: 10 to 30, so many that
            they have about 960 labels.
        beam: mhc: groups searched for a document at prediction, "all", or "auto" for the quicker of all and 20.
        cascade_scale: mhc: above 0, group scores become features of the later heads, times this; try 0.3 to 0.6 where
            labels imply one another.
        passes, eps: the solver stops after so many passes, or when no dual variable moves more than eps.
        prune: weights up to this size are dropped.
        rank: heads mhc, vanilla and neural-mhc: rank the best labels by all that is known of them, by a stage that is
            learned on held-out documents, and give probabilities; False: margins.
        neighbours: whether the stage looks at the labels of the nearest training documents, which are then part of the
            model, with the first 80 characters of each text.
        head_options: neural heads: their own options and those of the training (dim, epochs, batch_size, learning_rate,
            hidden) by name; the options from C to prune are for the others.
        seed: of the order of documents; the same seed gives the same model for any number of threads.
        threads: None: as many as the machine has cores.
    """

    def __init__(
        self,
        encoder: Any = "tfidf",
        head: Any = "mhc",
        *,
        encoder_options: dict[str, Any] | None = None,
        dense_scale: float | None = None,
        head_sizes: Sequence[int] | None = None,
        label_order: str = "frequency",
        C: float | None = None,
        positive_weight: float = SolverOptions.positive_weight,
        bias_feature: float = SolverOptions.bias_feature,
        train_beam: int | None = None,
        beam: int | str = "auto",
        cascade_scale: float = 0.0,
        passes: int = SolverOptions.passes,
        eps: float = SolverOptions.eps,
        prune: float = SolverOptions.prune,
        rank: bool = True,
        neighbours: bool = True,
        head_options: dict[str, Any] | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.encoder_options = encoder_options
        self.dense_scale = dense_scale
        self.head_sizes = head_sizes
        self.label_order = label_order
        self.C = C
        self.positive_weight = positive_weight
        self.bias_feature = bias_feature
        self.train_beam = train_beam
        self.beam = beam
        self.cascade_scale = cascade_scale
        self.passes = passes
        self.eps = eps
        self.prune = prune
        self.rank = rank
        self.neighbours = neighbours
        self.head_options = head_options
        self.seed = seed
        self.threads = threads

    def check_values(self) -> None:
        """Raise ValueError unless each option by itself is one that it may be."""
        if isinstance(self.head, type):
            check_own_head(self.head, HEADS)
        else:
            check_option("head", self.head, HEADS)
        for name in ("C", "dense_scale", "positive_weight"):
            if getattr(self, name) is not None or name == "positive_weight":
                check_number(name, getattr(self, name), above=0)
        for name in ("bias_feature", "prune", "eps", "cascade_scale"):
            check_number(name, getattr(self, name))
        for name, least in (("passes", 1), ("train_beam", 1), ("seed", 0)):
            if getattr(self, name) is not None or name != "train_beam":
                check_whole(name, getattr(self, name), least=least)
        for name in ("rank", "neighbours"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be True or False. Got {getattr(self, name)!r}; choose one.")
        self.check_threads()
        if self.beam not in ("auto", "all") and not is_whole(self.beam):
            raise ValueError(f'beam must be "auto", "all" or a whole number from 1. Got {self.beam!r}; choose one.')
        sizes = self.head_sizes
        if sizes is not None and (isinstance(sizes, str) or not all(map(is_whole, _items(sizes)))):
            raise ValueError(
                f"head_sizes must be None or whole numbers from 1. Got {sizes!r}; write for example (257, 16)."
            )
        if not (self.head_options is None or isinstance(self.head_options, dict)):
            raise ValueError(
                f"head_options must be None or a dict. Got {type(self.head_options).__name__}; write for example "
                '{"epochs": 30}.'
            )

    def check_threads(self) -> None:
        """Raise ValueError unless the number of threads is one; asked again after loading, where it may be given."""
        if self.threads is not None and not is_whole(self.threads):
            raise ValueError(f"threads must be None or a whole number from 1. Got {self.threads!r}; choose one.")


def _items(values: Any) -> list[Any]:
    return list(values) if hasattr(values, "__iter__") else [math.nan]
