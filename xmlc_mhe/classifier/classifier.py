"""XMLCClassifier: encoder, label code and heads behind fit, predict, score, save and load."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from pathlib import Path
from typing import Any

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
from ..predictions import Predictions, concatenate_predictions
from ..propensity import PROPENSITY_A, PROPENSITY_B, propensity_of_counts
from .documents import documents_and_labels, documents_of, in_pieces, num_docs_of
from .encoders import LEARNED_CLASSES, build_encoder, fit_features
from .heads import build_head, num_threads
from .options import DEFAULT_K, ClassifierOptions
from .saving import model_state, read_parts
from .tuning import choose_on_dev
from .uses import check_uses


class XMLCClassifier(ClassifierOptions):
    """Tag texts or feature rows with the few right labels out of many; `ClassifierOptions` has the options.

    Attributes: label_names_ (list of str), label_counts_ (int64, training documents of each), num_docs_, encoder_,
        head_, n_features_in_ (with encoder="given").
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
        _check_training(X, Y, label_names)
        if dev is not None:
            pair = (dev, None) if isinstance(dev, Dataset) else dev
            dev = documents_and_labels(*pair, known=label_names)[:2]
        encoder, head = build_encoder(self), build_head(self)
        if self.head in NEURAL_HEADS:
            _fit_neural(encoder, head, X, Y, dev, threads=num_threads(self))
        else:
            features = fit_features(encoder, X, threads=num_threads(self))
            if isinstance(encoder, LEARNED_CLASSES):
                dev = None if dev is None else (HybridMatrix.of(encoder.transform(dev[0])), dev[1])
                features = choose_on_dev(self, encoder, head, HybridMatrix.of(features), Y, dev)
            head.fit(features, Y)
        self.head_ = head
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

    def predict(self, X: Any, k: int | None = None) -> Predictions:
        """Return the k best labels of each document, best first.

        Args:
            X: texts, or rows with the columns of training, or a Dataset of either.
            k: 1 to num_labels; None: DEFAULT_K, or all labels where there are fewer.
        Returns: labels int32 (num_docs, k), indices into label_names_, -1 pads; scores float32 (num_docs, k), margins:
            above 0 where the label's own classifier says yes.
        """
        batches = list(self.predict_batches([documents_of(X)], k))
        return batches[0] if len(batches) == 1 else concatenate_predictions(batches)

    def predict_batches(self, batches: Iterable[Any], k: int | None = None) -> Iterator[Predictions]:
        """Return an iterator over the predictions of document after document, holding a few batches in memory.

        Args:
            batches: texts or rows, in pieces of any size, for example from `iter_documents`; read as far as needed.
            k: 1 to num_labels; None: DEFAULT_K, or all labels where there are fewer.
        """
        check_is_fitted(self, "head_")
        k = min(DEFAULT_K, len(self.label_names_)) if k is None else k
        if not (is_whole(k) and k <= len(self.label_names_)):
            raise ValueError(f"k must be 1 to {len(self.label_names_)}, the number of labels. Got {k}; choose another.")
        return self._predict_pieces(chain.from_iterable(map(in_pieces, batches)), k, num_threads(self))

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

    def predict_names(self, X: Any, k: int | None = None) -> list[list[str]]:
        """Return the names of the k best labels of each document, best first."""
        return [[self.label_names_[label] for label in row if label >= 0] for row in self.predict(X, k).labels.tolist()]

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
        cls, folder: str | Path, *, threads: int | None = None, encoder_class: Any = None, head_class: Any = None
    ) -> "XMLCClassifier":
        """Return the model that `save` wrote; its arrays are mapped from disk.

        Args:
            threads: None: as many as the machine has cores.
            encoder_class: the class of an encoder of your own, or "package.module:Class"; see `EncoderFeatures`.
            head_class: the class of a head of your own; a model file names it, but is never followed.
        Raises: DataError: the folder is damaged, or holds an encoder or a head of your own whose class is None.
        """
        return read_parts(folder, cls, threads=threads, encoder_class=encoder_class, own_head=head_class)

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

    def _top_k(self, piece: Any, k: int) -> Predictions:
        is_learned_with_head = self.head in NEURAL_HEADS and isinstance(self.encoder_, EncoderFeatures)
        read = self.encoder_.prepare if is_learned_with_head else self.encoder_.transform
        return self.head_.top_k(read(piece), k)


def _check_training(X: Any, Y: csr_array, label_names: list[str]) -> None:
    if num_docs_of(X) != Y.shape[0]:
        raise ValueError(
            f"X and Y must have a row for each document. Got {num_docs_of(X)} and {Y.shape[0]}; align them."
        )
    if Y.shape[1] > len(label_names):
        raise ValueError(
            f"Y must have {len(label_names)} columns, one for each of label_names. Got {Y.shape[1]}; "
            "name all labels, or fit on the part train."
        )
    if Y.nnz == 0:
        raise ValueError(f"Y must have a true label. Got {Y.shape[0]} documents without any; check the labels.")


def _fit_neural(
    encoder: Any, head: Any, X: Any, Y: csr_array, dev: tuple[Any, csr_array] | None, *, threads: int
) -> None:
    """Train a neural head on features, or on an encoder that is learned with it."""
    if isinstance(encoder, EncoderFeatures):
        encoder.fit(X)
        dev = None if dev is None else (encoder.prepare(dev[0]), dev[1])
        head.fit(encoder.prepare(X), Y, encoder=encoder.module_, dev=dev)
    else:
        features = fit_features(encoder, X, threads=threads)
        head.fit(features, Y, dev=None if dev is None else (encoder.transform(dev[0]), dev[1]))
