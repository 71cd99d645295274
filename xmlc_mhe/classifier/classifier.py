"""XMLCClassifier: encoder, label code and heads behind fit, predict, score, save and load."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from ..checks import is_whole
from ..data.dataset import Dataset
from ..estimator import check_is_fitted
from ..features.given import GivenFeatures
from ..features.hybrid import HybridFeatures
from ..features.learned import EncoderFeatures
from ..features.matrix import HybridMatrix
from ..metrics import evaluate
from ..model_files import write_model
from ..neural.heads import HEADS as NEURAL_HEADS
from ..predictions import Predictions, as_csr, concatenate_predictions, keep_labels
from ..progress import track_documents
from ..propensity import PROPENSITY_A, PROPENSITY_B, propensity_of_counts
from ..ranking.candidates import NUM_CANDIDATES
from ..ranking.thresholds import parse_rule
from .documents import BATCH_SIZE, check_training, documents_and_labels, documents_of, in_pieces, num_docs_of
from .encoders import LEARNED_CLASSES, build_encoder
from .fitting import fit_parts
from .heads import build_head, num_threads
from .options import DEFAULT_K, ClassifierOptions
from .saving import model_state, read_parts
from .uses import check_uses

if TYPE_CHECKING:
    from ..explaining.explanation import Explanation


class XMLCClassifier(ClassifierOptions):
    """Tag texts or feature rows with the few right labels out of many; `ClassifierOptions` has the options.

    Attributes: label_names_ (list of str), label_counts_ (int64, training documents of each), num_docs_, encoder_,
        head_, ranking_ (None without), n_features_in_ (with encoder="given").
    """

    def fit(self, X: Any, Y: Any = None, *, dev: Any = None) -> "XMLCClassifier":
        """Learn from documents and their labels, and return self.

        Args:
            X: a Dataset, or a list of texts, or with encoder="given" a matrix (num_docs, num_features).
            Y: None with a Dataset; else one list of label names a document, or one name a document, or a matrix
                (num_docs, num_labels) whose non-zeros are true labels; labels are then named "0", "1", ...
            dev: a Dataset, or a pair of documents and labels, for early stopping and for what is chosen on dev; None: a
                part of the training documents where it is needed.
        Raises: ValueError: an option or the data is not as above.
        """
        self.check_values()
        X, Y, label_names = documents_and_labels(X, Y)
        check_training(X, Y, label_names)
        if dev is not None:
            pair = (dev, None) if isinstance(dev, Dataset) else dev
            dev = documents_and_labels(*pair, known=label_names)[:2]
        encoder, head = build_encoder(self), build_head(self)
        ranking = fit_parts(self, encoder, head, X, Y, dev=dev, label_names=label_names)
        self.head_, self.ranking_ = head, ranking
        self.encoder_, self.label_names_, self.num_docs_ = encoder, label_names, Y.shape[0]
        self.label_counts_ = np.bincount(Y.indices, minlength=len(label_names))
        return self

    @property
    def learns_encoder(self) -> bool:
        """Whether the encoder is a learned one, for which `fit` needs a dev part."""
        return isinstance(build_encoder(self), LEARNED_CLASSES)

    @property
    def n_features_in_(self) -> int:
        """The columns of X in training; there is none before fit, and with texts."""
        return self.encoder_.num_features_

    def predict(self, X: Any, k: int | None = None, *, threshold: str | float | None = None) -> Predictions:
        """Return the k best labels of each document, best first.

        Args:
            X: texts, or rows with the columns of training, or a Dataset of either.
            k: 1 to num_labels; None: DEFAULT_K, or all labels where there are fewer.
            threshold: keep the labels that pass alone, none where none does: a probability; "micro-f1", "macro-f1",
                "doc-f1" or "precision=0.9", chosen by `fit` on held-out documents, see `Thresholds`. k is then the most
                labels of a document, NUM_CANDIDATES by default.
        Returns: labels int32 (num_docs, k), indices into label_names_, -1 pads; scores float32 (num_docs, k):
            probabilities from 0 to 1, or margins without a ranking stage (rank=False, and models of version 0.1.0):
            above 0 where the label's own classifier says yes.
        """
        documents = documents_of(X)
        predicted = self.predict_batches([documents], k, threshold=threshold)
        if (num_docs := num_docs_of(documents)) > BATCH_SIZE:
            predicted = track_documents(predicted, total=num_docs, title="tagging", size=lambda part: len(part.labels))
        batches = list(predicted)
        return batches[0] if len(batches) == 1 else concatenate_predictions(batches)

    def predict_batches(
        self, batches: Iterable[Any], k: int | None = None, *, threshold: str | float | None = None
    ) -> Iterator[Predictions]:
        """Return an iterator over the predictions of document after document, holding a few batches in memory.

        Args:
            batches: texts or rows, in pieces of any size, for example from `iter_documents`; read as far as needed.
            k, threshold: as for `predict`.
        """
        check_is_fitted(self, "head_")
        keep = None if threshold is None else self.keeper(threshold)
        if k is None:
            k = min(DEFAULT_K if threshold is None else NUM_CANDIDATES, len(self.label_names_))
        if not (is_whole(k) and k <= len(self.label_names_)):
            raise ValueError(f"k must be 1 to {len(self.label_names_)}, the number of labels. Got {k}; choose another.")
        predicted = self._predict_pieces(chain.from_iterable(map(in_pieces, batches)), k, num_threads(self))
        return predicted if keep is None else map(keep, predicted)

    def keeper(self, rule: str | float) -> Callable[[Predictions], Predictions]:
        """Return the function that keeps the labels of predictions which pass a threshold; see `predict`."""
        name = parse_rule(rule).name
        if self.ranking_ is None:
            raise ValueError(
                "threshold must be None with a model without a ranking stage, whose scores are margins. Got "
                f"{rule!r}; fit with rank=True."
            )
        if self.ranking_.thresholds is not None:
            return partial(self.ranking_.thresholds.apply, rule=rule)
        if name != "probability":
            raise ValueError(
                "threshold must be a number with a model that had too few documents to choose rules by. Got "
                f"{rule!r}; write for example 0.5."
            )
        return lambda predictions: keep_labels(predictions, predictions.scores >= parse_rule(rule).value)

    def predict_proba(self, X: Any, k: int | None = None) -> csr_array:
        """Return the probabilities of the k best labels of each document, CSR (num_docs, num_labels).

        Args:
            k: 1 to num_labels; None: NUM_CANDIDATES, those that the ranking stage looks at. All others are 0.
        Raises: ValueError: the model gives margins, as it has no ranking stage.
        """
        check_is_fitted(self, "head_")
        if self.ranking_ is None:
            raise ValueError("predict_proba needs a ranking stage. Got a model with margins alone; fit with rank=True.")
        k = min(NUM_CANDIDATES, len(self.label_names_)) if k is None else k
        return as_csr(self.predict(X, k), len(self.label_names_))

    def decision_function(self, X: Any, k: int | None = None) -> csr_array:
        """Return the margins of the k labels with the greatest ones, CSR (num_docs, num_labels); k as `predict_proba`.

        A margin is what the heads say before anything is ranked; 0 may be stored, and what is not stored is lower.
        """
        check_is_fitted(self, "head_")
        k = min(NUM_CANDIDATES, len(self.label_names_)) if k is None else k
        pieces = [self._margins(piece, k)[1] for piece in in_pieces(documents_of(X))]
        return as_csr(concatenate_predictions(pieces), len(self.label_names_))

    def _predict_pieces(self, pieces: Iterator[Any], k: int, threads: int) -> Iterator[Predictions]:
        first = list(islice(pieces, 2))
        if len(first) < 2:  # the quick path of a single document: no threads
            yield from (self._top_k(piece, k) for piece in first)
            return
        pool = ThreadPoolExecutor(threads)
        try:
            started: deque[Future[Predictions]] = deque()
            for piece in chain(first, pieces):
                started.append(pool.submit(self._top_k, piece, k))
                if len(started) == 2 * threads:
                    yield started.popleft().result()
            while started:
                yield started.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def predict_names(self, X: Any, k: int | None = None, *, threshold: str | float | None = None) -> list[list[str]]:
        """Return the names of the k best labels of each document, or of those that pass, best first; see `predict`."""
        labels = self.predict(X, k, threshold=threshold).labels
        return [[self.label_names_[label] for label in row if label >= 0] for row in labels.tolist()]

    def explain(self, text: Any, label: str | Iterable[str] | None = None, k: int = DEFAULT_K) -> "list[Explanation]":
        """Return why a document has its labels, or has them not, an `Explanation` for each label.

        Args:
            text: one text, or one row of given features.
            label: a name or several; None: the k best labels.
        Raises: ValueError: no label has this name; the nearest names are told.
        """
        check_is_fitted(self, "head_")
        from ..explaining.explain import explain

        return explain(self, self._margins, text, label, k)

    @property
    def gives_probs(self) -> bool:
        """Whether scores are probabilities, from a ranking stage; else they are margins."""
        check_is_fitted(self, "head_")
        return self.ranking_ is not None

    @property
    def has_rules(self) -> bool:
        """Whether `fit` chose thresholds by rules such as micro-f1; with few documents it holds none out for that."""
        check_is_fitted(self, "head_")
        return self.ranking_ is not None and self.ranking_.thresholds is not None

    def probs_of(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores of `predict` as numbers from 0 to 1: as they are with a ranking stage, else by the head."""
        check_is_fitted(self, "head_")
        return scores if self.ranking_ is not None else self.head_.to_probs(scores)

    def score(self, X: Any, Y: Any = None, *, metric: str = "nDCG@5") -> float:
        """Return one metric of the predictions, a fraction; a true label that training never saw counts as missed."""
        check_is_fitted(self, "head_")
        X, Y, _ = documents_and_labels(X, Y, known=self.label_names_)
        cutoff = metric.rpartition("@")[2]
        k, num_labels = int(cutoff) if cutoff.isdecimal() else 1, len(self.label_names_)  # evaluate refuses the others
        labels = self.predict(X, min(max(k, 1), num_labels)).labels
        return evaluate(Y, np.pad(labels, ((0, 0), (0, max(k - num_labels, 0))), constant_values=-1), [metric])[metric]

    def label_propensity(
        self, *, a: float = PROPENSITY_A, b: float = PROPENSITY_B, num_labels: int | None = None
    ) -> np.ndarray:
        """Return the propensities of the training labels, and of more up to num_labels; see `metrics`."""
        check_is_fitted(self, "head_")
        return propensity_of_counts(self.label_counts_, self.num_docs_, a=a, b=b, num_labels=num_labels)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to a folder that must not exist, or may be overwritten; nothing is left half-written."""
        check_is_fitted(self, "head_")
        write_model(folder, model_state(self), overwrite=overwrite)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        threads: int | None = None,
        encoder_class: Any = None,
        head_class: Any = None,
        analyzer: Any = None,
    ) -> "XMLCClassifier":
        """Return the model that `save` wrote; its arrays are mapped from disk.

        Args:
            threads: None: as many as the machine has cores.
            encoder_class: the class of an encoder of your own, or "package.module:Class"; see `EncoderFeatures`.
            head_class: the class of a head of your own; a model file names it, but is never followed.
            analyzer: an analyzer of your own, or "package.module:function"; what a model file names is never followed.
        Raises: DataError: the folder is damaged, or holds an encoder, a head or an analyzer of your own that is None.
        """
        return read_parts(
            folder, cls, threads=threads, encoder_class=encoder_class, own_head=head_class, analyzer=analyzer
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        takes_features = isinstance(self.encoder, GivenFeatures) or self.encoder == "given"
        tags.input_tags.sparse = tags.input_tags.two_d_array = takes_features
        tags.input_tags.string = not takes_features
        return tags

    def check_values(self) -> None:
        """Raise ValueError unless the options are those of the chosen encoder and head; done before the work."""
        super().check_values()
        encoder = build_encoder(self)
        if isinstance(encoder, HybridFeatures) and self.head in NEURAL_HEADS:
            raise ValueError(
                f'head must be mhc or vanilla with words beside a learned encoder. Got "{self.head}"; choose one of '
                "these, or the encoder alone."
            )
        check_uses(self)
        if self.head in NEURAL_HEADS:
            build_head(self)  # refuses its options

    def _margins(self, piece: Any, k: int) -> tuple[HybridMatrix | None, Predictions]:
        """Return the features of documents, None where nothing ranks, and the k labels of greatest margin."""
        is_learned_with_head = self.head in NEURAL_HEADS and isinstance(self.encoder_, EncoderFeatures)
        documents = self.encoder_.prepare(piece) if is_learned_with_head else self.encoder_.transform(piece)
        if self.ranking_ is None:
            return None, self.head_.top_k(documents, k)
        if is_learned_with_head:
            features = self.head_.features(documents)
            return HybridMatrix.of(features), self.head_.top_k_of_features(features, k)
        return HybridMatrix.of(documents), self.head_.top_k(documents, k)

    def _top_k(self, piece: Any, k: int) -> Predictions:
        num_margins = k if self.ranking_ is None else min(max(k, NUM_CANDIDATES), len(self.label_names_))
        X, best = self._margins(piece, num_margins)
        return best if self.ranking_ is None or X is None else self.ranking_.rank(X, best, k)
