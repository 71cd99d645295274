"""Texts to a CSR feature matrix: TF-IDF or bag of words, fitted and transformed like a scikit-learn transformer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse

from ..errors import data_error_of, in_short
from ..estimator import check_is_fitted
from ..state import Fields, array, words
from .counting import HashingCounter, VocabularyCounter
from .matrix import divide_rows, row_lengths
from .options import WordOptions, word_option_fields


class TextFeatures(WordOptions):
    """Bag of words, weighted and scaled to unit length; `WordOptions` has the options."""

    def fit(self, texts: Sequence[str], Y: Any = None, *, threads: int = 1) -> "TextFeatures":
        """Learn vocabulary and document frequencies; raises ValueError where no word is left."""
        self.fit_transform(texts, Y, threads=threads)
        return self

    def fit_transform(self, texts: Sequence[str], Y: Any = None, *, threads: int = 1) -> csr_array:
        """Fit and return the features of the same texts, float32 (num_docs, num_features).

        The result does not depend on the number of threads.
        """
        self.check_values()
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
                f"without one ({in_short(error)}); lower min_df or check the texts."
            ) from None
        if self.weighting == "tfidf":
            document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
            self.idf_ = (np.log((len(texts) + 1) / (document_frequency + 1)) + 1).astype(np.float32)
        return self._weigh(counts)

    def transform(self, texts: Sequence[str], *, threads: int = 1) -> csr_array:
        """Return the features of texts, float32 (num_docs, num_features); words that fit did not see are ignored."""
        check_is_fitted(self, "counter_")
        check_texts(texts)
        return self._weigh(self.counter_.transform(texts, threads=threads))

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
        divide_rows(X.indptr, X.data, row_lengths(X.indptr, X.data))
        return X

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values, lists of words and arrays."""
        check_is_fitted(self, "counter_")
        state: dict[str, Any] = dict(self.get_params())
        if isinstance(self.counter_, VocabularyCounter):
            state["vocabulary"] = self.counter_.vocabulary
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
        if features.hashing_bits:
            features.counter_ = features._hashing_counter()
        else:
            with data_error_of("encoder.vocabulary must be terms of texts", "fit the model again"):
                features.counter_ = VocabularyCounter(state["vocabulary"], features._lengths())
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
