import contextlib
import errno
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xmlc_mhe import outputs
from xmlc_mhe.errors import DataError
from xmlc_mhe.outputs import remove_unfinished, scratch_folder, whole_file, whole_folder

WRITE = """
import sys
from pathlib import Path
from xmlc_mhe import outputs
place, kind = Path(sys.argv[1]), sys.argv[2]
def wait(*_):
    print("ready", flush=True)
    sys.stdin.read()
if kind == "file":
    with outputs.whole_file(place) as written:
        written.write_text("half")
        wait()
elif kind == "folder":
    with outputs.whole_folder(place, replace=True) as written:
        (written / "config").write_text("half")
        wait()
else:  # between the two renames: the earlier folder has made way, the new one is not there
    with outputs.whole_folder(place, replace=True) as written:
        (written / "config").write_text("new")
        rename = Path.rename
        Path.rename = lambda self, to: wait() if self.parent.name == outputs.PARTS else rename(self, to)
"""


def writer(place, kind):
    """A process that has begun to write an output and waits until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(place), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def kill(process):
    process.kill()
    process.communicate()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write(place, kind):
    if kind == "file":
        with whole_file(place) as written:
            written.write_text("whole")
    else:
        with whole_folder(place, replace=True) as written:
            (written / "config").write_text("whole")


def content(place):
    return (place / "config" if place.is_dir() else place).read_text()


# --- whole or not at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_output_appears_at_the_end_and_nothing_else_stays(tmp_path, kind):
    write(tmp_path / "out", kind)
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "whole")


@pytest.mark.parametrize(
    "name", ["earlier", "lock", "parts", ".hidden", "a b\n", "größe", "*[x]", "a-12345678.unfinished"]
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_name_is_special(tmp_path, kind, name):
    with pytest.raises(RuntimeError), (whole_file if kind == "file" else whole_folder)(tmp_path / name) as written:
        (written if kind == "file" else written / "config").write_text("half")
        raise RuntimeError
    assert names_in(tmp_path) == []
    write(tmp_path / name, kind)
    assert (names_in(tmp_path), content(tmp_path / name)) == ([name], "whole")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_after_an_exception_the_earlier_output_is_there_and_nothing_else(tmp_path, kind, error):
    write(tmp_path / "out", kind)
    context = whole_file(tmp_path / "out") if kind == "file" else whole_folder(tmp_path / "out", replace=True)
    with pytest.raises(error), context as written:
        (written if kind == "file" else written / "config").write_text("half")
        raise error
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "whole")


def test_a_folder_with_content_makes_way_only_where_that_is_asked_for(tmp_path):
    write(tmp_path / "out", "folder")
    expected = r"out must be a place to write to\. Got: Directory not empty; choose another\."
    with pytest.raises(DataError, match=expected), whole_folder(tmp_path / "out") as written:
        (written / "config").write_text("new")
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "whole")


def test_an_empty_folder_makes_way_and_missing_parents_are_made(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "a/b/c"):
        with whole_folder(tmp_path / name) as written:
            (written / "config").write_text("new")
        assert names_in(tmp_path / name) == ["config"]


def test_permissions_are_those_of_the_umask_and_a_link_stays(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    earlier = os.umask(0o027)
    try:
        write(tmp_path / "link", "file")
        write(tmp_path / "folder", "folder")
    finally:
        os.umask(earlier)
    assert (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path):
    with whole_file(os.devnull) as written:
        assert written == Path(os.devnull)
    os.mkfifo(tmp_path / "pipe")
    with whole_file(tmp_path / "pipe") as written:
        assert written == tmp_path / "pipe"
    assert (tmp_path / "pipe").is_fifo()


# --- killed processes, and living ones --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_old_is_lost(tmp_path, kind):
    write(tmp_path / "out", kind)
    for process in [writer(tmp_path / "out", kind) for _ in range(2)]:
        kill(process)
    assert len(names_in(tmp_path)) == 3
    assert content(tmp_path / "out") == "whole"
    write(tmp_path / "out", kind)
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_living_process_writes_is_left_alone_and_both_end_well(tmp_path, kind):
    living = writer(tmp_path / "out", kind)
    write(tmp_path / "out", kind)
    assert len(names_in(tmp_path)) == 2
    assert content(tmp_path / "out") == "whole"
    living.communicate(b"")
    assert living.returncode == 0
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "half")


def test_a_folder_that_had_made_way_when_the_process_was_killed_is_given_back(tmp_path):
    write(tmp_path / "out", "folder")
    kill(writer(tmp_path / "out", "between"))
    assert not (tmp_path / "out").exists()
    remove_unfinished(tmp_path / "out")
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "whole")


def test_what_was_left_of_another_output_stays(tmp_path):
    kill(writer(tmp_path / "out-2", "file"))
    write(tmp_path / "out", "file")
    assert len(names_in(tmp_path)) == 2
    write(tmp_path / "out-2", "file")
    assert names_in(tmp_path) == ["out", "out-2"]


@pytest.mark.parametrize(
    "name", [".out-backup", ".out-12345678.unfinished", ".out-12345678", ".out-abcdefgh.unfinished.gz"]
)
def test_folders_of_other_people_stay(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "file").write_text("dear")
    write(tmp_path / "out", "file")
    assert (tmp_path / name / "file").read_text() == "dear"


def test_a_removal_that_was_cut_short_is_done_again(tmp_path):
    for names in ((), ("lock",), ("lock", "parts")):
        folder = tmp_path / f".out-0000000{len(names)}.unfinished"
        folder.mkdir()
        for name in names:
            (folder / name).mkdir() if name == "parts" else (folder / name).write_text("")
    remove_unfinished(tmp_path / "out")
    assert names_in(tmp_path) == []


def test_what_another_host_may_still_write_stays_for_a_day(tmp_path):
    kill(writer(tmp_path / "out", "file"))
    (folder,) = tmp_path.iterdir()
    (folder / "lock").write_text("another host")
    remove_unfinished(tmp_path / "out")
    assert folder.exists()
    long_ago = time.time() - 2 * outputs.SILENCE
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (long_ago, long_ago))
    remove_unfinished(tmp_path / "out")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("missing", ["module", "in the file system"])
def test_without_locks_nothing_that_may_live_is_removed(tmp_path, monkeypatch, missing):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    with contextlib.ExitStack() as stack:
        with monkeypatch.context() as patch:
            if missing == "module":
                patch.setattr(outputs, "fcntl", None)
            else:
                patch.setattr(outputs.fcntl, "flock", refuse)
            parts = stack.enter_context(scratch_folder(tmp_path / "out"))
            remove_unfinished(tmp_path / "out")
        remove_unfinished(tmp_path / "out")  # as on another host, which has locks
        assert parts.exists()
    assert names_in(tmp_path) == []


def test_a_folder_that_another_process_removes_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    lock, calls = outputs._lock, []

    def late(file, *, wait):
        if wait and not calls:
            calls.append(file)
            remove_unfinished(tmp_path / "out")
            assert names_in(tmp_path) == []
        lock(file, wait=wait)

    monkeypatch.setattr(outputs, "_lock", late)
    write(tmp_path / "out", "file")
    assert (len(calls), names_in(tmp_path)) == (1, ["out"])


# --- what cannot be written -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", outputs.FULL)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_full_disk_is_told_with_the_output_and_what_to_do(tmp_path, kind, number):
    write(tmp_path / "out", kind)
    expected = (
        f"{tmp_path / 'out'} must have room on its disk. Got: {os.strerror(number)}; free some, or choose another."
    )
    context = whole_file(tmp_path / "out") if kind == "file" else whole_folder(tmp_path / "out", replace=True)
    with pytest.raises(DataError, match=f"^{re.escape(expected)}$"), context:
        raise OSError(number, os.strerror(number))
    assert (names_in(tmp_path), content(tmp_path / "out")) == (["out"], "whole")


def test_a_folder_that_is_missing_is_told_without_the_hidden_name(tmp_path):
    expected = r"/no/out must be a place to write to\. Got: No such file or directory; choose another\."
    with pytest.raises(DataError, match=expected), whole_file(tmp_path / "no" / "out"):
        pass


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O"), OSError(errno.ENOSPC, "full", "/elsewhere"), BrokenPipeError()]
)
def test_errors_of_others_pass(tmp_path, error):
    with pytest.raises(type(error)) as caught, whole_file(tmp_path / "out"):
        raise error
    assert caught.value is error


def test_a_full_device_is_told_by_its_name():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with pytest.raises(DataError, match=r"^/dev/full must have room"), whole_file("/dev/full") as written:
        written.write_text("text")
    assert Path("/dev/full").is_char_device()
