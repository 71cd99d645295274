"""Which labels of a document to keep: thresholds on their probabilities, chosen on held-out documents."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from ..errors import DataError
from ..metrics import compare
from ..predictions import Predictions, keep_labels, probs_of
from .expected_f1 import best_counts, choose_no_label_factor

NAMED_RULES = ("micro-f1", "macro-f1", "doc-f1")
_PRECISION = "precision="
_PRIOR = 10  # true labels that the threshold of all labels counts for beside those expected of one
_STEPS = 1000  # of precision from 0 to 1: at most one threshold is kept for each


class Rule(NamedTuple):
    """Which labels to keep: one of NAMED_RULES, or "precision" or "probability" with the least value."""

    name: str
    value: float = 0.0


def parse_rule(rule: str | float) -> Rule:
    """Return the rule that 0.4, "0.4", "micro-f1", "macro-f1", "doc-f1" or "precision=0.9" stands for.

    Raises: ValueError: it is none of these.
    """
    number: Any = rule
    if isinstance(rule, str):
        if rule in NAMED_RULES:
            return Rule(rule)
        try:
            number = float(rule.removeprefix(_PRECISION))
        except ValueError:
            number = None
    is_number = isinstance(number, Real) and not isinstance(number, bool)
    if not is_number or not 0 <= number <= 1:
        raise ValueError(
            f"threshold must be a probability from 0 to 1, {', '.join(NAMED_RULES)}, or {_PRECISION}P with P from 0 "
            f"to 1. Got {rule!r}; write for example 0.4 or {_PRECISION}0.9."
        )
    is_precision = isinstance(rule, str) and rule.startswith(_PRECISION)
    return Rule("precision" if is_precision else "probability", float(number))


@dataclass(frozen=True, eq=False)
class Thresholds:
    """What held-out documents say about which labels to keep.

    Args:
        micro_f1: the threshold of the largest micro F1.
        macro_f1: float32 (num_labels,), a threshold for each label.
        no_label_factor: of the probability that a document has no label; see `best_counts`.
        precisions: float64 (2, n), thresholds and the precision at each, both ascending.
    """

    micro_f1: float
    macro_f1: np.ndarray
    no_label_factor: float
    precisions: np.ndarray

    @classmethod
    def choose(cls, Y: sp.csr_matrix | sp.csr_array, predictions: Predictions) -> "Thresholds":
        """Return the thresholds that are best on documents which the probabilities were not learned from.

        Macro F1: where probabilities are right, the best threshold of a label is half of the largest F1 that it can
        reach (Lipton, Elkan and Narayanaswamy, 2014). That F1 is taken from the probabilities, not from the few true
        documents of the label, which overfits, and is drawn to the one threshold that is best for all labels; on four
        data sets this gained 0.1 to 0.2 points of macro F1 over that one.

        Args:
            Y: CSR (num_docs, num_labels), the truth of the documents; predicted labels are columns of it.
            predictions: their labels and probabilities.
        Raises: ValueError: no predicted label is true; Y and predictions do not fit; a score is no probability.
        """
        probs, found = probs_of(predictions), compare(Y, predictions)
        if not found.is_hit.any():
            raise ValueError(
                f"predictions must have a true label to choose thresholds from. Got none for {len(probs)} documents; "
                "hold out more documents."
            )
        docs, ranks = np.nonzero(found.labels >= 0)
        order = np.argsort(-probs[docs, ranks], kind="stable")
        docs, ranks = docs[order], ranks[order]
        pairs = _Pairs(probs[docs, ranks], found.labels[docs, ranks], found.is_hit[docs, ranks])
        true_counts = np.bincount(found.truth.indices, minlength=found.truth.shape[1])
        counts, factors = best_counts(probs)
        hits = np.count_nonzero(found.is_hit & (np.arange(probs.shape[1]) < counts[:, None]), axis=1)
        return cls(
            micro_f1=pairs.best(_micro_f1(pairs, true_counts)),
            macro_f1=_label_thresholds(pairs, true_counts),
            no_label_factor=choose_no_label_factor(counts, factors, hits, found.true_counts),
            precisions=_precisions(pairs),
        )

    def apply(self, predictions: Predictions, rule: str | float) -> Predictions:
        """Return the labels that pass, as many a document as do, in their places; the rest is padding.

        Args:
            predictions: labels and probabilities, best first.
            rule: a probability, which passes if it is at least that; or "micro-f1", "macro-f1", "doc-f1" (the largest
                expected F1 of each document), "precision=P" (the lowest threshold whose precision was P or more).
        Raises: ValueError: rule is none of these; the precision was not reached; a score is no probability.
        """
        name, value = parse_rule(rule)
        probs, labels = probs_of(predictions), predictions.labels
        if name == "doc-f1":
            counts, factors = best_counts(probs)
            counts[factors <= self.no_label_factor] = 0
            return keep_labels(predictions, np.arange(labels.shape[1]) < counts[:, None])
        if name == "macro-f1":
            if labels.size and labels.max() >= len(self.macro_f1):
                raise ValueError(
                    f"predictions must be of the {len(self.macro_f1)} labels that have thresholds. Got label "
                    f"{labels.max()}; predict with the model of the thresholds."
                )
            return keep_labels(predictions, probs >= self.macro_f1[labels])  # padding is below each of them
        if name == "micro-f1":
            value = self.micro_f1
        elif name == "precision":
            value = self._lowest_of(value)
        return keep_labels(predictions, probs >= np.float32(value))

    def _lowest_of(self, precision: float) -> float:
        """Return the lowest threshold of a precision."""
        thresholds, reached = self.precisions
        if precision > reached[-1]:
            most = math.floor(reached[-1] * _STEPS) / _STEPS
            raise ValueError(
                f"threshold must be a precision that held-out documents reached. Got {_PRECISION}{precision:g}, and "
                f"they reached {most:g}; ask for {_PRECISION}{most:g} or less."
            )
        return float(thresholds[np.searchsorted(reached, precision)])

    def state(self) -> dict[str, Any]:
        """Return what `from_state` needs: numbers and arrays."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Thresholds":
        """Return the thresholds whose `state` this is; raises DataError where it cannot be one."""
        try:
            chosen = cls(**{name: state[name] for name in cls.__dataclass_fields__})
            numbers = (chosen.micro_f1, chosen.no_label_factor)
            thresholds, reached = (np.asarray(row, np.float64) for row in chosen.precisions)
            is_right = (
                all(isinstance(number, Real) and 0 <= number < math.inf for number in numbers)
                and chosen.macro_f1.ndim == 1
                and chosen.macro_f1.dtype == np.float32
                and np.all((chosen.macro_f1 >= 0) & (chosen.macro_f1 <= 1))
                and 0 < len(thresholds) == len(reached)
                and np.all((chosen.precisions >= 0) & (chosen.precisions <= 1))
                and np.all(np.diff(chosen.precisions) > 0)
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            is_right = False
        if not is_right:
            raise DataError(
                "thresholds of a model must be as they were saved. Got other values or none; fit the model again."
            )
        return chosen


class _Pairs(NamedTuple):
    """Predicted pairs of document and label, from high to low probability: what a falling threshold lets pass."""

    probs: np.ndarray  # float32 (n,)
    labels: np.ndarray  # (n,)
    is_hit: np.ndarray  # bool (n,)

    @property
    def ends(self) -> np.ndarray:
        """The places where a threshold can stand, at the last of equal probabilities."""
        return np.flatnonzero(np.append(self.probs[1:] != self.probs[:-1], True))

    def best(self, values: np.ndarray) -> float:
        """Return the threshold of the largest of the values, one for each number of pairs; the highest of several."""
        return float(self.probs[self.ends[np.argmax(values[self.ends])]])


class _ByLabel(NamedTuple):
    """The pairs of one label after another, each from high to low probability."""

    order: np.ndarray  # (n,) places in the pairs
    starts: np.ndarray  # (labels,) of the first pair of each label
    counts: np.ndarray  # (n,) pairs of the label so far, with this one

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums so far within the label, of values (n,) that are in the order of the pairs."""
        totals = np.cumsum(values[self.order], dtype=np.float64)
        before = np.append(0.0, totals)[self.starts]
        return totals - np.repeat(before, np.diff(np.append(self.starts, len(totals))))


def _by_label(labels: np.ndarray) -> _ByLabel:
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(labels)))
    return _ByLabel(order, starts, np.arange(1, len(labels) + 1) - np.repeat(starts, lengths))


def _micro_f1(pairs: _Pairs, true_counts: np.ndarray) -> np.ndarray:
    """Return micro F1 with the first 1, 2, ... pairs kept, float64 (n,)."""
    return 2 * np.cumsum(pairs.is_hit) / (np.arange(1, len(pairs.probs) + 1) + true_counts.sum())


def _macro_f1(pairs: _Pairs, true_counts: np.ndarray) -> np.ndarray:
    """Return macro F1 with the first 1, 2, ... pairs kept, over labels true or kept somewhere, float64 (n,)."""
    of = _by_label(pairs.labels)
    f1 = 2 * of.sums(pairs.is_hit) / (of.counts + true_counts[pairs.labels[of.order]])
    gains = np.diff(f1, prepend=0.0)
    gains[of.starts] = f1[of.starts]
    in_order = np.empty_like(gains)
    in_order[of.order] = gains
    is_new = np.zeros(len(gains), bool)  # the first pair of a label that is true nowhere
    is_new[of.order[of.starts]] = true_counts[pairs.labels[of.order[of.starts]]] == 0
    return np.cumsum(in_order) / (np.count_nonzero(true_counts) + np.cumsum(is_new))


def _label_thresholds(pairs: _Pairs, true_counts: np.ndarray) -> np.ndarray:
    """Return half of each label's largest expected F1, drawn to the threshold of all, float32 (num_labels,)."""
    common = pairs.best(_macro_f1(pairs, true_counts))
    of = _by_label(pairs.labels)
    labels = pairs.labels[of.order[of.starts]]
    sums = of.sums(pairs.probs)
    expected = np.bincount(pairs.labels, pairs.probs, minlength=len(true_counts))  # true documents of each label
    f1 = 2 * sums / (of.counts + expected[pairs.labels[of.order]])
    thresholds = np.full(len(true_counts), common)
    weights = expected[labels]
    thresholds[labels] = (weights * np.maximum.reduceat(f1, of.starts) / 2 + _PRIOR * common) / (weights + _PRIOR)
    return thresholds.astype(np.float32)


def _precisions(pairs: _Pairs) -> np.ndarray:
    """Return thresholds and their precisions, ascending, float64 (2, n): the lowest threshold of each precision.

    A threshold is left out if a lower one has its precision, or the same in whole thousandths.
    """
    ends = pairs.ends[::-1]
    precisions = np.cumsum(pairs.is_hit)[ends] / (ends + 1)
    steps = np.maximum.accumulate(np.floor(precisions * _STEPS + 1e-6))
    kept = np.diff(steps, prepend=-1) > 0
    return np.stack([pairs.probs[ends[kept]].astype(np.float64), precisions[kept]])
