"""XMLCClassifier: encoder, label code and heads behind fit, predict, score, save and load."""

import logging
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from functools import cache, partial
from itertools import chain, islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import scipy
import sklearn
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from . import __version__
from .csr import check_labels, pad_columns
from .data import Dataset
from .decoding import Predictions, concatenate_predictions
from .encoders import EncoderFeatures, HybridFeatures, check_encoder, check_encoder_name
from .errors import DataError
from .features import GivenFeatures, TextFeatures
from .label_code import check_option
from .linear import HEADS as LINEAR_HEADS
from .linear.cascade import TRAIN_BEAM
from .linear.training import SolverOptions
from .matrix import HybridMatrix
from .metrics import PROPENSITY_A, PROPENSITY_B, evaluate, metric_names, propensity_of_counts
from .model_files import read_model, write_model
from .neural import HEADS as NEURAL_HEADS
from .neural import load_neural_head

ENCODERS: dict[str, Any] = {
    "tfidf": lambda: TextFeatures("tfidf"),
    "bow": lambda: TextFeatures("bow"),
    "given": GivenFeatures,
}
# Name -> loader of the class that trains the head; torch is imported by the loaders of the neural ones
HEADS: dict[str, Callable[[], Any]] = {name: partial(LINEAR_HEADS.__getitem__, name) for name in LINEAR_HEADS}
HEADS |= {name: partial(load_neural_head, name) for name in NEURAL_HEADS}
ENCODER_CLASSES = {cls.__name__: cls for cls in (TextFeatures, GivenFeatures, EncoderFeatures, HybridFeatures)}
LEARNED_CLASSES = (EncoderFeatures, HybridFeatures)
BATCH_SIZE = 512  # documents that one thread predicts at a time
DEFAULT_K = 5  # labels predicted for a document
# What `fit` tries on dev with the features of a learned encoder, on so many documents at most
CANDIDATE_CS = (0.05, 0.1, 0.2, 0.4, 0.8)
SCALES = (0.5, 1.0, 1.5, 2.0, 3.0)
MOST_DEV_DOCS, MOST_TUNING_DOCS = 3000, 20_000

logger = logging.getLogger(__name__)


class XMLCClassifier(BaseEstimator):
    """Tag texts or feature rows with the few right labels out of many.

    Args:
        encoder: "tfidf" or "bow" for texts, "given" for a matrix of features, or a TextFeatures with your own options;
            or a learned one, see `EncoderFeatures`: "minilm", a transformer's name (owner/name) or folder, a model's
            folder, "package.module:Class", or an `Encoder`. A neural head learns it further; with "mhc" and "vanilla"
            it stays as it is. "tfidf+minilm" (or another after the plus) puts words beside its features, for these two.
        encoder_options: of a learned encoder that a string stands for, such as {"max_length": 64}.
        dense_scale: what the features of a learned encoder beside words are multiplied with; None: chosen on dev.
        head: "mhc", the Multi-Head Cascade, or "vanilla", one classifier a label on all documents; or a neural one, see
            docs/heads.md: "softmax", "neural-mhc", "mhp", "mhs", "cp", "lowrank", "etf", "rbf".
        head_sizes: mhc: lengths of the heads, first to last, e.g. (257, 16); their product is at least the number of
            labels. None: two heads, the last about sqrt(num_labels / 5) long.
        label_order: mhc, neural-mhc: "frequency", "given" or "random".
        C: weight of the loss against the size of the weights, > 0; lower where documents are few or short. None: 0.5;
            with the features of a learned encoder, chosen on dev.
        positive_weight: weight of the loss of a label's positives over that of its negatives, > 0; higher favours tail
            labels.
        bias_feature: value of a feature that every document has, whose weight is the bias that a label learns; 0: none.
        train_beam: mhc: groups that each document is trained on beside its true ones.
        beam: mhc: groups searched for a document at prediction, "all", or "auto" for the quicker of all and 20.
        cascade_scale: mhc: above 0, group scores become features of the later heads, times this; try 0.3 to 0.6 where
            labels imply one another.
        passes, eps: the solver stops after so many passes, or when no dual variable moves more than eps.
        prune: weights up to this size are dropped.
        head_options: neural heads: their own options and those of the training (dim, epochs, batch_size, learning_rate,
            hidden) by name; the options from C to prune are for the others.
        seed: of the order of documents; the same seed gives the same model for any number of threads.
        threads: None: as many as the machine has cores.

    Attributes: label_names_ (list of str), label_counts_ (int64, training documents of each), num_docs_, encoder_,
        head_, n_features_in_ (with encoder="given").
    """

    def __init__(
        self,
        encoder: Any = "tfidf",
        head: str = "mhc",
        *,
        encoder_options: dict[str, Any] | None = None,
        dense_scale: float | None = None,
        head_sizes: Sequence[int] | None = None,
        label_order: str = "frequency",
        C: float | None = None,
        positive_weight: float = SolverOptions.positive_weight,
        bias_feature: float = SolverOptions.bias_feature,
        train_beam: int = TRAIN_BEAM,
        beam: int | str = "auto",
        cascade_scale: float = 0.0,
        passes: int = SolverOptions.passes,
        eps: float = SolverOptions.eps,
        prune: float = SolverOptions.prune,
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
        self.head_options = head_options
        self.seed = seed
        self.threads = threads

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
        self._check_options()
        X, Y, label_names = _documents_and_labels(X, Y)
        if _num_docs(X) != Y.shape[0]:
            raise ValueError(
                f"X and Y must have a row for each document. Got {_num_docs(X)} and {Y.shape[0]}; align them."
            )
        if Y.shape[1] > len(label_names):
            raise ValueError(
                f"Y must have {len(label_names)} columns, one for each of label_names. Got {Y.shape[1]}; "
                "name all labels, or fit on the part train."
            )
        if Y.nnz == 0:
            raise ValueError(f"Y must have a true label. Got {Y.shape[0]} documents without any; check the labels.")
        if dev is not None:
            pair = (dev, None) if isinstance(dev, Dataset) else dev
            dev = _documents_and_labels(*pair, known=label_names)[:2]
        encoder, head = self._build_encoder(), self._build_head()
        if self.head in NEURAL_HEADS:
            self._fit_neural(encoder, head, X, Y, dev)
        else:
            features = self._fit_transform(encoder, X)
            if isinstance(encoder, LEARNED_CLASSES):
                dev = None if dev is None else (encoder.transform(dev[0]), dev[1])
                features = self._choose_on_dev(encoder, head, HybridMatrix.of(features), Y, dev)
            head.fit(features, Y)
        self.head_ = head
        self.encoder_, self.label_names_, self.num_docs_ = encoder, label_names, Y.shape[0]
        self.label_counts_ = np.bincount(Y.indices, minlength=len(label_names))
        return self

    @property
    def learns_encoder(self) -> bool:
        """Whether the encoder is a learned one, for which `fit` needs a dev part."""
        return isinstance(self._build_encoder(), LEARNED_CLASSES)

    def _fit_neural(self, encoder: Any, head: Any, X: Any, Y: csr_array, dev: tuple[Any, csr_array] | None) -> None:
        """Train a neural head on features, or on an encoder that is learned with it."""
        if isinstance(encoder, EncoderFeatures):
            encoder.fit(X)
            dev = None if dev is None else (encoder.prepare(dev[0]), dev[1])
            head.fit(encoder.prepare(X), Y, encoder=encoder.module_, dev=dev)
        else:
            features = self._fit_transform(encoder, X)
            head.fit(features, Y, dev=None if dev is None else (encoder.transform(dev[0]), dev[1]))

    def _fit_transform(self, encoder: Any, X: Any) -> Any:
        """Return the features of X by the encoder, which it fits; words are counted by all threads."""
        has_words = isinstance(encoder, TextFeatures | HybridFeatures)
        return encoder.fit_transform(X, **({"threads": self._num_threads()} if has_words else {}))

    def _choose_on_dev(
        self, encoder: Any, head: Any, X: HybridMatrix, Y: csr_array, dev: tuple[Any, csr_array] | None
    ) -> HybridMatrix:
        """Give the head the C, and the encoder beside words the scale, that are best on dev; return X so scaled."""
        is_hybrid = isinstance(encoder, HybridFeatures)
        scales = SCALES if is_hybrid and self.dense_scale is None else (1.0,)
        weights = CANDIDATE_CS if self.C is None else (self.C,)
        if len(scales) * len(weights) == 1:
            return X
        if dev is None:
            order = np.random.default_rng(self.seed).permutation(Y.shape[0])
            num_dev = min(max(1, Y.shape[0] // 5), MOST_DEV_DOCS)
            train_rows, dev_rows = order[num_dev:], order[:num_dev]
            dev = X[dev_rows], Y[dev_rows]
        else:
            train_rows, dev = np.arange(Y.shape[0]), (HybridMatrix.of(dev[0]), dev[1])
        train_rows = np.sort(train_rows[:MOST_TUNING_DOCS])
        X_train, Y_train = X[train_rows], Y[train_rows]
        names = metric_names([k for k in (1, 3, 5) if k <= Y.shape[1]], metrics=("P",))

        @cache
        def score(scale: float, C: float) -> float:
            trial = self._build_head(C=C).fit(X_train.scaled(scale), Y_train)
            labels = trial.top_k(dev[0].scaled(scale), min(5, Y.shape[1])).labels
            value = float(np.mean(list(evaluate(dev[1], labels, names).values())))
            logger.info("on dev: C %g, dense_scale %g: %.2f", C, scale, 100 * value)
            return value

        scale, C = scales[len(scales) // 2], weights[len(weights) // 2]
        for _ in range(2):  # one after the other, twice: the two hardly depend on each other
            C = max(weights, key=lambda C, scale=scale: score(scale, C))  # type: ignore[misc]
            scale = max(scales, key=lambda scale, C=C: score(scale, C))  # type: ignore[misc]
        head.options = replace(head.options, C=C)
        if is_hybrid:
            encoder.scale_ *= scale
        return X.scaled(scale)

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
        batches = list(self.predict_batches([_documents(X)], k))
        return batches[0] if len(batches) == 1 else concatenate_predictions(batches)

    def predict_batches(self, batches: Iterable[Any], k: int | None = None) -> Iterator[Predictions]:
        """Return an iterator over the predictions of document after document, holding a few batches in memory.

        Args:
            batches: texts or rows, in pieces of any size, for example from `iter_documents`; read as far as needed.
            k: 1 to num_labels; None: DEFAULT_K, or all labels where there are fewer.
        """
        check_is_fitted(self, "head_")
        k = min(DEFAULT_K, len(self.label_names_)) if k is None else k
        if not (_is_whole(k, 1) and k <= len(self.label_names_)):
            raise ValueError(f"k must be 1 to {len(self.label_names_)}, the number of labels. Got {k}; choose another.")
        return self._predict_pieces(chain.from_iterable(map(_in_pieces, batches)), k, self._num_threads())

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
        X, Y, _ = _documents_and_labels(X, Y, known=self.label_names_)
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
        params = self.get_params(deep=False) | {"encoder": self.encoder if isinstance(self.encoder, str) else None}
        if self.head in NEURAL_HEADS and self.head_options:
            params["head_options"] = {name: value for name, value in self.head_options.items() if name != "run_dir"}
        versions = {"xmlc-mhe": __version__, "python": platform.python_version(), "numpy": np.__version__}
        versions |= {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        state: dict[str, Any] = {
            "versions": versions,
            "params": params,
            "encoder_class": type(self.encoder_).__name__,
            "head_name": self.head_.name,
            "label_names": self.label_names_,
            "label_counts": self.label_counts_,
            "num_docs": self.num_docs_,
        }
        state |= {f"encoder.{name}": value for name, value in self.encoder_.state().items()}
        state |= {f"head.{name}": value for name, value in self.head_.state().items()}
        write_model(folder, state, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | Path, *, threads: int | None = None, encoder_class: Any = None) -> "XMLCClassifier":
        """Return the model that `save` wrote; its arrays are mapped from disk.

        Args:
            threads: None: as many as the machine has cores.
            encoder_class: the class of an encoder of your own, or "package.module:Class"; see `EncoderFeatures`.
        Raises: DataError: the folder is damaged, or holds an encoder of your own and encoder_class is None.
        """
        state = read_model(folder)
        parts: dict[str, dict[str, Any]] = {"encoder": {}, "head": {}}
        try:
            for name, value in state.items():
                part, _, key = name.partition(".")
                if key:
                    parts[part][key] = value
            features_class = ENCODER_CLASSES[state["encoder_class"]]
            of_encoder = {"encoder_class": encoder_class} if features_class in LEARNED_CLASSES else {}
            encoder = features_class.from_state(parts["encoder"], **of_encoder)
            params: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in state["params"].items()
            }
            params["encoder"] = params["encoder"] or encoder
            model = cls(**params | {"threads": threads})
            head_class, is_neural = HEADS[state["head_name"]](), state["head_name"] in NEURAL_HEADS
            on_encoder = {"encoder": encoder.module_} if is_neural and isinstance(encoder, EncoderFeatures) else {}
            model.head_ = head_class.from_state(parts["head"], **on_encoder)
            model.encoder_, model.label_names_ = encoder, state["label_names"]
            model.label_counts_, model.num_docs_ = state["label_counts"], state["num_docs"]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise DataError(
                f"{folder} must hold all that a model has. Got {type(error).__name__}: {error}; fit the model again."
            ) from None
        return model

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        takes_features = isinstance(self.encoder, GivenFeatures) or self.encoder == "given"
        tags.input_tags.sparse = tags.input_tags.two_d_array = takes_features
        tags.input_tags.string = not takes_features
        return tags

    def _check_options(self) -> None:
        check_option("head", self.head, HEADS)
        encoder = self._build_encoder()
        if isinstance(encoder, HybridFeatures) and self.head in NEURAL_HEADS:
            raise ValueError(
                f'head must be mhc or vanilla with words beside a learned encoder. Got "{self.head}"; choose one of '
                "these, or the encoder alone."
            )
        for name, has_use in (
            ("encoder_options", isinstance(encoder, LEARNED_CLASSES) and isinstance(self.encoder, str)),
            ("dense_scale", isinstance(encoder, HybridFeatures)),
        ):
            if (value := getattr(self, name)) is not None and not has_use:
                raise ValueError(f"{name} must be None with encoder={self.encoder!r}. Got {value!r}; leave it out.")
        for name in ("C", "dense_scale", "positive_weight", "bias_feature", "prune", "eps", "cascade_scale"):
            value, is_weight = getattr(self, name), name in ("C", "dense_scale", "positive_weight")
            if value is None and name in ("C", "dense_scale"):
                continue
            if not (isinstance(value, Real) and 0 <= float(value) < np.inf) or (is_weight and value == 0):
                raise ValueError(
                    f"{name} must be a number {'above' if is_weight else 'from'} 0. Got {value!r}; choose another."
                )
        for name, least in (("passes", 1), ("train_beam", 1), ("seed", 0)):
            if not _is_whole(value := getattr(self, name), least):
                raise ValueError(f"{name} must be a whole number from {least}. Got {value!r}; choose another.")
        if self.beam not in ("auto", "all") and not _is_whole(self.beam, 1):
            raise ValueError(f'beam must be "auto", "all" or a whole number from 1. Got {self.beam!r}; choose one.')
        sizes = self.head_sizes
        if sizes is not None and not (np.ndim(sizes) == 1 and all(_is_whole(size, 1) for size in sizes)):
            raise ValueError(
                f"head_sizes must be None or whole numbers from 1. Got {sizes!r}; write for example (257, 16)."
            )
        if not (self.head_options is None or isinstance(self.head_options, dict)):
            raise ValueError(
                f"head_options must be None or a dict. Got {type(self.head_options).__name__}; write for example "
                '{"epochs": 30}.'
            )
        if self.head in LINEAR_HEADS and self.head_options:
            raise ValueError(
                f'head_options must be None for head "{self.head}". Got {", ".join(map(str, self.head_options))}; '
                "leave them out, or choose a neural head."
            )
        if self.head in NEURAL_HEADS:
            self._build_head()  # refuses its options before the work
        self._num_threads()

    def _build_encoder(self) -> Any:
        """Return what turns documents into features, not fitted."""
        encoder = self.encoder
        if isinstance(encoder, tuple(ENCODER_CLASSES.values())):
            return clone(encoder)
        if not isinstance(encoder, str):
            check_encoder(encoder)
            return EncoderFeatures(encoder)
        if encoder in ENCODERS:
            return ENCODERS[encoder]()
        words, plus, learned = encoder.partition("+")
        if not plus:
            check_encoder_name(encoder, ENCODERS)
            return EncoderFeatures(encoder, options=self.encoder_options)
        if words not in ("tfidf", "bow") or not learned or learned in ENCODERS:
            raise ValueError(
                f'encoder must be words and a learned encoder where it has a plus. Got "{encoder}"; write for example '
                '"tfidf+minilm".'
            )
        check_encoder_name(learned, ())
        features = EncoderFeatures(learned, options=self.encoder_options)
        return HybridFeatures(TextFeatures(words), features, scale=self.dense_scale)

    def _build_head(self, *, C: float | None = None) -> Any:
        if self.head in NEURAL_HEADS:
            return HEADS[self.head]().from_options(
                self.head,
                self.head_options,
                head_sizes=self.head_sizes,
                label_order=self.label_order,
                seed=self.seed,
                threads=self._num_threads(),
            )
        C = self.C if C is None else C
        values = {option.name: getattr(self, option.name) for option in fields(SolverOptions)}
        options = SolverOptions(**values | {"C": SolverOptions.C if C is None else C})
        shared: dict[str, Any] = {"seed": self.seed, "threads": self._num_threads()}
        names = ("head_sizes", "label_order", "train_beam", "beam", "cascade_scale") if self.head == "mhc" else ()
        return HEADS[self.head]()(options, **shared, **{name: getattr(self, name) for name in names})

    def _num_threads(self) -> int:
        if self.threads is not None and not _is_whole(self.threads, 1):
            raise ValueError(f"threads must be None or a whole number from 1. Got {self.threads!r}; choose one.")
        return joblib.cpu_count() if self.threads is None else self.threads

    def _top_k(self, piece: Any, k: int) -> Predictions:
        is_learned_with_head = self.head in NEURAL_HEADS and isinstance(self.encoder_, EncoderFeatures)
        read = self.encoder_.prepare if is_learned_with_head else self.encoder_.transform
        return self.head_.top_k(read(piece), k)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


def _documents(X: Any) -> Any:
    return (X.texts if X.X is None else X.X) if isinstance(X, Dataset) else X


def _num_docs(X: Any) -> int:
    if isinstance(X, str | bytes) or not (issparse(X) or np.ndim(X) if hasattr(X, "ndim") else hasattr(X, "__len__")):
        raise ValueError(
            f"X must be a list of texts, or a matrix. Got {type(X).__name__}; put one text in a list: [text]."
        )
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _in_pieces(X: Any) -> Iterator[Any]:
    """Cut documents into pieces of BATCH_SIZE; none at all are one piece, which gives predictions without rows."""
    if (num_docs := _num_docs(X)) <= BATCH_SIZE:  # as it is: cutting takes longer than tagging a single document
        yield X
        return
    X = csr_array(X) if issparse(X) else X
    for start in range(0, num_docs, BATCH_SIZE):
        yield X[start : start + BATCH_SIZE]


def _documents_and_labels(X: Any, Y: Any, *, known: list[str] | None = None) -> tuple[Any, csr_array, list[str]]:
    """Return documents, CSR labels and label names; names beyond the known ones get columns beyond theirs."""
    if isinstance(X, Dataset):
        if Y is not None:
            raise ValueError("Y must be None with a Dataset, which has its own. Got both; pass one of them.")
        if known is not None and X.label_names != known:
            raise ValueError(
                f"X must have the label names of the model. Got a Dataset with {X.num_labels} others; "
                "read it with load_part(source, part, model.label_names_)."
            )
        return _documents(X), X.Y, X.label_names
    if Y is None:
        raise ValueError("Y must be given with texts or features. Got None; pass the labels, or a Dataset as X.")
    if issparse(Y) or getattr(Y, "ndim", 1) == 2:
        labels = check_labels(Y, "Y")
        if known is not None:
            return X, pad_columns(labels, num_columns=len(known)), known
        return X, labels, [str(label) for label in range(labels.shape[1])]
    if isinstance(Y, str) or not isinstance(Y, Iterable) or getattr(Y, "ndim", 1) != 1:
        raise ValueError(
            f"Y must be one list of label names a document, one name a document, or a matrix. Got {type(Y).__name__}"
            f"{f' of shape {Y.shape}' if hasattr(Y, 'shape') else ''}; write for example [['a', 'b'], ['a']]."
        )
    rows = [[row] if isinstance(row, str) or not isinstance(row, Iterable) else row for row in Y]
    names = [list(dict.fromkeys(map(str, row))) for row in rows]
    ids = {name: label for label, name in enumerate(known or sorted({name for row in names for name in row}))}
    num_known = len(ids)
    for name in chain.from_iterable(names):
        ids.setdefault(name, len(ids))
    indptr = np.cumsum([0, *map(len, names)])
    indices = np.fromiter((ids[name] for name in chain.from_iterable(names)), np.int32, indptr[-1])
    labels = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(names), len(ids)))
    labels.sort_indices()
    return X, labels, list(ids)[:num_known]
