import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe.ranking.document_index import Neighbours
from xmlc_mhe.ranking.neighbours import label_shares

# Documents 0 to 3 have the labels {0, 2}, {2}, {1, 4}, {}; label 3 has no document.
Y = sp.csr_array(np.array([[1, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]], np.float32))
FOUND = Neighbours(np.array([[1, 0, 2], [3, -1, -1], [-1, -1, -1], [2, 3, -1]], np.int32),
                   np.array([[0.5, 0.5, 0.25], [1, 0, 0], [0, 0, 0], [1, 0.5, 0]], np.float32))  # fmt: skip
NONE = np.full((4, 1), -1, np.int32)


def random_case(rng, *, num_docs=30, num_train=20, num_labels=12, k=6):
    """Neighbours and labels with many ties, as cosines are quarters."""
    labels = sp.csr_array((rng.random((num_train, num_labels)) < 0.2).astype(np.float32))
    docs = np.argsort(rng.random((num_docs, num_train)), axis=1)[:, :k].astype(np.int32)
    cosines = -np.sort(-rng.integers(1, 5, (num_docs, k)) / np.float32(4), axis=1)
    for row, num_found in enumerate(rng.integers(0, k + 1, num_docs)):
        docs[row, num_found:], cosines[row, num_found:] = -1, 0
    return Neighbours(docs, cosines.astype(np.float32)), labels


def reference_shares(neighbours, labels, power):
    """Shares of all labels, by plain loops."""
    shares = np.zeros((len(neighbours.docs), labels.shape[1]))
    for row, (docs, cosines) in enumerate(zip(*neighbours, strict=True)):
        weights = [float(cosine) ** power if doc >= 0 else 0.0 for doc, cosine in zip(docs, cosines, strict=True)]
        for doc, weight in zip(docs, weights, strict=True):
            if doc >= 0:
                shares[row] += weight * labels.toarray()[doc].astype(float) / sum(weights)
    return shares


def test_a_share_is_the_part_of_the_weights_whose_document_has_the_label():
    candidates = np.array([[2, 0, 1, 3], [0, 1, 2, 3], [0, 1, 2, 3], [4, -1, 1, 0]], np.int32)
    # squares of the first document's cosines: 1/4 (label 2), 1/4 (labels 0 and 2), 1/16 (labels 1 and 4)
    expected = [[8 / 9, 4 / 9, 1 / 9, 0], [0] * 4, [0] * 4, [4 / 5, 0, 4 / 5, 0]]
    shares = label_shares(FOUND, Y, candidates, power=2)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


@pytest.mark.parametrize("power", [1, 2, 6.0])
def test_shares_agree_with_plain_loops(rng, power):
    neighbours, labels = random_case(rng)
    candidates = rng.integers(-1, 12, (30, 7)).astype(np.int32)
    everything = np.c_[reference_shares(neighbours, labels, power), np.zeros(30)]  # the last column is of -1
    expected = np.take_along_axis(everything, candidates, 1)
    np.testing.assert_allclose(label_shares(neighbours, labels, candidates, power=power), expected, rtol=1e-5)
