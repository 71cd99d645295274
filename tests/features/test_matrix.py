import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe.features.matrix import HybridMatrix


@pytest.fixture
def X(rng):
    return HybridMatrix(sp.csr_array((rng.random((6, 5)) < 0.5).astype(np.float32)), rng.random((6, 3), np.float32))


@pytest.mark.parametrize("rows", [slice(1, 4), slice(4, None), np.array([5, 0, 0]), np.arange(6) % 2 == 0])
def test_rows_are_those_of_both_blocks(X, rows):
    some = X[rows]
    np.testing.assert_array_equal(some.sparse.toarray(), X.sparse.toarray()[rows])
    np.testing.assert_array_equal(some.dense, X.dense[rows])
    assert some.dense.flags.c_contiguous
    assert some.shape == (len(some.dense), 8)
    assert len(some) == len(some.dense)


def test_one_block_alone_has_another_without_columns(X):
    sparse, dense = HybridMatrix.of(X.sparse), HybridMatrix.of(X.dense)
    assert (sparse.sparse is X.sparse, sparse.dense.shape) == (True, (6, 0))
    assert (dense.dense is X.dense, dense.sparse.shape) == (True, (6, 0))
    assert HybridMatrix.of(X) is X


def test_more_columns_follow_the_sparse_ones(X):
    more = sp.csr_array(np.eye(6, 2, dtype=np.float32))
    wide = X.with_columns(more)
    np.testing.assert_array_equal(wide.sparse.toarray(), np.hstack([X.sparse.toarray(), more.toarray()]))
    assert wide.dense is X.dense
