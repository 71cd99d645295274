"""P@k, R@k, nDCG@k, PSP@k, PSnDCG@k, coverage@k and F1@k, from CSR truth and top-k arrays, in one pass.

The predictions are searched once for their hits (predicted labels that are true); every metric is a sum over those.
Values are fractions. A label of the truth that the model does not know is a column of Y that is never predicted: it
counts in every denominator. Predictions are ranked already, so a tie is broken by whoever ranked them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from .data.csr import true_labels
from .predictions import Predictions

_CHUNK = 1 << 20  # predictions looked up at a time; bounds the memory that finding the hits takes


def evaluate(
    Y: sp.csr_matrix | sp.csr_array,
    predictions: Predictions | np.ndarray,
    metrics: Sequence[str],
    *,
    propensity: np.ndarray | None = None,
    drop_empty: bool = False,
) -> dict[str, float]:
    """Return the value in [0, 1] of each metric, under its name and in the order asked for.

    Args:
        Y: CSR (num_docs, num_labels); a stored non-zero is a true label. Columns that the model does not know are
            welcome and count in the denominators.
        predictions: Predictions, or their labels: int (num_docs, K), best first, no repeats in a row, -1 pads.
        metrics: names such as "P@1" or "PSP@5": a key of METRICS, "@", a cutoff k with 1 <= k <= K.
        propensity: (>= num_labels,) in (0, 1], from `label_propensity`; only PSP and PSnDCG need it.
        drop_empty: leave out documents without true labels, instead of counting 0 for each.
    Raises: ValueError: rows differ; a metric, k, label or propensity is not as above; no document is left.
    Source: the Extreme Classification Repository's definitions; both conventions for empty documents are pyxclib's.
    """
    labels = np.asarray(predictions.labels if isinstance(predictions, Predictions) else predictions)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"predictions must be whole numbers in rows, (num_docs, k). Got {labels.dtype} {labels.shape}; "
            "pass the result of predict, or its labels."
        )
    if len(labels) != Y.shape[0]:
        raise ValueError(
            f"predictions must have {Y.shape[0]} rows, the documents of Y. Got {len(labels)}; "
            "predict the documents that Y describes."
        )
    asked = {name: _parse(name, labels.shape[1]) for name in metrics}
    labels = labels[:, : max((k for _, k in asked.values()), default=0)]
    truth = true_labels(Y)
    hits, true_counts = _find_hits(truth, labels), np.diff(truth.indptr)
    if drop_empty:
        labels = labels[true_counts > 0]  # their hits need no dropping: they have none
    if len(labels) == 0:
        raise ValueError(
            f"Y must have a document to average over. Got {Y.shape[0]} documents, none with a true label; "
            "check that Y is the truth of the documents predicted."
        )
    outcome = _Outcome(truth, true_counts, labels, hits, propensity)
    # shares that add up to 1 can round to just above it
    return {name: min(float(METRICS[metric](outcome, k)), 1.0) for name, (metric, k) in asked.items()}


def metric_names(ks: Sequence[int] = (1, 3, 5), *, metrics: Sequence[str] = ("P", "nDCG", "PSP")) -> list[str]:
    """Return the names to give to `evaluate`, every metric at every cutoff: P@1, P@3, P@5, nDCG@1, ..."""
    return [f"{metric}@{k}" for metric in metrics for k in ks]


def _parse(name: str, num_kept: int) -> tuple[str, int]:
    """Return the metric and the cutoff that a name such as "P@5" stands for."""
    metric, _, k = name.rpartition("@")
    if metric not in METRICS or not (k.isascii() and k.isdigit()):
        allowed = ", ".join(f"{known}@k" for known in METRICS)
        raise ValueError(f'metrics must be from {allowed}, with a number for k. Got "{name}"; write for example "P@5".')
    if not 1 <= int(k) <= num_kept:
        mend = f"predict with k={int(k)} first" if int(k) else f'ask for "{metric}@1"'
        raise ValueError(f"k must be 1 to {num_kept}, the labels kept for a document. Got {int(k)}; {mend}.")
    return metric, int(k)


class _Ranking(NamedTuple):
    """True labels that stand in a ranking: document, rank from 0, and label of each, int64 (n,)."""

    docs: np.ndarray
    ranks: np.ndarray
    labels: np.ndarray

    def top(self, k: int) -> "_Ranking":
        """Return the entries among the first k of their document."""
        first = self.ranks < k
        return _Ranking(self.docs[first], self.ranks[first], self.labels[first])


def _find_hits(truth: sp.csr_array, labels: np.ndarray) -> _Ranking:
    """Return the predicted labels that are true, in the order of documents and then ranks."""
    num_docs, num_labels = truth.shape
    docs, ranks, found = [], [], []
    step = max(1, _CHUNK // max(1, labels.shape[1]))
    for start in range(0, num_docs, step):
        chunk = labels[start : start + step].astype(np.int64)  # (B, K)
        _check_labels(chunk, num_labels, first_row=start)
        indptr = truth.indptr[start : start + len(chunk) + 1]
        doc = np.arange(len(chunk))
        # (document, label) as one number, ascending in a CSR with sorted columns; the -1 at the end equals no key
        keys = np.append(np.repeat(doc, np.diff(indptr)) * num_labels + truth.indices[indptr[0] : indptr[-1]], -1)
        wanted = doc[:, None] * num_labels + chunk  # (B, K)
        is_hit = (keys[np.searchsorted(keys[:-1], wanted)] == wanted) & (chunk >= 0)
        hit_doc, hit_rank = np.nonzero(is_hit)
        docs.append(start + hit_doc)
        ranks.append(hit_rank)
        found.append(chunk[is_hit])
    return _Ranking(*(np.concatenate(column) if column else np.zeros(0, np.int64) for column in (docs, ranks, found)))


def _check_labels(chunk: np.ndarray, num_labels: int, *, first_row: int) -> None:
    """Refuse a label that is neither padding nor a column of Y, or that its row holds twice."""
    wrong = (chunk < -1) | (chunk >= num_labels)
    if wrong.any():
        row, rank = np.argwhere(wrong)[0]
        raise ValueError(
            f"predictions must be -1 (padding) or 0 to {num_labels - 1}, the columns of Y. Got {chunk[row, rank]} "
            f"in row {first_row + row}; give Y a column for every label of the model."
        )
    ordered = np.sort(chunk, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeated.any():
        row, place = np.argwhere(repeated)[0]
        raise ValueError(
            f"predictions must not repeat a label in a row. Got {ordered[row, place]} more than once "
            f"in row {first_row + row}; keep each label's best rank and pad with -1."
        )


@dataclass(frozen=True)
class _Outcome:
    """What the metrics are computed from: the truth, the predictions, and where they meet."""

    truth: sp.csr_array  # (num_rows, num_labels)
    true_counts: np.ndarray  # (num_rows,) true labels of each document
    labels: np.ndarray  # (num_docs, K) predictions of the documents averaged over
    hits: _Ranking
    propensity: np.ndarray | None

    @property
    def num_docs(self) -> int:
        return len(self.labels)

    @cached_property
    def inv_propensity(self) -> np.ndarray:
        """Each label's weight in PSP and PSnDCG, float64 (>= num_labels,)."""
        num_labels = self.truth.shape[1]
        if self.propensity is None:
            raise ValueError(
                "propensity must be given for PSP and PSnDCG. Got None; pass propensity=label_propensity(train.Y)."
            )
        propensity = np.asarray(self.propensity, dtype=np.float64)
        if propensity.ndim != 1 or len(propensity) < num_labels:
            raise ValueError(
                f"propensity must have a value for each of the {num_labels} columns of Y. Got {propensity.shape}; "
                "use label_propensity(train.Y, num_labels=Y.shape[1])."
            )
        if not np.all((propensity > 0) & (propensity <= 1)):
            raise ValueError(
                f"propensity must be above 0 and at most 1. Got {propensity.min():g} to {propensity.max():g}; "
                "if these are inverse propensities, pass 1 / inv_propensity."
            )
        return 1 / propensity

    @cached_property
    def ideal(self) -> _Ranking:
        """The best ranking for PSP and PSnDCG: each document's true labels, those of the lowest propensity first."""
        docs = np.repeat(np.arange(self.truth.shape[0]), self.true_counts)
        labels = self.truth.indices.astype(np.int64)
        order = np.lexsort((-self.inv_propensity[labels], docs))
        ranks = np.arange(len(docs)) - self.truth.indptr[:-1][docs]
        return _Ranking(docs, ranks, labels[order])

    def ndcg_shares(self, top: _Ranking, k: int) -> np.ndarray:
        """Return what each entry adds to its document's nDCG@k, float64 (n,)."""
        discounts = 1 / np.log2(np.arange(k) + 2)
        best = np.cumsum(discounts)[np.minimum(self.true_counts[top.docs], k) - 1]  # DCG with every true label on top
        return discounts[top.ranks] / best

    def label_counts(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return of each label its hits, predictions and true documents, int64 (num_labels,) each."""
        kept = self.labels[:, :k]
        counted = (self.hits.top(k).labels, kept[kept >= 0], self.truth.indices)
        hits, predicted, true = (np.bincount(labels, minlength=self.truth.shape[1]) for labels in counted)
        return hits, predicted, true


def _ratio(part: float | np.integer, whole: float | np.integer) -> float:
    """Return part / whole, and 0 where there is nothing to be a part of."""
    return float(part / whole) if whole else 0.0


def _precision(outcome: _Outcome, k: int) -> float:
    """Mean share of the first k predicted labels that are true; padding is never true, and k divides all the same."""
    return len(outcome.hits.top(k).docs) / (k * outcome.num_docs)


def _recall(outcome: _Outcome, k: int) -> float:
    """Mean share of a document's true labels that are among its first k predictions."""
    return np.sum(1 / outcome.true_counts[outcome.hits.top(k).docs]) / outcome.num_docs


def _ndcg(outcome: _Outcome, k: int) -> float:
    """Mean of DCG@k = sum of 1 / log2(rank + 1) over the hits, rank from 1, each over the best DCG@k it could have."""
    return outcome.ndcg_shares(outcome.hits.top(k), k).sum() / outcome.num_docs


def _ps_precision(outcome: _Outcome, k: int) -> float:
    """Sum of inv_propensity over all hits, over the largest sum that any k labels a document would reach.

    A ratio of two sums over all documents, as in pyxclib, not a mean of ratios.
    """
    gain, best = (outcome.inv_propensity[r.top(k).labels].sum() for r in (outcome.hits, outcome.ideal))
    return _ratio(gain, best)


def _ps_ndcg(outcome: _Outcome, k: int) -> float:
    """Sum of nDCG@k over all documents, each hit weighted by inv_propensity, over the same for the ideal ranking."""
    tops = (outcome.hits.top(k), outcome.ideal.top(k))
    gain, best = (outcome.inv_propensity[top.labels] @ outcome.ndcg_shares(top, k) for top in tops)
    return _ratio(gain, best)


def _coverage(outcome: _Outcome, k: int) -> float:
    """Share of the labels with a true document that are predicted, in the first k, for at least one such document."""
    hits, _, true = outcome.label_counts(k)
    return _ratio(np.count_nonzero(hits), np.count_nonzero(true))


def _macro_f1(outcome: _Outcome, k: int) -> float:
    """Mean of F1 = 2 hits / (predictions + true documents) over the labels that are predicted or true somewhere."""
    hits, predicted, true = outcome.label_counts(k)
    occurs = predicted + true > 0
    return _ratio((2 * hits[occurs] / (predicted + true)[occurs]).sum(), occurs.sum())


def _micro_f1(outcome: _Outcome, k: int) -> float:
    """F1 = 2 hits / (predictions + true labels) with all documents and labels pooled; padding is no prediction."""
    hits, predicted, true = outcome.label_counts(k)
    return _ratio(2 * hits.sum(), predicted.sum() + true.sum())


METRICS: dict[str, Callable[[_Outcome, int], float]] = {
    "P": _precision,
    "R": _recall,
    "nDCG": _ndcg,
    "PSP": _ps_precision,
    "PSnDCG": _ps_ndcg,
    "coverage": _coverage,
    "macroF1": _macro_f1,
    "microF1": _micro_f1,
}
