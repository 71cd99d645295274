"""A low-rank classifier under cross-entropy and under the Frobenius norm: what |Ob| each needs.

python recipes/studies/low_rank.py [--quick]
"""

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

import common
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.neural.low_rank import LowRank

NUM_SAMPLES = 100  # and as many features, and as many labels: each sample has its own
LEARNING_RATE = 0.1  # at first; falls to 0 along a cosine
LOSSES = {"softmax": "cross-entropy", "frobenius": "Frobenius"}
PAPER = "Liang et al."


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Fit Gaussian samples, one label each, and digits with O = W2 W1 F + B of several ranks |Ob| and both losses."""
    epochs, ranks = (200, (1, 2, 3)) if args.quick else (5000, (1, 2, 3, 5, 10, 20, 30))
    with one_thread_of_doubles():
        curves = [fit_samples(rank, loss, has_bias=True, epochs=epochs) for loss in LOSSES for rank in ranks]
        curves += [fit_samples(rank, "softmax", has_bias=False, epochs=epochs) for rank in (1, 2)]
        constructed = constructed_accuracy()
    digit_ranks, num_seeds, digit_epochs = ((2,), 1, 10) if args.quick else ((1, 2, 3, 4, 6, 9, 16), 3, 40)
    digits = fit_digits(digit_ranks, num_seeds=num_seeds, epochs=digit_epochs)
    setting = {"epochs": epochs, "ranks": ranks, "digit_epochs": digit_epochs, "torch": torch.__version__}
    return {"setting": setting, "curves": curves, "constructed": constructed, "digits": digits}


def report(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the document says of the measured data."""
    curves, constructed = data["curves"], data["constructed"]
    ranks = ", ".join(map(str, data["setting"]["ranks"]))
    last = {(c["loss"], c["rank"], c["bias"]): c["accuracy"][-1] for c in curves}
    fitted = {
        loss: ", ".join(common.percent(last[loss, rank, True]) for rank in data["setting"]["ranks"]) for loss in LOSSES
    }
    softened = {
        loss: ", ".join(
            f"{c['rank_of_logits']} and {c['rank_of_softmax'][-1]}"
            for c in curves
            if c["loss"] == loss and c["bias"] and c["rank"] <= 3
        )
        for loss in LOSSES
    }
    digits = {(row["loss"], row["rank"]): row["accuracy"] for row in data["digits"]}
    digit_ranks = sorted({rank for _, rank in digits})
    of_digits = {loss: ", ".join(common.percent(digits[loss, rank]) for rank in digit_ranks) for loss in LOSSES}
    return {
        "title": "Low rank: cross-entropy against the Frobenius norm",
        "about": f"There are two kinds of data. The first are {NUM_SAMPLES} Gaussian samples of {NUM_SAMPLES} "
        "features, each with a label of its own. They are fitted by O = W2 W1 F + B with |Ob| rows in W1, by "
        f"{data['setting']['epochs']:,} epochs of Adam on all samples. The second are scikit-learn's digits behind a "
        f"learned layer of 128 units ({data['setting']['digit_epochs']} epochs). Their figures are accuracies on test, "
        f"as means of {data['digits'][0]['seeds']} seeds.",
        "claims": [
            common.claim(
                f"{PAPER}, theorem 3",
                "with cross-entropy, rank([W; B]) > 1 is enough for weights that fit the training data.",
                holds=constructed["with bias"] == 1 and last["softmax", 1, False] <= 2 / NUM_SAMPLES,
                measured="With |Ob| = 1 and a bias, weights written down by hand fit "
                f"{common.percent(constructed['with bias'])}% of the samples. Without a bias, where the rank is 1, "
                f"at most two of {NUM_SAMPLES} labels can come first, and training reached "
                f"{common.percent(last['softmax', 1, False])}%.",
            ),
            common.claim(
                "A reader's hope",
                "training finds these weights as soon as they exist, at rank 2.",
                holds=min(last["softmax", 1, True], last["softmax", 2, False]) == 1,
                measured=f"Adam fitted {common.percent(last['softmax', 1, True])}% with |Ob| = 1 and a bias, and "
                f"{common.percent(last['softmax', 2, False])}% with |Ob| = 2 and none. With a bias and |Ob| = {ranks}: "
                f"{fitted['softmax']}%.",
            ),
            common.claim(
                f"{PAPER}, figure 5a",
                "with the Frobenius norm a small rank does not fit.",
                holds=all(last["frobenius", rank, True] < last["softmax", rank, True] for rank in (1, 2, 3)),
                measured=f"With a bias and |Ob| = {ranks}: {fitted['frobenius']}%.",
            ),
            common.claim(
                f"{PAPER}, figure 5b",
                "softmax makes a matrix of high rank of logits of low rank.",
                holds=all(c["rank_of_softmax"][-1] > 10 * c["rank_of_logits"] for c in curves if softens(c)),
                measured=f"Rank of O and of softmax(O), |Ob| = 1, 2, 3: with cross-entropy {softened['softmax']}; "
                f"with the Frobenius norm {softened['frobenius']}.",
            ),
            common.claim(
                f"{PAPER}, figure 5c",
                "cross-entropy is at least as accurate at every |Ob| (digits; we allow 0.5 points).",
                holds=all(digits["softmax", rank] > digits["frobenius", rank] - 0.005 for rank in digit_ranks),
                measured=f"|Ob| = {', '.join(map(str, digit_ranks))}: cross-entropy {of_digits['softmax']}%; Frobenius "
                f"{of_digits['frobenius']}%.",
            ),
        ],
        "table": [
            {
                "loss": LOSSES[c["loss"]],
                "rows of W1": c["rank"],
                "bias": "yes" if c["bias"] else "no",
                "rank([W; B])": c["rank_of_weights"],
                "training accuracy, %": common.percent(c["accuracy"][-1]),
                "rank of softmax(O)": c["rank_of_softmax"][-1],
            }
            for c in curves
        ],
    }


def softens(curve: dict[str, Any]) -> bool:
    """Whether a curve is one that the claim on the rank of softmax(O) is about."""
    return curve["loss"] == "softmax" and curve["bias"] and curve["rank"] <= 3


@contextlib.contextmanager
def one_thread_of_doubles() -> Iterator[None]:
    """Have torch use float64, in which ranks can be counted, and one thread, as more only slow 100 samples down."""
    before = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(before[0])
        torch.set_num_threads(before[1])


def fit_samples(rank: int, loss: str, *, has_bias: bool, epochs: int, seed: int = 0) -> dict[str, Any]:
    """Return training accuracy and rank of softmax(O) by epoch, at some thirty epochs, of the head `lowrank`."""
    torch.manual_seed(seed)
    X, labels = torch.randn(NUM_SAMPLES, NUM_SAMPLES), torch.arange(NUM_SAMPLES)
    head = LowRank(NUM_SAMPLES, NUM_SAMPLES, rank=rank, loss=loss)
    if not has_bias:
        torch.nn.init.zeros_(head.classifier.bias).requires_grad_(False)
    optimiser = torch.optim.Adam([p for p in head.parameters() if p.requires_grad], lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    measured = sorted({*np.geomspace(1, epochs, 30).astype(int).tolist()})
    accuracy, rank_of_softmax = [], []
    for epoch in range(1, epochs + 1):
        optimiser.zero_grad()
        head.loss(X, labels).backward()
        optimiser.step()
        schedule.step()
        if epoch in measured:
            logits = head.classifier(head.bottleneck(X)).detach()
            accuracy.append((logits.argmax(dim=1) == labels).double().mean().item())
            rank_of_softmax.append(int(torch.linalg.matrix_rank(logits.softmax(dim=1))))
    weights = head.classifier.weight @ head.bottleneck.weight  # (C, dim)
    with_bias = torch.cat([weights, head.classifier.bias[:, None]], dim=1).detach()
    return {
        "rank": rank,
        "loss": loss,
        "bias": has_bias,
        "rank_of_weights": int(torch.linalg.matrix_rank(with_bias)),
        "rank_of_logits": int(torch.linalg.matrix_rank(logits)),
        "epochs": measured,
        "accuracy": accuracy,
        "rank_of_softmax": rank_of_softmax,
    }


def constructed_accuracy() -> dict[str, float]:
    """Return the accuracy of weights of |Ob| = 1 written by hand, with their bias and without it.

    W1 sends sample i to i, which it can, as 100 Gaussian samples of 100 features are independent. W2 = (0, 1, 2, ...)
    and b_j = -j^2 / 2 make O_ij = i j - j^2 / 2 = (i^2 - (i - j)^2) / 2, largest at j = i: lines above one another.
    """
    torch.manual_seed(0)
    X, numbers = torch.randn(NUM_SAMPLES, NUM_SAMPLES), torch.arange(NUM_SAMPLES, dtype=torch.float64)
    head = LowRank(NUM_SAMPLES, NUM_SAMPLES, rank=1)
    with torch.no_grad():
        head.bottleneck.weight.copy_(torch.linalg.solve(X, numbers)[None])
        head.classifier.weight.copy_(numbers[:, None])
        accuracies = {}
        for name, bias in {"with bias": -(numbers**2) / 2, "without": torch.zeros(NUM_SAMPLES)}.items():
            head.classifier.bias.copy_(bias)
            labels, _ = head.top_k(X, 1)
            accuracies[name] = (labels[:, 0] == torch.arange(NUM_SAMPLES)).double().mean().item()
    return accuracies


def fit_digits(ranks: tuple[int, ...], *, num_seeds: int, epochs: int) -> list[dict[str, Any]]:
    """Return the mean test accuracy of `lowrank` on a learned layer, for each loss and rank."""
    X, labels = load_digits(return_X_y=True)
    rows = []
    for loss in LOSSES:
        for rank in ranks:
            scores = []
            for seed in range(num_seeds):
                parts = train_test_split(X / 16, labels, test_size=0.25, random_state=seed, stratify=labels)
                train_X, test_X, train_labels, test_labels = parts
                options = {"rank": rank, "loss": loss, "dim": 128, "epochs": epochs, "learning_rate": 0.03}
                model = XMLCClassifier("given", "lowrank", head_options=options, seed=seed, threads=1)
                scores.append(model.fit(train_X, train_labels).score(test_X, test_labels, metric="P@1"))
            rows.append({"loss": loss, "rank": rank, "accuracy": float(np.mean(scores)), "seeds": num_seeds})
    return rows


def draw(figure: Any, data: dict[str, Any]) -> None:
    """Draw accuracy and rank of softmax(O) by epoch, and the accuracy on digits by |Ob|."""
    axes = common.panels(figure, 3)
    colours = {1: "C0", 2: "C1", 3: "C2"}
    for curve in data["curves"]:
        if curve["rank"] in colours and curve["bias"]:
            style = {"color": colours[curve["rank"]], "linestyle": "-" if curve["loss"] == "softmax" else ":"}
            label = f"{LOSSES[curve['loss']]}, |Ob| = {curve['rank']}"
            axes[0].plot(curve["epochs"], [100 * share for share in curve["accuracy"]], label=label, **style)
            axes[1].plot(curve["epochs"], curve["rank_of_softmax"], **style)
    axes[0].set(title="Gaussian samples", ylabel="training accuracy, %", xlabel="epoch", xscale="log")
    axes[1].set(title="Gaussian samples", ylabel="rank of softmax(O)", xlabel="epoch", xscale="log")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=6)
    for loss, style in (("softmax", "o-"), ("frobenius", "s:")):
        rows = [row for row in data["digits"] if row["loss"] == loss]
        shares = [100 * row["accuracy"] for row in rows]
        axes[2].plot(
            [row["rank"] for row in rows], shares, style, label=LOSSES[loss], color="C3" if ":" in style else "C4"
        )
    axes[2].set(title="Digits", ylabel="test accuracy, %", xlabel="|Ob|")
    axes[2].legend(loc="lower right")


if __name__ == "__main__":
    common.run(__file__, measure, report, draw)
