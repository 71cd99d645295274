"""Corrections in a file that survives the death of its process: SQLite, with a write-ahead log that is flushed."""

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import NamedTuple

from ..errors import DataError, in_short

APPLICATION = 0x584D4C43  # of our files, in the header of SQLite's; "XMLC"
SECONDS_FOR_OTHERS = 30.0  # that a writer waits for one of another process
SCHEMA = (
    """CREATE TABLE corrections (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    document BLOB NOT NULL,
    digest BLOB NOT NULL,
    written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    content TEXT NOT NULL
)""",
    "CREATE INDEX corrections_of_documents ON corrections (document, number)",
)
# Nothing is written where the last correction of the document is the same one
INSERT = """INSERT INTO corrections (document, digest, content) SELECT :document, :digest, :content
WHERE :digest IS NOT (SELECT digest FROM corrections WHERE document = :document ORDER BY number DESC LIMIT 1)"""
LATEST = "FROM corrections WHERE number IN (SELECT MAX(number) FROM corrections GROUP BY document)"


class Correction(NamedTuple):
    """A document with the labels that a person gave it, and those that a person took away.

    document_id tells the document apart from others; without one its text does.
    """

    text: str
    labels: tuple[str, ...]
    rejected: tuple[str, ...] = ()
    document_id: str | None = None


class CorrectionStore:
    """Corrections in a file, of each document the last one; iterating gives them in the order in which they came.

    Several threads and processes may write to one file. What `add` was given is on the disk when it returns; after a
    kill in between, all of it is there, or nothing. Given once more, it is not written twice.

    Args:
        path: a file that a store wrote, or one that is made.
    Raises: DataError: the file is something else, cannot be written, or its disk is full.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._lock = threading.Lock()
        with self._errors():
            self._connection = sqlite3.connect(
                self.path, timeout=SECONDS_FOR_OTHERS, isolation_level=None, check_same_thread=False
            )
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def _open(self) -> None:
        run = self._connection.execute
        run("PRAGMA synchronous = FULL")
        run("BEGIN IMMEDIATE")  # others that open the file at the same time wait here
        if run("PRAGMA application_id").fetchone() != (APPLICATION,):
            if run("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
                raise DataError(
                    f"{self.path} must be a store of corrections. Got a database of another program; name another file."
                )
            for statement in SCHEMA:
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION}")
        run("COMMIT")
        last = time.monotonic() + SECONDS_FOR_OTHERS
        while True:  # SQLite does not wait for others before this
            try:
                run("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > last:
                    raise
                time.sleep(0.01)

    def add(self, documents: Iterable[Correction]) -> None:
        """Write corrections: all, or after an error none."""
        rows = [_row(correction) for correction in documents]
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(INSERT, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def __iter__(self) -> Iterator[Correction]:
        with self._lock, self._errors():
            rows = self._connection.execute(f"SELECT content {LATEST} ORDER BY number").fetchall()
        for (content,) in rows:
            text, labels, rejected, document_id = json.loads(content)
            yield Correction(text, tuple(labels), tuple(rejected), document_id)

    def __len__(self) -> int:
        with self._lock, self._errors():
            return int(self._connection.execute("SELECT COUNT(DISTINCT document) FROM corrections").fetchone()[0])

    def close(self) -> None:
        """Close the file; the store is not used afterwards."""
        with self._lock, self._errors():
            self._connection.close()

    def __enter__(self) -> "CorrectionStore":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DataError(
                f"{self.path} must be a store of corrections that can be written. Got: {in_short(error)}; free its "
                "disk, or name another file."
            ) from None


def _row(correction: Correction) -> dict[str, bytes | str]:
    content = json.dumps([correction.text, correction.labels, correction.rejected, correction.document_id])
    is_named = correction.document_id is not None
    name = f"id {correction.document_id}" if is_named else f"text {correction.text}"
    document = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return {"document": document, "digest": hashlib.sha256(content.encode()).digest(), "content": content}
