import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe.features.matrix import HybridMatrix
from xmlc_mhe.linear.cascade import MultiHeadCascade
from xmlc_mhe.linear.label_weights import label_weights
from xmlc_mhe.linear.one_vs_rest import OneVsRest
from xmlc_mhe.linear.options import SolverOptions


@pytest.mark.parametrize("num_dense", [0, 5])
@pytest.mark.parametrize("head", [
    OneVsRest(SolverOptions()),
    MultiHeadCascade(SolverOptions(), head_sizes=(3, 20), beam="all"),
    MultiHeadCascade(SolverOptions(), head_sizes=(2, 4, 5), beam="all", cascade_scale=0.5),
], ids=["vanilla", "mhc", "scaled"])  # fmt: skip
def test_the_weights_of_a_label_times_the_features_are_its_margin(head, num_dense, rng):
    sparse = sp.random_array((60, 30), density=0.2, rng=rng, dtype=np.float32, format="csr")
    X = HybridMatrix(sparse, rng.standard_normal((60, num_dense)).astype(np.float32))
    Y = sp.csr_array(np.eye(39, dtype=np.float32)[rng.integers(0, 39, 60)])
    head.fit(X, Y)
    labels, margins = head.top_k(X, 39)
    seen = head.label_features(X)
    for label in range(39):
        every = label_weights(head.label_index, int(head.code.position[label]))
        by_all = every.bias + seen.sparse.toarray()[:, every.features] @ every.weights + seen.dense @ every.dense
        np.testing.assert_allclose(by_all, margins[labels == label], atol=1e-5)
        columns = seen.sparse[[7]].indices
        some = label_weights(head.label_index, int(head.code.position[label]), columns)
        by_some = some.bias + seen.sparse[[7]].data @ some.weights + seen.dense[7] @ some.dense
        np.testing.assert_allclose(by_some, margins[7][labels[7] == label], atol=1e-5)
