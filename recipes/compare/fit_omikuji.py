"""omikuji; options: its hyper-parameters by name. It trains from a file, which takes part of the fit."""

import job
import omikuji


def fit(X, Y, folder, threads, options):
    parameters = omikuji.Model.default_hyper_param()
    for name, value in options.items():
        setattr(parameters, name, value)
    path = folder.with_suffix(".txt")
    docs = [doc for doc in range(X.shape[0]) if X.indptr[doc] < X.indptr[doc + 1]]  # it refuses empty ones
    with path.open("w") as file:
        file.write(f"{len(docs)} {X.shape[1]} {Y.shape[1]}\n")
        for doc in docs:
            file.write(",".join(map(str, Y.indices[Y.indptr[doc] : Y.indptr[doc + 1]])))
            file.write("".join(f" {feature}:{value:.6g}" for feature, value in pairs_of(X, doc)) + "\n")
    return omikuji.Model.train_on_data(str(path), parameters, threads)


def pairs_of(X, doc):
    row = slice(X.indptr[doc], X.indptr[doc + 1])
    return list(zip(X.indices[row].tolist(), X.data[row].tolist(), strict=True))


def save(model, folder):
    model.save(str(folder))


def load(folder, threads):
    model = omikuji.Model.load(str(folder))
    model.init_prediction_thread_pool(threads)
    return model


def predict(model, X, k, threads):
    rows = ([label for label, _ in model.predict(pairs_of(X, doc), top_k=k)] for doc in range(X.shape[0]))
    return job.padded(list(rows), k)


if __name__ == "__main__":
    job.run(fit, save, load, predict)
