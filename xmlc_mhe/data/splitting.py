"""Parts of a data set by iterative stratification, or by chance."""

import logging
from collections.abc import Mapping

import numpy as np

from ..errors import DataError
from .dataset import Dataset, subset
from .formats.part import need

logger = logging.getLogger(__name__)

MAX_STRATIFIED = 300  # labels; with 1000 it took eight times as long and matched the frequent ones less well
MAX_CELLS = 1 << 28  # documents x labels, a byte each: it takes a dense table


def split_dataset(
    dataset: Dataset, shares: Mapping[str, float], *, stratify: bool = True, seed: int = 0
) -> dict[str, Dataset]:
    """Return disjoint parts of a data set, "train" first, documents in their order.

    Stratified: each part gets its share of the documents of each label (Sechidis et al., 2011; the package
    iterative-stratification), of the MAX_STRATIFIED most frequent labels at most; rarer ones fall where they fall.

    Args:
        dataset: what to split.
        shares: of the parts beside train, such as {"dev": 0.1, "test": 0.2}; train gets the rest.
        stratify: False: by chance alone.
        seed: the same seed gives the same parts.
    Returns: a Dataset for each part, all with the label_names of dataset.
    Raises: DataError: a share is not between 0 and 1, they leave nothing for train, or a part would be empty;
        ImportError: the package is not there.
    """
    if not shares or min(shares.values()) <= 0 or sum(shares.values()) >= 1:
        got = ", ".join(f"{share:g} for {part}" for part, share in shares.items()) or "none"
        raise DataError(
            f"shares must be above 0, and their sum below 1, for train is the rest. Got {got}; change them."
        )
    part_of_doc = np.zeros(dataset.num_docs, int)  # 0 is train
    remaining, left = np.arange(dataset.num_docs), 1.0
    rng = np.random.RandomState(seed)
    for number, (part, share) in enumerate(shares.items(), 1):
        count = round(len(remaining) * share / left)
        if not 0 < count < len(remaining):
            raise DataError(
                f"a part must get a document, and train too. Got {count} of {len(remaining)} for {part}; take other "
                "shares, or more documents."
            )
        draw = _stratified if stratify else _by_chance
        chosen = draw(dataset, remaining, count, rng)
        part_of_doc[remaining[chosen]] = number
        remaining, left = remaining[~chosen], left - share
    names = ["train", *shares]
    return {part: subset(dataset, np.flatnonzero(part_of_doc == number)) for number, part in enumerate(names)}


def _by_chance(dataset: Dataset, docs: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Return which of the docs are chosen, bool, count of them."""
    return np.isin(np.arange(len(docs)), rng.permutation(len(docs))[:count])


def _stratified(dataset: Dataset, docs: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Return which of the docs are chosen, bool, about count of them."""
    stratifiers = need("iterstrat.ml_stratifiers", "split")
    Y = dataset.Y[docs]
    frequencies = np.bincount(Y.indices, minlength=Y.shape[1])
    most = min(MAX_STRATIFIED, MAX_CELLS // max(len(docs), 1), int((frequencies > 1).sum()))
    labels = np.argsort(-frequencies, kind="stable")[: max(most, 1)]
    if most < (frequencies > 1).sum():
        logger.info("stratified by the %d most frequent of %d labels", most, int((frequencies > 0).sum()))
    table = Y[:, labels].toarray().astype(np.int8)
    if table.shape[1] == 1:  # the package wants two columns
        table = np.hstack([table, 1 - table])
    splitter = stratifiers.MultilabelStratifiedShuffleSplit(1, test_size=count / len(docs), random_state=rng)
    _, chosen = next(splitter.split(table, table))
    return np.isin(np.arange(len(docs)), chosen)
