"""PECOS XR-Linear; options: models, an ensemble of so many with other seeds of the clustering."""

import job
import scipy.sparse as sp
from pecos.xmc import Indexer, LabelEmbeddingFactory
from pecos.xmc.xlinear.model import XLinearModel


def fit(X, Y, folder, threads, options):
    embeddings = LabelEmbeddingFactory.create(Y, X, "pifa")
    chains = (Indexer.gen(embeddings, threads=threads, seed=seed) for seed in range(options["models"]))
    return [XLinearModel.train(X, Y, C=chain, threshold=0.1, threads=threads) for chain in chains]


def save(models, folder):
    for number, model in enumerate(models):
        model.save(str(folder / str(number)))


def load(folder, threads):
    return [XLinearModel.load(str(path), is_predict_only=True) for path in sorted(folder.iterdir())]


def predict(models, X, k, threads):
    best = (sp.csr_matrix(m.predict(X, beam_size=10, only_topk=10, threads=threads)) for m in models)
    return job.best_of_rows(sp.csr_matrix(sum(best)), k)


if __name__ == "__main__":
    job.run(fit, save, load, predict)
