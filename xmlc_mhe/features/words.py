"""Texts to a CSR feature matrix: TF-IDF or bag of words, fitted and transformed like a scikit-learn transformer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from ..data.csr import check_csr
from ..estimator import check_is_fitted
from ..state import Fields, array, words
from .matrix import unit_rows
from .options import WordOptions, word_option_fields


class TextFeatures(WordOptions):
    """Bag of words, weighted and scaled to unit length; `WordOptions` has the options."""

    def fit(self, texts: Sequence[str], Y: Any = None) -> "TextFeatures":
        """Learn vocabulary and document frequencies; raises ValueError where no word is left."""
        self.fit_transform(texts, Y)
        return self

    def fit_transform(self, texts: Sequence[str], Y: Any = None) -> csr_array:
        """Fit and return the features of the same texts, float32 (num_docs, num_features)."""
        self.check_values()
        check_texts(texts)
        self.counter_ = self._counter()
        try:
            counts = self.counter_.fit_transform(texts) if len(texts) else self._no_counts()
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

    def transform(self, texts: Sequence[str]) -> csr_array:
        """Return the features of texts, float32 (num_docs, num_features); words not learnt are ignored."""
        check_is_fitted(self, "counter_")
        check_texts(texts)
        return self._weigh(self.counter_.transform(texts) if len(texts) else self._no_counts())

    def _counter(self, vocabulary: Sequence[str] | None = None) -> CountVectorizer | HashingVectorizer:
        shared = {"ngram_range": tuple(self.ngram_range), "binary": self.weighting == "bow", "dtype": np.float32}
        if self.hashing_bits:
            return HashingVectorizer(n_features=1 << self.hashing_bits, alternate_sign=False, norm=None, **shared)
        return CountVectorizer(min_df=1 if vocabulary is not None else self.min_df, vocabulary=vocabulary, **shared)

    def _no_counts(self) -> csr_array:
        """Return the counts of no texts, which HashingVectorizer refuses."""
        num_features = 1 << self.hashing_bits if self.hashing_bits else len(getattr(self.counter_, "vocabulary_", ()))
        return csr_array((0, num_features), dtype=np.float32)

    def _weigh(self, counts: Any) -> csr_array:
        """Return counts that are ours to change, weighted and scaled."""
        X = check_csr(counts, "X")
        if self.weighting == "tfidf":
            if self.sublinear_tf:
                X.data[:] = np.log(X.data) + 1
            X.data *= self.idf_[X.indices]
        return unit_rows(X, copy=False)

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values, lists of words and arrays."""
        check_is_fitted(self, "counter_")
        state: dict[str, Any] = dict(self.get_params())
        if not self.hashing_bits:
            state["vocabulary"] = self.counter_.get_feature_names_out().tolist()
        if self.weighting == "tfidf":
            state["idf"] = self.idf_
        return state

    @staticmethod
    def state_fields(state: dict[str, Any]) -> Fields:
        """Yield what the entries of `state` must be, and return the numbers of sparse and of dense columns."""
        yield from word_option_fields()
        if state["hashing_bits"]:
            num_features = 1 << state["hashing_bits"]
        else:
            yield "vocabulary", words(distinct=True)
            num_features = len(state["vocabulary"])
        if state["weighting"] == "tfidf":
            yield "idf", array("float32", (num_features,), least=0)
        return num_features, 0

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "TextFeatures":
        """Return the fitted transformer whose `state` this is."""
        params = {name: value for name, value in state.items() if name not in ("vocabulary", "idf")}
        features = cls(**params | {"ngram_range": tuple(params["ngram_range"])})
        features.counter_ = features._counter(state.get("vocabulary"))
        if features.weighting == "tfidf":
            features.idf_ = state["idf"]
        return features


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
