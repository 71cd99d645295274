"""How good the labels are that a threshold leaves: F1, precision and recall of sets, as many labels a document as pass.

Values are fractions. A label of the truth that the model does not know is a column of Y that is never predicted, as in
`metrics`, whose values are at a cutoff k.
"""

import numpy as np
import scipy.sparse as sp

from .metrics import compare
from .predictions import Predictions


def evaluate_sets(Y: sp.csr_matrix | sp.csr_array, predictions: Predictions | np.ndarray) -> dict[str, float]:
    """Return what the predicted labels of all documents, -1 pads, are worth as sets; their order does not matter.

    F1 is 2 hits / (predicted + true), P is hits / predicted, R is hits / true. All three are counted over every
    document and label at once ("micro"), as the mean over the labels that are predicted or true somewhere ("macro"),
    and as the mean over documents ("doc"). Where there is nothing to divide by, the value is 1 if nothing was
    predicted and nothing is true, and else 0: a document without true labels counts 1 if it got none.

    Returns: microF1, microP, microR, macroF1, macroP, macroR, docF1, docP, docR; labels_a_doc, the predicted labels of
        a document; no_label, the share of documents without a predicted label; and, if there are documents without a
        true label, no_label_right, the share of these without a predicted one.
    Raises: ValueError: as `evaluate` does.
    Source: Zhang and Zhou, "A Review on Multi-Label Learning Algorithms", TKDE 2014; empty sets as with
        scikit-learn's f1_score for average="samples" and zero_division=1.
    """
    found = compare(Y, predictions)
    if found.num_docs == 0:
        raise ValueError("Y must have a document to average over. Got 0 documents; check that Y is the truth.")
    of_labels = np.stack(found.label_counts(found.labels.shape[1]))  # (3, num_labels): hits, predicted, true
    predicted_counts = np.count_nonzero(found.labels >= 0, axis=1)
    of_docs = np.stack([np.count_nonzero(found.is_hit, axis=1), predicted_counts, found.true_counts])
    kinds = {
        "micro": of_labels.sum(axis=1, keepdims=True),
        "macro": of_labels[:, of_labels[1:].any(axis=0)],
        "doc": of_docs,
    }
    values = {}
    for kind, (hits, predicted, true) in kinds.items():
        is_right = predicted + true == 0
        for name, part, whole in (("F1", 2 * hits, predicted + true), ("P", hits, predicted), ("R", hits, true)):
            shares = np.where(whole > 0, part / np.maximum(whole, 1), is_right)
            values[kind + name] = float(shares.mean()) if len(shares) else 1.0
    is_empty = predicted_counts == 0
    values |= {"labels_a_doc": float(predicted_counts.mean()), "no_label": float(is_empty.mean())}
    if not found.true_counts.all():
        values["no_label_right"] = float(is_empty[found.true_counts == 0].mean())
    return values
