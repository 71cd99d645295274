"""How `fit` trains a head, and learns to rank what it finds."""

from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..features.given import GivenFeatures
from ..features.hybrid import HybridFeatures
from ..features.learned import EncoderFeatures
from ..features.matrix import HybridMatrix
from ..features.picking import pick
from ..features.words import TextFeatures
from ..neural.heads import HEADS as NEURAL_HEADS
from ..predictions import Predictions
from ..ranking.evidence import Training
from ..ranking.learning import SEEN_BY_PEOPLE, Fold, hold_out, learn_evidence, learn_ranking
from ..ranking.stage import EVIDENCE, RankingStage
from .encoders import LEARNED_CLASSES, fit_features
from .heads import num_threads
from .options import RANKED_HEADS, ClassifierOptions
from .tuning import choose_on_dev

Labelled = tuple[Any, csr_array]  # documents and their labels


def fit_parts(
    options: ClassifierOptions,
    encoder: Any,
    head: Any,
    documents: Any,
    Y: csr_array,
    *,
    dev: Labelled | None,
    label_names: list[str],
) -> RankingStage | None:
    """Fit encoder and head on documents, and return what ranks the head's labels, if anything does.

    The stage learns from documents that the head was not fitted on. A head that is quick to train is trained on four
    fifths for the stage, where documents are few on each four fifths of them, and then on all. One on an encoder that
    learns with it is trained once, and the stage takes the dev part.
    """
    if options.head in NEURAL_HEADS and isinstance(encoder, EncoderFeatures):
        return _fit_with_encoder(options, encoder, head, documents, Y, dev)
    X = fit_features(encoder, documents, threads=num_threads(options))
    dev = None if dev is None else (encoder.transform(dev[0]), dev[1])
    if isinstance(encoder, LEARNED_CLASSES):
        on_dev_part = None if dev is None else (HybridMatrix.of(dev[0]), dev[1])
        X = choose_on_dev(options, encoder, head, HybridMatrix.of(X), Y, on_dev_part)
    on_dev = {"dev": dev} if options.head in NEURAL_HEADS else {}
    if not ranks(options):
        head.fit(X, Y, **on_dev)
        return None
    names = name_features(encoder, label_names)
    is_quick = options.head not in NEURAL_HEADS
    parts = hold_out(Y, options.seed, quick=is_quick)
    folds = (_fold(head, X, Y, *part, names=names, on_dev=on_dev, is_neural=not is_quick) for part in parts)
    stage = _learn(options, folds)
    head.fit(X, Y, **on_dev)
    X = HybridMatrix.of(X)
    texts = None if isinstance(encoder, GivenFeatures) else documents
    kinds = EVIDENCE if stage.evidence else SEEN_BY_PEOPLE
    stage.evidence = learn_evidence(Training(X, Y, names, texts), neighbours=options.neighbours, kinds=kinds)
    return stage


def _fit_with_encoder(
    options: ClassifierOptions, encoder: EncoderFeatures, head: Any, texts: Any, Y: csr_array, dev: Labelled | None
) -> RankingStage | None:
    """Train a head with its encoder, once; what it is not trained on, for early stopping, is ranked."""
    encoder.fit(texts)
    documents = encoder.prepare(texts)
    dev = None if dev is None else (encoder.prepare(dev[0]), dev[1])
    if dev is None and ranks(options) and Y.shape[0] > 1:
        texts, _, _ = head.split_dev(texts, Y)
        documents, Y, dev = head.split_dev(documents, Y)
    head.fit(documents, Y, encoder=encoder.module_, dev=dev)
    if not ranks(options) or dev is None:
        return None
    training = Training(HybridMatrix.of(head.features(documents)), Y, None, texts)
    held = HybridMatrix.of(head.features(dev[0]))
    stage = _learn(options, [Fold(lambda X, k: head.top_k_of_features(X.dense, k), training, held, dev[1])])
    if not stage.evidence:
        stage.evidence = learn_evidence(training, neighbours=options.neighbours, kinds=SEEN_BY_PEOPLE)
    return stage


def _fold(
    head: Any, X: Any, Y: csr_array, rest: np.ndarray, held: np.ndarray, *, names: Any, on_dev: Any, is_neural: bool
) -> Fold:
    """Fit a copy of a head on the rest of the documents, and return it with those held out."""
    trial = copy(head)
    if is_neural:
        trial.training = replace(head.training, run_dir=None)  # the checkpoints there are of the whole training
    trial.fit(pick(X, rest), Y[rest], **on_dev)
    X, top_k = HybridMatrix.of(X), trial.top_k
    if is_neural:  # which takes one block of features

        def top_k(X: HybridMatrix, k: int) -> Predictions:
            return trial.top_k(X.sparse if X.sparse.shape[1] else X.dense, k)

    return Fold(top_k, Training(X[rest], Y[rest], names), X[held], Y[held])


def _learn(options: ClassifierOptions, folds: Iterable[Fold]) -> RankingStage:
    threads = num_threads(options)
    return learn_ranking(folds, neighbours=options.neighbours, seed=options.seed, threads=threads)


def ranks(options: ClassifierOptions) -> bool:
    """Return whether the options ask for a ranking stage, and the head can have one."""
    return options.rank and options.head in RANKED_HEADS


def name_features(encoder: Any, label_names: list[str]) -> csr_array | None:
    """Return the words of the labels' names as features, CSR (num_labels, num_words); None without words."""
    words = encoder.words if isinstance(encoder, HybridFeatures) else encoder
    if not isinstance(words, TextFeatures):
        return None
    return words.transform([name.replace("_", " ") for name in label_names])
