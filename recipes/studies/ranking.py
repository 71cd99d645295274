"""What the ranking stage is made of: evidence, candidates, held-out documents, networks, folds and C, judged on dev.

    python recipes/studies/ranking.py FOLDER [FOLDER ...] [--quick]

A folder holds train texts or features and labels, see docs/getting-started.md; its name is the data set's. A fifth of
the training documents is the dev part; test parts are not read.
"""

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import common
import numpy as np
from scipy.sparse import csr_array, hstack

from xmlc_mhe import TextFeatures, evaluate, label_propensity
from xmlc_mhe.calibration import FREQUENCIES, evaluate_probs, reliability_rows
from xmlc_mhe.classifier.fitting import name_features
from xmlc_mhe.data.reading import load_dataset
from xmlc_mhe.features.given import GivenFeatures
from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear.cascade import MultiHeadCascade
from xmlc_mhe.linear.options import SolverOptions
from xmlc_mhe.predictions import Predictions, concatenate_predictions
from xmlc_mhe.ranking.candidates import NUM_CANDIDATES, candidates_of, truth_of
from xmlc_mhe.ranking.document_index import DocumentIndex
from xmlc_mhe.ranking.evidence import Candidates, Training
from xmlc_mhe.ranking.learning import LEAST_HELD_OUT, MOST_HELD_OUT, PIECE_DOCS, hold_out, learn_evidence
from xmlc_mhe.ranking.names import NameEvidence
from xmlc_mhe.ranking.neighbours import POWERS, label_shares
from xmlc_mhe.ranking.network import EPOCHS, NUM_NETWORKS, RankingNetwork
from xmlc_mhe.ranking.stage import EVIDENCE, in_order

NUMBERS_OF_CANDIDATES = (20, 30, 50)
HELD_OUT = (250, 500, 1000, 2000, 4000)
WEIGHTS = (0.3, 0.5, 1.0)  # C; the second is the default
FOLDS, FEW_DOCS = 5, 5000
MODERATE_DOCS = 15_000  # beyond which there are no folds of all documents
MANY_ENTRIES = 1_500_000  # of the features, beyond which no heads on pairs of words are fitted
STEM, BM25_K1, BM25_B = 5, 1.2, 0.75
THREADS = 2
METRICS = ["P@1", "P@3", "P@5"]
EXTRAS = {  # kinds of evidence that the package does not have
    "group": "margin of head 1",
    "other C": "margin of heads of another C",
    "pairs": "margin of heads on pairs of words",
    "BM25": "shares among neighbours by BM25",
    "stems": "names by their words' first letters",
}


class Looked(NamedTuple):
    """What heads say of documents that they were not fitted on, best margin first; values by kind of evidence."""

    best: Predictions  # (num_docs, S)
    is_true: np.ndarray  # (num_docs, S)
    values: dict[str, np.ndarray]  # (num_docs, S, columns)


class Part(NamedTuple):
    """Documents as features, words in pairs and counts (None where there are no texts), and their labels."""

    X: csr_array
    Y: csr_array
    pairs: csr_array | None
    counts: csr_array | None

    def of(self, docs: np.ndarray) -> "Part":
        """Return some of the documents."""
        return Part(*(None if block is None else block[docs] for block in self))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Fit MHC with default options once for each data set, and networks on its evidence; P@k on the dev part."""
    rows, frequencies = [], []
    for folder in args.data:
        measured = measure_data(folder)
        rows += [{"data": folder.name} | row for row in measured["rows"]]
        frequencies += [{"data": folder.name} | row for row in measured["frequencies"]]
    return {"setting": {"threads": THREADS}, "rows": rows, "frequencies": frequencies}


def measure_data(folder: Path) -> dict[str, Any]:
    """Return rows of settings with their metrics, and the calibration by frequency, of one data set."""
    (train,) = load_dataset(folder, parts=("train",))
    order = np.random.default_rng(0).permutation(train.num_docs)
    dev_docs, docs = np.sort(order[: train.num_docs // 5]), np.sort(order[train.num_docs // 5 :])
    few = docs[np.sort(np.random.default_rng(1).permutation(len(docs))[:FEW_DOCS])]
    study = _Study(train, docs, dev_docs)
    study.measure_stage()
    study.measure_weights()
    study.measure_extras()
    if len(docs) <= MODERATE_DOCS:
        study.measure_folds()
    if len(docs) > FEW_DOCS:
        del study.heads, study.looked
        study.rows += _Study(train, few, dev_docs, title=f"{FEW_DOCS:,} documents, ").measure_folds()
    return {"rows": study.rows, "frequencies": study.frequencies}


class _Study:
    """The settings of one data set, each compared with the stage as the package has it."""

    def __init__(self, train: Any, docs: np.ndarray, dev_docs: np.ndarray, *, title: str = "") -> None:
        self.title, self.rows, self.frequencies = title, [], []
        self.encoder = GivenFeatures() if train.texts is None else TextFeatures()
        self.has_texts, self.label_names = train.texts is not None, train.label_names

        def documents(rows: np.ndarray) -> Any:
            return train.X[rows] if train.texts is None else [train.texts[row] for row in rows]

        X = self.encoder.fit_transform(documents(docs))
        parts = [(docs, X), (dev_docs, self.encoder.transform(documents(dev_docs)))]
        pairs = counts = (None, None)
        if self.has_texts:
            counts = [self.encoder.counters_[0].transform(documents(rows)) for rows, _ in parts]
            if X.nnz <= MANY_ENTRIES and not title:
                of_pairs = TextFeatures(ngram_range=(2, 2))
                pairs = [of_pairs.fit_transform(documents(docs)), of_pairs.transform(documents(dev_docs))]
        self.train, self.dev = (
            Part(X, train.Y[rows], *more)
            for (rows, X), more in zip(parts, zip(pairs, counts, strict=True), strict=True)
        )
        self.names = name_features(self.encoder, train.label_names)
        ((self.rest_docs, self.held_docs),) = hold_out(self.train.Y, 0, quick=False)
        self.rest, self.held = self.train.of(self.rest_docs), self.train.of(self.held_docs)
        self.evidence = [
            learn_evidence(Training(HybridMatrix.of(part.X), part.Y, self.names), neighbours=True)
            for part in (self.rest, self.train)
        ]
        self.propensity = label_propensity(self.train.Y)
        self.heads: dict[float, list[MultiHeadCascade]] = {}
        self.seconds: dict[float, list[float]] = {}
        self.looked = self.look(WEIGHTS[1])
        self.kinds = [kind.name for kind in self.evidence[0]]

    def look(self, C: float) -> list[Looked]:
        """Return what heads of this C say of the held-out documents, fitted on the rest, and of dev, fitted on all."""
        self.heads[C], self.seconds[C] = [], []
        for part in (self.rest, self.train):
            start = time.perf_counter()
            self.heads[C].append(fit(part.X, part.Y, C))
            self.seconds[C].append(time.perf_counter() - start)
        parts = zip(self.heads[C], self.evidence, (self.held, self.dev), strict=True)
        return [look(head, evidence, part) for head, evidence, part in parts]

    def add(self, setting: str, predictions: Predictions, **more: Any) -> None:
        """Add a row: how good the predictions of dev are."""
        row = evaluate(self.dev.Y, predictions, [*METRICS, "PSP@1", "PSP@5"], propensity=self.propensity)
        is_probs = predictions.scores[predictions.labels >= 0].min() >= 0 and predictions.scores.max() <= 1
        if is_probs:
            row["ECE"] = evaluate_probs(self.dev.Y, predictions)["ECE"]
        row = {name: round(value, 5) for name, value in row.items()}
        self.rows.append({"setting": self.title + setting, "docs": self.train.Y.shape[0]} | row | more)
        print(setting, row, file=sys.stderr, flush=True)

    def measure_stage(self) -> None:
        """Leave kinds of evidence out, one after the other; change the numbers of all the rest."""
        held, dev = self.looked
        self.add("margins", dev.best)
        self.add("ranked", probs := ranked(held, dev, self.kinds))
        self.add_frequencies(probs)
        for kind in self.kinds:
            self.add(f"without {kind}", ranked(held, dev, [other for other in self.kinds if other != kind]))
        for number in NUMBERS_OF_CANDIDATES:
            if number != NUM_CANDIDATES:
                self.add(f"{number} candidates", ranked(held, dev, self.kinds, candidates=number))
        for number in HELD_OUT:
            if number < len(held.is_true):
                self.add(f"{number} held out", ranked(held, dev, self.kinds, docs=number), held=number)
        self.add("1 network", ranked(held, dev, self.kinds, networks=1))
        self.add(f"{2 * EPOCHS} epochs", ranked(held, dev, self.kinds, epochs=2 * EPOCHS))

    def add_frequencies(self, probs: Predictions) -> None:
        """Add the calibration error of labels by the number of their training documents."""
        counts = np.bincount(self.train.Y.indices, minlength=self.train.Y.shape[1])
        rows = reliability_rows(self.dev.Y, probs, counts)
        for fewest in FREQUENCIES:
            bins = [row for row in rows if row["fewest"] == fewest]
            if number := sum(row["predictions"] for row in bins):
                error = sum(abs(row["prob"] - row["true"]) * row["predictions"] for row in bins) / number
                self.frequencies.append({"fewest": fewest, "predictions": number, "ECE": round(error, 5)})

    def measure_extras(self) -> None:
        """Put evidence that the package does not have beside its own, one kind at a time."""
        held, dev = self.looked
        self.add_extra("group", [group_margins(*each) for each in self.triples(self.heads[WEIGHTS[1]])])
        self.add_extra(
            "other C", [margins_of(head, part.X, looked) for head, part, looked in self.triples(self.heads[WEIGHTS[2]])]
        )
        if self.train.pairs is not None:
            heads = [fit(part.pairs, part.Y, WEIGHTS[1]) for part in (self.rest, self.train)]
            self.add_extra(
                "pairs", [margins_of(head, part.pairs, looked) for head, part, looked in self.triples(heads)]
            )
        if self.has_texts:
            parts = zip((self.rest, self.train), (self.held, self.dev), (held, dev), strict=True)
            self.add_extra(
                "BM25", [bm25_shares(t.counts, t.Y, part.counts, looked.best.labels) for t, part, looked in parts]
            )
            self.add_extra("stems", self.stem_values())

    def triples(self, heads: list[MultiHeadCascade]) -> Any:
        """Return heads with the documents that they look at and what the package's heads said of these."""
        return zip(heads, (self.held, self.dev), self.looked, strict=True)

    def add_extra(self, name: str, values: list[np.ndarray]) -> None:
        pairs = zip(self.looked, values, strict=True)
        held, dev = (Looked(part.best, part.is_true, part.values | {name: more}) for part, more in pairs)
        self.add(f"with {EXTRAS[name]}", ranked(held, dev, [*self.kinds, name]))

    def stem_values(self) -> list[np.ndarray]:
        """Return the evidence of names, with the first letters of words in place of words."""
        words = self.encoder.counters_[0].vocabulary
        stems = {stem: number for number, stem in enumerate(sorted({word[:STEM] for word in words}))}
        of_word = np.array([stems[word[:STEM]] for word in words])
        to_stems = csr_array((np.ones(len(words), np.float32), (np.arange(len(words)), of_word)))
        found = [
            (label, stems[word[:STEM]])
            for label, name in enumerate(self.label_names)
            for word in set(re.findall(r"\w\w+", name.lower().replace("_", " ")))
            if word[:STEM] in stems
        ] or [(0, 0)]
        rows, columns = np.array(found).T
        shape = (len(self.label_names), len(stems))
        names = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape)
        idf = 1 + np.log(
            self.train.X.shape[0] / (1 + np.bincount((self.train.X @ to_stems).indices, minlength=len(stems)))
        )
        names.data = idf[names.indices].astype(np.float32)
        evidence = NameEvidence(names)
        values = []
        for part, looked in zip((self.held, self.dev), self.looked, strict=True):
            X = csr_array(part.X @ to_stems)
            values.append(evidence.values(Candidates(HybridMatrix.of(X), looked.best.labels, looked.best.scores)))
        return values

    def measure_weights(self) -> None:
        """Choose C on the held-out documents, by margins alone, which need no network."""
        looked = {C: self.looked if WEIGHTS[1] == C else self.look(C) for C in WEIGHTS}
        of_held = {C: mean_precision(evaluate(self.held.Y, held.best, METRICS)) for C, (held, _) in looked.items()}
        chosen = max(of_held, key=lambda C: of_held[C])
        seconds = {C: [round(value, 2) for value in values] for C, values in self.seconds.items()}
        for C in WEIGHTS:
            if WEIGHTS[1] != C:
                held, dev = looked[C]
                self.add(f"C {C}, margins", dev.best)
                self.add(f"C {C}", ranked(held, dev, self.kinds))
        by_default = sum(seconds[WEIGHTS[1]])
        more = sum(seconds[C][0] for C in WEIGHTS) + seconds[chosen][1]
        held, dev = looked[chosen]
        self.add("C chosen, margins", dev.best)
        self.add("C chosen", ranked(held, dev, self.kinds), C=chosen, fit_times=round(more / by_default, 2))

    def measure_folds(self) -> list[dict[str, Any]]:
        """Learn from all documents, each seen by heads that were fitted on the other folds."""
        start = time.perf_counter()
        if self.title:
            self.add("margins", self.looked[1].best)
            self.add("ranked", ranked(*self.looked, self.kinds))
        one = sum(self.seconds[WEIGHTS[1]])
        folds = np.array_split(np.random.default_rng(0).permutation(self.train.Y.shape[0]), FOLDS)
        parts = []
        for fold in folds:
            fold = np.sort(fold)
            others = self.train.of(np.setdiff1d(np.arange(self.train.Y.shape[0]), fold))
            start = time.perf_counter()
            head = fit(others.X, others.Y, WEIGHTS[1])
            one_fold = time.perf_counter() - start
            evidence = learn_evidence(Training(HybridMatrix.of(others.X), others.Y, self.names), neighbours=True)
            parts.append((look(head, evidence, self.train.of(fold)), one_fold))
        looked = [part for part, _ in parts]
        held = Looked(
            concatenate_predictions([part.best for part in looked]),
            np.concatenate([part.is_true for part in looked]),
            {kind: np.concatenate([part.values[kind] for part in looked]) for kind in self.kinds},
        )
        fit_times = (sum(seconds for _, seconds in parts) + self.seconds[WEIGHTS[1]][1]) / one
        self.add(f"{FOLDS} folds", ranked(held, self.looked[1], self.kinds), fit_times=round(fit_times, 2))
        return self.rows


def fit(X: csr_array, Y: csr_array, C: float) -> MultiHeadCascade:
    """Return heads with default options but for C."""
    return MultiHeadCascade(SolverOptions(C=C), seed=0, threads=THREADS).fit(X, Y)


def in_pieces(function: Any, X: csr_array) -> list[Any]:
    """Return what a function says of a piece of the documents after the other, in threads."""
    pieces = [slice(start, start + PIECE_DOCS) for start in range(0, X.shape[0], PIECE_DOCS)]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, pieces))


def look(head: MultiHeadCascade, evidence: list[Any], part: Part) -> Looked:
    """Return the most candidates that the study asks for of each document, with their evidence."""
    most = min(NUMBERS_OF_CANDIDATES[-1], part.Y.shape[1])

    def look_at(docs: slice) -> tuple[Predictions, np.ndarray, dict[str, np.ndarray]]:
        X = HybridMatrix.of(part.X[docs])
        best = head.top_k(X, most)
        candidates = candidates_of(X, best, most)
        values = {kind.name: kind.values(candidates) for kind in evidence}
        return Predictions(best.labels, candidates.margins), truth_of(best.labels, part.Y[docs]), values

    looked = in_pieces(look_at, part.X)
    values = {kind.name: np.concatenate([values[kind.name] for _, _, values in looked]) for kind in evidence}
    return Looked(
        concatenate_predictions([best for best, _, _ in looked]),
        np.concatenate([is_true for _, is_true, _ in looked]),
        values,
    )


def ranked(
    held: Looked,
    dev: Looked,
    kinds: list[str],
    *,
    candidates: int = NUM_CANDIDATES,
    docs: int | None = None,
    networks: int = NUM_NETWORKS,
    epochs: int = EPOCHS,
) -> Predictions:
    """Return the candidates of dev in the order of their probabilities, by networks trained on held-out documents."""
    picked = np.random.default_rng(0).permutation(len(held.is_true))[:docs]

    def rows(part: Looked) -> np.ndarray:
        return np.concatenate([part.values[kind][:, :candidates] for kind in kinds], axis=2)

    there = held.best.labels[picked, :candidates] >= 0
    is_true = held.is_true[picked, :candidates][there]
    network = RankingNetwork.train(rows(held)[picked][there], is_true, seed=0, threads=THREADS, epochs=epochs)
    network = RankingNetwork(*network[:2], *(layer[:networks] for layer in network[2:]))
    return in_order(dev.best.labels[:, :candidates], network.probs(rows(dev)))


def group_margins(head: MultiHeadCascade, part: Part, looked: Looked) -> np.ndarray:
    """Return head 1's margin of each candidate's group, float32 (num_docs, S, 1)."""
    groups = head.code.position[looked.best.labels] // head.code.stride(1)
    return margins_at(head.indices[0], part.X, groups, head.indices[0].num_labels)


def margins_of(head: MultiHeadCascade, X: csr_array, looked: Looked) -> np.ndarray:
    """Return the margins that other heads give the candidates, float32 (num_docs, S, 1)."""
    return margins_at(head, X, looked.best.labels, head.code.num_labels)


def margins_at(head: Any, X: csr_array, labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Return a head's margins of labels, (num_docs, S), those beyond its 200 best as low as the last of these."""

    def margins(docs: slice) -> np.ndarray:
        best, scores = head.top_k(HybridMatrix.of(X[docs]), min(200, num_labels))
        scores = np.where(best < 0, np.where(best < 0, np.inf, scores).min(initial=0), scores)
        dense = np.repeat(scores.min(axis=1, keepdims=True), num_labels + 1, axis=1)
        np.put_along_axis(dense, np.where(best < 0, num_labels, best), scores, axis=1)
        return np.take_along_axis(dense, labels[docs], axis=1)

    return np.concatenate(in_pieces(margins, X))[:, :, None].astype(np.float32)


def bm25_shares(counts: csr_array, Y: csr_array, queries: csr_array, labels: np.ndarray) -> np.ndarray:
    """Return the shares of candidates among the training documents nearest by BM25, float32 (num_docs, S, powers).

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, eq. 3.15.
    """
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log1p((counts.shape[0] - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    lengths = counts.sum(axis=1)
    saturation = BM25_K1 * (1 - BM25_B + BM25_B * lengths / lengths.mean())
    weights, queries = csr_array(counts, dtype=np.float32, copy=True), csr_array(queries, dtype=np.float32, copy=True)
    weights.data *= (BM25_K1 + 1) / (weights.data + np.repeat(saturation, np.diff(weights.indptr)))
    queries.data *= idf[queries.indices]
    squares = np.asarray((weights**2).sum(axis=1)).ravel()
    rest = csr_array(np.sqrt(squares.max() * 1.001 - squares)[:, None].astype(np.float32))
    index = DocumentIndex.from_rows(csr_array(hstack([weights, rest], format="csr")), words_per_doc=1 << 20)
    queries = csr_array((queries.data, queries.indices, queries.indptr), (queries.shape[0], queries.shape[1] + 1))

    def shares(docs: slice) -> np.ndarray:
        found = index.nearest(queries[docs])
        return np.stack([label_shares(found, Y, labels[docs], power=power) for power in POWERS], axis=2)

    return np.concatenate(in_pieces(shares, queries))


def mean_precision(row: dict[str, Any]) -> float:
    """Return the mean of P@1, P@3 and P@5 in percent."""
    return 100 * float(np.mean([row[name] for name in METRICS]))


class Rows:
    """The measured rows, and the gains of settings over the stage as the package has it, in points."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.of = {(row["data"], row["setting"]): row for row in data["rows"]}
        self.names = list(dict.fromkeys(row["data"] for row in data["rows"]))
        self.settings = list(dict.fromkeys(row["setting"] for row in data["rows"]))

    def gains(self, setting: str) -> dict[str, float]:
        """Return the gains of a setting in the mean of P@1, P@3 and P@5, by data set, where it was measured."""
        few, comma, _ = setting.partition(" documents, ")
        base = f"{few}{comma}ranked" if comma else "ranked"
        return {
            name: round(mean_precision(self.of[name, setting]) - mean_precision(self.of[name, base]), 2) + 0.0
            for name in self.names
            if (name, setting) in self.of
        }

    def mean(self, setting: str) -> float:
        """Return the mean gain over the data sets; 0 where the setting was not measured."""
        gains = self.gains(setting)
        return float(np.mean(list(gains.values()))) if gains else 0.0

    def listed(self, settings: list[str]) -> str:
        """Return the mean gains of settings as text."""
        return ", ".join(f"{setting} {self.mean(setting):+.2f}" for setting in settings)

    def starting(self, start: str) -> list[str]:
        return [setting for setting in self.settings if setting.startswith(start)]


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows = Rows(data)
    without, extras = rows.starting("without "), rows.starting("with ")
    numbers = [setting for setting in rows.settings if setting.endswith(" candidates")]
    held = [setting for setting in rows.settings if setting.endswith(" held out")]
    folds = [setting for setting in rows.settings if setting.endswith(f"{FOLDS} folds")]
    ours = "Ours, `xmlc_mhe/ranking`"
    gain = {name: -value for name, value in rows.gains("margins").items()}
    least = f"{LEAST_HELD_OUT} held out"
    over_margins = {n: v + gain[n] for n, v in rows.gains(least).items()}
    errors = {name: rows.of[name, "ranked"]["ECE"] for name in rows.names}
    chosen = rows.gains("C chosen")
    few = [setting for setting in folds if setting != f"{FOLDS} folds"] or folds
    of_few = [value for setting in few for value in rows.gains(setting).values()]
    times = [row["fit_times"] for row in data["rows"] if row["setting"] in few]
    return {
        "title": "The ranking stage",
        "arguments": "".join(f" DATA/{name}" for name in rows.names),
        "about": "MHC has default options. A fifth of the training documents is the dev part, on which everything here "
        "is measured; test parts are not read. Heads are fitted twice for each data set, as `fit` does, and networks "
        "are trained on the evidence that they give. Figures are points of the mean of P@1, P@3 and P@5: those of a "
        "setting less those of the stage as the package has it. Differences below 0.1 are not above the noise of one "
        f"seed, and below 0.3 on bibtex, whose dev part has 976 documents. Heads on pairs of words are fitted where "
        f"features have at most {MANY_ENTRIES:,} entries, and {FOLDS} folds where there are at most "
        f"{MODERATE_DOCS:,} documents, or with the first {FEW_DOCS:,} of a random order.",
        "claims": [
            common.claim(
                ours,
                "the stage ranks better than margins on every data set.",
                holds=min(gain.values()) > 0,
                measured=f"Points gained: {by_name(gain)}.",
            ),
            common.claim(
                ours,
                "each kind of evidence is worth its place.",
                holds=max(map(rows.mean, without)) < 0,
                measured=f"Mean points over the data sets: {rows.listed(without)}.",
            ),
            common.claim(
                ours,
                f"{NUM_CANDIDATES} candidates are enough.",
                holds=max(map(rows.mean, numbers), default=0) < 0.1,
                measured=f"Mean points: {rows.listed(numbers) or 'not measured'}.",
            ),
            common.claim(
                ours,
                f"{LEAST_HELD_OUT} held-out documents are enough to gain over margins, and more gain more, up to "
                f"{MOST_HELD_OUT:,}.",
                holds=min(over_margins.values(), default=0) > 0 and max(map(rows.mean, held), default=0) < 0,
                measured=f"Points over margins with {LEAST_HELD_OUT}: {by_name(over_margins) or 'not measured'}. Mean "
                f"points beside all held-out documents: {rows.listed(held) or 'not measured'}.",
            ),
            common.claim(
                ours,
                f"the mean of {NUM_NETWORKS} networks is better than one.",
                holds=rows.mean("1 network") < 0,
                measured=f"Points of 1 network: {by_name(rows.gains('1 network'))}.",
            ),
            common.claim(
                "Ours, not in the package",
                f"with {FEW_DOCS:,} documents or fewer, {FOLDS} folds rank better than one held-out part.",
                holds=min(of_few, default=0) > 0,
                measured="Points: "
                + "; ".join(f"{setting}: {by_name(rows.gains(setting))}" for setting in folds)
                + f". The heads are fitted {FOLDS + 1} times in place of twice, which took {min(times)} to "
                f"{max(times)} times as long.",
            ),
            common.claim(
                "Ours, not in the package",
                "there is evidence left that gains 0.1 points or more in the mean.",
                holds=max(map(rows.mean, extras)) >= 0.1,
                measured=f"Mean points where measured: {rows.listed(extras)}.",
            ),
            common.claim(
                "Ours, not in the package",
                f"choosing C among {', '.join(map(str, WEIGHTS))} on the held-out documents pays.",
                holds=float(np.mean(list(chosen.values()))) >= 0.1,
                measured="C and points: "
                + ", ".join(f"{n} {rows.of[n, 'C chosen']['C']} ({value:+.2f})" for n, value in chosen.items())
                + f". {fit_times(rows, 'C chosen')}",
            ),
            common.claim(
                ours,
                "the calibration error is at most 0.01 on every data set.",
                holds=max(errors.values()) <= 0.01,
                measured=f"ECE: {', '.join(f'{n} {value:.4f}' for n, value in errors.items())}. By training documents "
                f"of the label: {by_frequency(data)}.",
            ),
        ],
        "table": table(rows),
    }


def table(rows: Rows) -> list[dict[str, str]]:
    """Return the figures of margins and of the stage, and the points that each other setting gains on the stage."""
    lines = []
    for setting in rows.settings:
        line = {"setting": setting}
        for name in rows.names:
            row, gains = rows.of.get((name, setting)), rows.gains(setting)
            if row is None:
                line[name] = ""
            elif setting.endswith(("margins", "ranked")) and not setting.startswith("C "):
                line[name] = " ".join(common.percent(row[metric]) for metric in METRICS)
            else:
                line[name] = f"{gains[name]:+.2f}"
        lines.append(line)
    return lines


def by_name(values: dict[str, float]) -> str:
    """Return points by data set as text."""
    return ", ".join(f"{name} {value:+.2f}" for name, value in values.items())


def fit_times(rows: Rows, setting: str) -> str:
    """Return how much longer the fits of heads of a setting took, as text."""
    times = [rows.of[name, setting]["fit_times"] for name in rows.gains(setting)]
    return f"The fits of heads took {min(times)} to {max(times)} times as long."


def by_frequency(data: dict[str, Any]) -> str:
    """Return the largest calibration error of labels by the number of their training documents, as text."""
    worst = {}
    for row in data["frequencies"]:
        worst[row["fewest"]] = max(worst.get(row["fewest"], row), row, key=lambda row: row["ECE"])
    return ", ".join(
        f"from {fewest} at most {worst[fewest]['ECE']:.3f} ({worst[fewest]['data']})" for fewest in sorted(worst)
    )


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw what is lost without each kind of evidence, with fewer held-out documents, and the calibration error."""
    rows, axes = Rows(data), common.panels(figure, 3)
    kinds = [kind for kind in EVIDENCE if f"without {kind}" in rows.settings and kind != "margins"]
    settings = ["margins", *(f"without {kind}" for kind in kinds)]
    width = 0.8 / len(rows.names)
    for number, name in enumerate(rows.names):
        losses = [rows.gains(setting).get(name, 0.0) for setting in settings]
        axes[0].bar(np.arange(len(settings)) + number * width - 0.4 + width / 2, losses, width, label=name)
        held = [s for s in rows.settings if s.endswith(" held out") and (name, s) in rows.of]
        points = [(rows.of[name, s]["held"], rows.gains(s)[name]) for s in held]
        points.append((min(int(rows.of[name, "ranked"]["docs"] / 5), MOST_HELD_OUT), 0.0))
        axes[1].plot(*zip(*sorted(points), strict=True), marker="o", label=name)
        errors = [(row["fewest"], row["ECE"]) for row in data["frequencies"] if row["data"] == name]
        axes[2].plot(
            [FREQUENCIES.index(fewest) for fewest, _ in errors], [e for _, e in errors], marker="o", label=name
        )
    labels = ["margins alone", *(f"no {kind}" for kind in kinds)]
    axes[0].set_xticks(range(len(settings)), labels, rotation=30, ha="right")
    axes[0].set(title="Evidence left out", ylabel="points of the mean of P@1, P@3, P@5")
    axes[0].legend()
    axes[1].set(title="Held-out documents", xlabel="documents", xscale="log", ylabel="points beside all of them")
    axes[1].set_xticks(HELD_OUT, map(str, HELD_OUT))
    axes[1].minorticks_off()
    axes[2].set_xticks(range(len(FREQUENCIES)), [f"from {fewest}" for fewest in FREQUENCIES])
    axes[2].set(title="Calibration", xlabel="training documents of the label", ylabel="ECE")


if __name__ == "__main__":
    common.run(__file__, measure, report, draw, takes_folders=True)
