"""What a report shows, as numbers: by frequency of the labels, by score, by document and by label."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, in_short
from ..outcome import Outcome
from ..runs import FORMAT, OUTCOME, RESULT

NUM_BINS = 10  # of label frequencies and of scores
NUM_WORST = 15  # documents and labels shown
MOST_LABELS = 20_000  # rows of the table of labels; a page with more is slow to open


@dataclass(frozen=True, eq=False)
class Entry:
    """A result and, unless it is gone, its outcome; hits: bool (num_docs, K), whether a predicted label is true."""

    result: dict[str, Any]
    outcome: Outcome | None
    hits: np.ndarray | None

    @property
    def name(self) -> str:
        return self.result["name"]

    @property
    def k(self) -> int:
        """The cutoff that the pictures are drawn at: the largest of the recipe that was kept."""
        ks = self.result["recipe"]["evaluation"]["k"]
        kept = max(ks) if self.hits is None else self.hits.shape[1]
        return max((k for k in ks if k <= kept), default=1)


def read_entries(paths: Sequence[Path]) -> list[Entry]:
    """Return the results in files, each with the outcome beside it if it is there.

    Raises: DataError: a file is no result, or the outcome beside it is of another run.
    """
    return [_read_entry(path) for path in paths]


def _read_entry(path: Path) -> Entry:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        found = result["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} must be a result of run. Got {type(error).__name__}: {in_short(error)}; give a file that ends in "
            f"{RESULT}."
        ) from None
    if found != FORMAT:
        raise DataError(f'{path} must have the format "{FORMAT}". Got "{in_short(found)}"; run the recipe again.')
    outcome_path = path.with_name(path.name.removesuffix(RESULT) + OUTCOME)
    if not outcome_path.exists():
        return Entry(result, None, None)
    outcome = Outcome.load(outcome_path)
    if outcome.digest() != result["outcome"]:
        raise DataError(f"{outcome_path} must be of the same run as {path}. Got another; run the recipe again.")
    return Entry(result, outcome, find_hits(outcome))


def find_hits(outcome: Outcome) -> np.ndarray:
    """Return whether each predicted label is true, bool (num_docs, K)."""
    num_columns = outcome.Y.shape[1]
    docs = np.repeat(np.arange(outcome.Y.shape[0]), np.diff(outcome.Y.indptr))
    truth = docs * num_columns + outcome.Y.indices
    labels = outcome.predictions.labels.astype(np.int64)
    return np.isin(np.arange(len(labels))[:, None] * num_columns + labels, truth) & (labels >= 0)


def label_rows(outcome: Outcome, hits: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Return of each training label the training and test documents, and how often it is among the first k and true.

    Returns: "train", "test", "predicted", "hits": int64 (num_labels,); "precision", "recall", "F1": float64, NaN where
        there is nothing to divide by.
    """
    labels, num_labels = outcome.predictions.labels[:, :k], len(outcome.label_names)
    counted = (outcome.Y.indices, labels[labels >= 0], labels[hits[:, :k]])
    test, predicted, true = (np.bincount(found, minlength=num_labels)[:num_labels] for found in counted)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = {"precision": true / predicted, "recall": true / test, "F1": 2 * true / (predicted + test)}
    return {"train": outcome.label_counts, "test": test, "predicted": predicted, "hits": true, **shares}


def frequency_rows(outcome: Outcome, hits: np.ndarray, k: int) -> list[dict[str, Any]]:
    """Return precision and recall at k of ten groups of as many labels each, from rare to frequent in training.

    Precision: share of the group's predictions that are true. Recall: share of its true labels that are predicted.
    """
    columns = label_rows(outcome, hits, k)
    rows = []
    for group in np.array_split(np.argsort(outcome.label_counts, kind="stable"), NUM_BINS):
        if len(group):
            counts = outcome.label_counts[group]
            test, predicted, true = (int(columns[name][group].sum()) for name in ("test", "predicted", "hits"))
            rows.append(
                {
                    "fewest": int(counts.min()),
                    "most": int(counts.max()),
                    "labels": len(group),
                    "test": test,
                    "precision": true / predicted if predicted else None,
                    "recall": true / test if test else None,
                }
            )
    return rows


def coverage_rows(outcome: Outcome, hits: np.ndarray) -> list[dict[str, Any]]:
    """Return for each k the share of the labels of test that are predicted rightly at least once among the first k."""
    occurring = len(np.unique(outcome.Y.indices))
    rows = []
    for k in range(1, hits.shape[1] + 1):
        found = len(np.unique(outcome.predictions.labels[:, :k][hits[:, :k]]))
        rows.append({"k": k, "coverage": found / occurring if occurring else 0.0})
    return rows


def reliability_rows(outcome: Outcome, hits: np.ndarray, k: int) -> list[dict[str, Any]]:
    """Return the share of true labels in ten groups of as many of the first k predictions, from low to high scores."""
    is_kept = outcome.predictions.labels[:, :k] >= 0
    scores, true = outcome.predictions.scores[:, :k][is_kept], hits[:, :k][is_kept]
    groups = np.array_split(np.argsort(scores, kind="stable"), NUM_BINS)
    return [
        {"score": float(scores[group].mean()), "true": float(true[group].mean()), "predictions": len(group)}
        for group in groups
        if len(group)
    ]


def worst_documents(outcome: Outcome, hits: np.ndarray, k: int) -> list[dict[str, Any]]:
    """Return labelled documents none of whose first k predictions is true, those with the highest scores first."""
    is_missed = (np.diff(outcome.Y.indptr) > 0) & ~hits[:, :k].any(axis=1)
    docs = np.flatnonzero(is_missed)
    docs = docs[np.argsort(-outcome.predictions.scores[docs, 0], kind="stable")][:NUM_WORST]
    return [
        {
            "document": int(doc),
            "text": outcome.snippets[doc] if outcome.snippets else "",
            "score": float(outcome.predictions.scores[doc, 0]),
            "predicted": [outcome.label_names[label] for label in outcome.predictions.labels[doc, :k] if label >= 0],
            "true": [_name_of(outcome, label) for label in outcome.Y[[doc]].indices],
        }
        for doc in docs
    ]


def worst_labels(outcome: Outcome, hits: np.ndarray, k: int) -> list[dict[str, Any]]:
    """Return the labels that are missed most often: true for a document, and not among its first k predictions."""
    columns = label_rows(outcome, hits, k)
    missed = columns["test"] - columns["hits"]
    labels = [label for label in np.argsort(-missed, kind="stable")[:NUM_WORST] if missed[label]]
    return [
        {"label": outcome.label_names[label], "missed": int(missed[label])}
        | {name: _plain(columns[name][label]) for name in ("train", "test", "predicted", "precision", "recall")}
        for label in labels
    ]


def label_table(outcome: Outcome, hits: np.ndarray, k: int) -> dict[str, list[Any]]:
    """Return columns for the labels that test has or that are predicted, the most frequent in training first.

    There are MOST_LABELS rows at most. Shares are rounded to three digits; None where there is nothing to divide by.
    """
    columns = label_rows(outcome, hits, k)
    occurs = np.flatnonzero(columns["test"] + columns["predicted"])
    labels = occurs[np.argsort(-outcome.label_counts[occurs], kind="stable")][:MOST_LABELS]
    table = {name: [_plain(value) for value in column[labels]] for name, column in columns.items()}
    return {"label": [outcome.label_names[label] for label in labels], **table}


def _name_of(outcome: Outcome, label: int) -> str:
    return outcome.label_names[label] if label < len(outcome.label_names) else "(not in training)"


def _plain(value: Any) -> int | float | None:
    """Return a number of JSON; None for NaN."""
    if isinstance(value, np.integer):
        return int(value)
    return None if np.isnan(value) else round(float(value), 3)
