import os
import signal

import joblib
import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.classifier.workers import predict_over_workers
from xmlc_mhe.linear import training

NUM_LABELS = 330


@pytest.fixture(scope="module")
def problem():
    """X and Y of 990 documents whose features tell their labels, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(NUM_LABELS), 3))
    Y = sp.csr_array(np.eye(NUM_LABELS, dtype=np.float32)[labels])
    X = sp.csr_array(sp.hstack([Y, sp.random(990, 200, 0.05, dtype=np.float32, rng=rng)]))
    return X, Y


@pytest.fixture(scope="module")
def fitted(problem):
    return XMLCClassifier("given", threads=1).fit(*problem)


def assert_same_weights(model, expected):
    for index, other in zip(model.head_.indices, expected.head_.indices, strict=True):
        for name in index._fields:
            np.testing.assert_array_equal(getattr(index, name), getattr(other, name), strict=True)


def test_jobs_with_files_give_the_weights_of_jobs_with_arrays(problem, fitted, monkeypatch, tmp_path):
    original, folders = training._group_jobs, []

    def from_files(data, settings, *, share_memory):
        folders.extend(tmp_path.iterdir())  # empty: the files of the head before are gone
        return original(data, settings, share_memory=False)

    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    monkeypatch.setattr(training, "_group_jobs", from_files)
    assert_same_weights(XMLCClassifier("given", threads=2).fit(*problem), fitted)
    assert not folders
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore")  # those of dask's own
def test_dask_gives_the_same_weights_and_predictions_though_a_worker_is_killed_mid_way(
    problem, fitted, monkeypatch, tmp_path
):
    distributed = pytest.importorskip("distributed")
    X, Y = problem
    original, killed = training.track, []

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=tmp_path, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        pids = list(client.run(os.getpid).values())

        def track_and_kill(items, **options):
            for number, item in enumerate(original(items, **options)):
                if number == 1 and options["total"] > 10 and not killed:  # of 21 groups
                    killed.append(pids[0])
                    os.kill(pids[0], signal.SIGKILL)
                yield item

        monkeypatch.setattr(training, "track", track_and_kill)
        model = XMLCClassifier("given", threads=2).fit(X, Y)
        model.save(tmp_path / "model")
        batches = [X[start : start + 200] for start in range(0, X.shape[0], 200)]
        predictions = list(predict_over_workers(tmp_path / "model", batches, 3))
    assert killed
    assert_same_weights(model, fitted)
    expected = fitted.predict(X, 3)
    np.testing.assert_array_equal(np.concatenate([batch.labels for batch in predictions]), expected.labels)
    np.testing.assert_array_equal(np.concatenate([batch.scores for batch in predictions]), expected.scores)


def test_prediction_without_a_backend_uses_threads_and_takes_batches_as_they_are_needed(problem, fitted, tmp_path):
    X, _ = problem
    fitted.save(tmp_path / "model")
    taken = []

    def batches():
        for start in range(0, X.shape[0], 10):
            taken.append(start)
            yield X[start : start + 10]

    predictions = predict_over_workers(tmp_path / "model", batches(), 2, jobs=2)
    first = next(predictions)
    assert len(taken) < 99
    np.testing.assert_array_equal(first.labels, fitted.predict(X[:10], 2).labels)
    assert sum(len(batch.labels) for batch in predictions) == X.shape[0] - 10
