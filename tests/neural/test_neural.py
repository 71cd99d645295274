import importlib.util
import itertools
import json
import math
import subprocess
import sys
from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse as sp

torch = pytest.importorskip("torch")

from sklearn.base import clone  # noqa: E402
from torch import nn  # noqa: E402
from torch.autograd import gradcheck  # noqa: E402

from xmlc_mhe import TextFeatures, XMLCClassifier  # noqa: E402
from xmlc_mhe.classifier.options import HEADS as ALL_HEADS  # noqa: E402
from xmlc_mhe.cli import main  # noqa: E402
from xmlc_mhe.codes.head_sizes import equal_head_sizes  # noqa: E402
from xmlc_mhe.codes.label_code import LabelCode  # noqa: E402
from xmlc_mhe.model_files import read_model  # noqa: E402
from xmlc_mhe.neural import blocks, cascade, losses, ranking, threads  # noqa: E402
from xmlc_mhe.neural.batches import batches_of_epoch  # noqa: E402
from xmlc_mhe.neural.blocks import group_logits  # noqa: E402
from xmlc_mhe.neural.body import HeadOnBody  # noqa: E402
from xmlc_mhe.neural.cascade import NeuralCascade  # noqa: E402
from xmlc_mhe.neural.cp import BlockedLogSumExp, SumOfProducts, code_blocks  # noqa: E402
from xmlc_mhe.neural.etf import SimplexETF, dot_regression, simplex_etf  # noqa: E402
from xmlc_mhe.neural.heads import HEADS  # noqa: E402
from xmlc_mhe.neural.low_rank import LowRank  # noqa: E402
from xmlc_mhe.neural.neural_head import NeuralHead  # noqa: E402
from xmlc_mhe.neural.one_hot import OneHot  # noqa: E402
from xmlc_mhe.neural.optimisers import optimisers_of, table  # noqa: E402
from xmlc_mhe.neural.product import MultiHeadProduct, best_products, digits  # noqa: E402
from xmlc_mhe.neural.rbf import RBFSoftmax, rbf_logits  # noqa: E402
from xmlc_mhe.neural.sampling import MultiHeadSampling  # noqa: E402

NUM_DOCS, NUM_LABELS, DIM = 50, 23, 24  # 23 labels are no product: mhp, mhs and cp below have padding codes
CASES = {
    "softmax": ("softmax", {}),
    "softmax, bce": ("softmax", {"loss": "bce"}),
    "neural-mhc": ("neural-mhc", {}),
    "neural-mhc, short heads": ("neural-mhc", {"head_sizes": (6, 4), "embedding_dim": 16, "train_beam": 3}),
    "neural-mhc, three heads": ("neural-mhc", {"head_sizes": (2, 3, 5), "embedding_dim": 16, "train_beam": 4}),
    "neural-mhc, one head": ("neural-mhc", {"head_sizes": (23,)}),
    "mhp": ("mhp", {}),
    "mhp, three heads": ("mhp", {"num_heads": 3}),
    "mhp, given lengths": ("mhp", {"head_sizes": (2, 3, 5)}),
    "mhp, one head": ("mhp", {"num_heads": 1}),
    "mhs, MHS-1": ("mhs", {"group_size": 12, "sampled_groups": 1}),
    "mhs, MHS-2": ("mhs", {"group_size": 5}),
    "mhs, MHS-3": ("mhs", {"group_size": 2, "sampled_groups": 3}),
    "mhs, more groups than there are": ("mhs", {"group_size": 4, "sampled_groups": 99}),
    "cp": ("cp", {}),
    "cp, one group": ("cp", {"num_groups": 1}),
    "cp, three heads": ("cp", {"head_sizes": (4, 3, 2), "num_groups": 3}),
    "lowrank": ("lowrank", {"rank": 12}),
    "lowrank, bce": ("lowrank", {"rank": 12, "loss": "bce"}),
    "lowrank, squared hinge": ("lowrank", {"rank": 12, "loss": "squared_hinge"}),
    "lowrank, frobenius": ("lowrank", {"rank": 23, "loss": "frobenius"}),
    "etf": ("etf", {}),
    "etf, cross-entropy": ("etf", {"loss": "cross_entropy"}),
    "rbf": ("rbf", {}),
    "rbf, wide": ("rbf", {"s": 20.0, "gamma": 2.0}),
}
TRAINING = {"dim": DIM, "epochs": 80, "batch_size": 25, "learning_rate": 0.01}
TABLE_TRAINING = {"table_learning_rate": 0.2}  # of neural-mhc
every_head = pytest.mark.parametrize("case", CASES)
every_name = pytest.mark.parametrize("name", HEADS)


@pytest.fixture(autouse=True)
def one_thread():
    """The two cores of the machine are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def planted():
    """X, Y of 50 documents with one of 23 labels, whose own feature each has beside two of no meaning."""
    rng = np.random.default_rng(0)
    X = np.zeros((NUM_DOCS, NUM_LABELS + 15), np.float32)
    labels = np.arange(NUM_DOCS) % NUM_LABELS
    for doc, label in enumerate(labels):
        X[doc, [label, *(NUM_LABELS + rng.permutation(15)[:2])]] = 1
    return X, sp.csr_array((np.ones(NUM_DOCS, np.float32), (np.arange(NUM_DOCS), labels)), (NUM_DOCS, NUM_LABELS))


def build(case, **others):
    """An untrained module with weights that tell all labels apart."""
    name, options = CASES[case]
    return with_random_tables(HEADS[name](NUM_LABELS, DIM, **options | others))


def with_random_tables(module):
    """The module; label embeddings, which begin at zero, are random."""
    for embedding in getattr(module, "weights", []):
        nn.init.normal_(embedding.weight)
    return module


def classifier(case, encoder="given", **others):
    name, options = CASES[case]
    options = dict(options)
    head_sizes = options.pop("head_sizes", None)
    training = TRAINING | (TABLE_TRAINING if name == "neural-mhc" else {})
    return XMLCClassifier(encoder, name, head_sizes=head_sizes, head_options=training | options, threads=1, **others)


@pytest.fixture(scope="module")
def fitted(planted):
    """Case -> a fitted model, made once."""
    models = {}

    def get(case):
        if case not in models:
            models[case] = classifier(case).fit(*planted)
        return models[case]

    return get


def assert_same(got, expected):
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_array_equal(got.scores, expected.scores)


def true_labels(labels, module):
    return labels[:, None] if module.takes_many_labels else labels


# --- the contract of every head ---------------------------------------------------------------------------------------


def test_every_head_keeps_the_contract():
    assert {name for name, _ in CASES.values()} == set(HEADS)
    assert all(HEADS[name].name == name for name in HEADS)
    assert list(ALL_HEADS) == ["mhc", "vanilla", *HEADS]


@every_head
def test_a_head_learns_a_planted_problem(fitted, planted, case):
    X, Y = planted
    assert fitted(case).score(X, Y, metric="P@1") == 1.0


@every_head
def test_predictions_are_all_labels_once_in_descending_order(fitted, planted, case):
    labels, scores = fitted(case).predict(planted[0], NUM_LABELS)
    assert (labels.dtype, scores.dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(np.sort(labels, axis=1), np.tile(np.arange(NUM_LABELS), (NUM_DOCS, 1)))
    assert (scores[:, 1:] <= scores[:, :-1]).all()
    assert np.isfinite(scores).all()


@every_head
def test_a_smaller_k_is_the_beginning_of_a_larger_one(fitted, planted, case):
    whole = fitted(case).predict(planted[0], NUM_LABELS)
    for k in (1, 2, 7, NUM_LABELS - 1):
        few = fitted(case).predict(planted[0], k)
        np.testing.assert_array_equal(few.labels, whole.labels[:, :k])
        np.testing.assert_array_equal(few.scores, whole.scores[:, :k])


@every_head
def test_a_model_comes_back_from_its_folder(fitted, planted, case, tmp_path):
    model = fitted(case)
    model.save(tmp_path / "model")
    ranking = {"ranking.kinds.json"} if model.gives_probs else set()
    assert {path.name for path in (tmp_path / "model").iterdir()} == ranking | {
        "arrays.safetensors", "config.json", "label_names.json",
    }  # fmt: skip
    again = XMLCClassifier.load(tmp_path / "model", threads=1)
    assert_same(again.predict(planted[0], 7), model.predict(planted[0], 7))
    assert again.head_.describe() == model.head_.describe()
    assert again.head_options == model.head_options


@every_head
def test_a_head_comes_back_from_its_state_as_json_and_arrays(fitted, planted, case):
    head = fitted(case).head_
    state = {
        name: value if isinstance(value, np.ndarray) else json.loads(json.dumps(value))
        for name, value in head.state().items()
    }
    X = sp.csr_array(planted[0])
    assert_same(NeuralHead.from_state(state).top_k(X, 7), head.top_k(X, 7))


@every_head
def test_the_same_seed_gives_the_same_model_and_another_seed_another(fitted, planted, case):
    X, Y = planted
    torch.manual_seed(99)  # of no consequence
    assert_same(classifier(case).fit(X, Y).predict(X, 7), fitted(case).predict(X, 7))
    assert (classifier(case, seed=1).fit(X, Y).predict(X, 7).scores != fitted(case).predict(X, 7).scores).any()


@every_head
def test_one_document_equals_its_row_in_a_batch(fitted, planted, case):
    X, model = planted[0], fitted(case)
    labels, scores = model.predict(X, 3)
    for doc in range(0, NUM_DOCS, 7):
        one = model.predict(X[doc : doc + 1], 3)
        np.testing.assert_array_equal(one.labels[0, 0], labels[doc, 0])
        np.testing.assert_allclose(one.scores[0], scores[doc], rtol=1e-4, atol=1e-6)


@every_head
def test_the_top_k_are_those_of_all_logits_sorted(case, monkeypatch):
    """Brute force: every label's own score, by a loss or a formula that knows nothing of top_k."""
    module, features = build(case), torch.randn(6, DIM)
    scores = all_scores(module, features)
    order = scores.sort(dim=1, descending=True, stable=True).indices
    for block in (1, 40, 1 << 22):
        monkeypatch.setattr(ranking, "BLOCK_ELEMENTS", block)
        for k in (1, 2, 5, NUM_LABELS - 1, NUM_LABELS):
            labels, values = module.top_k(features, k)
            assert (labels.dtype, labels.shape) == (torch.int64, (6, k))
            torch.testing.assert_close(labels, order[:, :k])
            torch.testing.assert_close(values, scores.gather(1, order)[:, :k], rtol=1e-4, atol=1e-5)


def all_scores(module, features):
    """Scores (B, NUM_LABELS), label by label in plain loops."""
    rows = []
    for feature in features.detach():
        row = []
        for label in range(NUM_LABELS):
            if isinstance(module, MultiHeadProduct):
                code = np.unravel_index(label, module.head_sizes)
                row.append(sum(head(feature).log_softmax(0)[i] for head, i in zip(module.heads, code, strict=True)))
            elif isinstance(module, SumOfProducts):
                code = np.unravel_index(label, module.head_sizes)
                vectors = [
                    head(feature).view(size, -1) for head, size in zip(module.heads, module.head_sizes, strict=True)
                ]
                row.append(math.prod(vector[i] for vector, i in zip(vectors, code, strict=True)).sum())
            elif isinstance(module, MultiHeadSampling):
                weight = module.weight.weight.view(-1, DIM)[label]
                row.append(weight @ feature + module.bias.weight.view(-1)[label])
            elif isinstance(module, NeuralCascade):
                row.append(last_logit(module, feature, label))
            elif isinstance(module, SimplexETF):
                norm = feature.norm() if module.loss_name == "dot_regression" else 1
                row.append(module.prototypes[label] @ feature / norm)
            elif isinstance(module, RBFSoftmax):
                distance = (feature - module.prototypes[label]).norm()
                row.append(module.s * torch.exp(-(distance**2) / module.gamma))
            else:
                hidden = module.bottleneck.weight @ feature if isinstance(module, LowRank) else feature
                row.append(module.classifier.weight[label] @ hidden + module.classifier.bias[label])
        rows.append(torch.stack([torch.as_tensor(value) for value in row]))
    return torch.stack(rows).detach()


def last_logit(module, feature, label):
    """The logit of a label's last digit: a row of the table of its group, times the projected features."""
    if len(module.head_sizes) == 1:
        return module.first.weight[label] @ feature + module.first.bias[label]
    group, digit = divmod(label, module.head_sizes[-1])
    weight = module.weights[-1].weight[group].view(module.head_sizes[-1], -1)[digit]
    return weight @ module.projections[-1](feature) + module.biases[-1].weight[group, digit]


@every_head
def test_equal_scores_go_to_the_lower_labels(case):
    module, features = build(case).requires_grad_(False), torch.randn(3, DIM)
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.zero_()
    for k in (1, 4, NUM_LABELS):
        labels, _ = module.top_k(features, k)
        torch.testing.assert_close(labels, torch.arange(k).expand(3, k))


@every_head
def test_the_loss_is_a_mean_over_the_batch(case):
    module = build(case)
    features = torch.randn(1, DIM)
    one = module.loss(features, true_labels(torch.tensor([3]), module))
    three = module.loss(features.expand(3, DIM), true_labels(torch.tensor([3, 3, 3]), module))
    assert one.shape == ()
    torch.testing.assert_close(three, one)


@every_head
def test_the_last_documents_of_a_batch_count(case):
    module = build(case)
    features = torch.randn(4, DIM, requires_grad=True)
    module.loss(features, true_labels(torch.tensor([0, 7, 22, 22]), module)).backward()
    assert (features.grad.abs().sum(dim=1) > 0).all()


@every_head
def test_no_documents_and_documents_without_features_are_predicted(fitted, planted, case):
    head = fitted(case).head_
    labels, scores = head.top_k(sp.csr_array(planted[0])[:0], 5)
    assert labels.shape == scores.shape == (0, 5)
    labels, scores = head.top_k(sp.csr_array((2, planted[0].shape[1]), dtype=np.float32), 5)
    assert (labels >= 0).all()
    assert np.isfinite(scores).all()


@every_name
def test_a_single_label_is_learned(name):
    X, Y = sp.csr_array(np.ones((3, 1), np.float32)), sp.csr_array(np.ones((3, 1), np.float32))
    head = NeuralHead(HEADS[name], dim=2, epochs=1).fit(X, Y)
    assert (head.top_k(X, 1).labels == 0).all()


# --- the code of labels: eq. 11 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_sizes", [(23,), (5, 5), (2, 3, 4), (3, 2, 2, 2)])
def test_digits_follow_equation_11_with_the_last_head_fastest(head_sizes):
    labels = torch.arange(NUM_LABELS)
    local = digits(labels, head_sizes)
    total = sum(y * math.prod(head_sizes[h + 1 :]) for h, y in enumerate(local))  # eq. 11
    torch.testing.assert_close(total, labels)
    assert all((y >= 0).all() and (y < size).all() for y, size in zip(local, head_sizes, strict=True))
    code = LabelCode(np.arange(NUM_LABELS, dtype=np.int32), head_sizes)
    np.testing.assert_array_equal(torch.stack(local, dim=1), code.encode(labels.numpy()))


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4])
@pytest.mark.parametrize("num_labels", [1, 2, 5, 23, 24, 25, 26, 1000, 1001, 999_999, 1_000_000, 1_000_001])
def test_equal_lengths_hold_all_labels_descend_and_cannot_lose_one(num_labels, num_heads):
    sizes = equal_head_sizes(num_labels, num_heads)
    assert len(sizes) == num_heads
    assert list(sizes) == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1
    assert math.prod(sizes) >= num_labels
    assert num_labels == 1 or math.prod(sizes) * (sizes[0] - 1) // sizes[0] < num_labels


# --- mhp --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_sizes", [(5, 5), (23, 1), (1, 23), (2, 3, 4), (4, 3, 2), (3, 2, 2, 2), (7, 7), (2, 30)])
@pytest.mark.parametrize("num_labels", [1, 2, 13, 22, 23])
def test_best_products_equal_brute_force_with_ties_and_padding(head_sizes, num_labels):
    rng = np.random.default_rng(num_labels)
    for values in (3, 1000):  # few values: many ties
        local = [torch.tensor(rng.integers(values, size=(8, size)) / 4, dtype=torch.float32) for size in head_sizes]
        codes = list(itertools.product(*map(range, head_sizes)))[:num_labels]
        sums = torch.stack([sum(head[:, i] for head, i in zip(local, code, strict=True)) for code in codes], dim=1)
        order = sums.sort(dim=1, descending=True, stable=True).indices
        for k in range(1, num_labels + 1):
            labels, scores = best_products(local, num_labels, k)
            torch.testing.assert_close(labels, order[:, :k])
            torch.testing.assert_close(scores, sums.gather(1, order)[:, :k])


def test_padding_codes_that_score_highest_are_not_predicted():
    local = [torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[0.0, 1.0, 9.0]])]  # codes 7 and 8 are padding
    labels, scores = best_products(local, 7, 7)
    assert labels.tolist() == [[5, 2, 6, 4, 1, 3, 0]]
    assert scores.tolist() == [[10.0, 9.0, 9.0, 2.0, 1.0, 1.0, 0.0]]


def test_one_head_of_mhp_is_softmax():
    one, plain, features, labels = (
        MultiHeadProduct(NUM_LABELS, DIM, num_heads=1), OneHot(NUM_LABELS, DIM), torch.randn(5, DIM), torch.arange(5)
    )  # fmt: skip
    plain.classifier.load_state_dict(one.heads[0].state_dict())
    torch.testing.assert_close(one.loss(features, labels), plain.loss(features, labels))


def test_the_loss_of_mhp_is_the_negative_log_of_the_product():
    module, features, labels = build("mhp, three heads"), torch.randn(5, DIM), torch.tensor([0, 5, 9, 21, 22])
    scores = all_scores(module, features)
    torch.testing.assert_close(module.loss(features, labels), -scores[torch.arange(5), labels].mean())


# --- mhs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampled_groups", [1, 2, 3, 99])
def test_mhs_takes_the_own_group_and_those_that_follow_in_the_batch(sampled_groups):
    module = MultiHeadSampling(NUM_LABELS, DIM, group_size=4, sampled_groups=sampled_groups)
    features, labels = torch.randn(6, DIM), torch.tensor([9, 22, 9, 3, 21, 8])
    logits = all_scores(module, features)
    groups = [2, 5, 0]  # by first appearance; 4 labels each, the last 3
    expected = []
    for row, label in zip(logits, labels.tolist(), strict=True):
        start = groups.index(label // 4)
        chosen = [groups[(start + i) % 3] for i in range(min(sampled_groups, 3))]
        kept = [j for group in chosen for j in range(group * 4, min(group * 4 + 4, NUM_LABELS))]
        expected.append(row[kept].logsumexp(0) - row[label])
    torch.testing.assert_close(module.loss(features, labels), torch.stack(expected).mean())


def test_mhs_of_one_group_is_softmax():
    module, features, labels = MultiHeadSampling(NUM_LABELS, DIM, group_size=23), torch.randn(5, DIM), torch.arange(5)
    expected = torch.nn.functional.cross_entropy(all_scores(module, features), labels)
    torch.testing.assert_close(module.loss(features, labels), expected)


@pytest.mark.parametrize("optimiser", ["SGD", "SparseAdam", "ours"])
def test_a_step_of_mhs_leaves_the_groups_outside_the_batch_alone_to_the_bit(optimiser):
    module = MultiHeadSampling(NUM_LABELS, DIM, group_size=4)
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    optimisers = (
        optimisers_of(module, 0.1)
        if optimiser == "ours"
        else [getattr(torch.optim, optimiser)(list(module.parameters()), lr=0.1)]
    )
    module.loss(torch.randn(4, DIM), torch.tensor([9, 22, 9, 11])).backward()
    assert all(parameter.grad.is_sparse for parameter in module.parameters())
    for each in optimisers:
        each.step()
    for name, parameter in module.named_parameters():
        is_same = (parameter == before[name]).all(dim=1)
        assert is_same.tolist() == [True, True, False, True, True, False], name


def test_padding_of_the_last_group_of_mhs_learns_nothing():
    module = MultiHeadSampling(NUM_LABELS, DIM, group_size=4)
    module.loss(torch.randn(2, DIM), torch.tensor([20, 21])).backward()
    assert module.weight.weight.grad.to_dense().view(-1, DIM)[NUM_LABELS:].abs().sum() == 0
    assert module.bias.weight.grad.to_dense().view(-1)[NUM_LABELS:].abs().sum() == 0


# --- cp ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head_sizes", [(5, 5), (4, 3, 2), (2, 2, 3, 2)])
def test_one_group_of_cp_is_the_outer_product_of_mhp(head_sizes):
    product = MultiHeadProduct(NUM_LABELS, DIM, head_sizes=head_sizes)
    module, features = SumOfProducts(NUM_LABELS, DIM, head_sizes=head_sizes, num_groups=1), torch.randn(4, DIM)
    for head, own in zip(product.heads, module.heads, strict=True):
        own.forward = lambda features, head=head: head(features).softmax(dim=1)
    expected = all_scores(product, features).exp()
    logits = torch.cat([block for _, block in code_blocks(*module.factors(features), NUM_LABELS)], dim=1)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(module.top_k(features, 5)[0], product.top_k(features, 5)[0])


@pytest.mark.parametrize("block", [1, 40, 1 << 22])
@pytest.mark.parametrize("case", ["cp", "cp, one group", "cp, three heads"])
def test_the_loss_of_cp_and_its_gradients_are_those_of_all_logits(case, block, monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK_ELEMENTS", block)
    module, labels = build(case), torch.tensor([0, 5, 22, 21])
    features = torch.randn(4, DIM, requires_grad=True)
    loss = module.loss(features, labels)
    loss.backward()
    grads = [features.grad.clone(), *(parameter.grad.clone() for parameter in module.parameters())]
    module.zero_grad()
    features.grad = None
    left, right = module.factors(features)
    logits = torch.einsum("brg,bsg->brs", left, right).flatten(1)[:, :NUM_LABELS]
    plain = torch.nn.functional.cross_entropy(logits, labels)
    plain.backward()
    torch.testing.assert_close(loss, plain)
    for grad, expected in zip(grads, [features.grad, *(p.grad for p in module.parameters())], strict=True):
        torch.testing.assert_close(grad, expected, rtol=1e-4, atol=1e-6)


def test_a_block_of_cp_is_all_there_is_of_the_logits(monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK_ELEMENTS", 4 * 30 * 2)
    left, right = torch.randn(4, 30, 2), torch.randn(4, 30, 2)
    blocks = list(code_blocks(left, right, 871))
    assert max(logits.numel() for _, logits in blocks) == 4 * 30 * 2
    assert sum(logits.shape[1] for _, logits in blocks) == 871
    assert blocks[-1][0] == slice(28, 30)


# --- etf --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_labels", [2, 3, 23])
@pytest.mark.parametrize("spare", [-1, 0, 1, 40])  # dim = C - 1 and more
def test_the_prototypes_of_etf_are_of_length_one_and_equally_far_apart(num_labels, spare):
    prototypes = simplex_etf(num_labels, num_labels + spare)
    expected = torch.full((num_labels, num_labels), -1 / (num_labels - 1)).fill_diagonal_(1)
    torch.testing.assert_close(prototypes @ prototypes.T, expected, rtol=1e-5, atol=1e-6)


def test_the_prototypes_of_etf_are_not_trained(fitted):
    module = fitted("etf").head_.module
    assert list(module.parameters()) == []
    torch.manual_seed(0)
    gram = module.prototypes @ module.prototypes.T
    torch.testing.assert_close(gram.diag(), torch.ones(NUM_LABELS))


def test_etf_with_as_few_dimensions_as_it_takes_learns(planted):
    options = TRAINING | {"dim": NUM_LABELS - 1}
    model = XMLCClassifier("given", "etf", head_options=options, threads=1).fit(*planted)
    assert model.score(*planted, metric="P@1") == 1.0


# --- losses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bce", "squared_hinge"])
def test_one_vs_all_losses_equal_plain_loops_with_pads_and_rows_without_labels(name):
    logits, labels = torch.randn(3, 5) * 2, torch.tensor([[1, 4], [2, -1], [-1, -1]])
    truth = torch.tensor([[0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]])
    margins = (2 * truth - 1) * logits
    plain = {"bce": torch.log1p(torch.exp(-margins)), "squared_hinge": (1 - margins).clamp(min=0) ** 2}[name]
    torch.testing.assert_close(losses.MANY_LABEL_LOSSES[name](logits, labels), plain.sum() / 3)


def test_frobenius_equals_the_squared_distance_to_one_hot_rows():
    logits, labels = torch.randn(3, 5), torch.tensor([1, 4, 0])
    expected = (logits - torch.nn.functional.one_hot(labels, 5)).square().sum() / 3
    torch.testing.assert_close(losses.frobenius(logits, labels), expected)


def doubles(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", losses.MANY_LABEL_LOSSES)
def test_the_gradients_of_losses_of_many_labels(name):
    labels = torch.tensor([[1, 4], [2, -1], [-1, -1]])
    assert gradcheck(lambda logits: losses.MANY_LABEL_LOSSES[name](logits, labels), [doubles(3, 5)])


@pytest.mark.parametrize("name", losses.ONE_LABEL_LOSSES)
def test_the_gradients_of_losses_of_one_label(name):
    labels = torch.tensor([1, 4, 0])
    assert gradcheck(lambda logits: losses.ONE_LABEL_LOSSES[name](logits, labels), [doubles(3, 5)])


def test_the_gradient_of_dot_regression():
    prototypes = simplex_etf(3, 4).double()
    assert gradcheck(lambda features: dot_regression(features, prototypes), [doubles(3, 4)])


def test_the_gradient_of_rbf_logits():
    assert gradcheck(lambda features, prototypes: rbf_logits(features, prototypes, s=3.0, gamma=2.0),
                     [doubles(3, 4), doubles(5, 4)])  # fmt: skip


@pytest.mark.parametrize("block", [1, 10, 1 << 22])
@pytest.mark.parametrize("num_labels", [4, 13, 15])
def test_the_gradient_of_the_log_sum_exp_of_cp(block, num_labels, monkeypatch):
    monkeypatch.setattr(ranking, "BLOCK_ELEMENTS", block)
    assert gradcheck(lambda left, right: BlockedLogSumExp.apply(left, right, num_labels),
                     [doubles(2, 3, 2), doubles(2, 5, 2)])  # fmt: skip


@every_head
def test_the_gradient_of_every_loss_by_the_features(case):
    module = build(case)
    if isinstance(module, MultiHeadSampling):
        module.weight.sparse = module.bias.sparse = False
    module = module.double().requires_grad_(False)
    labels = true_labels(torch.tensor([3, 22]), module)
    assert gradcheck(lambda features: module.loss(features, labels), [doubles(2, DIM)])


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["softmax, bce", "lowrank, bce", "lowrank, squared hinge"])
def test_heads_for_many_labels_learn_several_and_take_documents_without_any(planted, case):
    X, Y = planted
    truth = Y.toarray()
    truth[np.arange(NUM_DOCS), (np.arange(NUM_DOCS) * 7 + 3) % NUM_LABELS] = 1
    X = np.hstack([X, truth]).astype(np.float32)
    truth[0] = 0
    model = classifier(case).fit(X, truth)
    assert model.score(X[1:], truth[1:], metric="R@2") == 1.0


@pytest.mark.parametrize(
    ("density", "options", "kind", "dim"),
    [
        (0.1, {}, "bag", 256),
        (0.1, {"dim": 8}, "bag", 8),
        (0.1, {"hidden": False}, "none", 40),
        (0.5, {}, "none", 40),
        (0.5, {"dim": 8}, "linear", 8),
        (0.5, {"hidden": True}, "linear", 256),
        (None, {}, "none", 40),
        (None, {"dim": 8}, "linear", 8),
    ],
)
def test_the_body_fits_the_features(density, options, kind, dim):
    X = np.random.default_rng(0).random((20, 40)).astype(np.float32)
    X = X if density is None else sp.csr_array(np.where(density > X, X, 0))
    head = NeuralHead(OneHot, epochs=1, **options).fit(X, sp.csr_array(np.eye(20, dtype=np.float32)))
    assert (head.kind, head.module.classifier.in_features) == (kind, dim)
    dense = head.top_k(X.toarray() if density else X, 3)
    again = head.top_k(sp.csr_array(X), 3)
    np.testing.assert_array_equal(dense.labels, again.labels)
    np.testing.assert_allclose(dense.scores, again.scores, rtol=1e-5)


def test_text_is_learned():
    texts = ["red red rose", "blue sky", "green grass", "a red rose"] * 5
    names = ["red", "blue", "green", "red"] * 5
    for name in HEADS:
        model = XMLCClassifier(TextFeatures(), name, head_options=TRAINING, threads=1).fit(texts, names)
        assert model.predict_names(["red", "the sky", "grass"], k=1) == [["red"], ["blue"], ["green"]], name
    model = XMLCClassifier("tfidf", "mhp", head_options={"dim": 64, "epochs": 60}, threads=1).fit(texts, names)
    assert model.score(texts, names, metric="P@1") == 1.0


def test_training_leaves_torch_and_the_data_as_they_were(planted):
    X, Y = planted
    X, before = sp.csr_array(X), [X.copy(), Y.toarray()]
    random_state = torch.random.get_rng_state()
    torch.set_num_threads(2)
    try:
        NeuralHead(HEADS["mhs"], epochs=1, threads=1).fit(X, Y).top_k(X, 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(torch.random.get_rng_state(), random_state)
    np.testing.assert_array_equal(X.toarray(), before[0])
    np.testing.assert_array_equal(Y.toarray(), before[1])


class Watched(OneHot):
    """A head that notes how many threads torch has in its steps."""

    seen: ClassVar[set[int]] = set()

    def loss(self, features, labels):
        self.seen.add(torch.get_num_threads())
        return super().loss(features, labels)


@pytest.mark.parametrize("body", ["bag", "linear", "none"])
def test_a_small_step_takes_one_thread_and_a_large_one_all(planted, monkeypatch, body):
    X, Y = planted
    X, options = (sp.csr_array(X), {}) if body == "bag" else (X, {"hidden": body == "linear"})
    of_body = {"bag": 0, "linear": (X.shape[1] + 1) * 256, "none": 0}[body]  # a bag is read in few places
    of_head = NUM_LABELS * ((X.shape[1] if body == "none" else 256) + 1)
    for worth, expected in ((50 * (of_body + of_head), 2), (50 * (of_body + of_head) + 1, 1)):
        monkeypatch.setattr(threads, "WORTH_THREADS", worth)
        Watched.seen.clear()
        head = NeuralHead(Watched, epochs=1, batch_size=50, threads=2, **options).fit(X, Y)
        assert (head.kind, Watched.seen) == (body, {expected})


def test_an_encoder_takes_all_threads(planted):
    encoder = torch.nn.Linear(planted[0].shape[1], 4)
    encoder.dim = 4
    model = HeadOnBody(encoder, OneHot(NUM_LABELS, 4))
    assert threads.threads_of_step(model, batch_size=1, threads=7) == 7


def test_every_document_is_taken_once_an_epoch():
    batches = [batches_of_epoch(10, 4, epoch=epoch) for epoch in range(3)]
    assert [[len(docs) for docs in epoch] for epoch in batches] == [[4, 4, 2]] * 3
    epochs = [np.concatenate(epoch).tolist() for epoch in batches]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_model_can_be_cloned_and_keeps_its_options():
    options = {"epochs": 3, "num_heads": 3}
    copied = clone(XMLCClassifier("given", "mhp", head_options=options))
    assert (copied.head_options, copied.head) == (options, "mhp")


def test_the_head_says_what_it_is(planted, fitted):
    assert fitted("mhp").head_.describe() == "head mhp on a bag of vectors, 1,162 parameters"
    X, Y = planted
    assert "as they are" in NeuralHead(OneHot, epochs=1).fit(X, Y).describe()


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_trains_a_neural_head_with_its_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        (tmp_path / f"{part}_texts.txt").write_text("red rose\nblue sky\ngreen grass\n" * 8)
        (tmp_path / f"{part}_labels.txt").write_text("red\nblue\ngreen\n" * 8)
    options = ["--head-option", "epochs=30", "--head-option", "loss=cross_entropy", "--head-option", "hidden=true"]
    assert main(["fit", ".", "-m", "model", "-q", "--threads", "1", "--head", "etf", *options]) == 0
    expected = {"epochs": 30, "loss": "cross_entropy", "hidden": True}
    assert read_model("model")["params"]["head_options"] == expected
    assert main(["eval", "model", ".", "-k", "1", "--threads", "1"]) == 0
    assert "100.00" in capsys.readouterr().out
    assert main(["fit", ".", "-m", "second", "-q", "--head", "mhp", "--head-option", "rank=3"]) == 2
    assert 'error: head_options of head "mhp" must be among ' in capsys.readouterr().err
    for wrong in ("epochs", "=3"):
        with pytest.raises(SystemExit):
            main(["fit", ".", "-m", "second", "--head-option", wrong])
        assert "invalid NAME=VALUE value" in capsys.readouterr().err


# --- without torch ----------------------------------------------------------------------------------------------------


@pytest.fixture
def no_torch(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name))


def test_the_package_and_the_names_of_heads_need_no_torch():
    source = (
        "import sys\nclass NoTorch:\n  def find_spec(self, name, *_):\n    assert name != 'torch'\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from xmlc_mhe import XMLCClassifier; from xmlc_mhe.classifier.options import HEADS\n"
        "from xmlc_mhe.cli import build_parser\n"
        "build_parser(); assert list(HEADS)[:3] == ['mhc', 'vanilla', 'softmax']\n"
        "model = XMLCClassifier(threads=1).fit(['red rose', 'blue sky'] * 3, ['red', 'blue'] * 3)\n"
        "print(model.predict_names(['rose']))\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[['red', 'blue']]\n"


def test_a_neural_head_without_torch_says_what_to_install(no_torch, tmp_path, monkeypatch, capsys):
    message = r'^head "mhp" needs torch\. Got no torch; pip install "xmlc-mhe\[neural\]"\.$'
    with pytest.raises(ImportError, match=message):
        XMLCClassifier(head="mhp").fit(["a b"], ["c"])
    with pytest.raises(ImportError, match=message):
        HEADS["mhp"]
    (tmp_path / "train_texts.txt").write_text("red rose\nred sky\n")
    (tmp_path / "train_labels.txt").write_text("red\nred\n")
    assert main(["fit", str(tmp_path), "-m", str(tmp_path / "model"), "-q", "--head", "mhp"]) == 2
    assert 'xmlc-mhe: error: head "mhp" needs torch.' in capsys.readouterr().err


# --- neural MHC -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [1, 3, 8])
@pytest.mark.parametrize(("num_groups", "num_chosen"), [(9, 4), (9, 9), (1, 1), (500, 3)])
def test_logits_of_groups_equal_those_of_gathered_weights(monkeypatch, num_groups, num_chosen, tile):
    monkeypatch.setattr(blocks, "TILE", tile)
    groups = torch.stack([torch.randperm(num_groups)[:num_chosen] for _ in range(30)])
    tables = [torch.randn(num_groups, 5 * DIM, dtype=torch.float64), torch.randn(num_groups, 5, dtype=torch.float64)]
    features = torch.randn(30, DIM, dtype=torch.float64)
    inputs = [tensor.requires_grad_() for tensor in (features, *tables)]
    logits = group_logits(features, groups, *tables)
    expected = torch.einsum("bd,bscd->bsc", features, tables[0][groups].unflatten(2, (5, DIM))) + tables[1][groups]
    torch.testing.assert_close(logits, expected)
    factors = torch.randn_like(logits)
    got = torch.autograd.grad((logits * factors).sum(), inputs)
    assert got[1].is_sparse and got[2].is_sparse
    for gradient, other in zip(got, torch.autograd.grad((expected * factors).sum(), inputs), strict=True):
        torch.testing.assert_close(gradient.to_dense() if gradient.is_sparse else gradient, other)


@pytest.mark.parametrize("head_sizes", [(6, 4), (2, 3, 5), (23,), (5, 2, 3)])
@pytest.mark.parametrize("train_beam", [1, 3, 99])
def test_the_loss_of_neural_mhc_takes_true_prefixes_and_the_best_wrong_ones(head_sizes, train_beam):
    """Plain loops: each head scores the continuations of the kept prefixes, true ones first, then the best wrong."""
    module = with_random_tables(
        NeuralCascade(NUM_LABELS, DIM, head_sizes=head_sizes, embedding_dim=6, train_beam=train_beam)
    )
    module.requires_grad_(False)
    features, labels = torch.randn(4, DIM), torch.tensor([[3, 17, 22], [0, -1, -1], [-1, -1, -1], [8, 9, 10]])
    most_true = [0] * len(head_sizes)
    for row in labels.tolist():
        for head in range(len(head_sizes)):
            most_true[head] = max(most_true[head], len({y // module.strides[head] for y in row if y >= 0}))
    total = 0.0
    for feature, row in zip(features, labels.tolist(), strict=True):
        kept = [None]
        for head in range(len(head_sizes)):
            size, stride = head_sizes[head], module.strides[head]
            true = {y // stride for y in row if y >= 0}
            scored = range(module.num_prefixes[0]) if head == 0 else [p * size + d for p in kept for d in range(size)]
            logits = {}
            for code in scored:
                if head == 0:
                    logits[code] = module.first.weight[code] @ feature + module.first.bias[code]
                else:
                    weight = module.weights[head - 1].weight[code // size].view(size, -1)[code % size]
                    bias = module.biases[head - 1].weight[code // size, code % size]
                    logits[code] = weight @ module.projections[head - 1](feature) + bias
            real = [code for code in scored if code < module.num_prefixes[head]]
            for code in real:
                sign = 1 if code in true else -1
                total = total + torch.log1p(torch.exp(-sign * logits[code]))
            ranked = sorted(real, key=lambda code: (code not in true, -float(logits[code])))
            kept = sorted(ranked[: max(train_beam, most_true[head])])
    torch.testing.assert_close(module.loss(features, labels), total / 4, rtol=1e-4, atol=1e-4)


def test_a_document_with_more_true_groups_than_the_beam_is_trained_on_all_of_them(monkeypatch):
    scored = []
    plain = cascade.group_logits
    monkeypatch.setattr(cascade, "group_logits", lambda features, groups, *rest: scored.append(groups) or plain(
        features, groups, *rest))  # fmt: skip
    module = NeuralCascade(400, DIM, head_sizes=(200, 2), embedding_dim=6, train_beam=5)
    labels = torch.stack([torch.arange(0, 300, 2), torch.full((150,), -1)])
    module.loss(torch.randn(2, DIM), labels)
    assert set(range(150)) <= set(scored[0][0].tolist())
    assert all(len(set(row)) == len(row) for row in scored[0].tolist())


@pytest.mark.parametrize("beam", [1, 2, 6])
def test_a_beam_of_neural_mhc_ranks_the_continuations_of_its_best_groups(beam):
    module = with_random_tables(
        NeuralCascade(NUM_LABELS, DIM, head_sizes=(6, 4), embedding_dim=6, beam=beam)
    ).requires_grad_(False)
    features = torch.randn(5, DIM)
    scores, groups = all_scores(module, features), module.first(features).argsort(dim=1, descending=True)
    labels, _ = module.top_k(features, 1)
    for doc in range(5):
        kept = max(beam, 2)  # a group beside the last, so that one label is always found
        allowed = [label for label in range(NUM_LABELS) if label // 4 in groups[doc, :kept].tolist()]
        assert labels[doc, 0] == max(allowed, key=lambda label, doc=doc: float(scores[doc, label]))


def test_a_step_of_neural_mhc_leaves_the_groups_outside_its_shortlists_alone():
    module = with_random_tables(NeuralCascade(400, DIM, head_sizes=(100, 4), embedding_dim=6, train_beam=2))
    before = module.weights[0].weight.detach().clone()
    optimisers = optimisers_of(module, 0.1)
    module.loss(torch.randn(3, DIM), torch.tensor([[3, 80], [9, -1], [200, 201]])).backward()
    for optimiser in optimisers:
        optimiser.step()
    changed = (module.weights[0].weight != before).any(dim=1)
    assert 4 <= changed.sum() <= 6
    assert changed[[0, 2, 20, 50]].all()


def test_adagrad_of_rows_follows_plain_loops_with_one_number_a_label():
    weight = torch.randn(5, 6)
    embedding = table(weight.clone(), labels_per_row=2)
    (optimiser,) = optimisers_of(nn.ModuleList([embedding]), 1.0, table_learning_rate=0.1)
    expected, sums = weight.clone().view(5, 2, 3), torch.zeros(5, 2)
    for rows in ([0, 3], [3, 3, 1]):
        optimiser.zero_grad()
        factors = torch.randn(len(rows), 6)
        (embedding(torch.tensor(rows)) * factors).sum().backward()
        optimiser.step()
        gradient = torch.zeros(5, 6).index_add(0, torch.tensor(rows), factors).view(5, 2, 3)
        for row in set(rows):
            for label in range(2):
                sums[row, label] += gradient[row, label].square().mean()
                expected[row, label] -= 0.1 * gradient[row, label] / sums[row, label].sqrt()
    torch.testing.assert_close(embedding.weight.view(5, 2, 3), expected)
    assert optimiser.state[embedding.weight]["sum"].shape == (5, 2)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [case for case, (name, _) in CASES.items() if not build(case).takes_many_labels])
def test_several_labels_or_none_are_refused_by_heads_that_take_one(planted, name):
    X, Y = planted
    head, _ = CASES[name]
    truth = Y.toarray()
    truth[3, [5, 9]], truth[3, 3] = 1, 0
    message = rf'^head "{head}" takes one label a document\. Got 2 in document 3; use head="mhc" or head="vanilla" for '
    with pytest.raises(ValueError, match=message + r"several\.$"):
        classifier(name).fit(X, truth)
    truth[3] = 0
    with pytest.raises(ValueError, match=r"Got 0 in document 3; leave such documents out\.$"):
        classifier(name).fit(X, truth)


def test_a_loss_that_is_not_finite_stops_the_training_and_says_where(planted):
    X, Y = planted
    head = NeuralHead(LowRank, options={"loss": "frobenius"}, dim=8, batch_size=25, learning_rate=1e12)
    message = r"^the loss must stay finite\. Got (inf|nan) in epoch \d+, step \d+; lower learning_rate=1e\+12, or scale"
    with pytest.raises(ValueError, match=message):
        head.fit(X, Y)
    head = NeuralHead(OneHot, batch_size=25)
    with pytest.raises(ValueError, match=r"Got nan in epoch 1, step [12]; lower learning_rate=0\.003, or scale"):
        head.fit(np.where(np.arange(NUM_DOCS)[:, None] == 7, np.float32(np.nan), X), Y)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("softmax", {"loss": "hinge"}, r"loss must be one of softmax, bce\. Got 'hinge'; "),
        ("lowrank", {"loss": "x"}, r"loss must be one of softmax, frobenius, bce, squared_hinge\. Got 'x'; "),
        ("etf", {"loss": "softmax"}, r"loss must be one of cross_entropy, dot_regression\. Got 'softmax'; "),
        ("lowrank", {"rank": 0}, r"rank must be a whole number from 1\. Got 0; choose another\."),
        ("mhp", {"num_heads": 1.5}, r"num_heads must be a whole number from 1 to 64\. Got 1\.5; "),
        (
            "mhp",
            {"head_sizes": (4, 5)},
            r"head_sizes must multiply to at least num_labels=23\. Got \(4, 5\), which name 20",
        ),
        ("cp", {"head_sizes": (4, 0)}, r"head_sizes must be a whole number from 1 to 2147483647\. Got 0; "),
        ("cp", {"num_groups": True}, r"num_groups must be a whole number from 1\. Got True; "),
        ("mhs", {"group_size": 0}, r"group_size must be a whole number from 1\. Got 0; "),
        ("mhs", {"sampled_groups": 0}, r"sampled_groups must be a whole number from 1\. Got 0; "),
        ("rbf", {"s": 0}, r"s must be a number above 0\. Got 0; choose another\."),
        ("rbf", {"gamma": math.inf}, r"gamma must be a number above 0\. Got inf; "),
    ],
)
def test_a_wrong_option_of_a_head_is_refused_with_what_was_got_and_the_mend(name, options, message):
    with pytest.raises(ValueError, match=message):
        HEADS[name](NUM_LABELS, DIM, **options)


def test_etf_refuses_more_labels_than_its_dimensions_hold():
    message = (
        r'^dim must be at least num_labels - 1 = 22 for head "etf"\. Got dim=21; raise dim, or use head="softmax"\.$'
    )
    with pytest.raises(ValueError, match=message):
        SimplexETF(NUM_LABELS, 21)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, r"dim must be a whole number from 1\. Got 0; "),
        ({"hidden": 1}, r"hidden must be None, True or False\. Got 1; choose one\."),
        ({"epochs": "3"}, r"epochs must be a whole number from 1\. Got '3'; "),
        ({"batch_size": 0}, r"batch_size must be a whole number from 1\. Got 0; "),
        ({"learning_rate": -1}, r"learning_rate must be a number above 0\. Got -1; "),
        ({"dim": 8, "hidden": False}, r"dim must be None with hidden=False\. Got 8; leave it out\."),
        (
            {"hidden": False},
            r'hidden must be None or True for head "etf", which learns nothing itself\. Got False; leave it out\.',
        ),
    ],
)
def test_a_wrong_option_of_the_training_is_refused(planted, options, message):
    name = "etf" if options == {"hidden": False} else "mhp"
    with pytest.raises(ValueError, match=message):
        XMLCClassifier("given", name, head_options=options, threads=1).fit(*planted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"head": "mhp", "head_options": {"rank": 3}},
            r'^head_options of head "mhp" must be among dim, hidden, epochs, batch_size, .*, device, num_heads\. '
            r"Got 'rank'; choose one of them\.$",
        ),
        (
            {"head": "mhc", "head_options": {"dim": 3}},
            r"^head_options must be None with head='mhc'\. Got \{'dim': 3\}; leave it out, or choose head softmax, ",
        ),
        ({"head": "mhp", "head_options": [3]}, r"^head_options must be None or a dict\. Got list; write for example "),
        (
            {"head": "softmax", "head_sizes": (5, 5)},
            r"^head_sizes must be None with head='softmax'\. Got \(5, 5\); leave it out, or choose head mhc, ",
        ),
    ],
)
def test_wrong_options_of_the_model_are_refused_before_the_work(planted, options, message):
    with pytest.raises(ValueError, match=message):
        XMLCClassifier("given", **options).fit([], [])
