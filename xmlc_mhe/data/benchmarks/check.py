"""Whether a folder holds a benchmark with its published sizes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ..formats.options import DEFAULT_OPTIONS, ReadOptions
from ..formats.part import Part
from ..reading import read_parts
from ..sources import benchmark_in
from .cards import Card

TOLERANCE = 0.005  # relative, for averages: they are published with two places, of train or of all documents


@dataclass(frozen=True)
class Finding:
    """One size: as published, as found, and whether that is the same."""

    what: str
    published: float
    found: float
    is_right: bool


def check_card(card: Card, folder: Path, *, options: ReadOptions = DEFAULT_OPTIONS) -> list[Finding]:
    """Return the sizes of a benchmark in a folder beside the published ones; sizes that nobody states are left out.

    Labels are those of train or, where that is what was published, those of train with those that other parts add;
    averages are over the documents of train, or over all. Features are checked where the folder has features and not
    texts.

    Raises: DataError: the folder does not hold the parts, or a file is not as it must be.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} must be the folder of {card.name}. Got no such folder; check the path.")
    names = ["train", *(["dev"] if card.sizes.dev else []), "test"]
    parts = read_parts(benchmark_in(card, folder, options), names)
    train = parts["train"]
    findings = [_exact(f"{name} documents", getattr(card.sizes, name), part.Y.shape[0]) for name, part in parts.items()]
    num_labels = [len(train.names or []), len(set(train.names or []).union(*map(_occurring, parts.values())))]
    findings.append(_nearest("labels", card.sizes.labels, num_labels, tolerance=0))
    if card.sizes.features is not None and not isinstance(train.documents, list):
        findings.append(_exact("features", card.sizes.features, train.documents.shape[1]))
    pairs, docs = [part.Y.nnz for part in parts.values()], [part.Y.shape[0] for part in parts.values()]
    if (published := card.sizes.labels_per_document) is not None:
        averages = [pairs[0] / docs[0], sum(pairs) / sum(docs)]
        findings.append(_nearest("labels a document", published, averages, tolerance=TOLERANCE))
    if (published := card.sizes.documents_per_label) is not None:
        averages = [pairs[0] / card.sizes.labels, sum(pairs) / card.sizes.labels]
        findings.append(_nearest("documents a label", published, averages, tolerance=TOLERANCE))
    return findings


def _occurring(part: Part) -> set[str]:
    names = part.names or []
    return {names[label] for label in np.unique(part.Y.indices) if label < len(names)}


def _exact(what: str, published: int, found: int) -> Finding:
    return Finding(what, published, found, published == found)


def _nearest(what: str, published: float, found: list[float] | list[int], *, tolerance: float) -> Finding:
    """Return the finding of the value that is nearest to the published one."""
    nearest = min(found, key=lambda value: abs(value - published))
    return Finding(what, published, nearest, abs(nearest - published) <= tolerance * published)
