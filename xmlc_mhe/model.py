"""XMLCClassifier: encoder, label code and heads behind fit, predict, score, save and load."""

import platform
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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
from .features import GivenFeatures, TextFeatures
from .label_code import check_option
from .linear import HEADS
from .linear.training import SolverOptions
from .metrics import evaluate, propensity_of_counts
from .model_files import read_model, write_model

ENCODERS: dict[str, Any] = {
    "tfidf": lambda: TextFeatures("tfidf"),
    "bow": lambda: TextFeatures("bow"),
    "given": GivenFeatures,
}
ENCODER_CLASSES = {cls.__name__: cls for cls in (TextFeatures, GivenFeatures)}
BATCH_SIZE = 512  # documents that one thread predicts at a time


class XMLCClassifier(BaseEstimator):
    """Tag texts or feature rows with the few right labels out of many.

    Args:
        encoder: "tfidf" or "bow" for texts, "given" for a matrix of features, or a TextFeatures with your own options.
        head: "mhc", the Multi-Head Cascade, or "vanilla", one classifier a label on all documents.
        head_sizes: mhc: lengths of the heads, first to last, e.g. (257, 16); their product is at least the number of
            labels. None: two heads, the last about sqrt(num_labels / 5) long.
        label_order: mhc: "frequency", "given" or "random".
        C: weight of the loss against the size of the weights, > 0; lower where documents are few or short.
        positive_weight: weight of the loss of a label's positives over that of its negatives, > 0; higher favours tail
            labels.
        train_beam: mhc: groups that each document is trained on beside its true ones.
        beam: mhc: groups searched for a document at prediction, "all", or "auto" for the quicker of all and 20.
        cascade_scale: mhc: above 0, group scores become features of the later heads, times this; try 0.3 to 0.6 where
            labels imply one another.
        passes, eps: the solver stops after so many passes, or when no dual variable moves more than eps.
        prune: weights up to this size are dropped.
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
        head_sizes: Sequence[int] | None = None,
        label_order: str = "frequency",
        C: float = 0.5,
        positive_weight: float = 1.0,
        train_beam: int = 30,
        beam: int | str = "auto",
        cascade_scale: float = 0.0,
        passes: int = 8,
        eps: float = 0.01,
        prune: float = 0.05,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.encoder = encoder
        self.head = head
        self.head_sizes = head_sizes
        self.label_order = label_order
        self.C = C
        self.positive_weight = positive_weight
        self.train_beam = train_beam
        self.beam = beam
        self.cascade_scale = cascade_scale
        self.passes = passes
        self.eps = eps
        self.prune = prune
        self.seed = seed
        self.threads = threads

    def fit(self, X: Any, Y: Any = None) -> "XMLCClassifier":
        """Learn from documents and their labels, and return self.

        Args:
            X: a Dataset, or a list of texts, or with encoder="given" a matrix (num_docs, num_features).
            Y: None with a Dataset; else one list of label names a document, or one name a document, or a matrix
                (num_docs, num_labels) whose non-zeros are true labels; labels are then named "0", "1", ...
        Raises: ValueError: an option or the data is not as above.
        """
        self._check_options()
        X, Y, self.label_names_ = _documents_and_labels(X, Y)
        if _num_docs(X) != Y.shape[0]:
            raise ValueError(
                f"X and Y must have a row for each document. Got {_num_docs(X)} and {Y.shape[0]}; align them."
            )
        if Y.nnz == 0:
            raise ValueError(f"Y must have a true label. Got {Y.shape[0]} documents without any; check the labels.")
        self.encoder_ = ENCODERS[self.encoder]() if isinstance(self.encoder, str) else clone(self.encoder)
        self.label_counts_ = np.bincount(Y.indices, minlength=len(self.label_names_))
        self.num_docs_ = Y.shape[0]
        features = self.encoder_.fit_transform(X)
        if isinstance(self.encoder_, GivenFeatures):
            self.n_features_in_ = features.shape[1]
        self.head_ = self._build_head().fit(features, Y)
        return self

    def predict(self, X: Any, k: int = 5) -> Predictions:
        """Return the k best labels of each document, best first.

        Args:
            X: texts, or rows with the columns of training.
            k: 1 to num_labels.
        Returns: labels int32 (num_docs, k), indices into label_names_, -1 pads; scores float32 (num_docs, k), margins:
            above 0 where the label's own classifier says yes.
        """
        batches = list(self.predict_batches(iter([X]), k))
        return batches[0] if len(batches) == 1 else concatenate_predictions(batches)

    def predict_batches(self, batches: Iterable[Any], k: int = 5) -> Iterator[Predictions]:
        """Yield predictions of document after document in batches, holding only a few in memory.

        Args: batches: texts or rows, in pieces of any size, for example from `iter_documents`.
        """
        check_is_fitted(self, "head_")
        if not 1 <= k <= len(self.label_names_):
            raise ValueError(f"k must be 1 to {len(self.label_names_)}, the number of labels. Got {k}; choose another.")
        pieces = chain.from_iterable(map(_in_pieces, batches))
        threads = self._num_threads()
        first = next(pieces, None)
        if first is None:
            return
        second = next(pieces, None)
        if second is None:  # the quick path of a single document: no threads
            yield self._top_k(first, k)
            return
        jobs = (joblib.delayed(self._top_k)(piece, k) for piece in chain([first, second], pieces))
        yield from joblib.Parallel(threads, prefer="threads", require="sharedmem", return_as="generator")(jobs)

    def predict_names(self, X: Any, k: int = 5) -> list[list[str]]:
        """Return the names of the k best labels of each document, best first."""
        return [[self.label_names_[label] for label in row if label >= 0] for row in self.predict(X, k).labels.tolist()]

    def score(self, X: Any, Y: Any = None, *, metric: str = "nDCG@5") -> float:
        """Return one metric of the predictions, a fraction; a true label that training never saw counts as missed."""
        check_is_fitted(self, "head_")
        X, Y, _ = _documents_and_labels(X, Y, known=self.label_names_)
        k = min(int(metric.rpartition("@")[2] or 0), len(self.label_names_))
        return evaluate(Y, self.predict(X, k), [metric])[metric]

    def label_propensity(self, *, a: float = 0.55, b: float = 1.5, num_labels: int | None = None) -> np.ndarray:
        """Return the propensities of the training labels, and of more up to num_labels; see `metrics`."""
        check_is_fitted(self, "head_")
        return propensity_of_counts(self.label_counts_, self.num_docs_, a=a, b=b, num_labels=num_labels)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the model to a folder that must not exist, or may be overwritten; nothing is left half-written."""
        check_is_fitted(self, "head_")
        params = self.get_params(deep=False) | {"encoder": self.encoder if isinstance(self.encoder, str) else None}
        versions = {"xmlc-mhe": __version__, "python": platform.python_version(), "numpy": np.__version__}
        versions |= {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__}
        state: dict[str, Any] = {
            "versions": versions,
            "params": {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()},
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
    def load(cls, folder: str | Path, *, threads: int | None = None) -> "XMLCClassifier":
        """Return the model that `save` wrote; its arrays are mapped from disk. Raises DataError where it is damaged."""
        state = read_model(folder)
        parts: dict[str, dict[str, Any]] = {"encoder": {}, "head": {}}
        for name, value in state.items():
            part, _, key = name.partition(".")
            if key:
                parts[part][key] = value
        encoder = ENCODER_CLASSES[state["encoder_class"]].from_state(parts["encoder"])
        params: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in state["params"].items()
        }
        params["encoder"] = params["encoder"] or encoder
        model = cls(**params | {"threads": threads})
        model.label_names_ = state["label_names"]
        model.label_counts_, model.num_docs_ = state["label_counts"], state["num_docs"]
        model.encoder_ = encoder
        model.head_ = HEADS[state["head_name"]].from_state(parts["head"])
        if isinstance(encoder, GivenFeatures):
            model.n_features_in_ = encoder.num_features_
        return model

    def _check_options(self) -> None:
        if isinstance(self.encoder, str):
            check_option("encoder", self.encoder, ENCODERS)
        check_option("head", self.head, HEADS)
        for name in ("C", "positive_weight", "prune", "eps", "cascade_scale"):
            value, is_weight = getattr(self, name), name in ("C", "positive_weight")
            if not (isinstance(value, int | float) and 0 <= value < np.inf) or (is_weight and value == 0):
                raise ValueError(
                    f"{name} must be a number {'above' if is_weight else 'from'} 0. Got {value!r}; raise it."
                )
        for name in ("passes", "train_beam"):
            if not (isinstance(value := getattr(self, name), int) and value >= 1):
                raise ValueError(f"{name} must be a whole number from 1. Got {value!r}; raise it.")
        if self.beam not in ("auto", "all") and not (isinstance(self.beam, int) and self.beam >= 1):
            raise ValueError(f'beam must be "auto", "all" or a whole number from 1. Got {self.beam!r}; choose one.')
        if self.threads is not None and not (isinstance(self.threads, int) and self.threads >= 1):
            raise ValueError(f"threads must be None or a whole number from 1. Got {self.threads!r}; choose one.")

    def _build_head(self) -> Any:
        options = SolverOptions(
            C=self.C, positive_weight=self.positive_weight, passes=self.passes, eps=self.eps, prune=self.prune
        )
        shared: dict[str, Any] = {"seed": self.seed, "threads": self._num_threads()}
        names = ("head_sizes", "label_order", "train_beam", "beam", "cascade_scale") if self.head == "mhc" else ()
        return HEADS[self.head](options, **shared, **{name: getattr(self, name) for name in names})

    def _num_threads(self) -> int:
        return joblib.cpu_count() if self.threads is None else self.threads

    def _top_k(self, piece: Any, k: int) -> Predictions:
        return self.head_.top_k(self.encoder_.transform(piece), k)


def _num_docs(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _in_pieces(X: Any) -> Iterator[Any]:
    """Cut documents into pieces of BATCH_SIZE; none at all are one piece, which gives predictions without rows."""
    X = csr_array(X) if issparse(X) else X
    for start in range(0, max(_num_docs(X), 1), BATCH_SIZE):
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
        return (X.texts if X.X is None else X.X), X.Y, X.label_names
    if Y is None:
        raise ValueError("Y must be given with texts or features. Got None; pass the labels, or a Dataset as X.")
    if issparse(Y) or (isinstance(Y, np.ndarray) and Y.ndim == 2):
        labels = check_labels(Y, "Y")
        if known is not None:
            return X, pad_columns(labels, num_columns=len(known)), known
        return X, labels, [str(label) for label in range(labels.shape[1])]
    rows = [[row] if isinstance(row, str) or not isinstance(row, Iterable) else list(row) for row in Y]
    names = [[str(name) for name in dict.fromkeys(row)] for row in rows]
    ids = {name: label for label, name in enumerate(known or sorted({name for row in names for name in row}))}
    num_known = len(ids)
    for name in chain.from_iterable(names):
        ids.setdefault(name, len(ids))
    indptr = np.cumsum([0, *map(len, names)])
    indices = np.fromiter((ids[name] for name in chain.from_iterable(names)), np.int32, indptr[-1])
    labels = csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(names), len(ids)))
    labels.sort_indices()
    return X, labels, list(ids)[:num_known]
