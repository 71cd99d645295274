"""napkinXC; options: class, "PLT" or "BR", and what its constructor takes."""

import json

import job
from napkinxc import models


def fit(X, Y, folder, threads, options):
    (folder / "options.json").write_text(json.dumps(options))
    model = make(folder, threads)
    model.fit(X, [Y.indices[start:end].tolist() for start, end in zip(Y.indptr[:-1], Y.indptr[1:], strict=True)])
    return model


def make(folder, threads):
    options = json.loads((folder / "options.json").read_text())
    return getattr(models, options.pop("class"))(str(folder), threads=threads, **options)


def save(model, folder):
    """It wrote the model as it trained."""


def load(folder, threads):
    model = make(folder, threads)
    model.load()
    return model


def predict(model, X, k, threads):
    return job.padded(model.predict(X, top_k=k), k)


if __name__ == "__main__":
    job.run(fit, save, load, predict)
