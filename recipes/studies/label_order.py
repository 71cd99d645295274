"""The order of labels under Multi-Head Cascade: random, given, by frequency, and clusters of labels as a yardstick.

    python recipes/studies/label_order.py FOLDER [FOLDER ...] [--quick]

A folder holds train and test texts and labels, see docs/getting-started.md; its name is the data set's.
"""

import argparse
from pathlib import Path
from typing import Any

import common
import numpy as np
from scipy.sparse import csr_array, diags_array
from sklearn.preprocessing import normalize

from xmlc_mhe import TextFeatures, XMLCClassifier, evaluate, load_dataset
from xmlc_mhe.codes.head_sizes import cascade_head_sizes

CUTS = (5, 10, 20, 40)  # K, groups kept
BEAM = 10  # groups that are searched where P@k is measured with a beam
METRICS = ["P@1", "P@3", "P@5"]
ORDERS = ("random", "given", "frequency", "clusters")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Fit MHC on TF-IDF with each order of the labels; measure the coarse head's recall at K and P@k on test."""
    num_seeds = 1 if args.quick else 3
    rows = [row for folder in args.data for row in measure_data(folder, num_seeds=num_seeds)]
    return {"setting": {"seeds": num_seeds, "beam": BEAM}, "rows": rows}


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows, setting = data["rows"], data["setting"]
    names = list(dict.fromkeys(row["data"] for row in rows))
    of = {(row["data"], row["order"]): row for row in rows}

    def listed(metric: str) -> str:
        return "; ".join(f"{n} {' / '.join(common.percent(of[n, o][metric]) for o in ORDERS)}" for n in names)

    def lost(metric: str, order: str) -> str:
        """How much the order lost to clusters, in points; below 0 where it gained."""
        points = [100 * (of[n, "clusters"][metric] - of[n, order][metric]) for n in names]
        return ", ".join(f"{round(value, 1) + 0.0:.1f}" for value in points)

    def is_near(metric: str) -> bool:
        return all(of[n, "random"][metric] > of[n, "clusters"][metric] - 0.005 for n in names)

    recall = f"recall@{BEAM}"
    return {
        "title": "The order of labels",
        "arguments": "".join(f" DATA/{name}" for name in names),
        "about": "MHC has two heads of the default lengths, and default options on TF-IDF. All figures are of the "
        "test part, on which nothing was chosen. Documents without a test label are dropped. Recall at K is the share "
        "of true labels whose group is among the K best of head 1. A document whose labels lie in more than K groups "
        "cannot have all of them found. Clusters are balanced 2-means of the labels' mean documents, split until a "
        f"group is left; only this study has them. P@k is measured with a beam of {setting['beam']} groups. For P@5, "
        f"all, the last head scores all labels. Figures of random orders are means of {setting['seeds']}.",
        "claims": [
            common.claim(
                "Liang et al.",
                "MHC needs no clusters of labels (we ask of a random order: no more than 0.5 points of P@k below "
                "clusters).",
                holds=all(is_near(metric) for metric in METRICS),
                measured=f"P@1, random / given / frequency / clusters: {listed('P@1')}; P@5: {listed('P@5')}. A "
                f"random order lost {lost('P@1', 'random')} points of P@1 and {lost('P@5', 'random')} of P@5 to "
                "clusters.",
            ),
            common.claim(
                "Liang et al.",
                "the same where the last head scores all labels, without a beam.",
                holds=is_near("P@5, all"),
                measured=f"P@5 of all labels: {listed('P@5, all')}. The last head has learned only from documents "
                f"whose best groups of head 1 hold a label. A random order lost {lost('P@5, all', 'random')} points "
                "to clusters.",
            ),
            common.claim(
                "Our default",
                "an order by frequency keeps as many true labels in the best groups as clusters do.",
                holds=all(of[n, "frequency"][recall] > of[n, "clusters"][recall] - 0.005 for n in names),
                measured=f"Recall at {BEAM}: {listed(recall)}. By frequency lost {lost(recall, 'frequency')} points to "
                f"clusters, a random order {lost(recall, 'random')}.",
            ),
        ],
        "table": [
            {"data": row["data"], "labels": f"{row['labels']:,}", "heads": row["heads"], "order": row["order"]}
            | {f"recall at {k}": common.percent(row[f"recall@{k}"]) for k in CUTS}
            | {metric: common.percent(row[metric]) for metric in [*METRICS, "P@5, all"]}
            for row in rows
        ],
    }


def measure_data(folder: Path, *, num_seeds: int) -> list[dict[str, Any]]:
    """Return a row for each order of the labels of a data set; shares are the mean over the seeds of random orders."""
    train, test = load_dataset(folder)
    features = TextFeatures()
    X, test_X = features.fit_transform(train.texts), features.transform(test.texts)
    has_labels = np.diff(test.Y[:, : train.num_labels].indptr) > 0
    test_X, truth = test_X[has_labels], test.Y[has_labels]
    sizes = cascade_head_sizes(train.num_labels)
    rows = []
    for order in ORDERS:
        runs = []
        for seed in range(num_seeds if order == "random" else 1):
            permutation = np.arange(train.num_labels)
            if order == "clusters":
                permutation = cluster_order(X, train.Y, sizes[-1])
            model = XMLCClassifier("given", "mhc", beam=BEAM, seed=seed, threads=2)
            model.set_params(label_order="given" if order == "clusters" else order)
            model.fit(X, train.Y[:, permutation])
            runs.append(measure_model(model, test_X, truth, permutation))
        heads = " x ".join(map(str, sizes))
        row = {"data": folder.name, "labels": train.num_labels, "heads": heads, "order": order}
        rows.append(row | {name: float(np.mean([run[name] for run in runs])) for name in runs[0]})
        print(rows[-1], flush=True)
    return rows


def measure_model(model: XMLCClassifier, X: csr_array, Y: csr_array, permutation: np.ndarray) -> dict[str, float]:
    """Return recall at K of head 1 and P@k, with a beam and without; column c of the model is permutation[c]."""
    head = model.head_
    num_groups = head.code.num_prefixes(1)
    truth = head.code.prefixes(csr_array(Y[:, permutation]), 1)  # groups that hold a true label
    groups_of_labels = head.code.position[np.argsort(permutation)] // head.code.stride(1)
    docs = np.repeat(np.arange(Y.shape[0]), np.diff(Y.indptr))
    is_known = Y.indices < len(permutation)
    docs, labels = docs[is_known], Y.indices[is_known]
    best = head.indices[0].top_k(X, min(max(CUTS), truth.shape[1])).labels  # (num_docs, K)
    is_found = best[docs] == groups_of_labels[labels][:, None]  # (true labels, K)
    result = {f"recall@{k}": float(is_found[:, : min(k, num_groups)].any(axis=1).mean()) for k in CUTS}
    result |= evaluate(Y, permutation[model.predict(X, 5).labels], METRICS)
    head.beam_size = None  # all labels by the last head
    result["P@5, all"] = evaluate(Y, permutation[model.predict(X, 5).labels], ["P@5"])["P@5"]
    return result


def cluster_order(X: csr_array, Y: csr_array, group_size: int, seed: int = 0) -> np.ndarray:
    """Return the labels, int (num_labels,), so that the documents of a run of group_size labels are alike.

    Balanced 2-means, again and again: labels are split at a multiple of group_size, by how much nearer they are to one
    mean than to the other, for ten rounds, until a run is left.
    """
    rng = np.random.default_rng(seed)
    centroids = csr_array(normalize(diags_array(1 / np.maximum(Y.sum(axis=0), 1)) @ Y.T @ X))

    def split(labels: np.ndarray) -> list[np.ndarray]:
        if len(labels) <= group_size:
            return [labels]
        points = centroids[labels]
        half = -(-len(labels) // group_size) // 2 * group_size
        direction = points[rng.choice(len(labels), 2, replace=False)].toarray()
        for _ in range(10):
            nearness = points @ (direction[0] - direction[1])
            order = np.argsort(-nearness, kind="stable")
            is_first = np.zeros(len(labels))
            is_first[order[:half]] = 1
            direction = normalize(np.stack([points.T @ is_first, points.T @ (1 - is_first)]))
        return split(labels[order[:half]]) + split(labels[order[half:]])

    return np.concatenate(split(np.arange(Y.shape[1])))


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw the recall of the coarse head by K, a panel a data set and a line an order."""
    names = list(dict.fromkeys(row["data"] for row in data["rows"]))
    axes = common.panels(figure, len(names))
    for axis, name in zip(axes, names, strict=True):
        for row in (row for row in data["rows"] if row["data"] == name):
            style = "k--" if row["order"] == "clusters" else "o-"
            axis.plot(CUTS, [100 * row[f"recall@{k}"] for k in CUTS], style, label=row["order"])
        axis.set(title=f"{name}: {row['labels']:,} labels, heads {row['heads']}", xlabel="K, groups kept", xscale="log")
        axis.set_xticks(CUTS, map(str, CUTS))
        axis.minorticks_off()
    axes[0].set(ylabel="recall of head 1, % of true labels")
    axes[0].legend()


if __name__ == "__main__":
    common.run(__file__, measure, report, draw, takes_folders=True)
