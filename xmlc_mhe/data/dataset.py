"""`Dataset`: documents, as texts or as rows of features, and their labels."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ..errors import DataError, in_short
from .csr import check_csr, check_labels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Documents, as texts or as rows of features, and their labels.

    The labels are those of the training part, whatever the part. A label that only another part has gets an id from
    num_labels on, a column of Y beyond the others: it counts in the denominators of recall and nDCG and can never be
    predicted, as with pyxclib, whose truth has a column for every label.

    Args:
        texts, X: the documents: a list of strings, or CSR (num_docs, num_features), kept as float32; the other is None.
        Y: CSR (num_docs, >= num_labels); kept as float32, a one for each non-zero.
        label_names: the name of each training label, in the order of the ids.
    Raises: DataError: texts and X are both given or both None; rows, columns or values are not as above; names repeat.
    """

    texts: list[str] | None
    X: csr_array | None
    Y: csr_array
    label_names: list[str]

    def __post_init__(self) -> None:
        if (self.texts is None) == (self.X is None):
            got = "neither" if self.X is None else "both"
            raise DataError(f"texts or X must be given, and not both. Got {got}; make the other one None.")
        try:
            object.__setattr__(self, "Y", check_labels(self.Y, "Y"))
            if self.X is not None:
                object.__setattr__(self, "X", check_csr(self.X, "X"))
        except ValueError as error:
            raise DataError(str(error)) from None
        for doc, text in enumerate(self.texts or ()):
            if not isinstance(text, str):
                raise DataError(
                    f'texts must be strings. Got {in_short(repr(text))} for document {doc}; write "" for an empty one.'
                )
        num_docs = len(self.texts) if self.X is None else self.X.shape[0]  # type: ignore[arg-type]
        if self.Y.shape[0] != num_docs:
            raise DataError(
                f"Y must have {num_docs} rows, one for each document. Got {self.Y.shape[0]}; "
                "give a document without labels an empty row."
            )
        if self.Y.shape[1] < self.num_labels:
            raise DataError(
                f"Y must have {self.num_labels} columns, one for each of label_names, or more. Got {self.Y.shape[1]}; "
                "give a label without documents an empty column."
            )
        if len(set(self.label_names)) < self.num_labels:
            name = Counter(self.label_names).most_common(1)[0][0]
            raise DataError(f'label_names must be distinct. Got "{in_short(name)}" more than once; rename one.')

    @property
    def num_docs(self) -> int:
        return self.Y.shape[0]

    @property
    def num_labels(self) -> int:
        """The number of training labels; Y may have more columns."""
        return len(self.label_names)


def subset(dataset: Dataset, docs: np.ndarray) -> Dataset:
    """Return some documents of a data set, int (n,), with all of its labels."""
    texts = None if dataset.texts is None else [dataset.texts[doc] for doc in docs]
    X = None if dataset.X is None else dataset.X[docs]
    return Dataset(texts, X, dataset.Y[docs], dataset.label_names)
