import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.preprocessing import normalize

from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear import cascade
from xmlc_mhe.linear.cascade import BEAM_SIZE, MultiHeadCascade
from xmlc_mhe.linear.heads import HEADS
from xmlc_mhe.linear.options import SolverOptions
from xmlc_mhe.predictions import Predictions

NUM_DOCS, NUM_LABELS = 50, 23  # 23 labels are no product: every mhc below has padding codes
CASES = {
    "vanilla": ("vanilla", {}),
    "mhc": ("mhc", {}),
    "mhc, short heads": ("mhc", {"head_sizes": (6, 4)}),
    "mhc, long heads": ("mhc", {"head_sizes": (10, 10)}),
    "mhc, three heads": ("mhc", {"head_sizes": (2, 3, 4)}),
    "mhc, given order": ("mhc", {"head_sizes": (6, 4), "label_order": "given"}),
    "mhc, random order": ("mhc", {"head_sizes": (6, 4), "label_order": "random", "seed": 3}),
    "mhc, beam 1": ("mhc", {"head_sizes": (6, 4), "beam": 1, "train_beam": 2}),
    "mhc, three heads, beam 2": ("mhc", {"head_sizes": (4, 3, 2), "beam": 2, "train_beam": 2}),
    "mhc, beam all": ("mhc", {"head_sizes": (6, 4), "beam": "all", "train_beam": 1}),
    "mhc, cascade": ("mhc", {"head_sizes": (6, 4), "cascade_scale": 0.5}),
    "mhc, three heads, cascade, beam 2": ("mhc", {"head_sizes": (2, 3, 4), "cascade_scale": 0.5, "beam": 2}),
    "mhc, two threads": ("mhc", {"head_sizes": (6, 4), "threads": 2}),
}
every_head = pytest.mark.parametrize("case", CASES)


def build(case, **others):
    name, options = CASES[case]
    return HEADS[name](SolverOptions(), **options | others)


def assert_same(got, expected):
    np.testing.assert_array_equal(got.labels, expected.labels)
    np.testing.assert_array_equal(got.scores, expected.scores)


@pytest.fixture
def planted(rng):
    """X, Y of 50 documents with one or two of 23 labels, whose own word each holds beside two words of no meaning."""
    truth, counts = np.zeros((NUM_DOCS, NUM_LABELS)), np.zeros((NUM_DOCS, NUM_LABELS + 15))
    for doc in range(NUM_DOCS):
        labels = {doc % NUM_LABELS, int(rng.integers(NUM_LABELS))}
        truth[doc, list(labels)] = 1
        counts[doc, [*labels, *(NUM_LABELS + rng.permutation(15)[:2])]] = 1
    return normalize(sp.csr_array(counts, dtype=np.float32)), sp.csr_array(truth, dtype=np.float32)


# --- the contract of every head ---------------------------------------------------------------------------------------


def test_every_head_keeps_the_contract():
    assert {name for name, _ in CASES.values()} == set(HEADS)


@every_head
def test_a_head_learns_a_planted_problem(planted, case):
    X, Y = planted
    best = build(case).fit(X, Y).top_k(X, 1).labels[:, 0]
    assert Y.toarray()[np.arange(NUM_DOCS), best].mean() == 1.0


@every_head
def test_predictions_are_distinct_labels_in_descending_order_then_padding(planted, case):
    X, Y = planted
    labels, scores = build(case).fit(X, Y).top_k(X, NUM_LABELS)
    assert labels.shape == scores.shape == (NUM_DOCS, NUM_LABELS)
    assert (labels.dtype, scores.dtype) == (np.int32, np.float32)
    assert ((labels >= -1) & (labels < NUM_LABELS)).all()
    np.testing.assert_array_equal(labels == -1, scores == -np.inf)
    for row in labels.tolist():
        found = [label for label in row if label >= 0]
        assert row == found + [-1] * (NUM_LABELS - len(found))
        assert len(set(found)) == len(found) > 0
    assert (scores[:, 1:] <= scores[:, :-1]).all()


@every_head
def test_a_smaller_k_is_the_beginning_of_a_larger_one(planted, case):
    X, Y = planted
    head = build(case).fit(X, Y)
    whole, few = head.top_k(X, NUM_LABELS), head.top_k(X, 3)
    np.testing.assert_array_equal(few.labels, whole.labels[:, :3])
    np.testing.assert_array_equal(few.scores, whole.scores[:, :3])


@every_head
def test_a_head_comes_back_from_its_state(planted, case):
    X, Y = planted
    head = build(case).fit(X, Y)
    state = {
        name: value if isinstance(value, np.ndarray) else json.loads(json.dumps(value))
        for name, value in head.state().items()
    }
    again = HEADS[head.name].from_state(state)
    assert_same(again.top_k(X, 7), head.top_k(X, 7))
    assert again.describe() == head.describe()


@pytest.mark.parametrize("num_dense", [0, 3])
@pytest.mark.parametrize(("num_labels", "width"), [(70, 32), (64, 32), (81, 48), (41, 20), (5, 32)])
def test_a_head_with_a_short_last_group_comes_back_from_its_state(rng, num_labels, width, num_dense):
    Y = sp.csr_array(np.eye(num_labels, dtype=np.float32)[rng.permutation(np.repeat(np.arange(num_labels), 3))])
    X = HybridMatrix(Y, rng.random((Y.shape[0], num_dense), np.float32))
    sizes = (-(-num_labels // width), width)
    head = MultiHeadCascade(SolverOptions(), head_sizes=sizes, beam="all").fit(X if num_dense else Y, Y)
    again = MultiHeadCascade.from_state(head.state())
    for beam_size in (None, 2):
        head.beam_size = again.beam_size = beam_size
        assert_same(again.top_k(X, 2), head.top_k(X, 2))
    assert (head.top_k(X, 1).labels[:, 0] == Y.indices).all()


@every_head
def test_the_same_seed_gives_the_same_predictions_with_any_number_of_threads(planted, case):
    X, Y = planted
    assert_same(build(case, threads=4).fit(X, Y).top_k(X, 7), build(case).fit(X, Y).top_k(X, 7))


@every_head
def test_one_document_equals_its_row_in_a_batch(planted, case):
    X, Y = planted
    head = build(case).fit(X, Y)
    labels, scores = head.top_k(X, 5)
    for doc in range(NUM_DOCS):
        one = head.top_k(X[doc : doc + 1], 5)
        np.testing.assert_array_equal(one.labels, labels[doc : doc + 1])
        np.testing.assert_array_equal(one.scores, scores[doc : doc + 1])


@every_head
def test_the_order_of_documents_at_prediction_does_not_matter(rng, planted, case):
    X, Y = planted
    head, order = build(case).fit(X, Y), rng.permutation(NUM_DOCS)
    labels, scores = head.top_k(X, 5)
    shuffled = head.top_k(X[order], 5)
    np.testing.assert_array_equal(shuffled.labels, labels[order])
    np.testing.assert_array_equal(shuffled.scores, scores[order])


@every_head
def test_training_leaves_the_documents_and_labels_unchanged(planted, case):
    X, Y = planted
    before = [array.copy() for matrix in planted for array in (matrix.data, matrix.indices, matrix.indptr)]
    build(case).fit(X, Y).top_k(X, 5)
    after = [array for matrix in planted for array in (matrix.data, matrix.indices, matrix.indptr)]
    for array, copy in zip(after, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_head
def test_empty_documents_and_documents_without_labels_are_trained_and_predicted(planted, case):
    X, Y = planted
    nothing = sp.csr_array((1, X.shape[1]), dtype=np.float32)
    no_label = sp.csr_array((1, NUM_LABELS), dtype=np.float32)
    # a document without words that has labels, one with words and no labels, one with neither
    with_odd = sp.csr_array(sp.vstack([X, nothing, X[:1], nothing], format="csr"))
    labels_with_odd = sp.csr_array(sp.vstack([Y, Y[1:2], no_label, no_label], format="csr"))
    predictions = build(case).fit(with_odd, labels_with_odd).top_k(with_odd, 3)
    assert Y.toarray()[np.arange(NUM_DOCS), predictions.labels[:NUM_DOCS, 0]].mean() > 0.9
    assert (predictions.labels[:, 0] >= 0).all()
    assert predictions.scores[NUM_DOCS, 0] == predictions.scores[-1, 0]


@every_head
def test_labels_that_no_document_has_rank_below_those_that_fit(planted, case):
    X, Y = planted
    truth = Y.toarray()
    truth[:, 15:] = 0
    labels, scores = build(case).fit(X, sp.csr_array(truth)).top_k(X, NUM_LABELS)
    has_label = truth.any(axis=1)
    assert (labels[has_label, 0] < 15).all()
    assert (scores[labels >= 15] <= -0.9).all()  # the bias, -1


@every_head
def test_predictions_for_no_documents_have_no_rows(planted, case):
    X, Y = planted
    labels, scores = build(case).fit(X, Y).top_k(X[:0], 5)
    assert labels.shape == scores.shape == (0, 5)


@pytest.mark.parametrize("num_docs", [1, 2, 7])
@pytest.mark.parametrize("options", [{}, {"beam": 1}, {"cascade_scale": 0.5}, {"head_sizes": (1, 2, 1)}])
@pytest.mark.parametrize("name", HEADS)
def test_a_single_label_is_learned_from_any_number_of_documents(name, options, num_docs):
    X = sp.csr_array(np.ones((num_docs, 1), np.float32))
    Y = sp.csr_array(np.ones((num_docs, 1), np.float32))
    head = HEADS[name](SolverOptions(), **options if name == "mhc" else {}).fit(X, Y)
    labels, scores = head.top_k(X, 1)
    assert (labels == 0).all()
    assert (scores > -1).all()


@pytest.mark.parametrize("case", ["vanilla", "mhc, short heads", "mhc, three heads, cascade, beam 2"])
@pytest.mark.parametrize("num_dense", [10, NUM_LABELS + 15])
def test_features_in_a_dense_block_are_learned_as_sparse_ones(planted, case, num_dense):
    X, Y = planted
    apart = HybridMatrix(sp.csr_array(X[:, num_dense:]), X[:, :num_dense].toarray())
    head = build(case).fit(apart, Y)
    predictions = head.top_k(apart, 5)
    assert Y.toarray()[np.arange(NUM_DOCS), predictions.labels[:, 0]].mean() == 1.0
    again = HEADS[head.name].from_state(head.state())
    assert_same(again.top_k(apart, 5), predictions)
    assert_same(again.top_k(apart[7:9], 5), Predictions(predictions.labels[7:9], predictions.scores[7:9]))
    # Small weights of sparse features are dropped, those of dense ones are not
    np.testing.assert_allclose(predictions.scores[:, 0], build(case).fit(X, Y).top_k(X, 5).scores[:, 0], atol=0.15)


# --- the beam ---------------------------------------------------------------------------------------------------------


def coarse_to_fine(head, X, beam, k):
    """Labels and scores by ranking every prefix and striking out those that do not continue a kept one."""
    rows = []
    for doc in range(X.shape[0]):
        kept = [0]
        for number, index in enumerate(head.indices):
            size, is_last = head.code.head_sizes[number], number == head.code.num_heads - 1
            prefixes, scores = (row[0].tolist() for row in index.top_k(X[doc : doc + 1], index.num_labels))
            pairs = [pair for pair in zip(prefixes, scores, strict=True) if pair[0] // size in kept]
            pairs = pairs[: k if is_last else beam]
            kept = [prefix for prefix, _ in pairs]
        padding = [(-1, -np.inf)] * (k - len(pairs))
        rows.append([(head.code.order[code], score) for code, score in pairs] + padding)
    rows = np.array(rows)  # (B, k, 2)
    return rows[:, :, 0], rows[:, :, 1]


@pytest.mark.parametrize("head_sizes", [(6, 4), (2, 16), (4, 3, 2), (2, 2, 2, 3)])
@pytest.mark.parametrize("beam", [1, 2, 3])
def test_a_beam_searches_the_continuations_of_the_best_prefixes_alone(planted, head_sizes, beam):
    X, Y = planted
    head = MultiHeadCascade(SolverOptions(), head_sizes=head_sizes, beam=beam).fit(X, Y)
    predictions = head.top_k(X, NUM_LABELS)
    labels, scores = coarse_to_fine(head, X, beam, NUM_LABELS)
    np.testing.assert_array_equal(predictions.labels, labels)
    np.testing.assert_array_equal(predictions.scores, scores.astype(np.float32))


@pytest.mark.parametrize("head_sizes", [(6, 4), (2, 3, 4), (2, 2, 2, 3)])
@pytest.mark.parametrize("cascade_scale", [0.0, 0.5])
@pytest.mark.parametrize("beam", [8, 100])  # of 6, 6 and 8 groups
def test_a_beam_of_every_group_equals_all_exactly(planted, head_sizes, cascade_scale, beam):
    X, Y = planted
    narrow, wide, everything = (
        MultiHeadCascade(SolverOptions(), head_sizes=head_sizes, cascade_scale=cascade_scale, beam=choice).fit(X, Y)
        for choice in (1, beam, "all")
    )
    assert_same(wide.top_k(X, NUM_LABELS), everything.top_k(X, NUM_LABELS))
    assert (narrow.top_k(X, NUM_LABELS).labels == -1).any()


def test_the_automatic_beam_scores_all_of_few_labels(planted):
    X, Y = planted
    head = build("mhc").fit(X, Y)
    assert head.beam_size is None
    assert head.describe() == "heads of 2 x 16, beam all"


@pytest.mark.parametrize(("rank_ns", "expected"), [(1e6, BEAM_SIZE), (0.0, None)])
def test_the_automatic_beam_searches_groups_where_ranking_every_label_is_dear(monkeypatch, rank_ns, expected):
    num_labels = 100_000  # 695 groups of 144, of which a beam ranks 20
    docs = np.arange(NUM_DOCS)
    X = sp.csr_array(np.eye(NUM_DOCS, dtype=np.float32))
    Y = sp.csr_array((np.ones(NUM_DOCS, np.float32), (docs, docs * 2000)), shape=(NUM_DOCS, num_labels))
    monkeypatch.setattr(cascade, "RANK_NS", rank_ns)
    head = MultiHeadCascade(SolverOptions(), label_order="given").fit(X, Y)
    assert head.beam_size == expected
    assert head.top_k(X, 1).labels[:, 0].tolist() == (docs * 2000).tolist()


def test_the_automatic_beam_scores_all_labels_where_groups_are_features(monkeypatch, planted):
    monkeypatch.setattr(cascade, "RANK_NS", 1e6)
    monkeypatch.setattr(cascade, "BEAM_SIZE", 0)  # the cheapest beam there is
    assert build("mhc").fit(*planted).beam_size == 0
    assert build("mhc", cascade_scale=0.5).fit(*planted).beam_size is None


# --- training ---------------------------------------------------------------------------------------------------------


def test_a_cascade_trained_on_every_group_equals_one_classifier_a_label_exactly(planted):
    X, Y = planted
    everything = MultiHeadCascade(SolverOptions(), head_sizes=(2, 16), train_beam=2, beam="all").fit(X, Y)
    assert_same(everything.top_k(X, NUM_LABELS), build("vanilla").fit(X, Y).top_k(X, NUM_LABELS))


def test_later_heads_train_a_group_on_its_documents_and_those_whose_beam_holds_it(monkeypatch, planted):
    X, Y = planted
    shortlists = []
    fit_head = cascade.fit_head

    def recording(X, Y, *, shortlist, **options):
        shortlists.append(shortlist)
        return fit_head(X, Y, shortlist=shortlist, **options)

    monkeypatch.setattr(cascade, "fit_head", recording)
    head = MultiHeadCascade(SolverOptions(), head_sizes=(6, 4), train_beam=2).fit(X, Y)
    first, second = shortlists
    assert first is None
    expected = head.code.prefixes(Y, 1).toarray() > 0
    np.put_along_axis(expected, head.indices[0].top_k(X, 2).labels, True, axis=1)
    np.testing.assert_array_equal(second.toarray() > 0, expected)
    assert not expected.all()


# --- cascade features -------------------------------------------------------------------------------------------------


def implied_labels(rng, num_docs, *, kept):
    """Documents with one of 16 labels and, kept with this probability, the label that its group of four implies."""
    truth, counts = np.zeros((num_docs, 20)), np.zeros((num_docs, 16 * 6 + 20))
    for doc in range(num_docs):
        label = int(rng.integers(16))
        truth[doc, 4 + label] = 1
        truth[doc, label // 4] = rng.random() < kept
        counts[doc, label * 6 + rng.permutation(6)[:2]] = 1
        counts[doc, 16 * 6 + rng.permutation(20)[:2]] = 1
    return normalize(sp.csr_array(counts, dtype=np.float32)), sp.csr_array(truth, dtype=np.float32)


def test_group_features_find_a_label_that_its_group_implies_and_training_often_missed(rng):
    train, test = implied_labels(rng, 200, kept=0.5), implied_labels(rng, 300, kept=1.0)
    precisions = []
    for cascade_scale in (0.0, 0.6):
        head = MultiHeadCascade(
            SolverOptions(), head_sizes=(5, 4), label_order="given", beam="all", cascade_scale=cascade_scale
        )
        labels = head.fit(*train).top_k(test[0], 2).labels
        precisions.append(np.take_along_axis(test[1].toarray(), labels, axis=1).mean())
    assert precisions[1] > precisions[0] + 0.02


def test_no_training_document_is_given_group_scores_by_a_head_that_was_trained_on_it(monkeypatch, planted):
    X, Y = planted
    X = sp.csr_array(sp.hstack([X, sp.eye_array(NUM_DOCS, dtype=np.float32)], format="csr"))  # a word of its own each
    fit_head, group_scores = cascade.fit_head, MultiHeadCascade._group_scores
    trained, scored, last_features = {}, {}, []

    def docs_of(X):
        own = X.sparse[:, NUM_LABELS + 15 : NUM_LABELS + 15 + NUM_DOCS]
        return own.nonzero()[1].tolist()

    def recording_fit(X, Y, **options):
        index = fit_head(X, Y, **options)
        trained[id(index)] = (index, set(docs_of(X)))
        last_features.append(X)
        return index

    def recording_scores(self, head, X):
        scores = group_scores(self, head, X)
        for doc, row in zip(docs_of(X), scores.toarray(), strict=True):
            assert doc not in trained[id(head)][1]
            assert doc not in scored
            scored[doc] = row
        return scores

    monkeypatch.setattr(cascade, "fit_head", recording_fit)
    monkeypatch.setattr(MultiHeadCascade, "_group_scores", recording_scores)
    MultiHeadCascade(SolverOptions(), head_sizes=(6, 4), cascade_scale=0.5).fit(X, Y)
    assert sorted(scored) == list(range(NUM_DOCS))
    expected = 0.5 * np.array([scored[doc] for doc in range(NUM_DOCS)])
    assert ((expected > 0) & (expected < 0.5)).any()
    features = last_features[-1].sparse.toarray()
    np.testing.assert_array_equal(features[:, X.shape[1] :], expected)
    np.testing.assert_array_equal(features[:, : X.shape[1]], X.toarray())


def test_group_features_lie_between_zero_and_one_and_belong_to_the_best_groups(monkeypatch, planted):
    X, Y = planted
    monkeypatch.setattr(cascade, "CASCADE_GROUPS", 3)
    head = build("mhc, cascade").fit(X, Y)
    groups, scores = head.indices[0].top_k(X, 3)
    expected = np.zeros((NUM_DOCS, 6), np.float32)
    np.put_along_axis(expected, groups, (np.clip(scores, -1, 1) + 1) / 2, axis=1)
    np.testing.assert_array_equal(head._group_scores(head.indices[0], X).toarray(), expected)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"head_sizes": (23,)},
            r"head_sizes must have two lengths or more\. Got \(23,\); one head is head='vanilla'\.",
        ),
        ({"head_sizes": (4, 5)}, r"multiply to at least num_labels=23\. Got \(4, 5\), .*; enlarge one head\."),
        ({"label_order": "size"}, r"label_order must be one of frequency, given, random\. Got 'size'; "),
    ],
)
def test_a_wrong_option_is_refused_with_what_was_got_and_the_mend(planted, options, message):
    with pytest.raises(ValueError, match=message):
        MultiHeadCascade(SolverOptions(), **options).fit(*planted)


def test_the_automatic_beam_is_a_number_where_documents_have_many_labels(rng):
    X, Y = sp.csr_array(np.eye(40, dtype=np.float32)), sp.csr_array((rng.random((40, 30)) < 0.5).astype(np.float32))
    assert MultiHeadCascade(SolverOptions(), head_sizes=(8, 4)).fit(X, Y).beam_size == BEAM_SIZE
    few = sp.csr_array(np.eye(40, 30, dtype=np.float32))
    assert MultiHeadCascade(SolverOptions(), head_sizes=(8, 4)).fit(X, few).beam_size is None
