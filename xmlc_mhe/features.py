"""Texts to a CSR feature matrix: TF-IDF or bag of words, fitted and transformed like a scikit-learn transformer."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numba import njit
from scipy.sparse import csr_array, issparse
from sklearn.base import BaseEstimator, TransformerMixin

from .counting import HashingCounter, VocabularyCounter
from .csr import check_csr

WEIGHTINGS = ("tfidf", "bow")
MOST_HASHING_BITS = 30  # columns are int32
UNIT_TOLERANCE = 1e-5  # of a row's length, below which it counts as one


class TextFeatures(TransformerMixin, BaseEstimator):
    """Bag of words, weighted by TF-IDF and scaled to unit length or as binary presence scaled to unit length.

    Args:
        weighting: "tfidf": (1 + log tf) * idf; "bow": 1 for a word that occurs. Rows have unit Euclidean length.
        sublinear_tf: with "tfidf", 1 + log tf in place of tf.
        min_df: words in fewer documents than this are dropped; no use with hashing.
        ngram_range: shortest and longest run of words that is a feature, e.g. (1, 2) for words and pairs.
        hashing_bits: features are hashed to 2**hashing_bits columns and no vocabulary is kept; 0: no hashing.
    """

    def __init__(
        self,
        weighting: str = "tfidf",
        *,
        sublinear_tf: bool = True,
        min_df: int = 2,
        ngram_range: tuple[int, int] = (1, 1),
        hashing_bits: int = 0,
    ) -> None:
        self.weighting = weighting
        self.sublinear_tf = sublinear_tf
        self.min_df = min_df
        self.ngram_range = ngram_range
        self.hashing_bits = hashing_bits

    def fit(self, texts: Sequence[str], Y: Any = None, *, threads: int = 1) -> "TextFeatures":
        """Learn vocabulary and document frequencies; raises ValueError where no word is left."""
        self.fit_transform(texts, Y, threads=threads)
        return self

    def fit_transform(self, texts: Sequence[str], Y: Any = None, *, threads: int = 1) -> csr_array:
        """Fit and return the features of the same texts, float32 (num_docs, num_features).

        The result does not depend on the number of threads.
        """
        self._check_options()
        check_texts(texts)
        try:
            if self.hashing_bits:
                self.counter_: HashingCounter | VocabularyCounter = self._hashing_counter()
                counts = self.counter_.transform(texts, threads=threads)
            else:
                self.counter_, counts = VocabularyCounter.fit_transform(
                    texts, self._lengths(), min_df=self.min_df, threads=threads
                )
            if counts.nnz == 0:
                raise ValueError("no words at all")
        except ValueError as error:
            raise ValueError(
                f"texts must have a word that occurs in min_df={self.min_df} documents or more. Got {len(texts)} texts "
                f"without one ({error}); lower min_df or check the texts."
            ) from None
        if self.weighting == "tfidf":
            document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
            self.idf_ = (np.log((len(texts) + 1) / (document_frequency + 1)) + 1).astype(np.float32)
        return self._weigh(counts)

    def transform(self, texts: Sequence[str], *, threads: int = 1) -> csr_array:
        """Return the features of texts, float32 (num_docs, num_features); words not learnt are ignored."""
        _check_fitted(self, "counter_")
        check_texts(texts)
        return self._weigh(self.counter_.transform(texts, threads=threads))

    def _check_options(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}. Got {self.weighting!r}; choose one.")
        if not (isinstance(self.min_df, Integral) and self.min_df >= 1):
            raise ValueError(f"min_df must be a whole number from 1. Got {self.min_df!r}; choose another.")
        if not (isinstance(self.hashing_bits, Integral) and 0 <= self.hashing_bits <= MOST_HASHING_BITS):
            raise ValueError(f"hashing_bits must be 0 to {MOST_HASHING_BITS}. Got {self.hashing_bits!r}; lower it.")
        lengths = self.ngram_range if isinstance(self.ngram_range, Sequence) else ()
        if not (
            len(lengths) == 2
            and all(isinstance(length, Integral) for length in lengths)
            and 1 <= lengths[0] <= lengths[1]
        ):
            raise ValueError(
                "ngram_range must be the shortest and the longest run of words, from 1. "
                f"Got {self.ngram_range!r}; write for example (1, 2)."
            )

    def _lengths(self) -> tuple[int, int]:
        return int(self.ngram_range[0]), int(self.ngram_range[1])

    def _hashing_counter(self) -> HashingCounter:
        return HashingCounter(1 << int(self.hashing_bits), self._lengths())

    def _weigh(self, X: csr_array) -> csr_array:
        """Return counts, which it changes, weighted and scaled."""
        if self.weighting == "bow":
            X.data.fill(1)
        else:
            if self.sublinear_tf:
                np.log(X.data, out=X.data)
                X.data += 1
            X.data *= self.idf_[X.indices]
        _divide_rows(X.indptr, X.data, _row_lengths(X.indptr, X.data))
        return X

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values, lists of words and arrays."""
        _check_fitted(self, "counter_")
        state: dict[str, Any] = dict(self.get_params())
        if isinstance(self.counter_, VocabularyCounter):
            state["vocabulary"] = self.counter_.vocabulary
        if self.weighting == "tfidf":
            state["idf"] = self.idf_
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TextFeatures":
        """Return the fitted transformer whose `state` this is."""
        params = {name: value for name, value in state.items() if name not in ("vocabulary", "idf")}
        features = cls(**params | {"ngram_range": tuple(params["ngram_range"])})
        if features.hashing_bits:
            features.counter_ = features._hashing_counter()
        else:
            features.counter_ = VocabularyCounter(state["vocabulary"], features._lengths())
        if features.weighting == "tfidf":
            features.idf_ = state["idf"]
        return features


class GivenFeatures(TransformerMixin, BaseEstimator):
    """The data's own features: any matrix, as CSR float32.

    Args:
        normalize: scale rows to unit Euclidean length, which C is meant for: on parts of the training data held out it
            took P@1 from 58 to 67 on delicious and from 59 to 65 on bibtex. False: as given.
    """

    def __init__(self, *, normalize: bool = True) -> None:
        self.normalize = normalize

    def fit(self, X: Any, Y: Any = None) -> "GivenFeatures":
        """Remember the number of columns."""
        self.fit_transform(X, Y)
        return self

    def fit_transform(self, X: Any, Y: Any = None) -> csr_array:
        """Return X as CSR float32 and remember its number of columns."""
        X = self._check(X)
        if X.shape[1] == 0:  # in the words that scikit-learn's checks look for, as those below
            raise ValueError(
                f"X must have a column. Got 0 feature(s) (shape={X.shape}) while a minimum of 1 is required; check X."
            )
        self.num_features_ = X.shape[1]
        return _unit_rows(X) if self.normalize else X

    def transform(self, X: Any) -> csr_array:
        """Return X as CSR float32; raises ValueError where it has not the columns of training."""
        _check_fitted(self, "num_features_")
        X = self._check(X)
        if X.shape[1] != self.num_features_:
            raise ValueError(
                f"X must have the columns of training. X has {X.shape[1]} features, but {type(self).__name__} is "
                f"expecting {self.num_features_} features as input; build it with the same columns."
            )
        return _unit_rows(X) if self.normalize else X

    @staticmethod
    def _check(X: Any) -> csr_array:
        if isinstance(X, str) or (isinstance(X, Sequence) and any(isinstance(row, str) for row in X[:1])):
            raise ValueError(
                'X must be rows of features, with encoder="given". Got texts; fit with encoder="tfidf" for texts.'
            )
        if getattr(X, "ndim", 2) == 1:
            raise ValueError(
                f"X must be a matrix, a row a document. Got shape {X.shape}. Reshape your data: one document is "
                "X.reshape(1, -1)."
            )
        return check_csr(X, "X")

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        _check_fitted(self, "num_features_")
        return {"num_features": self.num_features_, "normalize": self.normalize}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "GivenFeatures":
        """Return the fitted transformer whose `state` this is."""
        features = cls(normalize=state["normalize"])
        features.num_features_ = state["num_features"]
        return features


def _unit_rows(X: csr_array) -> csr_array:
    """Return X, which stays as it is, with rows of unit Euclidean length; empty rows stay empty."""
    lengths = _row_lengths(X.indptr, X.data)
    if np.all((np.abs(lengths - 1) < UNIT_TOLERANCE) | (lengths == 0)):  # or no rows: saves the copy
        return X
    X = X.copy()
    _divide_rows(X.indptr, X.data, lengths)
    return X


@njit(nogil=True, cache=True)
def _row_lengths(indptr, data):  # type: ignore[no-untyped-def]
    """Return the Euclidean length of each row, float64 (num_rows,)."""
    lengths = np.empty(len(indptr) - 1)
    for row in range(len(lengths)):
        squares = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            squares += np.float64(data[entry]) * np.float64(data[entry])
        lengths[row] = np.sqrt(squares)
    return lengths


@njit(nogil=True, cache=True)
def _divide_rows(indptr, data, lengths):  # type: ignore[no-untyped-def]
    for row in range(len(lengths)):
        if lengths[row] > 0:
            for entry in range(indptr[row], indptr[row + 1]):
                data[entry] /= lengths[row]


def _check_fitted(features: Any, attribute: str) -> None:
    """Raise scikit-learn's NotFittedError where features have not the attribute, which fit sets."""
    if not hasattr(features, attribute):
        from sklearn.utils.validation import check_is_fitted  # takes a second, and is the error's own

        check_is_fitted(features, attribute)


def check_texts(texts: Any) -> None:
    """Raise ValueError unless texts is a sequence of str."""
    mend = 'fit with encoder="given" for features.'
    if isinstance(texts, str) or not hasattr(texts, "__len__"):
        raise ValueError(f"X must be a list of texts. Got {type(texts).__name__}; put one text in a list: [text].")
    if issparse(texts) or getattr(texts, "ndim", 1) != 1:
        raise ValueError(f"X must be a list of texts. Got a matrix of shape {texts.shape}; {mend}")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X must be a list of texts. Got {type(text).__name__} at {number}; {mend}")
