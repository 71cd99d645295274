import bz2
import gzip
import io
import itertools
import logging
import lzma
import pickle
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from xmlc_mhe.data import formats
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.reading import estimate_documents, has_part, iter_documents, load_dataset, load_part
from xmlc_mhe.data.writing import save_dataset, save_file
from xmlc_mhe.errors import DataError

TEXTS = {"train_texts.txt": "one\ntwo\n\n", "train_labels.txt": "b a\n\nc\n", "test_texts.txt": "x\ny\n"}
TEXTS["test_labels.txt"] = "z c\na\n"
XRC = {"train.txt": "3 4 3\n0,2 1:0.5 3:2\n 0:1\n1\n", "test.txt": "1 4 3\n2 2:1e-1\n"}


def write(folder, files):
    """Write the files, text as UTF-8 and matrices as npz, and return the folder."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if isinstance(content, str | bytes):
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            sp.save_npz(folder / name, sp.csr_array(content))
    return folder


def assert_same(got, expected):
    assert (got.texts, got.label_names) == (expected.texts, expected.label_names)
    assert (got.X is None) == (expected.X is None)
    for X, other in ((got.X, expected.X), (got.Y, expected.Y)):
        if X is not None:
            assert X.dtype == np.float32
            np.testing.assert_array_equal(X.toarray(), other.toarray())


def with_texts(num_docs=2, **changes):
    """A small data set of texts, with changes."""
    fields = {"texts": ["t"] * num_docs, "X": None, "Y": sp.csr_array(np.eye(num_docs, 2)), "label_names": ["a", "b"]}
    return Dataset(**{**fields, **changes})


# --- Dataset ----------------------------------------------------------------------------------------------------------


def test_a_dataset_keeps_labels_as_ones_and_features_as_float32():
    dataset = with_texts(texts=None, X=sp.csc_matrix([[0, 2], [1, 0]]), Y=np.array([[0, 5, 0], [1, 0, 3]]))
    assert (dataset.num_docs, dataset.num_labels, dataset.Y.shape) == (2, 2, (2, 3))
    assert (type(dataset.X), dataset.X.dtype, type(dataset.Y), dataset.Y.dtype) == (sp.csr_array, np.float32) * 2
    np.testing.assert_array_equal(dataset.Y.toarray(), [[0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": None}, r"texts or X must be given, and not both\. Got neither; "),
        ({"X": np.eye(2)}, r"texts or X must be given, and not both\. Got both; make the other one None\."),
        ({"texts": ["t"]}, r"Y must have 1 rows, one for each document\. Got 2; "),
        ({"texts": None, "X": np.eye(3)}, r"Y must have 3 rows, one for each document\. Got 2; "),
        ({"texts": ["t", None]}, r'texts must be strings\. Got None for document 1; write "" for an empty one\.'),
        ({"label_names": ["a", "b", "c"]}, r"Y must have 3 columns, one for each of label_names, or more\. Got 2; "),
        ({"label_names": ["a", "a"]}, r'label_names must be distinct\. Got "a" more than once; rename one\.'),
        ({"Y": -np.eye(2)}, r"Y must not be negative\. Got -1 in row 0, column 0; "),
        ({"texts": None, "X": [[0, np.nan]] * 2}, r"X must be finite in float32; .* Got nan in row 0, column 1; "),
    ],
)
def test_a_dataset_that_does_not_hold_together_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        with_texts(**changes)


# --- the layouts ------------------------------------------------------------------------------------------------------


def test_texts_and_labels_are_read_with_labels_in_alphabetical_order(tmp_path):
    train, test = load_dataset(write(tmp_path / "d", TEXTS))
    assert train.texts == ["one", "two", ""]
    assert train.label_names == test.label_names == ["a", "b", "c"]
    np.testing.assert_array_equal(train.Y.toarray(), [[1, 1, 0], [0, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(test.Y.toarray(), [[0, 0, 1, 1], [1, 0, 0, 0]])  # z comes after the labels of train


def test_the_text_format_of_the_repository_is_read_with_ids_for_names(tmp_path):
    train, test = load_dataset(write(tmp_path / "d", XRC))
    assert train.label_names == ["0", "1", "2"]
    np.testing.assert_array_equal(train.X.toarray(), [[0, 0.5, 0, 2], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(train.Y.toarray(), [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(test.X.toarray(), [[0, 0, 0.1, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    "row", ["0,2 1:0.5 3:2", "2,0 3:2.0 1:+5e-1", "0,2 1:.5  3:2. ", "0,2 1:0.5 3:2\r", "0,2 01:0.5 3:2"]
)
def test_a_row_of_the_text_format_may_be_written_in_other_ways(tmp_path, row):
    (train,) = load_dataset(write(tmp_path / "d", {"train.txt": f"1 4 3\n{row}\n"}), parts=("train",))
    np.testing.assert_array_equal(train.X.toarray(), [[0, 0.5, 0, 2]])
    np.testing.assert_array_equal(train.Y.toarray(), [[1, 0, 1]])
    assert train.X.has_sorted_indices


@pytest.mark.parametrize("names", [("X_train.npz", "Y_train.npz"), ("X.trn.npz", "Y.trn.npz")])
def test_pairs_of_matrices_are_read_under_both_names(tmp_path, names):
    X, Y = np.array([[0, 1.5], [0, 0]]), np.array([[0, 0.5, 1], [0, 0, 0]])
    test = {name.replace("train", "test").replace("trn", "tst"): Z for name, Z in zip(names, (X, Y), strict=True)}
    folder = write(tmp_path / "d", {names[0]: X, names[1]: Y, **test})
    for dataset in load_dataset(folder):
        np.testing.assert_array_equal(dataset.X.toarray(), X)
        np.testing.assert_array_equal(dataset.Y.toarray(), Y != 0)
        assert dataset.label_names == ["0", "1", "2"]


@pytest.mark.parametrize("files", [TEXTS, XRC])
@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_compressed_files_read_as_plain_ones_do(tmp_path, files, suffix, compress):
    plain = write(tmp_path / "plain", files)
    packed = write(tmp_path / "packed", {f"{name}{suffix}": compress(text.encode()) for name, text in files.items()})
    for got, expected in zip(load_dataset(packed), load_dataset(plain), strict=True):
        assert_same(got, expected)


def test_lines_are_cut_at_newlines_alone_and_a_mark_at_the_start_is_dropped(tmp_path):
    odd = "a\x0cb\x0b\x1c\x85\u2028\rc"
    files = {"train_texts.txt": f"\ufeff{odd}\r\n\ufeffsecond", "train_labels.txt": "\ufeffl\xa0m\r\nn"}
    (train,) = load_dataset(write(tmp_path / "d", files), parts=("train",))
    assert train.texts == [odd, "\ufeffsecond"]
    assert train.label_names == ["l\xa0m", "n"]


def test_names_are_compared_as_given(tmp_path):
    files = {"train_texts.txt": "t\nu\n", "train_labels.txt": "\u00e9\ne\u0301\n"}  # two ways to write é
    (train,) = load_dataset(write(tmp_path / "d", files), parts=("train",))
    assert train.label_names == ["e\u0301", "\u00e9"]


def test_the_size_of_a_batch_changes_nothing(tmp_path, monkeypatch):
    folder = write(tmp_path / "d", XRC)
    whole = load_dataset(folder)
    monkeypatch.setattr(formats.part, "BATCH_SIZE", 2)
    for got, expected in zip(load_dataset(folder), whole, strict=True):
        assert_same(got, expected)


@pytest.mark.parametrize(
    "files", [TEXTS, XRC, {"Y_train.npz": np.eye(3), "X_test.npz": [[1]], "Y_test.npz": np.eye(1)}]
)
def test_without_the_part_train_its_labels_are_used_all_the_same(tmp_path, files):
    files = {name: content for name, content in files.items() if name != "train_texts.txt"}
    (test,) = load_dataset(write(tmp_path / "d", files), parts=("test",))
    assert test.num_labels == 3


def test_parts_come_in_the_order_asked_for(tmp_path):
    test, train = load_dataset(write(tmp_path / "d", TEXTS), parts=("test", "train"))
    assert (test.num_docs, train.num_docs) == (2, 3)


def test_labels_beyond_those_of_train_are_columns_beyond_them(tmp_path, caplog):
    files = {**XRC, "test.txt": "2 4 5\n2,4 2:1\n0 1:1\n"}
    with caplog.at_level(logging.INFO):
        _, test = load_dataset(write(tmp_path / "d", files))
    assert (test.num_labels, test.Y.shape) == (3, (2, 5))
    np.testing.assert_array_equal(test.Y.toarray(), [[0, 0, 1, 0, 1], [1, 0, 0, 0, 0]])
    assert "test: 1 labels are not in training" in caplog.text


def test_a_part_is_read_with_the_labels_of_a_model(tmp_path):
    part = load_part(write(tmp_path / "d", TEXTS), "train", ["c", "other", "b"])
    np.testing.assert_array_equal(part.Y.toarray(), [[0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    assert part.label_names == ["c", "other", "b"]


def test_a_part_without_any_label_of_the_model_gives_a_warning(tmp_path, caplog):
    part = load_part(write(tmp_path / "d", XRC), "train", ["a", "b"])
    np.testing.assert_array_equal(part.Y.toarray()[:, 2:], [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert "train: none of its 3 labels is known from training; is it the same data?" in caplog.text


@pytest.mark.parametrize("files", [TEXTS, XRC])
def test_empty_documents_are_kept_and_counted(tmp_path, caplog, files):
    with caplog.at_level(logging.INFO):
        train, _ = load_dataset(write(tmp_path / "d", files))
    assert train.num_docs == 3
    assert "train: 1 of 3 documents have no label, 1 are empty; kept" in caplog.text


def test_a_file_of_names_orders_the_labels_of_texts_and_names_those_of_matrices(tmp_path):
    names = {"label_names.txt": "c\nunused\na\nb\n"}
    train, test = load_dataset(write(tmp_path / "texts", {**TEXTS, **names}))
    assert train.label_names == ["c", "unused", "a", "b"]
    np.testing.assert_array_equal(train.Y.toarray(), [[0, 0, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(test.Y.toarray(), [[1, 0, 0, 0, 1], [0, 0, 1, 0, 0]])
    train, _ = load_dataset(write(tmp_path / "xrc", {**XRC, "label_names.txt": "red hot\nx\ny\n"}))
    assert train.label_names == ["red hot", "x", "y"]
    np.testing.assert_array_equal(load_part(tmp_path / "xrc", "test", ["y"]).Y.toarray()[:, 0], [1])


def test_has_part_is_true_for_a_part_with_documents_and_labels(tmp_path):
    folder = write(tmp_path / "d", {**TEXTS, "dev_texts.txt": "t\n"})
    assert [has_part(folder, part) for part in ("train", "test", "dev", "other")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("name", "train", "test", "num_columns"),
    [
        ("cooking", (12404, 735, None), (3000, 735, None), 736),
        ("delicious", (12920, 983, 500), (3185, 983, 500), 983),
        ("bibtex", (4880, 159, 1836), (2515, 159, 1836), 159),
    ],
)
def test_real_folders_have_their_sizes(shared, name, train, test, num_columns):
    loaded = load_dataset(shared / "data" / name)
    assert [(d.num_docs, d.num_labels, d.X.shape[1] if d.X is not None else None) for d in loaded] == [train, test]
    assert [d.Y.shape[1] for d in loaded] == [train[1], num_columns]
    assert [np.diff(d.Y.indptr).sum() > d.num_docs for d in loaded] == [True, True]


def test_a_real_file_of_features_agrees_with_scikit_learn(shared):
    from sklearn.datasets import load_svmlight_file

    path = shared / "data" / "delicious" / "test.txt"
    (test,) = load_dataset(path.parent, parts=("test",))
    _, rows = path.read_bytes().split(b"\n", 1)
    X, labels = load_svmlight_file(io.BytesIO(rows), multilabel=True, zero_based=True, n_features=500)
    np.testing.assert_array_equal(test.X.toarray(), X.astype(np.float32).toarray())
    assert [tuple(row) for row in np.split(test.Y.indices, test.Y.indptr[1:-1])] == labels


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
@pytest.mark.parametrize("files", [TEXTS, XRC, {"X_train.npz": np.eye(3)}])
def test_batches_hold_every_document_once_in_order(tmp_path, files, batch_size):
    folder = write(tmp_path / "d", files)
    batches = list(iter_documents(folder, part="train", batch_size=batch_size))
    sizes = [len(batch) if isinstance(batch, list) else batch.shape[0] for batch in batches]
    assert sizes == [min(batch_size, 3 - start) for start in range(0, 3, batch_size)]
    if files is TEXTS:
        assert [text for batch in batches for text in batch] == ["one", "two", ""]
    else:
        expected = np.eye(3) if "X_train.npz" in files else load_dataset(folder)[0].X.toarray()
        np.testing.assert_array_equal(np.vstack([batch.toarray() for batch in batches]), expected)


def test_texts_are_streamed_from_a_file_and_from_standard_input(tmp_path, monkeypatch):
    text = "one\x0c1\n\ntwo\u2028\n"
    folder = write(tmp_path / "d", {"a.txt": text, "b.gz": gzip.compress(text.encode()), "no_suffix": text})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    for source in ("-", folder / "a.txt", str(folder / "b.gz"), folder / "no_suffix"):
        assert list(iter_documents(source, batch_size=2)) == [["one\x0c1", ""], ["two\u2028"]]


def test_documents_are_streamed_without_their_labels_file(tmp_path):
    assert list(iter_documents(write(tmp_path / "d", {"test_texts.txt": "t\n"}))) == [["t"]]


ENDLESS = {
    "test_texts.txt": ([], "1 1:1"),
    "test.txt": ([b"99999 4 3"], "1 1:1"),
    "tst_X_Xf.txt": ([b"99999 4"], "1:1"),
    "test.svm": ([], "1 1:1"),
    "test.jsonl": ([], '{"text": "1 1:1"}'),
    "test.csv": ([b"text\n"], "1 1:1\n"),
    "test.tsv": ([], "1 1:1\t<http://a>"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_stream_reads_no_further_than_it_must(tmp_path, monkeypatch, name):
    header, line = ENDLESS[name]

    def endless(path, *, keep_ends=False):
        return itertools.chain(header, itertools.repeat(line.encode()))

    folder = write(tmp_path / "d", {name: line})
    for module in (formats.lines, formats.sparse_text):
        monkeypatch.setattr(module, "read_lines", endless)
    stream = iter_documents(folder, batch_size=2)
    for _ in range(3):
        batch = next(stream)
        assert (batch == ["1 1:1"] * 2) if isinstance(batch, list) else (batch.toarray()[:, 1].tolist() == [1, 1])


def test_a_wrong_line_is_found_in_a_later_batch(tmp_path):
    folder = write(tmp_path / "d", {"test.txt": "5 2 2\n" + "0 1:1\n" * 4 + "0 1:x\n"})
    stream = iter_documents(folder, batch_size=2)
    assert next(stream).shape == next(stream).shape == (2, 2)
    with pytest.raises(DataError, match=r'test\.txt:6: a feature must be "id:value", finite numbers\. Got "1:x"; '):
        next(stream)


@pytest.mark.parametrize("header", ["1 4 3", " 1 4 3 "])
@pytest.mark.parametrize("row", ["0,2 1:0.5 3:2", " 1:0.5 3:2"])
def test_a_single_file_of_features_is_not_taken_for_texts(tmp_path, header, row):
    path = write(tmp_path / "d", {"test.txt": f"{header}\n{row}\n"}) / "test.txt"
    (batch,) = iter_documents(path)
    np.testing.assert_array_equal(batch.toarray(), [[0, 0.5, 0, 2]])


@pytest.mark.parametrize("texts", ["1 2 3\n", "1 2 3\n4 5 6\n", "1 2 3\n\n"])
def test_texts_of_numbers_are_texts(tmp_path, texts):
    path = write(tmp_path / "d", {"texts.txt": texts}) / "texts.txt"
    assert next(iter_documents(path)) == texts[:-1].split("\n")


def test_a_batch_without_documents_is_refused():
    with pytest.raises(ValueError, match=r"batch_size must be at least 1\. Got 0; leave it out for 4096\."):
        iter_documents("-", batch_size=0)


# --- errors of folders and files --------------------------------------------------------------------------------------


def refuse(folder, message, *, parts=("train", "test")):
    with pytest.raises(DataError, match=message):
        load_dataset(folder, parts=parts)


def test_a_source_that_is_missing_is_refused_with_a_close_name(tmp_path):
    write(tmp_path / "cooking", TEXTS)
    refuse(tmp_path / "cokking", r'"pydocs", a path that exists, .*\. Got ".*cokking"; did you mean ".*/cooking"\?')
    refuse(tmp_path / "xyz", r'"pydocs", a path that exists, .*\. Got ".*xyz"; check the path\.')
    refuse(tmp_path / "no" / "parent", r"check the path\.")
    with pytest.raises(DataError, match=r"did you mean "):
        iter_documents(tmp_path / "cookin")


def test_a_file_without_labels_is_refused_as_data_to_learn_from(tmp_path):
    path = write(tmp_path, TEXTS) / "train_texts.txt"
    refuse(
        path, r"train_texts\.txt must hold documents and their labels in .* --data-format, or give", parts=("train",)
    )


def test_a_file_is_one_part(tmp_path):
    path = write(tmp_path, {"all.jsonl": '{"text": "t", "labels": ["b", "a"]}\n'}) / "all.jsonl"
    refuse(path, r"all\.jsonl must be asked for one part, as it holds no more\. Got train, test; ask for parts=")
    for part in ("train", "test"):
        (dataset,) = load_dataset(path, parts=(part,))
        assert (dataset.texts, dataset.label_names) == (["t"], ["a", "b"])
    assert [has_part(path, part) for part in ("train", "test")] == [True, False]


@pytest.mark.parametrize(
    ("files", "got"),
    [
        ({}, "an empty folder"),
        ({"a": "", "test_texts.txt": "t"}, r"a, test_texts\.txt"),
        (dict.fromkeys("0123456789", ""), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
    ],
)
def test_an_unknown_folder_is_refused_with_every_layout_that_was_looked_for(tmp_path, files, got):
    refuse(
        write(tmp_path / "d", files),
        r"d must hold test as test_texts\.txt and test_labels\.txt; or .*; or test\.csv; .*; or test\.txt; .*; or "
        r"X_test\.npz and Y_test\.npz; or tst_X_Xf\.txt and tst_X_Y\.txt; or test\.arff; or test\.svm "
        rf"\(text files also as \.gz or \.xz\)\. Got {got}; add or rename the files\.",
        parts=("test",),
    )


def test_two_layouts_or_two_compressions_of_a_part_are_refused(tmp_path):
    refuse(
        write(tmp_path / "a", {**TEXTS, **XRC}),
        r"hold train in one format\. Got train_texts\.txt \(texts\), train\.txt \(xrc\); name one with --data-format",
    )
    files = {**TEXTS, "train_texts.txt.gz": b""}
    refuse(
        write(tmp_path / "b", files), r"hold train_texts\.txt once\. Got train_texts\.txt and train_texts\.txt\.gz; "
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_labels.txt": "a\n\n"},
            r"train_labels\.txt must have 3 lines, a line for each of train_texts\.txt\. Got 2;",
        ),
        (
            {"train_labels.txt": "a\nb\nc a b a\n"},
            r'train_labels\.txt:3: a line must name a label once\. Got "a" 2 times;',
        ),
        ({"train_labels.txt": "\n\n\n"}, r"d must have labels in train\. Got none; "),
        (
            {"train_labels.txt": b"a\n\xe9\nb\n"},
            r"train_labels\.txt:2: the text must be UTF-8\. Got byte 0xe9 at byte 1 ",
        ),
        (
            {"train_texts.txt": b"a\nb\nccc\xff\n"},
            r"train_texts\.txt:3: .* Got byte 0xff at byte 4 of the line; name its encoding, ",
        ),
        ({"train_texts.txt": ""}, r"train_texts\.txt must hold a line for each document\. Got nothing; "),
        ({"label_names.txt": "a\nb\n\nc"}, r'label_names\.txt:3: a line must be the name of one more label\. Got ""; '),
        ({"label_names.txt": "a\nb\na"}, r'label_names\.txt:3: a line must be the name of one more label\. Got "a"; '),
        ({"label_names.txt": "a\nb\n"}, r"label_names\.txt must name every label of train\. Got 2 names, and 1 other "),
    ],
)
def test_wrong_texts_and_labels_are_refused(tmp_path, changes, message):
    refuse(write(tmp_path / "d", {**TEXTS, **changes}), message)


def test_no_label_in_train_is_refused_when_train_is_not_asked_for(tmp_path):
    refuse(write(tmp_path / "d", {**TEXTS, "train_labels.txt": "\n"}), r"must have labels in train\.", parts=("test",))


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".gz", gzip.compress(b"some text\n" * 500)[:-12]),
        (".gz", gzip.compress(b"some text\n" * 500)[:30]),
        (".gz", lzma.compress(b"some text\n")),
        (".gz", b"some text\n"),
        (".xz", lzma.compress(b"some text\n" * 500)[:-12]),
        (".xz", bz2.compress(b"some text\n")),
        (".xz", b""),
    ],
)
def test_a_truncated_or_foreign_compressed_file_is_refused(tmp_path, suffix, content):
    path = write(tmp_path / "d", {f"texts.txt{suffix}": content}) / f"texts.txt{suffix}"
    with pytest.raises(
        DataError, match=rf"texts\.txt\{suffix} must be a whole \{suffix} file\. Got: .*; write or fetch "
    ):
        list(iter_documents(path))


@pytest.mark.parametrize("content", ["", gzip.compress(b"")])
def test_an_empty_stream_is_refused(tmp_path, monkeypatch, content):
    content = content or b""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DataError, match=r"standard input must hold a line for each document\. Got nothing; "):
        list(iter_documents("-"))
    name = "t.gz" if content else "t.txt"
    with pytest.raises(DataError, match=rf"{name} must hold a line for each document\. Got nothing; "):
        list(iter_documents(write(tmp_path / "d", {name: content}) / name))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"train\.txt must hold a line for each document\. Got nothing; "),
        ("0 1:1\n", r'train\.txt:1: .* "N D L", each at least 1\. Got "0 1:1"; add that line\.'),
        ("1 2\n0 1:1\n", r'train\.txt:1: .* Got "1 2"; '),
        ("1 0 2\n0\n", r'train\.txt:1: .* Got "1 0 2"; '),
        ("1 2 9999999999\n0\n", r'train\.txt:1: .* Got "1 2 9999999999"; '),
        ("3 2 2\n0 1:1\n", r"train\.txt:1: the header must .* Got N=3 above 1 documents; mend the header, or fetch "),
        ("3 2 2\n", r"train\.txt:1: the header must .* Got N=3 above 0 documents; "),
        ("1 2 2\n0 1:1\n0 1:1\n", r"train\.txt:3: the file must end after 1 documents, the N of its header\. "),
        ("1 2 2\n0 1:1\n\n", r"train\.txt:3: the file must end after 1 documents"),
        (
            "2 2 2\n0\n2 1:1\n",
            r"train\.txt:3: label ids must be 0 to 1, by the header\. Got 2; mend the id or the header",
        ),
        ("2 2 2\n0\n0 2:1\n", r"train\.txt:3: feature ids must be 0 to 1, by the header\. Got 2; .*count ids from 0\."),
        ("1 2 2\n0 -1:1\n", r"train\.txt:2: feature ids must be 0 to 1, by the header\. Got -1; "),
        ("1 2 2\n-1 1:1\n", r'train\.txt:2: labels must be ids parted by commas, "l1,l2"\. Got "-1"; '),
        ("1 2 2\n1:1\n", r'train\.txt:2: labels must be .* Got "1:1"; .* a document without labels with a space\.'),
        ("1 2 2\n0,,1 1:1\n", r'train\.txt:2: labels must be .* Got "0,,1"; '),
        ("1 2 2\n0, 1 1:1\n", r'train\.txt:2: labels must be .* Got "0,"; '),
        ("1 2 2\n0\t1:1\n", r'train\.txt:2: labels must be .* Got "0\t1:1"; '),
        ("1 2 2\n1_0 1:1\n", r'train\.txt:2: labels must be .* Got "1_0"; '),
        ("1 2 2\n" + "1" * 20 + " 1:1\n", r'train\.txt:2: labels must be .* Got "1{20}"; '),
        (f"1 2 2\n{'x' * 99}\n", r'train\.txt:2: labels must be .* Got "x{60}\.\.\."; '),
        ("1 2 2\n0 0:1 1\n", r'train\.txt:2: a feature must be "id:value", finite numbers\. Got "1"; mend it\.'),
        ("1 2 2\n0 0:1 1 1:2:3\n", r'train\.txt:2: a feature must be .* Got "1"; '),
        ("1 2 2\n0 0:1:1\n", r'train\.txt:2: a feature must be .* Got "0:1:1"; '),
        ("1 2 2\n0 0: 1:1\n", r'train\.txt:2: a feature must be .* Got "0:"; '),
        ("1 2 2\n0 :1\n", r'train\.txt:2: a feature must be .* Got ":1"; '),
        ("1 2 2\n0 0.5:1\n", r'train\.txt:2: a feature must be .* Got "0\.5:1"; '),
        ("1 2 2\n0 1e0:1\n", r'train\.txt:2: a feature must be .* Got "1e0:1"; '),
        ("1 2 2\n0 1:1_0\n", r'train\.txt:2: a feature must be .* Got "1:1_0"; '),
        ("1 2 2\n0 1:1-1\n", r'train\.txt:2: a feature must be .* Got "1:1-1"; '),
        ("1 2 2\n0 1:nan\n", r'train\.txt:2: a feature must be "id:value", finite numbers\. Got "1:nan"; '),
        ("1 2 2\n0 1:inf\n", r'train\.txt:2: a feature must be .* Got "1:inf"; '),
        ("1 2 2\n0 " + "1" * 20 + ":1\n", r'train\.txt:2: a feature must be .* Got "1{20}:1"; '),
        ("1 2 2\n0 1:\xb2\n", r'train\.txt:2: a feature must be .* Got "1:²"; '),
        ("1 2 2\n0 1:-0.5\n", r'train\.txt:2: a feature must be at least 0 and finite in float32\. Got "1:-0\.5"; '),
        ("1 2 2\n0 0:1 1:1e39\n", r'train\.txt:2: a feature must be at least 0 and finite .* Got "1:1e39"; '),
        ("1 2 2\n0 1:1e999\n", r'train\.txt:2: a feature must be at least 0 and finite .* Got "1:1e999"; '),
        ("1 2 2\n1,0,1 1:1\n", r"train\.txt:2: a line must name a label once\. Got label 1 twice; remove one\."),
        (
            "1 2 2\n1 0:1 1:1 0:2\n",
            r"train\.txt:2: a line must name a feature once\. Got feature 0 twice; remove one\.",
        ),
        ("1 2 2\n 0:1\n", r"d must have labels in train\. Got none; "),
    ],
)
def test_a_wrong_file_of_features_is_refused_with_its_line(tmp_path, text, message):
    refuse(write(tmp_path / "d", {"train.txt": text}), message, parts=("train",))


def test_parts_with_different_numbers_of_features_are_refused(tmp_path):
    files = {**XRC, "test.txt": "1 5 3\n2 2:1\n"}
    refuse(write(tmp_path / "d", files), r"as many features in every part\. Got 4 in train, 5 in test; make them from ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X_train.npz": np.eye(3)}, r"Y_train\.npz must have 3 rows, a row for each of X_train\.npz\. Got 2; "),
        ({"X_train.npz": -np.eye(2)}, r"X_train\.npz must hold no negative feature\. Got -1; "),
        (
            {"X_train.npz": [[1, np.inf]] * 2},
            r"X_train\.npz must be finite in float32; .* Got inf in row 0, column 1; ",
        ),
        ({"X_train.npz": np.zeros((0, 2))}, r"X_train\.npz must hold a row for each document\. Got shape \(0, 2\); "),
        ({"Y_train.npz": [[1, 0], [0, -1]]}, r"Y_train\.npz must not be negative\. Got -1 in row 1, column 1; "),
        ({"Y_train.npz": [[0, np.nan], [0, 1]]}, r"Y_train\.npz must be finite in float32; .* Got nan in row 0, "),
        ({"Y_train.npz": np.zeros((2, 2))}, r"d must have labels in train\. Got none; "),
        (
            {"X_train.npz": pickle.dumps("pickle")},
            r"X_train\.npz must be a whole file of scipy\.sparse\.save_npz\. Got ",
        ),
        ({"X_train.npz": b"text"}, r"X_train\.npz must be a whole file of scipy\.sparse\.save_npz\. Got "),
        ({"Y_train.npz": b""}, r"Y_train\.npz must be a whole file of scipy\.sparse\.save_npz\. Got "),
    ],
)
def test_wrong_matrices_are_refused(tmp_path, changes, message):
    files = {"X_train.npz": np.eye(2), "Y_train.npz": np.eye(2), **changes}
    refuse(write(tmp_path / "d", files), message, parts=("train",))


@pytest.mark.parametrize("save", [np.save, np.savez], ids=["npy", "npz"])
@pytest.mark.parametrize("array", [np.eye(2), np.array([{"an": "object"}])], ids=["dense", "pickled"])
def test_arrays_that_are_no_sparse_matrix_are_refused(tmp_path, save, array):
    folder = write(tmp_path / "d", {"Y_train.npz": np.eye(2)})
    with (folder / "X_train.npz").open("wb") as file:
        save(file, array)
    refuse(folder, r"X_train\.npz must be a whole file of scipy\.sparse\.save_npz\. Got ", parts=("train",))


def test_a_matrix_cut_short_or_with_a_broken_byte_is_refused_or_read_never_anything_else(tmp_path, rng):
    folder = write(tmp_path / "d", {"X_train.npz": np.eye(9), "Y_train.npz": np.eye(9)})
    whole = (folder / "X_train.npz").read_bytes()
    broken = [whole[:length] for length in range(0, len(whole), 11)]
    for place in rng.choice(len(whole), 150, replace=False):
        broken.append(whole[:place] + bytes([whole[place] ^ rng.integers(1, 256)]) + whole[place + 1 :])
    num_refused = 0
    for content in broken:
        (folder / "X_train.npz").write_bytes(content)
        try:
            (train,) = load_dataset(folder, parts=("train",))
        except DataError:
            num_refused += 1
        else:
            np.testing.assert_array_equal(train.X.toarray(), np.eye(9))
    assert num_refused > 100


# --- saving -----------------------------------------------------------------------------------------------------------

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda name: name.encode().split() == [name.encode()] and not name.startswith("\ufeff")
)
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=6).filter(
    lambda line: not line.endswith("\r") and not line.startswith("\ufeff")
)


@st.composite
def saved_parts(draw, of_texts):
    """The data sets "train" and "test", with a label that only test has, or none."""
    label_names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    parts = {}
    for part in ("train", "test"):
        num_docs = draw(st.integers(1, 4))
        num_columns = len(label_names) + (draw(st.integers(0, 2)) if part == "test" else 0)
        cells = st.lists(st.booleans(), min_size=num_columns, max_size=num_columns)
        Y = np.array([draw(cells) for _ in range(num_docs)])
        if part == "train":
            Y[0, 0] = True
        values = st.lists(st.floats(0, 2.0**100, width=32), min_size=3, max_size=3)
        texts = [draw(LINES) for _ in range(num_docs)] if of_texts else None
        X = None if of_texts else sp.csr_array([draw(values) for _ in range(num_docs)])
        parts[part] = Dataset(texts, X, Y, label_names)
    return parts


@pytest.mark.parametrize("of_texts", [True, False])
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_what_is_saved_loads_the_same(of_texts, data):
    parts = data.draw(saved_parts(of_texts))
    with tempfile.TemporaryDirectory() as folder:
        save_dataset(parts, Path(folder) / "new" / "saved")
        for got, expected in zip(load_dataset(Path(folder) / "new" / "saved"), parts.values(), strict=True):
            Y = expected.Y.toarray()
            # of a label beyond those of training, labels files tell no more than the documents that have it
            kept = (np.arange(Y.shape[1]) < expected.num_labels) | Y.any(axis=0) | (not of_texts)
            assert_same(got, Dataset(expected.texts, expected.X, Y[:, kept], expected.label_names))


def test_a_saved_folder_holds_nothing_else_and_others_may_read_it(tmp_path):
    (tmp_path / "saved").mkdir()
    texts, rows = with_texts(), with_texts(texts=None, X=np.eye(2))
    save_dataset({"train": texts, "test": rows}, tmp_path / "saved")
    names = ["X_test.npz", "Y_test.npz", "label_names.txt", "train_labels.txt", "train_texts.txt"]
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == names
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "saved").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "saved"]


def test_labels_without_a_name_are_told_from_labels_of_training(tmp_path):
    Y = np.array([[0, 0, 1], [1, 1, 1]])
    save_dataset({"test": with_texts(Y=Y, label_names=["unseen-2", "b"])}, tmp_path / "saved")
    assert (tmp_path / "saved" / "test_labels.txt").read_text() == "unseen--2\nunseen-2 b unseen--2\n"
    (test,) = load_dataset(tmp_path / "saved", parts=("test",))
    np.testing.assert_array_equal(test.Y.toarray(), Y)


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({}, r"datasets must hold a part\. Got none; "),
        (
            {"train": with_texts(), "test": with_texts(label_names=["a", "c"])},
            r"datasets must share label_names\. Got others in test than in train; load the parts together\.",
        ),
        ({"dev": with_texts(0)}, r"a part must have documents and labels\. Got 0 documents and 2 label names in dev; "),
        ({"dev": with_texts(label_names=[])}, r"a part must have .* Got 2 documents and 0 label names in dev; "),
        ({"train": with_texts(Y=np.eye(2, 3))}, r"Y of train must have 2 columns, one for each .*\. Got 3; name all "),
        (
            {"dev": with_texts(label_names=["a", "b c"])},
            r'a label name must not be empty, .* a space\. Got "b c"; rename',
        ),
        ({"dev": with_texts(label_names=["a", " b"])}, r'a label name must not be empty, .* Got " b"; '),
        ({"dev": with_texts(texts=None, X=np.eye(2), label_names=["a", ""])}, r'a label name must .* Got ""; '),
        ({"dev": with_texts(texts=["t", "u\nv"])}, r"one line of UTF-8, .* Got 'u\\nv' for line 2 of dev_texts\.txt; "),
        ({"dev": with_texts(texts=["t\r", "u"])}, r"one line of UTF-8, .* Got 't\\r' for line 1 of dev_texts\.txt; "),
        ({"dev": with_texts(texts=["\ufefft", "u"])}, r"no byte order mark first\. Got '\\ufefft' for line 1 of dev_t"),
        ({"dev": with_texts(texts=["t", "\ud800"])}, r"one line of UTF-8, .* Got '\\ud800' for line 2 of dev_texts"),
        ({"dev": with_texts(label_names=["a", "\ud800"])}, r"one line .* Got '\\ud800' for line 2 of label_names\.txt"),
    ],
)
def test_what_the_files_cannot_carry_is_refused_and_nothing_is_written(tmp_path, datasets, message):
    with pytest.raises(DataError, match=message):
        save_dataset(datasets, tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_content_or_a_file_is_not_overwritten(tmp_path):
    (tmp_path / "file").write_text("kept")
    for folder in (tmp_path, tmp_path / "file"):
        with pytest.raises(
            DataError, match=r'folder must be new or empty\. Got ".*", which has content; choose another'
        ):
            save_dataset({"train": with_texts()}, folder)
    assert (tmp_path / "file").read_text() == "kept"


def test_a_real_data_set_is_saved_and_loaded_the_same(shared, tmp_path):
    parts = dict(zip(("train", "test"), load_dataset(shared / "data" / "cooking"), strict=True))
    save_dataset(parts, tmp_path / "saved")
    for got, expected in zip(load_dataset(tmp_path / "saved"), parts.values(), strict=True):
        assert_same(got, expected)


# --- how many documents there are -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "compress"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize("num_docs", [3, 60_000])
def test_documents_are_about_as_many_as_is_estimated_from_the_first(tmp_path, rng, suffix, compress, num_docs):
    lines = [" ".join(map(str, rng.integers(0, 10**9, 1 + number % 7))) for number in range(num_docs)]
    (tmp_path / f"a.txt{suffix}").write_bytes(compress("".join(f"{line}\n" for line in lines).encode()))
    got = estimate_documents(tmp_path / f"a.txt{suffix}")
    assert got == 3 if num_docs == 3 else abs(got - num_docs) < 0.05 * num_docs


@pytest.mark.parametrize("num_docs", [3, 30_000])
def test_rows_of_a_workbook_are_about_as_many_as_is_estimated(tmp_path, num_docs):
    pytest.importorskip("openpyxl")
    texts = [f"text {number}" for number in range(num_docs)]
    save_file(Dataset(texts, None, np.ones((num_docs, 1)), ["x"]), tmp_path / "a.xlsx")
    got = estimate_documents(tmp_path / "a.xlsx")
    assert got == 3 if num_docs == 3 else abs(got - num_docs) < 0.05 * num_docs
    (tmp_path / "b.xlsx").write_bytes(b"no workbook")
    assert estimate_documents(tmp_path / "b.xlsx") is None


def test_parquet_tells_its_documents_and_what_is_no_file_of_lines_tells_none(tmp_path):
    pytest.importorskip("pyarrow")
    save_file(Dataset(["a", "b"], None, [[1], [1]], ["x"]), tmp_path / "a.parquet")
    assert estimate_documents(tmp_path / "a.parquet") == 2
    (tmp_path / "b.parquet").write_bytes(b"no Parquet")
    (tmp_path / "b.txt.gz").write_bytes(b"no gzip")
    for source in ("-", tmp_path / "b.parquet"):
        assert estimate_documents(source) is None
    assert estimate_documents(tmp_path / "b.txt.gz", options=ReadOptions(format="texts")) is None
