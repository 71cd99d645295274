"""How the ranking stage is learned: what heads say of documents that they were not fitted on, beside the truth."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack

from ..features.matrix import HybridMatrix
from ..predictions import Predictions, concatenate_predictions
from ..progress import track_documents
from .calibration import MarginCalibration
from .candidates import NUM_CANDIDATES, candidates_of, truth_of
from .evidence import Evidence, Training
from .network import RankingNetwork
from .stage import EVIDENCE, RankingStage, in_order
from .thresholds import Thresholds

HELD_OUT_SHARE, MOST_HELD_OUT = 0.2, 6000  # of the training documents
NUM_FOLDS = 5
LEAST_FOLDED, MOST_FOLDED = 1000, 6000  # documents that are held out in turn; see docs/probabilities.md
LEAST_HELD_OUT = 500  # in one part; with fewer, a network no longer gains on every data set
SEEN_BY_PEOPLE = ("neighbours", "cooccurrence")  # evidence of use in an explanation where nothing is ranked by it
PIECE_DOCS = 512  # held-out documents that one thread looks at at a time

logger = logging.getLogger(__name__)


class Fold(NamedTuple):
    """Documents that were held out, and what was learned from the others.

    top_k: of heads that were fitted on the others. training: the others, which evidence is taken from.
    X, Y: features and labels of the held-out documents.
    """

    top_k: Callable[[HybridMatrix, int], Predictions]
    training: Training
    X: HybridMatrix
    Y: csr_array


def hold_out(Y: csr_array, seed: int, *, quick: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return parts of the documents: those to fit heads on and those held out, ascending.

    Of few documents each is held out once, in one of NUM_FOLDS parts; of many, or with heads that are not quick to fit,
    there is one part. Nothing is held out where no label would be left to fit on.
    """
    num_docs = Y.shape[0]
    order = np.random.default_rng(seed).permutation(num_docs)
    if quick and LEAST_FOLDED <= num_docs <= MOST_FOLDED:
        parts = np.array_split(order, NUM_FOLDS)
    else:
        parts = [order[: min(int(HELD_OUT_SHARE * num_docs), MOST_HELD_OUT)]]
    pairs = [(np.setdiff1d(order, held), np.sort(held)) for held in parts]
    return pairs if all(Y[rest].nnz for rest, _ in pairs) else [(np.arange(num_docs), order[:0])]


def learn_ranking(folds: Iterable[Fold], *, neighbours: bool, seed: int, threads: int) -> RankingStage:
    """Return a stage that has learned from held-out documents; its evidence is that of the last fold.

    Args:
        folds: one at a time is in memory, if this is a generator.
        neighbours: whether the nearest training documents are evidence.
    """
    looked_at = [_look_at(fold, neighbours=neighbours, threads=threads) for fold in folds]
    best = concatenate_predictions([part.best for part in looked_at])
    is_true = np.concatenate([part.is_true for part in looked_at])
    Y, evidence = csr_array(vstack([part.Y for part in looked_at])), looked_at[-1].evidence
    if len(looked_at) == 1 and len(is_true) < LEAST_HELD_OUT:
        logger.info("margins are calibrated: %d held-out documents are too few to learn a ranking from", len(is_true))
        calibration = MarginCalibration.learn(best, is_true)
        stage, probs = RankingStage([], calibration), calibration.probs(best)
    else:
        values = np.concatenate([part.values for part in looked_at])  # (num_docs, S, num_columns)
        there = best.labels >= 0
        network = RankingNetwork.train(values[there], is_true[there], seed=seed, threads=threads)
        stage, probs = RankingStage(evidence, network), network.probs(values)
    if is_true.any():
        stage.thresholds = Thresholds.choose(Y, in_order(best.labels, probs))
    return stage


class _LookedAt(NamedTuple):
    """What heads and evidence say of the S candidates of held-out documents, beside the truth."""

    best: Predictions
    is_true: np.ndarray
    values: np.ndarray
    Y: csr_array
    evidence: list[Evidence]


def _look_at(fold: Fold, *, neighbours: bool, threads: int) -> _LookedAt:
    top_k, training, X, Y = fold
    num_each = min(NUM_CANDIDATES, Y.shape[1])
    evidence = learn_evidence(training, neighbours=neighbours)

    def look_at(docs: slice) -> tuple[Predictions, np.ndarray, np.ndarray]:
        best = top_k(X[docs], num_each)
        values = [kind.values(candidates_of(X[docs], best)) for kind in evidence]
        return best, truth_of(best.labels, Y[docs]), np.concatenate(values, axis=2)

    pieces = [slice(start, start + PIECE_DOCS) for start in range(0, max(X.shape[0], 1), PIECE_DOCS)]
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(look_at, pieces)
        looked_at = list(track_documents(done, total=X.shape[0], title="ranking", size=lambda part: len(part[1])))
    best, is_true, values = zip(*looked_at, strict=True)
    return _LookedAt(concatenate_predictions(list(best)), np.concatenate(is_true), np.concatenate(values), Y, evidence)


def learn_evidence(training: Training, *, neighbours: bool, kinds: Iterable[str] = EVIDENCE) -> list[Evidence]:
    """Return every kind of evidence that the documents can give, of those asked for."""
    chosen = (EVIDENCE[name] for name in kinds if neighbours or name != "neighbours")
    return [evidence for kind in chosen if (evidence := kind.learn(training)) is not None]
