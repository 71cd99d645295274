"""How the ranking stage is learned: what heads say of documents that they were not fitted on, beside the truth."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_array

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
LEAST_HELD_OUT = 500  # with fewer, a network no longer gains on every data set; see recipes/studies/ranking.py
SEEN_BY_PEOPLE = ("neighbours", "cooccurrence")  # evidence of use in an explanation where nothing is ranked by it
PIECE_DOCS = 512  # held-out documents that one thread looks at at a time

logger = logging.getLogger(__name__)


def hold_out(Y: csr_array, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the documents to fit heads on and those held out, ascending; none where no label would be left."""
    order = np.random.default_rng(seed).permutation(Y.shape[0])
    num_held = min(int(HELD_OUT_SHARE * Y.shape[0]), MOST_HELD_OUT)
    rest, held = np.sort(order[num_held:]), np.sort(order[:num_held])
    return (rest, held) if Y[rest].nnz else (np.arange(Y.shape[0]), held[:0])


def learn_ranking(
    top_k: Callable[[HybridMatrix, int], Predictions],
    training: Training,
    X: HybridMatrix,
    Y: csr_array,
    *,
    neighbours: bool,
    seed: int,
    threads: int,
) -> RankingStage:
    """Return a stage that has learned from held-out documents.

    Args:
        top_k: of heads that were fitted on the training documents, and not on the held-out ones.
        training: what evidence is taken from.
        X, Y: features and labels of the held-out documents.
        neighbours: whether the nearest training documents are evidence.
    """
    num_each = min(NUM_CANDIDATES, Y.shape[1])
    pieces = [slice(start, start + PIECE_DOCS) for start in range(0, X.shape[0], PIECE_DOCS)]
    evidence = learn_evidence(training, neighbours=neighbours) if X.shape[0] >= LEAST_HELD_OUT else []

    def look_at(docs: slice) -> tuple[Predictions, np.ndarray, np.ndarray]:
        best = top_k(X[docs], num_each)
        is_true = truth_of(best.labels, Y[docs])
        values = [kind.values(candidates_of(X[docs], best)) for kind in evidence]
        return best, is_true, np.concatenate(values, axis=2) if values else np.zeros((*is_true.shape, 0), np.float32)

    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(look_at, pieces)
        looked_at = list(track_documents(done, total=X.shape[0], title="ranking", size=lambda part: len(part[1])))
    best = concatenate_predictions([batch for batch, _, _ in looked_at] or [top_k(X, num_each)])
    is_true = np.concatenate([batch for _, batch, _ in looked_at] or [np.zeros(best.labels.shape, bool)])
    if not evidence:
        logger.info(
            "%d documents are held out, too few to learn a ranking from (%d): margins are calibrated instead",
            X.shape[0], LEAST_HELD_OUT,
        )  # fmt: skip
        calibration = MarginCalibration.learn(best, is_true)
        stage, probs = RankingStage([], calibration), calibration.probs(best)
    else:
        values = np.concatenate([batch for _, _, batch in looked_at])  # (num_docs, S, num_columns)
        there = best.labels >= 0
        network = RankingNetwork.train(values[there], is_true[there], seed=seed, threads=threads)
        stage, probs = RankingStage(evidence, network), network.probs(values)
    if is_true.any():
        stage.thresholds = Thresholds.choose(Y, in_order(best.labels, probs))
    return stage


def learn_evidence(training: Training, *, neighbours: bool, kinds: Iterable[str] = EVIDENCE) -> list[Evidence]:
    """Return every kind of evidence that the documents can give, of those asked for."""
    chosen = (EVIDENCE[name] for name in kinds if neighbours or name != "neighbours")
    return [evidence for kind in chosen if (evidence := kind.learn(training)) is not None]
