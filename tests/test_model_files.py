import hashlib
import json
import os
import pickle
import stat
from pathlib import Path

import numpy as np
import pytest

from xmlc_mhe import model_files
from xmlc_mhe.errors import DataError
from xmlc_mhe.model_files import ARRAYS, CONFIG, FORMAT, check_new_model, model_bytes, read_model, write_model

STATE = {"words": ["a", "b"], "head.weights": np.arange(4, dtype=np.float32), "beam": None}
ODD_WORDS = [
    '"quoted"',
    "two\nlines",
    "tab\there",
    "back\\slash",
    "größe",
    "標籤",
    "😀",
    "",
    " ",
    "\u2028",
    "\x00",
    "\ud800",
]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def change_config(folder, **changes):
    """Write other values into a saved config.json."""
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | changes))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def model(tmp_path):
    write_model(tmp_path / "model", STATE)
    return tmp_path / "model"


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(7,), (3, 2), (0,), (0, 3), ()])
def test_an_array_is_read_as_it_was_written(tmp_path, rng, dtype, shape):
    array = np.asarray(rng.integers(0, 100, shape), dtype)
    write_model(tmp_path / "model", {"head.array": array, "other": np.ones(3, np.uint8)})
    got = read_model(tmp_path / "model")["head.array"]
    assert (type(got), got.dtype, got.shape) == (np.ndarray, np.dtype(dtype), shape)
    np.testing.assert_array_equal(got, array)


def test_an_array_with_strides_is_written_in_order(tmp_path):
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_model(tmp_path / "model", {"columns": array.T, "every_second": array[:, ::2]})
    state = read_model(tmp_path / "model")
    np.testing.assert_array_equal(state["columns"], array.T)
    np.testing.assert_array_equal(state["every_second"], array[:, ::2])


@pytest.mark.parametrize("words", [["one"], [], ODD_WORDS, ["1", "2"], [f"name {i}" for i in range(1000)]])
def test_a_list_of_words_is_read_as_it_was_written(tmp_path, words):
    write_model(tmp_path / "model", {"words": words})
    assert read_model(tmp_path / "model") == {"words": words}


@pytest.mark.parametrize(
    "value", [None, True, 3, 0.1, "größe", [1, 2], [1, "a"], [["a"], []], {"a": {"b": [None]}}, {}, [0.1, 1e-300]]
)
def test_a_json_value_is_read_as_it_was_written(tmp_path, value):
    write_model(tmp_path / "model", {"part.value": value})
    assert read_model(tmp_path / "model") == {"part.value": value}


def test_numbers_of_numpy_become_json_numbers(tmp_path):
    write_model(tmp_path / "model", {"params": {"C": np.float64(0.5), "sizes": np.array([3, 4]), "seed": np.int64(7)}})
    assert read_model(tmp_path / "model") == {"params": {"C": 0.5, "sizes": [3, 4], "seed": 7}}


def test_a_state_without_arrays_is_read_as_it_was_written(tmp_path):
    write_model(tmp_path / "model", {})
    assert read_model(tmp_path / "model") == {}


def test_arrays_are_read_only_maps_of_the_file(model):
    weights = read_model(model)["head.weights"]
    base = weights
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        weights[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        weights.flags.writeable = True


def test_nothing_is_pickled(tmp_path, monkeypatch):
    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("pickled"))
    write_model(tmp_path / "model", {**STATE, "words": ODD_WORDS})
    read_model(tmp_path / "model")
    assert names_in(tmp_path / "model") == [ARRAYS, CONFIG, "words.json"]
    with pytest.raises(DataError, match=r"Unknown dtype"):
        write_model(tmp_path / "objects", {"array": np.array([{}, None])})
    assert names_in(tmp_path) == ["model"]


def test_the_size_is_that_of_all_files(model):
    assert model_bytes(model) == sum(len(path.read_bytes()) for path in model.iterdir())


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_permissions_obey_the_umask(tmp_path, umask):
    earlier = os.umask(umask)
    try:
        write_model(tmp_path / "model", STATE)
    finally:
        os.umask(earlier)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o777 & ~umask
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "model").iterdir()} == {0o666 & ~umask}


# --- where a model may be written -------------------------------------------------------------------------------------


def test_missing_parents_are_made(tmp_path):
    write_model(tmp_path / "new" / "newer" / "model", STATE)
    assert names_in(tmp_path / "new" / "newer") == ["model"]


def test_overwriting_replaces_the_whole_model(model):
    write_model(model, {"other": ["x"]}, overwrite=True)
    assert read_model(model) == {"other": ["x"]}
    assert names_in(model.parent) == ["model"]
    assert names_in(model) == [ARRAYS, CONFIG, "other.json"]


def test_overwriting_through_a_link_keeps_the_link(model):
    link = model.parent / "link"
    link.symlink_to(model)
    write_model(link, {"other": ["x"]}, overwrite=True)
    assert link.is_symlink()
    assert read_model(model) == {"other": ["x"]}


def test_a_model_in_the_way_is_refused_unless_it_may_be_overwritten(model):
    for call in (lambda: check_new_model(model), lambda: write_model(model, STATE)):
        with pytest.raises(
            DataError, match=r"model must not exist yet, .* Got a model; .*overwrite it: overwrite=True"
        ):
            call()
    check_new_model(model, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["empty folder", "folder", "file"])
def test_something_else_in_the_way_is_always_refused(tmp_path, kind, overwrite):
    path = tmp_path / "path"
    if kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        if kind == "folder":
            (path / "notes.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    for call in (check_new_model, lambda *args, **options: write_model(*args, STATE, **options)):
        with pytest.raises(
            DataError, match=r"must not exist yet, or be a model to overwrite\. Got something else; give"
        ):
            call(path, overwrite=overwrite)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_parent_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "model", tmp_path / "file" / "deep" / "model"):
        for call in (lambda path=path: check_new_model(path), lambda path=path: write_model(path, STATE)):
            with pytest.raises(
                DataError, match=r"model must be a place to write to\. Got .*file, which is not; choose"
            ):
                call()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for a folder of another user
    with pytest.raises(DataError, match=r"model must be a place to write to\. Got .*, which is not; choose another\."):
        check_new_model(tmp_path / "model")


# --- interruptions ----------------------------------------------------------------------------------------------------


def break_at(monkeypatch, step, error):
    """Raise the error in the middle of write_model."""

    def fail(*_, **__):
        raise error

    rename = Path.rename
    if step == "arrays":
        monkeypatch.setattr(model_files, "save_file", fail)
    elif step == "checksums":
        monkeypatch.setattr(model_files, "_checksum", fail)
    else:
        monkeypatch.setattr(
            Path, "rename", lambda self, to: fail() if self.parent.name == "parts" else rename(self, to)
        )


@pytest.mark.parametrize("step", ["arrays", "checksums", "rename"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
        (OSError("disk full"), DataError),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_write_that_fails_leaves_no_folder_and_the_earlier_model(
    tmp_path, monkeypatch, step, error, expected, overwrite
):
    folder = tmp_path / "model"
    if overwrite:
        write_model(folder, {"words": ["earlier"]})
    with monkeypatch.context() as patch:
        break_at(patch, step, error)
        with pytest.raises(expected, match="place to write to. Got: disk full" if expected is DataError else None):
            write_model(folder, STATE, overwrite=overwrite)
    assert names_in(tmp_path) == (["model"] if overwrite else [])
    if overwrite:
        assert read_model(folder) == {"words": ["earlier"]}


def test_a_disk_that_is_full_leaves_no_folder_and_the_earlier_model(model):
    resource = pytest.importorskip("resource")
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, earlier[1]))
    try:
        with pytest.raises(
            DataError, match=r"model must have room on its disk\. Got: File too large; free some, or choose another\."
        ):
            write_model(model, {"weights": np.ones(1 << 20)}, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
    assert names_in(model.parent) == ["model"]
    np.testing.assert_array_equal(read_model(model)["head.weights"], STATE["head.weights"])


# --- reading what is damaged, foreign or hostile ----------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(DataError, match=r"must be a model folder\. Got no such folder; check the path, or fit"):
            read_model(path)


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        "3",
        '{"architectures": ["BertModel"]}',
        '{"format": "x"}',
        b"\xff\xfe",
        '{"format": 1, "sha256": 2}',
        '{"format": "xmlc-mhe model 1", "sha256": [["words.json", "0"]]}',
        '{"format": "xmlc-mhe model 1", "sha256": {}, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"format": "xmlc-mhe model 1", "sha256": {}, "x": ' + '{"x":' * 70 + "1" + "}" * 71,
    ],
)
def test_a_folder_with_a_foreign_config_or_none_is_refused(tmp_path, config):
    if config is not None:
        (tmp_path / CONFIG).write_bytes(config if isinstance(config, bytes) else config.encode())
    with pytest.raises(DataError, match=r"must be a model folder\. Got one without a readable config\.json; give"):
        read_model(tmp_path)


def test_another_format_is_refused(model):
    change_config(model, format="xmlc-mhe model 99")
    with pytest.raises(DataError, match=rf'config\.json: format must be "{FORMAT}"\. Got "xmlc-mhe model 99"; fit'):
        read_model(model)


@pytest.mark.parametrize("name", [ARRAYS, "words.json"])
def test_a_file_that_was_cut_changed_or_removed_is_refused(model, name):
    path = model / name
    content = path.read_bytes()
    for other in (content[:-1], content[:3], b"", content + b" ", content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(other)
        with pytest.raises(DataError, match=rf"{name} must be as it was saved\. Got a changed file; copy the whole"):
            read_model(model)
    path.unlink()
    with pytest.raises(DataError, match=rf"{name} must be as it was saved\. Got no such file; copy the whole folder"):
        read_model(model)


@pytest.mark.parametrize(
    "name", ["../secret.json", "{outside}/secret.json", "../model/words.json", "..", "", "a/b.json"]
)
def test_an_entry_outside_the_folder_is_not_followed(model, name):
    secret = model.parent / "secret.json"
    secret.write_text('["secret"]')
    change_config(model, sha256={name.format(outside=model.parent): sha256(secret)})
    with pytest.raises(
        DataError, match=r"config\.json: a file must lie in the folder\. Got |must be as it was saved\. "
    ):
        read_model(model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 8,
        b"\x02" + bytes(7) + b"{}",
        b"\x02" + bytes(7) + b"[]",
        b"\x04" + bytes(7) + b"null",
        *(
            len(header).to_bytes(8, "little") + header + bytes(8)
            for header in (
                b'{"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}',  # beyond the end
                b'{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}',
                b'{"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}',
                b'{"a": {"dtype": "F32", "shape": "x", "data_offsets": [0, 8]}}',
                b'{"a": {"dtype": "F32", "shape": [2]}}',
                b'{"a": 3}',
                b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 8]}}',
                b'{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 8, 2]}}',
                b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "b": {"dtype": "F32", "shape": [1],'
                b' "data_offsets": [2, 6]}}',  # one of the two cannot be aligned
                b"[" * 100_000 + b"]" * 100_000,
            )
        ),
    ],
)
def test_an_arrays_file_with_a_right_checksum_and_a_wrong_header_is_refused(model, content):
    (model / ARRAYS).write_bytes(content)
    change_config(model, sha256={ARRAYS: sha256(model / ARRAYS)})
    if content == b"\x02" + bytes(7) + b"{}":
        assert "head.weights" not in read_model(model)
        return
    with pytest.raises(DataError, match=r"arrays\.safetensors must be as it was saved\. Got .*; fit again\."):
        read_model(model)


def test_a_word_list_with_a_right_checksum_that_is_not_json_is_refused(model):
    (model / "words.json").write_text("[")
    change_config(model, sha256={"words.json": sha256(model / "words.json")})
    with pytest.raises(DataError, match=r"words\.json must be as it was saved\. Got .*; fit again\."):
        read_model(model)


@pytest.mark.parametrize(
    ("content", "got"), [("[", "JSONDecodeError: "), ("[" * 100_000 + "]" * 100_000, "RecursionError: ")]
)
def test_a_word_list_that_cannot_be_read_is_refused_in_one_line(model, content, got):
    (model / "words.json").write_text(content)
    change_config(model, sha256={"words.json": sha256(model / "words.json")})
    with pytest.raises(DataError, match=rf"words\.json must be as it was saved\. Got {got}.*; fit again\.") as caught:
        read_model(model)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["x" * 5000, "line\n" * 1000, "\x00", "\ud800"])
def test_a_file_with_an_odd_name_is_refused_in_one_short_line(model, name):
    change_config(model, sha256={name: "0"})
    with pytest.raises(DataError, match=r"must be as it was saved\. Got ") as caught:
        read_model(model)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


@pytest.mark.parametrize("found", ["x" * 5000, "line\n" * 1000, [1] * 5000, 10**4000])
def test_another_format_is_quoted_in_short(model, found):
    change_config(model, format=found)
    with pytest.raises(DataError, match=r"format must be .*\.\.\.\"; fit the model again\.") as caught:
        read_model(model)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
