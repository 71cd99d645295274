"""How many heads, and how long: Multi-Head Product and Cascade against a full classifier, with one label a document.

python recipes/studies/heads_and_lengths.py [--quick]
"""

import argparse
import itertools
import math
import time
from typing import Any, NamedTuple

import common
import numpy as np
import torch
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize
from step_time import step_milliseconds

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.neural.heads import HEADS

PAPER = "Liang et al."
WORDS, NOISE_WORDS, KEPT = 4, 3, 0.9  # of a planted document: its label's, others, and the share of its label's it has
BEAM = 10
NEAREST = "nearest mean text"  # a yardstick: the label whose training texts' mean has the largest cosine


class Data(NamedTuple):
    """Documents with one label each: X CSR or dense, labels int (num_docs,)."""

    X: Any
    labels: np.ndarray
    test_X: Any
    test_labels: np.ndarray
    num_labels: int

    def with_labels(self, permutation: np.ndarray) -> "Data":
        """Return the same documents with label l named permutation[l]."""
        labels, test_labels = permutation[self.labels], permutation[self.test_labels]
        return self._replace(labels=labels, test_labels=test_labels)


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure accuracy, parameters and time for heads and lengths, on permuted digits and on planted texts."""
    torch.set_num_threads(1)
    rows = measure_digits(quick=args.quick)
    for num_labels in (100,) if args.quick else (10_000, 100_000):
        rows += measure_planted(num_labels, quick=args.quick)
    return {"setting": {"torch": torch.__version__}, "rows": rows}


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    rows = data["rows"]
    digits = [row for row in rows if row["data"] == "digits"]
    planted = [row for row in rows if row["data"] == "planted"]
    smaller = [row for row in planted if row["labels"] == planted[0]["labels"]]
    return {
        "title": "Heads and lengths",
        "about": "There are two kinds of data. Digits: each image of scikit-learn's digits stands under several fixed "
        "permutations of its pixels, and a label is a digit and a permutation. Neural heads learn one layer of 256 "
        "units, where the paper has deep networks. `vanilla` and `mhc` are linear on the layer that softmax learned. "
        f"Planted: a text has {WORDS} words of its label and {NOISE_WORDS} others. The label shares half of its words "
        "with its topic of sqrt(C) labels. There are six texts a label, or three where there are 100,000 labels. "
        "Softmax is trained for 6 epochs, and MHP for 30, or for 12 with 100,000 labels. Labels are in a random "
        f"order, or in the given one, in which the labels of a topic follow one another. `mhc` searches {BEAM} "
        "prefixes, or a fifth of the groups if that is less. Parameters are those of the head; for the linear heads "
        "they are the weights kept. The time of a step is the head's own, for 256 documents, without the layer below. "
        "All used one thread on a busy machine, so that times are rough.",
        "claims": [*claims_on_digits(digits), claim_on_order(smaller), claim_on_cascade(digits, planted)],
        "table": [
            {
                "data": row["data"],
                "labels": f"{row['labels']:,}",
                "head": row["head"],
                "lengths": row["lengths"],
                "order": row["order"],
                "parameters": as_text(row["parameters"], "{:,}"),
                "accuracy, %": as_text(row["accuracy"], "{:.1%}").rstrip("%"),
                "on training, %": as_text(row["training_accuracy"], "{:.1%}").rstrip("%"),
                "step, ms": as_text(row["step_ms"], "{:.2f}"),
                "fit, s": as_text(row["fit_seconds"], "{:.1f}"),
            }
            for row in rows
        ],
    }


def as_text(value: float | None, form: str) -> str:
    """Return a number as text; a dash where there is none."""
    return "-" if value is None else form.format(value)


def claims_on_digits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the claims on MHP that the permuted digits decide."""
    full = next(row for row in rows if row["head"] == "softmax")
    mhp = [row for row in rows if row["head"] == "mhp" and row["order"] == "random"]
    numbers = sorted({row["heads"] for row in mhp})
    means = [np.mean([row["accuracy"] for row in mhp if row["heads"] == number]) for number in numbers]
    shares = [full["parameters"] / row["parameters"] for row in mhp]
    return [
        common.claim(
            PAPER,
            "MHP is about as accurate as the full classifier (digits; we ask for 2 points), with far fewer parameters.",
            holds=all(row["accuracy"] > full["accuracy"] - 0.02 for row in mhp),
            measured=f"Softmax {common.percent(full['accuracy'])}%; MHP "
            + ", ".join(f"{row['lengths']} {common.percent(row['accuracy'])}%" for row in mhp)
            + f", with {min(shares):.1f} to {max(shares):.1f} times fewer parameters.",
        ),
        common.claim(
            f"{PAPER}, eq. 14",
            "the errors of the heads add up: fewer heads are more accurate (digits).",
            holds=all(fewer > more for fewer, more in itertools.pairwise(means)),
            measured="MHP, mean over lengths: "
            + ", ".join(f"{n} heads {common.percent(mean)}%" for n, mean in zip(numbers, means, strict=True))
            + ".",
        ),
    ]


def claim_on_order(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the claim on the order of labels that the planted texts decide."""
    mhp = {row["order"]: row for row in rows if (row["head"], row["heads"]) == ("mhp", 2)}
    full = next(row for row in rows if row["head"] == "softmax")
    return common.claim(
        PAPER,
        "MHP needs no preparation of the labels, such as clusters of them (planted; we ask for 2 points).",
        holds=mhp["random"]["accuracy"] > max(mhp["given"]["accuracy"], full["accuracy"]) - 0.02,
        measured=f"{rows[0]['labels']:,} labels, on new texts and on those of training: "
        + "; ".join(
            f"{title} {common.percent(row['accuracy'])} and {common.percent(row['training_accuracy'])}%"
            for title, row in {
                "softmax": full,
                "MHP of two heads, random order": mhp["random"],
                "MHP of two heads, topics as runs": mhp["given"],
            }.items()
        )
        + ".",
    )


def claim_on_cascade(digits: list[dict[str, Any]], planted: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the claim on MHC that both kinds of data decide."""
    yardsticks = {row["labels"]: row["accuracy"] for row in [*digits, *planted] if row["head"] in ("vanilla", NEAREST)}
    mhc = [row for row in [*planted, *digits] if row["head"] == "mhc"]
    return common.claim(
        PAPER,
        "MHC is about as accurate as a full classifier, whatever the order and the lengths (we ask for 2 points).",
        holds=all(row["accuracy"] > yardsticks[row["labels"]] - 0.02 for row in mhc),
        measured="; ".join(
            f"{labels:,} labels, {common.percent(accuracy)}% with "
            f"{'one-vs-rest' if labels == digits[0]['labels'] else NEAREST}: "
            + ", ".join(
                f"{row['lengths']}{', topics as runs,' * (row['order'] == 'given')} {common.percent(row['accuracy'])}"
                for row in mhc
                if row["labels"] == labels
            )
            for labels, accuracy in yardsticks.items()
        )
        + ".",
    )


def measure_digits(*, quick: bool) -> list[dict[str, Any]]:
    """Return the rows of the permuted digits."""
    num_permutations, epochs = (3, 2) if quick else (20, 10)
    given = permuted_digits(num_permutations)
    data = given.with_labels(np.random.default_rng(0).permutation(given.num_labels))
    lengths = [(6, 5), (4, 4, 2)] if quick else [(15, 14), (20, 10), (50, 4), (100, 2), (6, 6, 6), (4, 4, 4, 4)]
    options = {"dim": 256, "epochs": epochs, "batch_size": 128}
    rows, full = [], None
    for head, sizes in [("softmax", None), *(("mhp", sizes) for sizes in lengths)]:
        model, row = fit(data, head, sizes, options)
        full = full or model
        rows.append({"data": "digits", "order": "random"} | row)
    _, row = fit(given, "mhp", lengths[0], options)
    rows.append({"data": "digits", "order": "given"} | row)
    body = full.head_.model.body
    features = [csr_array(normalize(body(X).detach().numpy()).astype(np.float32)) for X in (data.X, data.test_X)]
    learned = data._replace(X=features[0], test_X=features[1])
    for head, sizes in [("vanilla", None), *(("mhc", sizes) for sizes in lengths)]:
        _, row = fit(learned, head, sizes, None)
        rows.append({"data": "digits", "order": "random"} | row)
    return rows


def measure_planted(num_labels: int, *, quick: bool) -> list[dict[str, Any]]:
    """Return the rows of planted texts of so many labels; of softmax with very many, only the step is timed."""
    is_largest = num_labels >= 100_000
    given = planted_texts(num_labels, docs_per_label=3 if is_largest else 6)
    shuffled = given.with_labels(np.random.default_rng(1).permutation(num_labels))
    root = math.isqrt(num_labels - 1) + 1
    cube = math.ceil(round(num_labels ** (1 / 3), 6))
    descending = (4 * root, -(-root // 4))
    epochs = {"softmax": 6, "mhp": 12 if is_largest else 30}  # steps of mhp are cheap, and it needs more
    training = {"dim": 128, "batch_size": 512 if is_largest else 256}
    options = {head: training | {"epochs": 40 if quick else number} for head, number in epochs.items()}
    same = {"data": "planted", "labels": num_labels}
    rows = [same | {"head": NEAREST, "order": "-", "accuracy": nearest_mean_text(given)}]
    if is_largest:
        parameters, milliseconds = parameters_and_step("softmax", num_labels, training["dim"], None)
        row = {"heads": 1, "parameters": parameters, "step_ms": milliseconds}
        rows.append(same | {"head": "softmax", "lengths": f"{num_labels}", "order": "-"} | row)
    cases: list[tuple[Data, str, str, tuple[int, ...] | None]] = [
        *([] if is_largest else [(shuffled, "random", "softmax", None)]),
        (shuffled, "random", "mhp", (root, root)),
        (given, "given", "mhp", (root, root)),
        *([] if is_largest else [(shuffled, "random", "mhp", (cube, cube, cube))]),
        *([] if is_largest else [(shuffled, "random", "mhc", (root, root))]),
        (shuffled, "random", "mhc", descending),
        (given, "given", "mhc", descending),
        (shuffled, "random", "mhc", (cube, cube, cube)),
    ]
    for data, order, head, sizes in cases:
        _, row = fit(data, head, sizes, options.get(head))
        rows.append(same | {"order": order} | row)
    nothing = dict.fromkeys(("parameters", "accuracy", "training_accuracy", "step_ms", "fit_seconds"))
    return [{"lengths": "-", "heads": 0} | nothing | row for row in rows]


def fit(
    data: Data, head: str, sizes: tuple[int, ...] | None, options: dict[str, Any] | None
) -> tuple[XMLCClassifier, dict[str, Any]]:
    """Return a fitted model and what it costs and scores."""
    groups = math.prod(sizes[:-1]) if sizes else 0
    model = XMLCClassifier("given", head, head_sizes=sizes, head_options=options, threads=1)
    if head == "mhc":
        model.set_params(label_order="given", beam=max(1, min(BEAM, groups // 5)))
    start = time.perf_counter()
    model.fit(data.X, one_hot(data.labels, data.num_labels))
    row = {"labels": data.num_labels, "head": head, "fit_seconds": time.perf_counter() - start}
    row |= {"lengths": " x ".join(map(str, sizes or (data.num_labels,))), "heads": len(sizes or (0,))}
    row["accuracy"] = accuracy(model, data.test_X, data.test_labels)
    print(*row.values(), flush=True)
    row["training_accuracy"] = accuracy(model, data.X[:2000], data.labels[:2000])
    if options is None:
        stored = [array for name, array in model.head_.state().items() if name.endswith("codes")]
        return model, row | {"parameters": sum(map(len, stored)), "step_ms": None}
    parameters, milliseconds = parameters_and_step(head, data.num_labels, options["dim"], sizes)
    return model, row | {"parameters": parameters, "step_ms": milliseconds}


def accuracy(model: XMLCClassifier, X: Any, labels: np.ndarray) -> float:
    """Return the share of documents whose best label is the true one."""
    return float((model.predict(X, 1).labels[:, 0] == labels).mean())


def parameters_and_step(head: str, num_labels: int, dim: int, sizes: tuple[int, ...] | None) -> tuple[int, float]:
    """Return the parameters of a head and the milliseconds of a step on a batch of 256."""
    module = HEADS[head](num_labels, dim, **({} if sizes is None else {"head_sizes": sizes}))
    batch = argparse.Namespace(labels=num_labels, dim=dim, batch=256)
    milliseconds = step_milliseconds(module, batch, 3, 5 if num_labels * dim > 10**7 else 20)
    return sum(parameter.numel() for parameter in module.parameters()), milliseconds


def one_hot(labels: np.ndarray, num_labels: int) -> csr_array:
    """Return labels (n,) as CSR (n, num_labels)."""
    return csr_array((np.ones(len(labels), np.float32), labels, np.arange(len(labels) + 1)), (len(labels), num_labels))


def permuted_digits(num_permutations: int) -> Data:
    """Return digits under permutations of their pixels; label = 10 * permutation + digit."""
    X, digits = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    permutations = [rng.permutation(X.shape[1]) for _ in range(num_permutations)]
    train, test = train_test_split(np.arange(len(X)), test_size=0.25, random_state=0, stratify=digits)

    def part(docs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = np.concatenate([X[docs][:, permutation] for permutation in permutations])
        labels = np.concatenate([10 * number + digits[docs] for number in range(num_permutations)])
        order = rng.permutation(len(labels))
        return images[order], labels[order]

    return Data(*part(train), *part(test), 10 * num_permutations)


def planted_texts(num_labels: int, *, docs_per_label: int) -> Data:
    """Return bags of words as CSR; a label has two words of its own and two of its topic, a run of sqrt(C) labels."""
    rng = np.random.default_rng(0)
    num_words = max(100, num_labels // 4)
    topics = np.arange(num_labels) // (math.isqrt(num_labels - 1) + 1)
    words = np.hstack(
        [
            rng.integers(0, num_words, (topics.max() + 1, 2))[topics],
            rng.integers(0, num_words, (num_labels, WORDS - 2)),
        ]
    )  # (C, WORDS)

    def texts(labels: np.ndarray) -> csr_array:
        indices = np.hstack([words[labels], rng.integers(0, num_words, (len(labels), NOISE_WORDS))])
        values = np.ones(indices.shape, np.float32)
        values[:, :WORDS] = rng.random((len(labels), WORDS)) < KEPT
        indptr = np.arange(len(labels) + 1) * indices.shape[1]
        X = csr_array((values.ravel(), indices.ravel(), indptr), (len(labels), num_words))
        X.sum_duplicates()
        X.eliminate_zeros()
        X.data.fill(1)
        return csr_array(normalize(X))

    labels = rng.permutation(np.repeat(np.arange(num_labels), docs_per_label))
    test_labels = rng.integers(0, num_labels, min(2000, 10 * num_labels))
    return Data(texts(labels), labels, texts(test_labels), test_labels, num_labels)


def nearest_mean_text(data: Data) -> float:
    """Return the test accuracy of the label whose training texts have the nearest mean, by cosine."""
    centroids = normalize(one_hot(data.labels, data.num_labels).T @ data.X)
    hits = [
        (data.test_X[start : start + 200] @ centroids.T).toarray().argmax(axis=1)
        == data.test_labels[start : start + 200]
        for start in range(0, len(data.test_labels), 200)
    ]
    return float(np.concatenate(hits).mean())


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw accuracy against the parameters of the head, a panel a kind of data."""
    axes = common.panels(figure, 2)
    markers = {"softmax": "s", "mhp": "o", "mhc": "^", "vanilla": "D"}
    sizes = sorted({row["labels"] for row in data["rows"] if row["data"] == "planted"})
    for axis, kind in zip(axes, ("digits", "planted"), strict=True):
        for number, (head, marker) in enumerate(markers.items()):
            rows = [r for r in data["rows"] if (r["data"], r["head"]) == (kind, head) and r["accuracy"] is not None]
            for row in rows:
                is_small = kind == "digits" or row["labels"] == sizes[0]
                fill = f"C{number}" if row["order"] == "random" else "white"
                style = {"color": f"C{number}", "markerfacecolor": fill, "markersize": 6 if is_small else 9}
                axis.plot(row["parameters"], 100 * row["accuracy"], marker, **style)
            if rows:
                axis.plot([], [], marker, color=f"C{number}", label=head)
        axis.plot([], [], "o", color="grey", markerfacecolor="white", label="given order")
        axis.set(xscale="log", xlabel="parameters of the head", ylabel="test accuracy, %")
        axis.legend()
    axes[0].set_title("Digits under permutations")
    axes[0].set_xticks([5_000, 10_000, 20_000, 50_000], ["5,000", "10,000", "20,000", "50,000"])
    axes[0].minorticks_off()
    axes[1].set_title(
        "Planted texts: " + ", ".join(f"{size:,}" for size in sizes) + " labels (large)" * (len(sizes) > 1)
    )


if __name__ == "__main__":
    common.run(__file__, measure, report, draw)
