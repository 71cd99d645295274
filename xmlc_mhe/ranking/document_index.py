"""The nearest training documents of a document by cosine: through an inverted index of words, or by dense products.

Where documents have words beside dense features, the words alone are indexed: dense products take ten times as long.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from ..errors import DataError
from ..linear.scorer import NUM_LEVELS, byte_codes, count_features, fill_entries, label_dtype
from ..predictions import keep_best

# Chosen by the labels of the 50 nearest documents alone, shared by cosine^2: P@1, P@3, P@5 in full and with these two.
#   eurlex57k, dev (184 words a document)       87.25 74.97 62.17   89.33 77.02 63.87
#   llms4subjects-en, dev (98)                  45.33 29.41 21.76   46.82 29.88 21.94
#   tate-subjects, a held-out seventh (16)      81.55 72.68 64.72   81.92 73.45 65.19
#   cooking, a held-out seventh (8)             63.94 40.48 28.48   64.00 40.56 28.50
# A document's light words are the frequent ones: they say little of its labels and hold most postings. The heaviest
# find it 72 to 99% of its exact neighbours, a thirtieth of the time on eurlex57k and a quarter of the index; with
# 32 words, 96, or half or four times the postings, P@1 or P@5 fell on one set or the other.
WORDS_PER_DOC = 48  # that the index keeps of a training document
MAX_POSTINGS = 1 << 14  # that are read for a document, but for its heaviest word
NUM_NEIGHBOURS = 50
CHUNK = 4096  # documents whose entries are in memory at once while an index is built
BLOCK_BITS = 6  # 64 documents; a block that no posting touches is not looked through


class Neighbours(NamedTuple):
    """The training documents nearest to each document, best first; ties go to the lower document.

    docs: int32 (num_docs, k), -1 pads. cosines: float32 (num_docs, k), above 0; 0 pads.
    """

    docs: np.ndarray
    cosines: np.ndarray


class DocumentIndex(NamedTuple):
    """The heaviest words of the training documents by word: word f occurs in docs[indptr[f] : indptr[f + 1]].

    A weight is stored in a byte, as `linear.scorer.InvertedIndex` does.

    indptr: int64 (num_features + 1,). docs: uint16 or int32 (nnz,), ascending within a word. codes: uint8 (nnz,).
    levels: float32 (256,), the weight of each code.
    """

    indptr: np.ndarray
    docs: np.ndarray
    codes: np.ndarray
    levels: np.ndarray
    num_docs: int

    @classmethod
    def from_rows(cls, X: csr_array, *, words_per_doc: int = WORDS_PER_DOC) -> "DocumentIndex":
        """Return the index of training documents, float32 CSR (num_docs, num_features).

        words_per_doc: how many words of a document are kept, the heaviest; these are scaled to unit length.
        """
        kept = _heaviest(X.indptr, X.data, words_per_doc)
        counts, largest, smallest = np.zeros(X.shape[1] + 1, np.int64), 0.0, np.inf
        for features, _, weights in _entries(X, kept):
            count_features(features, counts[1:])
            sizes = np.abs(weights)
            largest = max(largest, float(sizes.max(initial=0.0)))
            smallest = min(smallest, float(sizes.min(initial=np.inf)))
        largest = largest or 1.0  # of no words at all
        code_of_half, levels = byte_codes(min(smallest, largest), largest)
        indptr = np.cumsum(counts)
        docs, codes = np.empty(indptr[-1], label_dtype(X.shape[0])), np.empty(indptr[-1], np.uint8)
        place = indptr[:-1].copy()
        for features, rows, weights in _entries(X, kept):
            fill_entries(features, rows, code_of_half[weights.astype(np.float16).view(np.uint16)], place, docs, codes)
        return cls(indptr, docs, codes, levels, X.shape[0])

    def state(self, prefix: str) -> dict[str, Any]:
        """Return what `from_state` needs, the names beginning with the prefix."""
        return {f"{prefix}.{name}": value for name, value in self._asdict().items()}

    @classmethod
    def from_state(cls, state: dict[str, Any], prefix: str, *, num_docs: int, num_features: int) -> "DocumentIndex":
        """Return the index whose `state` this is. Raises DataError where its arrays do not fit together."""
        index = cls(**{name: state[f"{prefix}.{name}"] for name in cls._fields})
        shapes = {"indptr": (num_features + 1,), "docs": index.codes.shape, "codes": (index.codes.size,)}
        dtypes = {"indptr": np.int64, "docs": label_dtype(num_docs), "codes": np.uint8, "levels": np.float32}
        if not (
            index.num_docs == num_docs
            and all(getattr(index, name).shape == shape for name, shape in shapes.items())
            and all(getattr(index, name).dtype == dtype for name, dtype in dtypes.items())
            and index.levels.shape == (2 * NUM_LEVELS,)
            and np.isfinite(index.levels).all()
            and index.indptr[0] == 0
            and index.indptr[-1] == len(index.docs)
            and (np.diff(index.indptr) >= 0).all()
        ):
            raise DataError(f"{prefix} must be an index of documents. Got arrays that do not fit together; fit again.")
        if len(index.docs) and not 0 <= index.docs.min() <= index.docs.max() < num_docs:
            raise DataError(f"{prefix} must have documents from 0 to {num_docs - 1}. Got others; fit again.")
        return index

    @property
    def num_features(self) -> int:
        return len(self.indptr) - 1

    def nearest(self, X: csr_array, k: int = NUM_NEIGHBOURS, *, max_postings: int = MAX_POSTINGS) -> Neighbours:
        """Return the k training documents of the greatest cosine above 0 for each row of X, of unit length.

        max_postings: how many postings are read for a document: its words are taken from the heaviest on, those left
            out that would be too many; the heaviest is always taken. Words left out add nothing to the cosine.
        Raises: ValueError: k is below 1; X has other columns.
        """
        found = _no_neighbours(X.shape, k, num_features=self.num_features)
        _nearest(self, X.indptr, X.indices, X.data, max_postings, *found)
        return found


class DenseIndex(NamedTuple):
    """Dense training documents with a byte a feature, and a factor for each document.

    A cosine of 384 features is off by 0.003 at most. Products are sums of integers: the same in any order.

    codes: int8 (num_docs, dim). scales: float32 (num_docs,); codes * scales is the document.
    """

    codes: np.ndarray
    scales: np.ndarray

    @classmethod
    def from_rows(cls, X: np.ndarray) -> "DenseIndex":
        """Return the index of training documents, float32 (num_docs, dim), of unit length."""
        codes, scales = np.empty(X.shape, np.int8), np.empty(len(X), np.float32)
        for start in range(0, len(X), CHUNK):
            codes[start : start + CHUNK], scales[start : start + CHUNK] = _signed_bytes(X[start : start + CHUNK])
        return cls(codes, scales)

    def state(self, prefix: str) -> dict[str, Any]:
        """Return what `from_state` needs, the names beginning with the prefix."""
        return {f"{prefix}.{name}": value for name, value in self._asdict().items()}

    @classmethod
    def from_state(cls, state: dict[str, Any], prefix: str, *, num_docs: int, num_features: int) -> "DenseIndex":
        """Return the index whose `state` this is. Raises DataError where its arrays do not fit together."""
        index = cls(**{name: state[f"{prefix}.{name}"] for name in cls._fields})
        if not (
            index.codes.shape == (num_docs, num_features)
            and index.codes.dtype == np.int8
            and index.scales.shape == (num_docs,)
            and index.scales.dtype == np.float32
            and np.isfinite(index.scales).all()
        ):
            raise DataError(f"{prefix} must be an index of documents. Got arrays that do not fit together; fit again.")
        return index

    @property
    def num_features(self) -> int:
        return self.codes.shape[1]

    def nearest(self, X: np.ndarray, k: int = NUM_NEIGHBOURS) -> Neighbours:
        """Return the k training documents of the greatest cosine above 0 for each row of X, of unit length.

        Raises: ValueError: k is below 1; X has other columns.
        """
        found = _no_neighbours(X.shape, k, num_features=self.num_features)
        _nearest_dense(self, *_signed_bytes(X), *found)
        return found


def _no_neighbours(shape: tuple[int, ...], k: int, *, num_features: int) -> Neighbours:
    """Return padding alone, to be filled in, for documents of this shape."""
    if k < 1:
        raise ValueError(f"k must be at least 1. Got {k}; ask for one neighbour or more.")
    if shape[1] != num_features:
        raise ValueError(
            f"X must have the {num_features} columns of the training documents. Got {shape[1]}; use the same features."
        )
    return Neighbours(np.full((shape[0], k), -1, np.int32), np.zeros((shape[0], k), np.float32))


def _entries(X: csr_array, kept: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield words, documents and weights of the entries that are kept, of a chunk of documents after the other.

    Weights are scaled so that a document's have unit length.
    """
    for start in range(0, X.shape[0], CHUNK):
        bounds = X.indptr[start : start + CHUNK + 1]
        entries = slice(bounds[0], bounds[-1])
        docs = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))[kept[entries]]
        weights = X.data[entries][kept[entries]]
        lengths = np.sqrt(np.bincount(docs, weights.astype(np.float64) ** 2, minlength=1))
        yield X.indices[entries][kept[entries]], docs + start, (weights / lengths[docs]).astype(np.float32)


def _signed_bytes(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows as int8, up to 127, and the factor of each row, float32 (num_docs,)."""
    scales = np.abs(X).max(axis=1, initial=0.0) / np.float32(127)
    codes = np.rint(X / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
    return codes, scales.astype(np.float32)


@njit(nogil=True, cache=True)
def _heaviest_first(values: np.ndarray) -> np.ndarray:
    """Return the places of the values by falling magnitude, ties to the lower."""
    return np.argsort(-np.abs(values), kind="mergesort")


@njit(nogil=True, cache=True)
def _heaviest(indptr: np.ndarray, values: np.ndarray, num_kept: int) -> np.ndarray:
    """Return which entries are among the heaviest of their row and not 0, bool (nnz,)."""
    kept = np.zeros(len(values), np.bool_)
    for row in range(len(indptr) - 1):
        row_values = values[indptr[row] : indptr[row + 1]]
        for place in _heaviest_first(row_values)[:num_kept]:
            kept[indptr[row] + place] = row_values[place] != 0
    return kept


@njit(nogil=True, cache=True)
def _nearest(
    index: DocumentIndex,
    X_indptr: np.ndarray,
    X_indices: np.ndarray,
    X_values: np.ndarray,
    max_postings: int,
    best_docs: np.ndarray,
    best_cosines: np.ndarray,
) -> None:
    indptr, docs, codes, levels = index.indptr, index.docs, index.codes, index.levels
    block = 1 << BLOCK_BITS
    cosines = np.zeros(index.num_docs, np.float32)
    touched = np.zeros((index.num_docs >> BLOCK_BITS) + 1, np.bool_)
    for row in range(len(best_docs)):
        first, last = X_indptr[row], X_indptr[row + 1]
        left = max_postings
        for place in _heaviest_first(X_values[first:last]):
            value, feature = X_values[first + place], X_indices[first + place]
            num_postings = indptr[feature + 1] - indptr[feature]
            if num_postings > left and left < max_postings:
                continue
            left -= num_postings
            for posting in range(indptr[feature], indptr[feature + 1]):
                doc = docs[posting]
                cosines[doc] += value * levels[codes[posting]]
                touched[doc >> BLOCK_BITS] = True
        for number in range(len(touched)):
            if touched[number]:
                touched[number] = False
                start = number << BLOCK_BITS
                keep_best(cosines[start : start + block], start, best_docs[row], best_cosines[row])
                cosines[start : start + block] = 0


@njit(nogil=True, cache=True)
def _nearest_dense(
    index: DenseIndex, X_codes: np.ndarray, X_scales: np.ndarray, best_docs: np.ndarray, best_cosines: np.ndarray
) -> None:
    codes, scales = index.codes, index.scales
    dim, block = codes.shape[1], 1 << BLOCK_BITS
    cosines = np.empty(block, np.float32)
    for start in range(0, len(codes), block):  # a block stays in the cache for every row
        stop = min(start + block, len(codes))
        for row in range(len(best_docs)):
            x = X_codes[row]
            for doc in range(start, stop):
                y, total = codes[doc], np.int32(0)
                for column in range(dim):
                    total += np.int32(np.int32(x[column]) * np.int32(y[column]))
                cosines[doc - start] = total * X_scales[row] * scales[doc]
            keep_best(cosines[: stop - start], start, best_docs[row], best_cosines[row])
