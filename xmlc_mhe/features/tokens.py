"""Token ids of documents, made once and read again in every epoch: in memory, or mapped from a file where many."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

import numpy as np

from ..outputs import cannot_write

DOCS_IN_MEMORY = 20_000  # documents from which on the ids are kept in a temporary file


class Tokens(Sequence[np.ndarray]):
    """The ids of each document, int32 (length,), one after the other in one array.

    Args:
        pieces: lists of documents' ids.
        num_docs: how many documents these are in all.
    """

    def __init__(self, pieces: Iterable[list[list[int]]], *, num_docs: int) -> None:
        counts: list[int] = []
        if num_docs > DOCS_IN_MEMORY:
            with tempfile.TemporaryFile(prefix="xmlc-mhe-tokens-", buffering=0) as file:  # the map keeps it
                for piece in self._arrays(pieces, counts):
                    _write(file, piece.tobytes())
                self.ids: np.ndarray = np.memmap(file, np.int32, mode="r") if sum(counts) else np.zeros(0, np.int32)
        else:
            self.ids = np.concatenate([np.zeros(0, np.int32), *self._arrays(pieces, counts)])
        self.ends = np.cumsum(counts, dtype=np.int64)
        self.lengths = np.asarray(counts, np.int64)

    @staticmethod
    def _arrays(pieces: Iterable[list[list[int]]], counts: list[int]) -> Iterator[np.ndarray]:
        for piece in pieces:
            counts += map(len, piece)
            yield np.concatenate([np.asarray(ids, np.int32) for ids in piece])

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, doc: int) -> np.ndarray:  # type: ignore[override]
        return self.ids[self.ends[doc] - self.lengths[doc] : self.ends[doc]]


def _write(file: IO[bytes], content: bytes) -> None:
    try:
        while content:
            content = content[file.write(content) :]
    except OSError as error:
        raise cannot_write(f"{tempfile.gettempdir()}, or another folder in TMPDIR,", error) from None
