"""Texts to a CSR feature matrix: TF-IDF or bag of words, fitted and transformed like a scikit-learn transformer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack, issparse

from ..errors import DataError, data_error_of, in_short
from ..estimator import check_is_fitted
from ..lazy import import_named, name_of
from ..state import Fields, array, words
from .analysis import Analysis, Analyzer
from .counting import HashingCounter, NoTerms, VocabularyCounter
from .matrix import divide_rows, row_lengths
from .options import BEFORE_ANALYZERS, OWN, WordOptions, kind_of_analyzer, word_option_fields
from .word_forms import forms_of_stop_words, list_of_stop_words, stemmer

VOCABULARIES = ("vocabulary", "char_vocabulary")  # of the parts that are side by side


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
        if self.stem is not None:
            stemmer(self.stem)  # before the work
        self.stop_list_ = list_of_stop_words(self.stop_words) if isinstance(self.stop_words, str) else self.stop_words
        counted: list[csr_array] = []
        self.counters_: list[HashingCounter | VocabularyCounter] = []
        try:
            for lengths, analysis in self._parts():
                if self.hashing_bits:
                    self.counters_.append(HashingCounter(1 << int(self.hashing_bits), lengths, analysis))
                    counted.append(self.counters_[-1].transform(texts, threads=threads))
                else:
                    counter, counts = VocabularyCounter.fit_transform(
                        texts, lengths, analysis, min_df=self.min_df, threads=threads
                    )
                    self.counters_.append(counter)
                    counted.append(counts)
                if counted[-1].nnz == 0:
                    raise NoTerms("no words at all")
        except NoTerms as error:
            raise ValueError(
                f"texts must have a word that occurs in min_df={self.min_df} documents or more. Got {len(texts)} texts "
                f"without one ({in_short(error)}); lower min_df or check the texts."
            ) from None
        if self.weighting == "tfidf":
            document_frequency = np.concatenate(
                [np.bincount(counts.indices, minlength=counts.shape[1]) for counts in counted]
            )
            self.idf_ = (np.log((len(texts) + 1) / (document_frequency + 1)) + 1).astype(np.float32)
        return self._weigh(counted)

    def transform(self, texts: Sequence[str], *, threads: int = 1) -> csr_array:
        """Return the features of texts, float32 (num_docs, num_features); words that fit did not see are ignored."""
        check_is_fitted(self, "counters_")
        check_texts(texts)
        return self._weigh([counter.transform(texts, threads=threads) for counter in self.counters_])

    @property
    def num_features(self) -> int:
        """The columns of the features; known once fitted."""
        check_is_fitted(self, "counters_")
        return sum(counter.num_columns for counter in self.counters_)

    def _parts(self) -> list[tuple[tuple[int, int], Analysis]]:
        """Return the lengths of terms, and how texts become terms, of each of the parts that are side by side."""
        lengths, of_characters = (
            (int(fewest), int(most)) for fewest, most in (self.ngram_range, self.char_ngram_range)
        )
        folded = Analysis("auto", self.normalization, self.case, self.strip_accents)
        if self.analyzer in ("char", "char_wb"):
            return [(lengths, replace(folded, analyzer=self.analyzer))]
        if kind_of_analyzer(self.analyzer) == OWN:
            is_name = isinstance(self.analyzer, str)
            own = import_named(self.analyzer, "analyzer", "function") if is_name else self.analyzer
            found = Analysis("word", case="keep", own=own)  # folding is its own matter
        else:
            analyzer = "word" if self.analyzer == "word" else "auto"
            found = replace(folded, analyzer=analyzer, token_pattern=self.token_pattern)
        stop_words = frozenset(forms_of_stop_words(self.stop_list_ or (), found.fold))
        parts = [(lengths, replace(found, stem=self.stem, stop_words=stop_words))]
        if self.analyzer == "word+char_wb":
            parts.append((of_characters, replace(folded, analyzer="char_wb")))
        return parts

    def _weigh(self, parts: list[csr_array]) -> csr_array:
        """Return counts, which it changes, weighted and scaled, those of several parts side by side."""
        start = 0
        for X in parts:
            if self.weighting == "bow":
                X.data.fill(1)
            else:
                if self.sublinear_tf:
                    np.log(X.data, out=X.data)
                    X.data += 1
                X.data *= self.idf_[start:][X.indices]
            start += X.shape[1]
            divide_rows(X.indptr, X.data, row_lengths(X.indptr, X.data))
        if len(parts) == 1:
            return parts[0]
        X = csr_array(hstack(parts, format="csr"))
        divide_rows(X.indptr, X.data, row_lengths(X.indptr, X.data))
        return X

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values, lists of words and arrays."""
        check_is_fitted(self, "counters_")
        state: dict[str, Any] = dict(self.get_params()) | {"stop_list": self.stop_list_ and list(self.stop_list_)}
        if kind_of_analyzer(self.analyzer) == OWN:
            state["analyzer"] = name_of(self.analyzer)
        for name, counter in zip(VOCABULARIES, self.counters_, strict=False):
            if isinstance(counter, VocabularyCounter):
                state[name] = counter.vocabulary
        if self.weighting == "tfidf":
            state["idf"] = self.idf_
        return state

    @staticmethod
    def state_fields(state: dict[str, Any]) -> Fields:
        """Yield what the entries of `state` must be, and return the numbers of sparse and of dense columns."""
        yield from word_option_fields(state)
        num_features = 0
        for name in VOCABULARIES[: 2 if state.get("analyzer") == "word+char_wb" else 1]:
            if state["hashing_bits"]:
                num_features += 1 << state["hashing_bits"]
            else:
                yield name, words(distinct=True)
                num_features += len(state[name])
        if state["weighting"] == "tfidf":
            yield "idf", array("float32", (num_features,), least=0)
        return num_features, 0

    @classmethod
    def from_state(cls, state: dict[str, Any], *, analyzer: Analyzer | str | None = None) -> "TextFeatures":
        """Return the fitted transformer whose `state` this is.

        Args:
            analyzer: the user's own, where the state names one; that name is never followed.
        Raises: DataError: the state needs an analyzer, and it is None.
        """
        state = BEFORE_ANALYZERS | state
        names = ("stop_list", "idf", *VOCABULARIES)
        params = {name: value for name, value in state.items() if name not in names}
        for name in ("ngram_range", "char_ngram_range"):
            if name in params:
                params[name] = tuple(params[name])
        if kind_of_analyzer(state["analyzer"]) == OWN:
            if analyzer is None:
                raise DataError(
                    "the analyzer must be given to load a model with one of your own. Got none, and the model names "
                    f"{in_short(state['analyzer'])}; pass it as analyzer (--analyzer)."
                )
            params["analyzer"] = analyzer
        features = cls(**params)
        with data_error_of("encoder.analyzer must go with the other options", "fit the model again"):
            features.check_values()
        if features.stem is not None:
            try:
                stemmer(features.stem)
            except ValueError as error:
                raise DataError(f"encoder.{in_short(error, most=1000)}") from None
        features.stop_list_ = state.get("stop_list")
        features.counters_ = []
        with data_error_of("encoder.vocabulary must be terms of texts", "fit the model again"):
            for name, (lengths, analysis) in zip(VOCABULARIES, features._parts(), strict=False):
                if features.hashing_bits:
                    features.counters_.append(HashingCounter(1 << int(features.hashing_bits), lengths, analysis))
                else:
                    features.counters_.append(VocabularyCounter(state[name], lengths, analysis))
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
