"""The Multi-Head Cascade on fixed features: groups of labels first, then the labels of the best groups."""

import math
from collections.abc import Sequence
from typing import Any

import joblib
import numpy as np
from numba import njit
from scipy.sparse import csc_array, csr_array, vstack

from ..checks import check_option
from ..codes.head_sizes import cascade_head_sizes, head_sizes_field
from ..codes.label_code import LabelCode, order_field
from ..codes.orders import LABEL_ORDERS
from ..features.matrix import HybridMatrix
from ..predictions import Predictions
from ..state import Fields, number, optional, part, whole, with_prefix
from .options import SolverOptions, default_train_beam
from .scorer import InvertedIndex
from .simd import LANES
from .training import fit_head, margins_to_probs

CASCADE_GROUPS = 20  # best groups of head 1 whose scores become features of the later heads
PIECE_DOCS = 2048  # training documents that one thread ranks prefixes for at a time
SAMPLE_DOCS = 1000  # documents that beam="auto" counts operations on
BEAM_SIZE = 20  # what beam="auto" uses where a beam pays
MANY_LABELS = 8  # a document: from here on a beam ranks better, by 0.25 (tate-subjects) and 2 points (delicious) of P@5
BEAM_GAIN = 4  # times quicker a beam must be: scoring all labels gained 0.7 points of P@5 on llms4subjects-en
# Nanoseconds, measured on three data sets: a weight added to a score, a score ranked, a range looked up and added
ADD_NS, RANK_NS, LOOK_UP_NS = 0.9, 0.3, 50.0


class MultiHeadCascade:
    """H linear heads; head h scores the continuations of the best prefixes of h - 1 digits.

    Training (Liang et al., arXiv:2412.10182, MHC): head 1 learns the first digits on all documents. A later head learns
    the group of a prefix on the documents whose true prefixes, or whose train_beam best ones by the earlier heads,
    contain it.
    Prediction ranks by the last head's score alone: products of all heads' scores measured far worse.

    Args:
        options: those of the solver.
        head_sizes: the lengths of the heads, first to last; None stands for `cascade_head_sizes`.
        label_order: a key of LABEL_ORDERS.
        train_beam: how many prefixes a document is trained on beside its true ones (Kt); None: `default_train_beam` of
            each head's length.
        beam: how many prefixes are kept at prediction. "all" scores every label by the last head. "auto" chooses
            between BEAM_SIZE and "all". It takes BEAM_SIZE where documents have more than MANY_LABELS labels, or where
            that is BEAM_GAIN times quicker, by the operations counted on training documents.
        cascade_scale: above 0, head 1's scores times this number are features of the later heads.
    """

    name = "mhc"

    def __init__(
        self,
        options: SolverOptions,
        *,
        head_sizes: Sequence[int] | None = None,
        label_order: str = "frequency",
        train_beam: int | None = None,
        beam: int | str = "auto",
        cascade_scale: float = 0.0,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self.options = options
        self.head_sizes = head_sizes
        self.label_order = label_order
        self.train_beam = train_beam
        self.beam = beam
        self.cascade_scale = cascade_scale
        self.seed = seed
        self.threads = threads

    def fit(self, X: csr_array | HybridMatrix, Y: csr_array) -> "MultiHeadCascade":
        """Train on X (num_docs, num_features) and Y (num_docs, num_labels)."""
        X = HybridMatrix.of(X)
        check_option("label_order", self.label_order, LABEL_ORDERS)
        sizes = cascade_head_sizes(Y.shape[1]) if self.head_sizes is None else tuple(self.head_sizes)
        if len(sizes) < 2:
            raise ValueError(f"head_sizes must have two lengths or more. Got {sizes}; one head is head='vanilla'.")
        self.code = LabelCode(LABEL_ORDERS[self.label_order](Y, self.seed), sizes)
        self.indices = [self._fit_head(X, self.code.prefixes(Y, 1), title=f"head 1 of {len(sizes)}")]
        features = self._with_cascade_features(X, self._scores_out_of_fold(X, Y)) if self.cascade_scale else X
        for num_digits in range(1, len(sizes)):
            head = self._fit_head(
                features,
                self.code.prefixes(Y, num_digits + 1),
                shortlist=_union(self.code.prefixes(Y, num_digits), self._candidates(X, features, num_digits)),
                width=sizes[num_digits],
                title=f"head {num_digits + 1} of {len(sizes)}",
            )
            self.indices.append(head)
        self.beam_size = self._choose_beam(X, Y)
        return self

    def top_k(self, X: csr_array | HybridMatrix, k: int) -> Predictions:
        """Return the k best labels of each row of X by the last head's margin; -1 pads where the beam has fewer."""
        X = HybridMatrix.of(X)
        features = self.label_features(X)
        if self.beam_size is None:
            codes, scores = self.indices[-1].top_k(features, k)
        else:
            last = self.code.num_heads - 1
            prefixes = self._best_prefixes(X, last, self.beam_size, features=features)
            codes, scores = self.indices[-1].top_k_of_groups(features, prefixes, k)
        return Predictions(self.code.labels_of(codes), scores)

    @property
    def label_index(self) -> InvertedIndex:
        """The weights of the labels, by their codes."""
        return self.indices[-1]

    def label_features(self, X: HybridMatrix) -> HybridMatrix:
        """Return the features that these weights are of: those of the documents, and the scores of their groups."""
        return self._with_cascade_features(X, self._group_scores(self.indices[0], X)) if self.cascade_scale else X

    def _fit_head(
        self, X: HybridMatrix, Y: csr_array, *, title: str, shortlist: csr_array | None = None, width: int = LANES
    ) -> InvertedIndex:
        return fit_head(
            X,
            Y,
            width=width,
            shortlist=shortlist,
            options=self.options,
            seed=self.seed,
            threads=self.threads,
            title=title,
        )

    def _candidates(self, X: HybridMatrix, features: HybridMatrix, num_digits: int) -> np.ndarray:
        """Return the train_beam best prefixes of the training documents, int32 (num_docs, K), -1 pads."""

        beam = default_train_beam(self.code.head_sizes[num_digits]) if self.train_beam is None else self.train_beam

        def candidates_of(rows: slice) -> np.ndarray:
            return self._best_prefixes(X[rows], num_digits, beam, features=features[rows])

        pieces = [slice(start, start + PIECE_DOCS) for start in range(0, X.shape[0], PIECE_DOCS)]
        jobs = (joblib.delayed(candidates_of)(rows) for rows in pieces)
        return np.concatenate(joblib.Parallel(self.threads, prefer="threads", require="sharedmem")(jobs))

    def _best_prefixes(self, X: HybridMatrix, num_digits: int, beam: int, *, features: HybridMatrix) -> np.ndarray:
        """Return the best prefixes of num_digits digits, int32 (num_docs, K), -1 pads, going coarse to fine (Top-K)."""
        prefixes = self.indices[0].top_k(X, min(beam, self.code.num_prefixes(1))).labels  # (B, K)
        for head in range(1, num_digits):
            k = min(beam, self.code.num_prefixes(head + 1))
            prefixes = self.indices[head].top_k_of_groups(features, prefixes, k).labels  # (B, K)
        return prefixes

    def _scores_out_of_fold(self, X: HybridMatrix, Y: csr_array) -> csr_array:
        """Return head 1's scores of each half of the documents by a head 1 trained on the other half."""
        groups = self.code.prefixes(Y, 1)
        is_second = np.random.default_rng(self.seed).permutation(X.shape[0]) % 2
        halves = [np.flatnonzero(is_second == half) for half in (0, 1)]
        parts = [
            self._group_scores(self._fit_head(X[other], groups[other], title="cascade features"), X[half])
            for half, other in (halves, halves[::-1])
        ]
        rows = np.argsort(np.concatenate(halves))
        return csr_array(vstack(parts, format="csr"))[rows]

    def _group_scores(self, head: InvertedIndex, X: HybridMatrix) -> csr_array:
        """Return the scores of the CASCADE_GROUPS best groups, clipped to [-1, 1] and shifted to [0, 1], as CSR."""
        groups, scores = head.top_k(X, min(CASCADE_GROUPS, head.num_labels))
        values = (np.clip(scores, -1, 1) + 1) / 2
        is_group = groups >= 0  # those of a document whose features are not finite are padding
        indptr = np.concatenate([[0], np.cumsum(is_group.sum(axis=1))])
        group_scores = csr_array((values[is_group], groups[is_group], indptr), (len(groups), head.num_labels))
        group_scores.sort_indices()
        return group_scores

    def _with_cascade_features(self, X: HybridMatrix, group_scores: csr_array) -> HybridMatrix:
        return X.with_columns(group_scores * np.float32(self.cascade_scale))

    def _choose_beam(self, X: HybridMatrix, Y: csr_array) -> int | None:
        """Return the number of prefixes to keep, None for all, as `beam` says."""
        if self.beam == "all":
            return None
        if self.beam != "auto":
            return int(self.beam)
        if Y.nnz > MANY_LABELS * Y.shape[0]:
            return BEAM_SIZE
        if self.cascade_scale:  # the counts below know nothing of the groups among the features
            return None
        if X.dense.shape[1]:  # nor of the dense part
            return None
        sample = X.sparse[np.linspace(0, X.shape[0] - 1, min(X.shape[0], SAMPLE_DOCS)).astype(int)]
        lengths = [np.diff(index.indptr)[sample.indices] for index in self.indices]
        all_ns = ADD_NS * lengths[-1].sum() + RANK_NS * sample.shape[0] * self.code.num_labels
        beam_ns = ADD_NS * lengths[0].sum() + RANK_NS * sample.shape[0] * self.code.num_prefixes(1)
        for head, length in enumerate(lengths[1:], start=1):
            beam = min(BEAM_SIZE, self.code.num_prefixes(head))
            beam_ns += LOOK_UP_NS * np.minimum(beam, length).sum()
            beam_ns += RANK_NS * sample.shape[0] * beam * self.code.head_sizes[head]
        return None if all_ns <= BEAM_GAIN * beam_ns else BEAM_SIZE

    def to_probs(self, scores: np.ndarray) -> np.ndarray:
        """Return numbers from 0 to 1 for the scores that `top_k` gave; see `margins_to_probs`."""
        return margins_to_probs(scores)

    def describe(self) -> str:
        """Return one line for people: what was built."""
        beam = "all" if self.beam_size is None else self.beam_size
        return f"heads of {' x '.join(map(str, self.code.head_sizes))}, beam {beam}"

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: JSON values and arrays."""
        state: dict[str, Any] = {
            "head_sizes": list(self.code.head_sizes),
            "beam_size": self.beam_size,
            "cascade_scale": self.cascade_scale,
            "order": self.code.order,
        }
        for digits, index in enumerate(self.indices, start=1):
            state |= index.state(f"head_{digits}")
        return state

    @staticmethod
    def state_fields(state: dict[str, Any], *, num_labels: int, num_features: int, num_dense: int) -> Fields:
        """Yield what the entries of `state` must be."""
        yield "head_sizes", head_sizes_field(num_labels)
        yield "beam_size", optional(whole())
        yield "cascade_scale", number()
        yield "order", order_field(num_labels)
        sizes = state["head_sizes"]
        num_groups = -(-num_labels // math.prod(sizes[1:]))
        for head, size in enumerate(sizes):
            has_groups = head > 0 and state["cascade_scale"] > 0  # among its features
            of_index = InvertedIndex.state_fields(
                part(state, f"head_{head + 1}."),
                num_features=num_features + num_groups * has_groups,
                num_dense=num_dense,
                num_labels=-(-num_labels // math.prod(sizes[head + 1 :])),
                width=size if head else None,
            )
            yield from with_prefix(f"head_{head + 1}.", of_index)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "MultiHeadCascade":
        """Return the trained heads whose `state` this is."""
        head = cls(SolverOptions(), cascade_scale=state["cascade_scale"])
        head.code = LabelCode(state["order"], tuple(state["head_sizes"]))
        head.beam_size = state["beam_size"]
        head.indices = [
            InvertedIndex.from_state(part(state, f"head_{digits}.")) for digits in range(1, head.code.num_heads + 1)
        ]
        return head


def _union(truth: csr_array, best: np.ndarray) -> csc_array:
    """Return the true and the best prefixes (num_docs, K), -1 pads, as one matrix of booleans without repeats."""
    indptr, docs = _docs_of_prefixes(truth.indptr, truth.indices, best, truth.shape[1])
    return csc_array((np.ones(len(docs), np.bool_), docs, indptr), truth.shape)


@njit(nogil=True, cache=True)
def _docs_of_prefixes(
    indptr: np.ndarray, indices: np.ndarray, best: np.ndarray, num_prefixes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the documents of each prefix, ascending, as row pointers and documents."""
    counts, last_doc = np.zeros(num_prefixes + 1, np.int64), np.full(num_prefixes, -1, np.int32)
    docs = np.empty(0, np.int32)
    for filling in (False, True):
        place = counts[:-1].copy()
        last_doc[:] = -1
        for doc in range(len(best)):
            for prefix in np.concatenate((indices[indptr[doc] : indptr[doc + 1]], best[doc])):
                if prefix >= 0 and last_doc[prefix] != doc:
                    last_doc[prefix] = doc
                    if filling:
                        docs[place[prefix]] = doc
                        place[prefix] += 1
                    else:
                        counts[prefix + 1] += 1
        if not filling:
            counts = np.cumsum(counts)
            docs = np.empty(counts[-1], np.int32)
    return counts, docs
