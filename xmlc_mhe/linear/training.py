"""Train one head. The labels of a group share their documents, and each group is an independent job."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from numba import njit
from scipy.sparse import csr_array

from ..features.matrix import HybridMatrix
from ..outputs import cannot_write, scratch_folder
from ..progress import track
from .options import SolverOptions
from .scorer import Entries, InvertedIndex, label_dtype
from .simd import LANES, aligned_zeros
from .solver import BIAS, solve_block

LARGEST_COPY = 0.1  # the largest share of X that a group copies; larger groups read X itself, to bound the memory


def margins_to_probs(margins: np.ndarray) -> np.ndarray:
    """Return numbers from 0 to 1 for margins. The squared hinge aims at -1 and +1, which become 0 and 1."""
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
    """Return the weights of one classifier for each column of Y; they are the same for any number of threads.

    Args:
        X: (num_docs, num_features). All weights of its dense columns are kept, and those of the others above prune.
        Y: (num_docs, num_labels), with sorted columns.
        width: the labels of a group; group g has the columns from g * width to (g + 1) * width.
        shortlist: (num_docs, num_groups). Group g is trained on the documents that hold column g. None: each group is
            trained on all documents.
    """
    data = GroupData.of(X, Y, shortlist)
    settings = {"width": width, "num_labels": Y.shape[1], "options": options, "seed": seed}
    groups, tiles, bias = [], [], np.empty(-(-Y.shape[1] // width) * width, np.float32)
    backend, _ = joblib.parallel.get_active_backend(prefer="threads")  # that of joblib.parallel_config, if any
    return_as = "generator" if backend.supports_return_generator else "list"
    with _group_jobs(data, settings, share_memory=getattr(backend, "supports_sharedmem", False)) as jobs:
        done = joblib.Parallel(n_jobs=threads, prefer="threads", return_as=return_as)(jobs)
        # copied by this thread, so that what the others allocate is free to use again
        progress = track(done, total=len(bias) // width, title=title)
        for group, ((features, labels, weights), group_tiles, group_bias) in enumerate(progress):
            groups.append((features.copy(), labels.copy(), weights.copy()))
            tiles += group_tiles
            bias[group * width :][:width] = group_bias
    return InvertedIndex.from_entries(
        groups, num_features=X.sparse.shape[1], bias=bias[: Y.shape[1]], tiles=np.stack(tiles), width=width
    )


class GroupData(NamedTuple):
    """What the groups of a head are trained on. All of it is arrays, which processes can map from files.

    Attributes:
        indptr, indices, values: the sparse features, as a CSR.
        dense: the dense features, float32 (num_docs, num_dense).
        label_indptr, label_docs: the documents of each label.
        group_indptr, group_docs: the documents of each group; None where each group has all of them.
        num_features: the number of sparse features, int (1,).
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    dense: np.ndarray
    label_indptr: np.ndarray
    label_docs: np.ndarray
    group_indptr: np.ndarray | None
    group_docs: np.ndarray | None
    num_features: np.ndarray

    @classmethod
    def of(cls, X: HybridMatrix, Y: csr_array, shortlist: csr_array | None) -> "GroupData":
        labels, groups = Y.tocsc(), None if shortlist is None else shortlist.tocsc()
        return cls(
            X.sparse.indptr,
            X.sparse.indices,
            X.sparse.data,
            X.dense,
            labels.indptr,
            labels.indices,
            None if groups is None else groups.indptr,
            None if groups is None else groups.indices,
            np.array([X.sparse.shape[1]]),
        )

    def save(self, folder: Path) -> None:
        """Write a file for each array."""
        for name, array in self._asdict().items():
            if array is not None:
                np.save(Path(folder, f"{name}.npy"), array)


@lru_cache(maxsize=1)  # the next group is most likely one of the same head
def _load_data(folder: str) -> GroupData:
    """Return what `GroupData.save` wrote, mapped from its files."""
    paths = (Path(folder, f"{name}.npy") for name in GroupData._fields)
    arrays: list[Any] = [np.load(path, mmap_mode="r").view(np.ndarray) if path.exists() else None for path in paths]
    return GroupData(*arrays)


@contextlib.contextmanager
def _group_jobs(data: GroupData, settings: dict[str, Any], *, share_memory: bool) -> Iterator[Iterator[Any]]:
    """Yield an iterator over the jobs, one for each group. Threads share the arrays, processes map them from files.

    The files are in the folder that JOBLIB_TEMP_FOLDER names, which workers on other machines must see. Where it names
    none, they are in the folder of temporary files.
    """
    groups = range(-(-settings["num_labels"] // settings["width"]))
    if share_memory:
        yield (joblib.delayed(_fit_group)(data, group, **settings) for group in groups)
        return
    place = Path(os.environ.get("JOBLIB_TEMP_FOLDER") or tempfile.gettempdir())
    with scratch_folder(place / "xmlc-mhe") as folder:
        try:
            data.save(folder)
        except OSError as error:
            raise cannot_write(f"{place}, or another folder in JOBLIB_TEMP_FOLDER,", error) from None
        yield (joblib.delayed(_fit_group_of_files)(str(folder), group, **settings) for group in groups)


def _fit_group_of_files(folder: str, group: int, **settings: Any) -> tuple[Entries, list[np.ndarray], np.ndarray]:
    return _fit_group(_load_data(folder), group, **settings)


def _fit_group(
    data: GroupData, group: int, *, width: int, num_labels: int, options: SolverOptions, seed: int
) -> tuple[Entries, list[np.ndarray], np.ndarray]:
    """Return what is kept of a group: sparse weights, dense weights (a tile for each LANES labels), and biases."""
    num_features, num_dense, dtype = int(data.num_features[0]), data.dense.shape[1], label_dtype(num_labels)
    docs = None
    if data.group_indptr is not None and data.group_docs is not None:
        docs = data.group_docs[slice(*data.group_indptr[group : group + 2])]
    rows = np.arange(len(data.dense)) if docs is None else docs
    starts, stops = data.indptr[:-1][rows], data.indptr[1:][rows]
    if docs is None or (stops - starts).sum(dtype=np.int64) > len(data.values) * LARGEST_COPY:
        features, documents = None, (starts, stops, data.indices, data.values)
    else:
        features, documents = _gather_rows(docs, data.indptr, data.indices, data.values, num_features)
    blocks: list[Entries] = []
    tiles = []
    biases = np.full(-(-width // LANES) * LANES, BIAS, np.float32)
    for first in range(group * width, min((group + 1) * width, num_labels), LANES):
        num_lanes = min(LANES, (group + 1) * width - first, num_labels - first)
        positive = _positive_masks(docs, len(data.dense), data.label_indptr, data.label_docs, first, num_lanes)
        block_seed = int(np.random.SeedSequence((seed, first)).generate_state(1)[0])
        W = aligned_zeros(num_dense + (num_features if features is None else len(features)))
        solve_block(
            W,
            biases[first - group * width :][:LANES],
            *documents,
            data.dense,
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


def _kept_weights(W: np.ndarray, prune: float) -> Entries:
    """Return the rows, lanes and values, int32, int32 and float16 (n,), of the weights above prune, by rows."""
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
    """Return a mask for each document, uint16 (len(docs),); bit l says whether it has the label first + l."""
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
    """Return the features of some rows of a CSR, in the order of their first appearance, and the rows renumbered so.

    The memory of the solver then grows with the features of the group alone, and common features lie close together.
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
