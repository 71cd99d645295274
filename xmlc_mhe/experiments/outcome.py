"""What a model predicted and what was true, kept for a report."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from zipfile import BadZipFile

import numpy as np
from scipy.sparse import csr_array

from ..errors import DataError, in_short
from ..predictions import Predictions


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model predicted and what was true: all that a report needs beside the result.

    predictions: k labels a document, best first. Y: CSR truth (num_docs, >= num_labels). label_names: of the training
    labels. label_counts: int64 (num_labels,), training documents of each. num_train_docs: their number. snippets: the
    beginning of each text; none where the documents are features.
    """

    predictions: Predictions
    Y: csr_array
    label_names: list[str]
    label_counts: np.ndarray
    num_train_docs: int
    snippets: list[str]

    def digest(self) -> str:
        """Return the SHA-256 of the predicted labels, which ties an outcome to its result."""
        return hashlib.sha256(self.predictions.labels.tobytes()).hexdigest()

    def write(self, file: IO[bytes]) -> None:
        """Write an npz without pickles: lists of strings as the bytes of their JSON."""
        np.savez_compressed(
            file,
            labels=self.predictions.labels,
            scores=self.predictions.scores,
            Y_indptr=self.Y.indptr,
            Y_indices=self.Y.indices,
            num_columns=np.int64(self.Y.shape[1]),
            label_counts=self.label_counts,
            num_train_docs=np.int64(self.num_train_docs),
            label_names=_as_bytes(self.label_names),
            snippets=_as_bytes(self.snippets),
        )

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Return what `write` wrote; raises DataError where it is damaged."""
        try:
            with path.open("rb") as opened, np.load(opened) as file:  # refuses pickles
                arrays = {name: file[name] for name in file.files}
            indices = arrays["Y_indices"]
            shape = (len(arrays["labels"]), int(arrays["num_columns"]))
            return cls(
                Predictions(arrays["labels"], arrays["scores"]),
                csr_array((np.ones(len(indices), np.float32), indices, arrays["Y_indptr"]), shape=shape),
                json.loads(arrays["label_names"].tobytes()),
                arrays["label_counts"],
                int(arrays["num_train_docs"]),
                json.loads(arrays["snippets"].tobytes()),
            )
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            got = f"{type(error).__name__}: {in_short(error)}"
            raise DataError(f"{path} must be what run wrote. Got {got}; run again.") from None


def _as_bytes(strings: list[str]) -> np.ndarray:
    return np.frombuffer(json.dumps(strings).encode(), np.uint8)
