"""Texts to a CSR feature matrix: TF-IDF or bag of words, fitted and transformed like a scikit-learn transformer."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer
from sklearn.utils.validation import check_is_fitted

from .csr import check_csr


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

    def fit(self, texts: Sequence[str], Y: Any = None) -> "TextFeatures":
        """Learn vocabulary and document frequencies; raises ValueError where no word is left."""
        self.fit_transform(texts, Y)
        return self

    def fit_transform(self, texts: Sequence[str], Y: Any = None) -> csr_array:
        """Fit and return the features of the same texts, float32 (num_docs, num_features)."""
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}. Got {self.weighting!r}; choose one.")
        check_texts(texts)
        self.counter_ = self._counter()
        try:
            counts = self.counter_.fit_transform(texts)
        except ValueError as error:
            raise ValueError(
                f"texts must have a word that occurs in min_df={self.min_df} documents or more. Got {len(texts)} texts "
                f"without one ({error}); lower min_df or check the texts."
            ) from None
        self.weigher_ = self._weigher().fit(counts)
        return check_csr(self.weigher_.transform(counts, copy=False), "X")

    def transform(self, texts: Sequence[str]) -> csr_array:
        """Return the features of texts, float32 (num_docs, num_features); words not learnt are ignored."""
        check_is_fitted(self, "counter_")
        check_texts(texts)
        return check_csr(self.weigher_.transform(self.counter_.transform(texts), copy=False), "X")

    def _counter(self, vocabulary: Sequence[str] | None = None) -> CountVectorizer | HashingVectorizer:
        shared = {"ngram_range": tuple(self.ngram_range), "binary": self.weighting == "bow", "dtype": np.float32}
        if self.hashing_bits:
            return HashingVectorizer(n_features=1 << self.hashing_bits, alternate_sign=False, norm=None, **shared)
        return CountVectorizer(min_df=1 if vocabulary is not None else self.min_df, vocabulary=vocabulary, **shared)

    def _weigher(self) -> TfidfTransformer:
        use_idf = self.weighting == "tfidf"
        return TfidfTransformer(use_idf=use_idf, sublinear_tf=use_idf and self.sublinear_tf)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values, lists of words and arrays."""
        check_is_fitted(self, "counter_")
        state: dict[str, Any] = dict(self.get_params())
        if not self.hashing_bits:
            state["vocabulary"] = self.counter_.get_feature_names_out().tolist()
        if self.weighting == "tfidf":
            state["idf"] = self.weigher_.idf_
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TextFeatures":
        """Return the fitted transformer whose `state` this is."""
        vocabulary, idf = state.pop("vocabulary", None), state.pop("idf", None)
        features = cls(**state)
        features.counter_ = features._counter(vocabulary)
        features.weigher_ = features._weigher()
        if idf is not None:
            features.weigher_.idf_ = np.array(idf)
        else:
            features.weigher_.fit(csr_array((1, len(vocabulary or ())), dtype=np.float32))
        return features


WEIGHTINGS = ("tfidf", "bow")


class GivenFeatures(TransformerMixin, BaseEstimator):
    """The data's own features: any matrix, as CSR float32."""

    def fit(self, X: Any, Y: Any = None) -> "GivenFeatures":
        """Remember the number of columns."""
        self.fit_transform(X, Y)
        return self

    def fit_transform(self, X: Any, Y: Any = None) -> csr_array:
        """Return X as CSR float32 and remember its number of columns."""
        X = self._check(X)
        self.num_features_ = X.shape[1]
        return X

    def transform(self, X: Any) -> csr_array:
        """Return X as CSR float32; raises ValueError where it has not the columns of training."""
        X = self._check(X)
        if X.shape[1] != self.num_features_:
            raise ValueError(
                f"X must have {self.num_features_} features, as in training. Got {X.shape[1]}; "
                "build it with the same columns."
            )
        return X

    @staticmethod
    def _check(X: Any) -> csr_array:
        if isinstance(X, str) or (isinstance(X, Sequence) and any(isinstance(row, str) for row in X[:1])):
            raise ValueError('X must be a matrix with encoder="given". Got texts; use encoder="tfidf" for them.')
        return check_csr(X, "X")

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs."""
        return {"num_features": self.num_features_}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "GivenFeatures":
        """Return the fitted transformer whose `state` this is."""
        features = cls()
        features.num_features_ = state["num_features"]
        return features


def check_texts(texts: Iterable[str]) -> None:
    """Raise ValueError unless texts is a sequence of str."""
    if isinstance(texts, str) or not hasattr(texts, "__len__"):
        raise ValueError(f"X must be a list of texts. Got {type(texts).__name__}; put one text in a list: [text].")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"X must be a list of texts. Got {type(text).__name__} at {number}; "
                'use encoder="given" for a matrix of features.'
            )
