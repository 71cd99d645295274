"""Train one head: the labels of a group share their documents, and the groups are independent jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

import joblib
import numpy as np
from numba import njit
from scipy.sparse import csr_array

from ..matrix import HybridMatrix
from ..progress import track
from .scorer import Entries, InvertedIndex, label_dtype
from .simd import LANES, aligned_zeros
from .solver import BIAS, solve_block

LARGEST_COPY = 0.1  # share of X that a group copies; a larger group reads X itself, to bound each thread's memory


@dataclass(frozen=True)
class SolverOptions:
    """How a head is trained; the defaults were chosen on the dev parts of eurlex57k and llms4subjects-en.

    C, positive_weight, bias_feature, passes, eps: see `solve_block`. prune: weights |w| <= prune are dropped.
    """

    C: float = 0.5
    positive_weight: float = 1.0
    bias_feature: float = 0.3
    passes: int = 8
    eps: float = 0.01
    prune: float = 0.07


def margins_to_probs(margins: np.ndarray) -> np.ndarray:
    """Return numbers from 0 to 1 for margins: -1 and less is 0, +1 and more is 1, as the squared hinge aims at."""
    return np.clip((margins + 1) / 2, 0, 1)


def fit_head(
    X: HybridMatrix,
    Y: csr_array,
    *,
    width: int,
    shortlist: csr_array | None = None,
    options: SolverOptions,
    seed: int,
    threads: int,
    title: str,
) -> InvertedIndex:
    """Return the weights of one classifier for each column of Y, the same for any number of threads.

    Args:
        X: (num_docs, num_features); weights of its dense columns are kept whole, those of the others above prune.
        Y: (num_docs, num_labels), sorted columns.
        width: labels of a group: columns g * width to (g + 1) * width.
        shortlist: (num_docs, num_groups); group g is trained on the documents that hold column g. None: on all of them.
    """
    num_labels, dtype = Y.shape[1], label_dtype(Y.shape[1])
    label_docs = Y.tocsc()
    group_docs = None if shortlist is None else shortlist.tocsc()
    sparse, dense, num_dense = X.sparse, X.dense, X.dense.shape[1]
    row_nnz, all_rows = np.diff(sparse.indptr), np.arange(X.shape[0])

    def fit_group(group: int) -> tuple[Entries, list[np.ndarray], np.ndarray]:
        docs = None if group_docs is None else group_docs.indices[slice(*group_docs.indptr[group : group + 2])]
        rows = all_rows if docs is None else docs
        if docs is None or row_nnz[docs].sum() > sparse.nnz * LARGEST_COPY:
            features, documents = None, (sparse.indptr[:-1][rows], sparse.indptr[1:][rows], sparse.indices, sparse.data)
        else:
            features, documents = _gather_rows(docs, sparse.indptr, sparse.indices, sparse.data, sparse.shape[1])
        blocks: list[Entries] = []
        tiles = []
        biases = np.full(-(-width // LANES) * LANES, BIAS, np.float32)
        for first in range(group * width, min((group + 1) * width, num_labels), LANES):
            num_lanes = min(LANES, (group + 1) * width - first, num_labels - first)
            positive = _positive_masks(docs, X.shape[0], label_docs.indptr, label_docs.indices, first, num_lanes)
            block_seed = int(np.random.SeedSequence((seed, first)).generate_state(1)[0])
            W = aligned_zeros(num_dense + (sparse.shape[1] if features is None else len(features)))
            solve_block(
                W,
                biases[first - group * width :][:LANES],
                *documents,
                dense,
                rows,
                positive,
                options.C,
                options.positive_weight,
                options.bias_feature,
                options.passes,
                options.eps,
                block_seed,
            )
            tiles.append(W[:num_dense].copy())
            kept, lanes, weights = _kept_weights(W[num_dense:, :num_lanes], options.prune)
            blocks.append((kept if features is None else features[kept], (lanes + first).astype(dtype), weights))
        return _concatenate(blocks), tiles, biases[:width]

    num_groups = -(-num_labels // width)
    jobs = (joblib.delayed(fit_group)(group) for group in range(num_groups))
    done = joblib.Parallel(n_jobs=threads, prefer="threads", require="sharedmem", return_as="generator")(jobs)
    # copied by this thread, so that what the others allocate is free to use again
    progress = track(done, total=num_groups, title=title)
    groups, tiles, bias = [], [], np.empty(num_groups * width, np.float32)
    for group, ((features, labels, weights), group_tiles, group_bias) in enumerate(progress):
        groups.append((features.copy(), labels.copy(), weights.copy()))
        tiles += group_tiles
        bias[group * width :][:width] = group_bias
    return InvertedIndex.from_entries(
        groups, num_features=sparse.shape[1], bias=bias[:num_labels], tiles=np.stack(tiles), width=width
    )


def _kept_weights(W: np.ndarray, prune: float) -> Entries:
    """Return row, lane and weight, int32, int32 and float16 (n,), of the weights above prune, row after row."""
    rows, lanes = np.nonzero(np.abs(W) > prune)
    return rows.astype(np.int32), lanes.astype(np.int32), W[rows, lanes].astype(np.float16)


def _concatenate(entries: Sequence[Entries]) -> Entries:
    features, labels, weights = (np.concatenate(column) for column in zip(*entries, strict=True))
    return features, labels, weights


@njit(nogil=True, cache=True)
def _positive_masks(
    docs: np.ndarray | None,
    num_docs: int,
    label_indptr: np.ndarray,
    label_docs: np.ndarray,
    first: int,
    num_lanes: int,
) -> np.ndarray:
    """Bit l of a document says whether it has the label first + l, uint16 (len(docs),)."""
    masks = np.zeros(num_docs if docs is None else len(docs), np.uint16)
    for lane in range(num_lanes):
        for place in range(label_indptr[first + lane], label_indptr[first + lane + 1]):
            doc = label_docs[place]
            row = doc if docs is None else np.searchsorted(docs, doc)
            masks[row] |= np.uint16(1 << lane)
    return masks


@njit(nogil=True, cache=True)
def _gather_rows(
    docs: np.ndarray, indptr: np.ndarray, indices: np.ndarray, values: np.ndarray, num_features: int
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Return the features of some rows of a CSR in the order they first appear, and the rows in terms of those.

    The solver's memory then grows with the group's features, not with all, and common features lie close together.
    """
    total = 0
    for doc in docs:
        total += indptr[doc + 1] - indptr[doc]
    new_indptr = np.zeros(len(docs) + 1, np.int64)
    new_indices, new_values = np.empty(total, np.int32), np.empty(total, np.float32)
    number = np.full(num_features, -1, np.int32)
    features = np.empty(min(total, num_features), np.int32)
    num_found, end = 0, 0
    for row in range(len(docs)):
        for entry in range(indptr[docs[row]], indptr[docs[row] + 1]):
            feature = indices[entry]
            if number[feature] < 0:
                number[feature] = num_found
                features[num_found] = feature
                num_found += 1
            new_indices[end] = number[feature]
            new_values[end] = values[entry]
            end += 1
        new_indptr[row + 1] = end
    return features[:num_found], (new_indptr[:-1], new_indptr[1:], new_indices, new_values)
