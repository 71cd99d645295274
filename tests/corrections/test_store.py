import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from xmlc_mhe.corrections.store import Correction, CorrectionStore
from xmlc_mhe.errors import DataError

WRITER = """
import sys
from xmlc_mhe.corrections.store import Correction, CorrectionStore
store = CorrectionStore(sys.argv[1])
for number in range(int(sys.argv[2]), 10**9):
    store.add([Correction(f"text {number}", (f"label {number}",), (), f"{number} {part}") for part in "ab"])
    print(number, flush=True)
"""
FIRST = Correction("a text \ud800 with\0 signs", ("größe", "b"), ("c",), "7")
SECOND = Correction("another", ())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def test_corrections_come_back_in_their_order(path):
    with CorrectionStore(path) as store:
        store.add([FIRST])
        store.add([SECOND])
    with CorrectionStore(path) as store:
        assert list(store) == [FIRST, SECOND]
        assert len(store) == 2


def test_of_a_document_the_last_correction_counts_even_if_it_is_the_first_again(path):
    other = FIRST._replace(text="mended", labels=("b",))
    with CorrectionStore(path) as store:
        store.add([FIRST, other])
        assert list(store) == [other]
        store.add([FIRST])
        assert list(store) == [FIRST]


def test_what_is_sent_twice_is_written_once(path):
    with CorrectionStore(path) as store:
        for _ in range(2):
            store.add([SECOND])
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM corrections").fetchone() == (1,)


def test_after_an_error_nothing_of_a_batch_is_there(path):
    with CorrectionStore(path) as store:
        store._connection.execute("CREATE TRIGGER t BEFORE INSERT ON corrections WHEN NEW.content LIKE '%another%' "
                                  "BEGIN SELECT RAISE(ABORT, 'no'); END")  # fmt: skip
        with pytest.raises(DataError, match="Got: no; free its disk, or name another file"):
            store.add([FIRST, SECOND])
        assert list(store) == []
        store.add([FIRST])
        assert list(store) == [FIRST]


def test_threads_and_stores_of_one_file_write_side_by_side(path):
    with CorrectionStore(path) as one, CorrectionStore(path) as other, ThreadPoolExecutor(4) as pool:
        for number in range(40):
            pool.submit((one, other)[number % 2].add, [Correction(f"text {number}", ("a",))])
        pool.shutdown()
        assert sorted(correction.text for correction in one) == sorted(f"text {number}" for number in range(40))


OPENER = """
import sys
from xmlc_mhe.corrections.store import Correction, CorrectionStore
for line in sys.stdin:
    with CorrectionStore(line.strip()) as store:
        store.add([Correction(sys.argv[1], ())])
    print("done", flush=True)
"""


def test_a_new_file_may_be_opened_by_several_processes_at_once(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    openers = [subprocess.Popen([sys.executable, "-c", OPENER, str(number)], **pipes) for number in range(4)]
    for attempt in range(30):
        path = tmp_path / f"{attempt}.db"
        for opener in openers:
            opener.stdin.write(f"{path}\n")
            opener.stdin.flush()
        assert [opener.stdout.readline() for opener in openers] == ["done\n"] * 4
        with CorrectionStore(path) as store:
            assert len(store) == 4
    for opener in openers:
        opener.communicate()


def test_another_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "text").write_text("not a database, and longer than its header would be" * 20)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (a)")
    for name, what in (("text", "file is not a database"), ("other.db", "another program"), ("no/x", "unable to open")):
        with pytest.raises(DataError, match=what) as caught:
            CorrectionStore(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert sqlite3.connect(tmp_path / "other.db").execute("PRAGMA journal_mode").fetchone() == ("delete",)


def kill_writers(path: Path, times: int, seed: int = 0) -> int:
    """Kill so many writers, each after some batches of two, and return how many batches were told to be safe.

    Each writer begins with the last batch that the one before it may or may not have written, as a client does.
    """
    rng, number = random.Random(seed), 0
    for _ in range(times):
        command = [sys.executable, "-c", WRITER, str(path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(rng.randint(1, 20)):
                number = int(writer.stdout.readline()) + 1
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:  # told before the kill arrived
                number = int(line) + 1 if line.endswith("\n") else number
        with CorrectionStore(path) as store:
            kept = [correction.document_id for correction in store]
        assert len(kept) in (2 * number, 2 * number + 2), (len(kept), number)  # the last batch whole, or not at all
        assert kept == [f"{batch} {part}" for batch in range(len(kept) // 2) for part in "ab"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM corrections").fetchone()[0] == len(kept)
    return number


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "fork"), reason="kills need POSIX signals")
def test_killed_writers_lose_nothing_and_write_nothing_twice(path):
    kill_writers(path, times=25)


if __name__ == "__main__":  # python tests/corrections/test_store.py 500
    with tempfile.TemporaryDirectory() as folder:
        times = int(sys.argv[1])
        print(f"{times} kills, {kill_writers(Path(folder, 'store.db'), times)} batches of two: none lost, none twice")
