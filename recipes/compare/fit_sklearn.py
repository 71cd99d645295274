"""scikit-learn: one LinearSVC a label; options: of LinearSVC."""

import warnings

import job
import joblib
import numpy as np
import scipy.sparse as sp
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC


def fit(X, Y, folder, threads, options):
    warnings.filterwarnings("ignore", message="Label not .* is present in all training examples")
    with joblib.parallel_backend("threading", n_jobs=threads):
        model = OneVsRestClassifier(LinearSVC(**options), n_jobs=threads).fit(X, sp.csr_matrix(Y, dtype=np.int64))
    weights = [getattr(e, "coef_", np.zeros((1, X.shape[1]))) for e in model.estimators_]  # none where never true
    bias = [getattr(e, "intercept_", np.array([-np.inf])) for e in model.estimators_]
    return np.concatenate(weights).astype(np.float32), np.concatenate(bias).astype(np.float32)


def save(model, folder):
    np.savez(folder / "weights.npz", *model)


def load(folder, threads):
    with np.load(folder / "weights.npz") as file:
        return np.ascontiguousarray(file["arr_0"].T), file["arr_1"]


def predict(model, X, k, threads):
    weights, bias = model
    labels = []
    for start in range(0, X.shape[0], 512):
        scores = X[start : start + 512] @ weights + bias
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        labels.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(labels)


if __name__ == "__main__":
    job.run(fit, save, load, predict)
