"""This project, with the options of XMLCClassifier."""

import job

from xmlc_mhe import XMLCClassifier


def fit(X, Y, folder, threads, options):
    return XMLCClassifier("given", threads=threads, **options).fit(X, Y)


def save(model, folder):
    model.save(folder / "model")


def load(folder, threads):
    return XMLCClassifier.load(folder / "model", threads=threads)


def predict(model, X, k, threads):
    return model.predict(X, k).labels


if __name__ == "__main__":
    job.run(fit, save, load, predict)
