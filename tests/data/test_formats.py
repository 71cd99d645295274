import contextlib
import csv
import dataclasses
import datetime
import gzip
import io
import json
import logging
import lzma
import random
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xmlc_mhe.data import formats
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.formats.table import FORMATS, READING_USES
from xmlc_mhe.data.reading import iter_documents, load_dataset, load_part
from xmlc_mhe.data.writing import save_dataset, save_file
from xmlc_mhe.errors import DataError

EXTRA = {"parquet": "pyarrow", "hub": "datasets", "xlsx": "openpyxl"}  # what a format needs beyond the base
SINGLE = [name for name, format_ in FORMATS.items() if format_.suffixes]


@pytest.fixture(autouse=True)
def cache_of_its_own(monkeypatch, tmp_path):
    """What `datasets` keeps goes to a folder of the test, and it never looks at the network."""
    with contextlib.suppress(ImportError):
        import datasets

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        datasets.disable_progress_bars()


def need_extra(name):
    if name in EXTRA:
        pytest.importorskip(EXTRA[name])


def texts_or_features(name, texts, X):
    return (texts, None) if FORMATS[name].of_texts else (None, sp.csr_array(X))


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def read(path, part="train", **options):
    (dataset,) = load_dataset(path, parts=(part,), options=ReadOptions(**options))
    return dataset


def labels_of(dataset):
    return [
        [dataset.label_names[label] for label in row] for row in np.split(dataset.Y.indices, dataset.Y.indptr[1:-1])
    ]


# --- what is written reads the same -----------------------------------------------------------------------------------

# What a format cannot carry is refused (tests below); these are the texts and names that each can.
ANY = st.characters(exclude_categories=["Cs"])
NO_LINES = st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\t\ufeff")
WORDS = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"], exclude_characters="\ufeff<>"),
                min_size=1, max_size=4)  # fmt: skip
LINE_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\ufeff"), min_size=1, max_size=4)
LINES = st.text(NO_LINES, max_size=6)
TEXTS_OF = {"jsonl": st.text(ANY, max_size=6), "parquet": st.text(ANY, max_size=6), "hub": st.text(ANY, max_size=6)}
TEXTS_OF["xlsx"] = st.text(ANY, max_size=6)
TEXTS_OF |= {"csv": st.text(ANY, max_size=6), "tsv": st.text(ANY, max_size=6), "annif-folder": st.text(ANY, max_size=6)}
NAMES_OF = {"jsonl": LINE_NAMES, "parquet": LINE_NAMES, "hub": LINE_NAMES}


@st.composite
def datasets_for(draw, name):
    """The parts "train" and "test" of the same labels, such as the format can carry."""
    names = draw(st.lists(NAMES_OF.get(name, WORDS), min_size=1, max_size=4, unique=True))
    parts = {}
    for part in ("train", "test"):
        num_docs = draw(st.integers(1, 4))
        Y = np.array([draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names))) for _ in range(num_docs)])
        if part == "train":
            Y[0, 0] = True
        texts = [draw(TEXTS_OF.get(name, LINES)) for _ in range(num_docs)]
        values = st.lists(st.floats(0, 2.0**100, width=32), min_size=3, max_size=3)
        X = np.array([draw(values) for _ in range(num_docs)], np.float32)
        if name == "svmlight":  # a blank line is no document, and the last column must occur to be known
            X[:, 2] = np.maximum(X[:, 2], 1)
        if name == "xlsx" and not Y[-1].any():  # a row without any value at the end is none
            texts[-1] = texts[-1] or "="
        parts[part] = Dataset(*texts_or_features(name, texts, X), Y, names)
    return parts


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_folder_that_is_written_reads_the_same(name, data):
    need_extra(name)
    parts = data.draw(datasets_for(name))
    with tempfile.TemporaryDirectory() as folder:
        save_dataset(parts, Path(folder) / "new", format=name)
        # without one URI, Annif's lines cannot be told from a table, nor fastText's without a label from sparse rows
        options = ReadOptions(format=name if name in ("annif", "fasttext") else None)
        for got, expected in zip(load_dataset(Path(folder) / "new", options=options), parts.values(), strict=True):
            assert (got.texts, got.label_names) == (expected.texts, expected.label_names)
            np.testing.assert_array_equal(got.Y.toarray(), expected.Y.toarray())
            if expected.X is not None:
                np.testing.assert_array_equal(got.X.toarray(), expected.X.toarray())


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
@pytest.mark.parametrize("name", SINGLE)
def test_a_file_that_is_written_reads_the_same(tmp_path, name, suffix):
    need_extra(name)
    if name in ("parquet", "xlsx") and suffix:
        pytest.skip("it has its own compression")
    X = np.array([[0, 0.1, 3e-7], [1, 0, 0], [0, 0, 2]], np.float32)
    names = ["a", "b", "c"] if FORMATS[name].keeps_names else ["0", "1", "2"]
    Y = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    dataset = Dataset(*texts_or_features(name, ["é one", "", "three"], X), Y, names)
    path = tmp_path / f"all{FORMATS[name].suffixes[0]}{suffix}"
    save_file(dataset, path, format=name)
    got = read(path)
    assert (got.texts, got.label_names) == (dataset.texts, names)
    np.testing.assert_array_equal(got.Y.toarray(), Y)
    if dataset.X is not None:
        np.testing.assert_array_equal(got.X.toarray(), X)
    streamed = list(iter_documents(path, batch_size=2, options=ReadOptions(format=name)))
    if dataset.texts is not None:
        assert streamed == [["é one", ""], ["three"]]
    else:
        np.testing.assert_array_equal(formats.sparse_text._stack(streamed).toarray(), X)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", FORMATS)
def test_the_parts_of_a_folder_are_streamed_without_their_labels(tmp_path, name):
    need_extra(name)
    X = np.eye(5, dtype=np.float32)
    dataset = Dataset(*texts_or_features(name, ["a", "b", "c", "d", "e"], X), np.ones((5, 1)), ["l"])
    save_dataset({"dev": dataset}, tmp_path / "d", format=name)
    batches = list(iter_documents(tmp_path / "d", part="dev", batch_size=2))
    if dataset.texts is not None:
        assert batches == [["a", "b"], ["c", "d"], ["e"]]
    else:
        np.testing.assert_array_equal(formats.sparse_text._stack(batches).toarray(), X)


# --- how each format may be written by others -------------------------------------------------------------------------


def test_columns_are_chosen_by_name_and_labels_are_a_list_or_a_string(tmp_path):
    rows = [
        {"id": 7, "title": "t", "body": "b", "tags": ["x y", "z"]},
        {"title": None, "body": "c", "tags": "z;x y; "},
        {"title": "u", "body": "", "tags": None},
        {"title": "v", "body": "", "tags": 12},
    ]
    path = write(tmp_path, {"a.jsonl": "\n".join(map(json.dumps, rows))}) / "a.jsonl"
    dataset = read(path, text_columns=("title", "body"), label_column="tags", label_separator=";")
    assert dataset.texts == ["t b", "c", "u", "v"]
    assert labels_of(dataset) == [["x y", "z"], ["x y", "z"], [], ["12"]]
    cells = [[row["title"] or "", row["body"], "z;x y" if row["tags"] else ""] for row in rows[:3]]
    lines = ["\t".join(["title", "body", "tags"]), *("\t".join(row) for row in cells)]
    (tmp_path / "a.tsv").write_text("\r\n".join(lines) + "\r\n\r\n")
    dataset = read(tmp_path / "a.tsv", text_columns=("title", "body"), label_column="tags", label_separator=";")
    assert dataset.texts == ["t b", "c", "u"]
    assert labels_of(dataset) == [["x y", "z"], ["x y", "z"], []]


def test_a_quoted_cell_of_csv_holds_separators_quotes_and_line_ends(tmp_path):
    content = '\ufefftext,labels\n"a ""b"", c\r\nd",x y\nplain,\n'
    dataset = read(write(tmp_path, {"a.csv": content}) / "a.csv")
    assert dataset.texts == ['a "b", c\r\nd', "plain"]
    assert labels_of(dataset) == [["x", "y"], []]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("above", ["", "sep={}\n", '"sep={}"\r\n'])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_of_a_table_is_found_by_its_header_or_told_above_it(tmp_path, name, above, delimiter):
    rows = [["id", "text", "labels"], ["1", "one, and; \n two", "x"], ["2", "", "x y"]]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows(rows)
    write(tmp_path, {name: above.format(delimiter) + file.getvalue()})
    dataset = read(tmp_path / name)
    assert dataset.texts == ["one, and; \n two", ""]
    assert labels_of(dataset) == [["x"], ["x", "y"]]
    assert [*iter_documents(tmp_path / name)] == [dataset.texts]


@pytest.mark.parametrize(
    ("header", "expected"),
    [("title;tags, all\n", "a"), ("title,tags; all;more\n", "a;b;c"), ("title\n", "a;b;c"), ("title;body\tx\n", "a")],
)
def test_the_separator_is_the_one_that_gives_the_columns_that_are_asked_for(tmp_path, header, expected):
    row = "a;b;c,d\n" if ",tags" in header else "a;b;c\n" if header == "title\n" else "a;b\n"
    write(tmp_path, {"a.csv": header + row})
    assert [*iter_documents(tmp_path / "a.csv", options=ReadOptions(text_columns=("title",)))] == [[expected]]


def test_a_table_without_the_column_that_is_asked_for_names_those_that_it_has(tmp_path):
    write(tmp_path, {"a.csv": "Titel;Schlagwort\nRosen;Garten\n"})
    with pytest.raises(DataError, match=r'a\.csv:1 must have a column "text"\. Got "Titel", "Schlagwort"; name the '):
        read(tmp_path / "a.csv")


ENCODED = {  # what each format with text files needs; of a folder, all are in one encoding
    "csv": {"train.csv": "text;labels\r\nGrün ist schön;grün\r\n"},
    "tsv": {"train.tsv": "text\tlabels\nGrün ist schön\tgrün\n"},
    "jsonl": {"train.jsonl": '{"text": "Grün ist schön", "labels": ["grün"]}\n'},
    "texts": {"train_texts.txt": "Grün ist schön\n", "train_labels.txt": "grün", "label_names.txt": "grün"},
    "libmultilabel": {"train.txt": "1\tgrün\tGrün ist schön\n"},
    "fasttext": {"train.txt": "__label__grün Grün ist schön\n"},
    "annif": {"train.tsv": "Grün ist schön\t<grün>\n"},
    "annif-folder": {"train/1.txt": "Grün ist schön", "train/1.tsv": "<grün>\tGrün\n"},
}


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-be", "utf-8", "utf-8-sig", "cp037"])
@pytest.mark.parametrize("name", ENCODED)
def test_text_files_are_read_in_the_encoding_that_is_named(tmp_path, name, encoding):
    folder = write(tmp_path / "in", {file: text.encode(encoding) for file, text in ENCODED[name].items()})
    dataset = read(folder, encoding=encoding, format=name)
    assert (dataset.texts, labels_of(dataset)) == (["Grün ist schön"], [["grün"]])
    got = [*iter_documents(folder, part="train", options=ReadOptions(encoding=encoding, format=name))]
    assert got == [["Grün ist schön"]]


def test_characters_of_two_bytes_of_which_one_is_a_line_end_are_no_line_end(tmp_path):
    lines = '{"text": "\u0a0a\u0d0a", "labels": ["x"]}\n{"text": "b", "labels": []}'
    write(tmp_path, {"a.jsonl": lines.encode("utf-16")})
    assert read(tmp_path / "a.jsonl", encoding="utf-16").texts == ["\u0a0a\u0d0a", "b"]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("text\nGrün\n".encode("cp1252"), None, r"a\.csv:2: the text must be UTF-8\. .*, as --encoding cp1252, or con"),
        ("text\nGrün\n".encode("utf-16"), None, r"a\.csv:1: the text must be UTF-8\. .*, as --encoding utf-16, or con"),
        (b"text\na\n\x81\n", "cp1252", r"a\.csv:3: the text must be in the encoding cp1252\. .*; name another with"),
        (b"text\n", "utf-16", r"a\.csv:1: the text must be in the encoding utf-16\. "),
        (b"text\n", "utf16x", r'--encoding must be one that Python knows, such as .* Got "utf16x"; '),
        (b"text\n", "rot13", r'--encoding must be one that Python knows, such as .* Got "rot13"; '),
    ],
)  # fmt: skip
def test_another_encoding_is_refused_in_one_line_that_names_the_option(tmp_path, content, encoding, message):
    write(tmp_path, {"a.csv": content})
    with pytest.raises(DataError, match=message):
        list(iter_documents(tmp_path / "a.csv", options=ReadOptions(encoding=encoding)))


def test_a_table_of_texts_alone_is_streamed_and_its_empty_cells_are_documents(tmp_path):
    folder = write(tmp_path, {"a.csv": 'text\none\n\n""\ntwo\n', "b.jsonl": '{"text": "one"}\n{"text": null}\n'})
    assert list(iter_documents(folder / "a.csv")) == [["one", "", "", "two"]]
    assert list(iter_documents(folder / "b.jsonl")) == [["one", ""]]


def test_parquet_is_read_with_lists_strings_and_numbers(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"text": ["a", None], "list": [["x", "y z"], None], "string": ["x y", ""], "ids": [[3, 20], []]}
    parquet.write_table(arrow.table(columns), tmp_path / "a.parquet")
    expected = {"list": [["x", "y z"], []], "string": [["x", "y"], []], "ids": [["20", "3"], []]}
    for column, labels in expected.items():
        dataset = read(tmp_path / "a.parquet", label_column=column)
        assert (dataset.texts, labels_of(dataset)) == (["a", ""], labels)


def workbook(path, *sheets, name="Sheet"):
    """Write a workbook as openpyxl does, with shared strings; a sheet is its rows."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"{name}{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_with_numbers_dates_and_blank_rows(tmp_path):
    rows = [
        ["id", "text", None, "labels"],
        [1, "one", None, "a b"],
        [2, 1984, "x", 7],
        [3, 2.5, None, 8.0],
        [],
        [4, datetime.date(2024, 2, 29), None, None],
        [5, datetime.datetime(2024, 2, 29, 12, 30), None, True],
        [6, "_x000D_ two", None, "b"],
        [None, None, None, None],
    ]
    path = workbook(tmp_path / "a.xlsx", rows, name="Überblick")
    dataset = read(path)
    assert dataset.texts == ["one", "1984", "2.5", "", "2024-02-29", "2024-02-29 12:30:00", "\r two"]
    assert labels_of(dataset) == [["a", "b"], ["7"], ["8"], [], [], ["TRUE"], ["b"]]
    assert [*iter_documents(path, batch_size=3)] == [dataset.texts[:3], dataset.texts[3:6], dataset.texts[6:]]


def test_a_sheet_is_chosen_by_name_and_the_first_by_default(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    sheets = [["text", "labels"], ["first", "a"]], [["text", "labels"], ["second", "a"]]
    path = workbook(tmp_path / "a.xlsx", *sheets)
    assert read(path).texts == ["first"]
    assert "a.xlsx: the first of 2 sheets is read; --sheet NAME takes another" in caplog.text
    assert read(path, sheet="Sheet1").texts == ["second"]
    with pytest.raises(
        DataError, match=r'a\.xlsx must have a sheet "x"\. Got Sheet0, Sheet1; name the right one with '
    ):
        read(path, sheet="x")


def test_a_workbook_whose_stated_size_is_wrong_is_read_whole(tmp_path):
    path = workbook(tmp_path / "a.xlsx", [["text", "labels"], ["one", "a"], ["two", "b"]])
    change_member(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(b'ref="A1:B3"', b'ref="A1"'))
    assert read(path).texts == ["one", "two"]


def test_a_written_workbook_has_texts_and_no_formulas(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    texts = ["=1+1", "_x000D_ \r\x00\ufffe", "-1", "2024"]
    save_file(Dataset(texts, None, np.eye(4), ["=a", "+b", "c", "1"]), tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}
    assert [row[0].value for row in sheet.iter_rows(min_row=2)][::2] == ["=1+1", "-1"]
    assert read(tmp_path / "a.xlsx").texts == texts


def change_member(path, name, change):
    """Change one of the files in a zip."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[name] = change(members.get(name, b""))
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


SHARED = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="1" uniqueCount="1">
<si><r><t>one</t></r><r><rPr><b/></rPr><t xml:space="preserve"> &amp; two</t></r></si></sst>"""
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"


@pytest.mark.parametrize("number", [0, 1])
def test_the_strings_that_excel_keeps_beside_the_sheet_are_read(tmp_path, number):
    path = workbook(tmp_path / "a.xlsx", [["text", "labels"], ["one", "a"]])
    inline, shared = b't="inlineStr"><is><t>one</t></is>', b't="s"><v>%d</v>' % number
    change_member(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(inline, shared))
    change_member(path, "xl/sharedStrings.xml", lambda content: SHARED.encode())
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{KIND}"/></Types>'.encode()
    change_member(path, "[Content_Types].xml", lambda content: content.replace(b"</Types>", override))
    if number == 0:
        assert read(path).texts == ["one & two"]
        return
    with pytest.raises(DataError, match=r"a\.xlsx must be a whole \.xlsx workbook\. Got IndexError: .*; save it again"):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'r="2"', b'r="99999999"', r"a\.xlsx must have 1048576 rows at most\. Got more"),
        (b"</sheetData>", b"", r"a\.xlsx must be a whole \.xlsx workbook\. Got ParseError: .*; save it again as "),
    ],
)
def test_a_damaged_sheet_is_refused(tmp_path, old, new, message):
    path = workbook(tmp_path / "a.xlsx", [["text", "labels"], ["one", "a"]])
    change_member(path, "xl/worksheets/sheet1.xml", lambda content: content.replace(old, new))
    with pytest.raises(DataError, match=message):
        read(path)


@pytest.mark.parametrize("suffix", [".xls", ".xlsm", ".xlsb", ".ods"])
def test_a_workbook_of_another_kind_is_refused_with_the_mend(tmp_path, suffix):
    path = write(tmp_path, {f"a{suffix}": b"\xd0\xcf\x11\xe0"}) / f"a{suffix}"
    for read_it in (read, lambda path: list(iter_documents(path))):
        with pytest.raises(DataError, match=rf"must be a workbook of the kind \.xlsx\. Got {suffix}; save it as"):
            read_it(path)


def test_svmlight_agrees_with_scikit_learn_and_may_count_from_1(tmp_path):
    from sklearn.datasets import dump_svmlight_file

    X = np.array([[0, 0.5, 2], [1, 0, 0]])
    Y = sp.csr_matrix([[0, 1, 1], [1, 0, 0]])
    dump_svmlight_file(X, Y, str(tmp_path / "a.svm"), zero_based=False, multilabel=True, comment="made up")
    with pytest.raises(DataError, match=r"a\.svm:1: a line must hold a label or a feature\. Got a blank one"):
        read(tmp_path / "a.svm")  # its comments stand on lines of their own
    dump_svmlight_file(X, Y, str(tmp_path / "a.svm"), zero_based=False, multilabel=True)
    dataset = read(tmp_path / "a.svm")
    np.testing.assert_array_equal(dataset.X.toarray(), np.pad(X, ((0, 0), (1, 0))))
    np.testing.assert_array_equal(dataset.Y.toarray(), Y.toarray())


def test_other_parts_of_svmlight_have_the_features_of_train(tmp_path):
    folder = write(tmp_path / "d", {"train.svm": "0 0:1 2:1\n", "test.svm": "0 1:1\n0 2:2 7:3\n"})
    train, test = load_dataset(folder)
    assert train.X.shape == (1, 3)
    np.testing.assert_array_equal(test.X.toarray(), [[0, 1, 0], [0, 0, 2]])
    part = load_part(folder, "test", ["0"], options=ReadOptions(num_features=5))
    np.testing.assert_array_equal(part.X.toarray(), [[0, 1, 0, 0, 0], [0, 0, 2, 0, 0]])
    (batch,) = iter_documents(folder / "test.svm", options=ReadOptions(num_features=2))
    np.testing.assert_array_equal(batch.toarray(), [[0, 1], [0, 0]])


def test_pyxclib_files_are_read_and_one_of_them_is_streamed(tmp_path):
    files = {"trn_X_Xf.txt": "2 3\n0:1.5 2:1\n\n", "trn_X_Y.txt": "2 4\n3:1.0 0:1.0\n1:1.0 2:0\n"}
    folder = write(tmp_path / "d", files)
    dataset = read(folder)
    np.testing.assert_array_equal(dataset.X.toarray(), [[1.5, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(dataset.Y.toarray(), [[1, 0, 0, 1], [0, 1, 0, 0]])
    assert dataset.label_names == ["0", "1", "2", "3"]
    (batch,) = iter_documents(folder / "trn_X_Xf.txt")
    np.testing.assert_array_equal(batch.toarray(), dataset.X.toarray())


def test_the_raw_texts_of_the_repository_are_read_with_their_columns(tmp_path):
    row = {"uid": "B0", "title": "A book", "content": "On paper.", "target_ind": [3, 7], "target_rel": [1.0, 1.0]}
    folder = write(tmp_path / "d", {"trn.json.gz": gzip.compress(json.dumps(row).encode())})
    dataset = read(folder, text_columns=("title", "content"), label_column="target_ind")
    assert (dataset.texts, labels_of(dataset)) == (["A book On paper."], [["3", "7"]])


def test_texts_of_attentionxml_and_x_transformer_are_read(tmp_path):
    files = {"train_raw_texts.txt": "One.\n", "train_labels.txt": "b a\n", "train_texts.txt": "one\n"}
    folder = write(tmp_path / "d", files)
    with pytest.raises(
        DataError, match=r"one format\. Got train_texts\.txt \(texts\), train_raw_texts\.txt \(raw-texts\)"
    ):
        read(folder)
    assert read(folder, format="raw-texts").texts == ["One."]
    assert read(folder, format="texts").texts == ["one"]
    folder = write(tmp_path / "pecos", {"X.trn.txt": "one\ntwo\n"})
    sp.save_npz(folder / "Y.trn.npz", sp.csr_array([[0, 1], [1, 0]]))
    assert labels_of(read(folder)) == [["1"], ["0"]]


@pytest.mark.parametrize("line", ["12\tb a\tsome text", "b a\tsome text"])
def test_lines_of_libmultilabel_are_read_with_or_without_an_id(tmp_path, line):
    for dataset in (read(write(tmp_path / "d", {"train.txt": f"{line}\n"})), read(tmp_path / "d" / "train.txt")):
        assert (dataset.texts, labels_of(dataset)) == (["some text"], [["a", "b"]])


def test_lines_of_fasttext_are_read_with_labels_wherever_they_stand(tmp_path):
    lines = ["plain", "__label__a __label__b-c  two\twords", "one __label__b-c word", "a__label__x", " __label__a"]
    path = write(tmp_path, {"a.txt": "\n".join(lines)}) / "a.txt"
    dataset = read(path)
    assert dataset.texts == ["plain", " two\twords", "one word", "a__label__x", " "]
    assert labels_of(dataset) == [[], ["a", "b-c"], ["b-c"], [], ["a"]]
    assert list(iter_documents(path)) == [dataset.texts]  # labels are no words of the texts
    assert read(write(tmp_path / "d", {"train.ft.txt": "__label__a b"})).texts == ["b"]
    assert read(write(tmp_path / "e", {"train.train": "__label__a b"}) / "train.train", format="fasttext").texts == [
        "b"
    ]


def test_corpora_of_annif_are_read_with_uris_for_names(tmp_path):
    uris = ["http://example.org/a", "http://example.org/b"]
    lines = f"one two\t<{uris[1]}> <{uris[0]}>\nthree\t<{uris[0]}>\nnone\t\n"
    folder = write(tmp_path / "lines", {"train.tsv": lines, "train.tsv.unrelated": ""})
    dataset = read(folder)
    assert (dataset.texts, dataset.label_names) == (["one two", "three", "none"], uris)
    assert labels_of(dataset) == [uris, [uris[0]], []]
    documents = {"b.txt": "three", "b.tsv": f"<{uris[0]}>\tAye\n", "a.txt": "one\ntwo", "c.txt": "none", "c.key": ""}
    documents["a.tsv"] = f"<{uris[0]}>\tAye\n<{uris[1]}>\tBee\n"
    write(tmp_path / "documents", documents)
    write(tmp_path / "parts", {f"train/{name}": content for name, content in documents.items()})
    for folder in (tmp_path / "documents", tmp_path / "parts"):
        dataset = read(folder)
        assert (dataset.texts, labels_of(dataset)) == (["one\ntwo", "three", "none"], [uris, [uris[0]], []])
    assert list(iter_documents(tmp_path / "documents")) == [["one\ntwo", "three", "none"]]
    write(tmp_path / "keys", {"a.txt": "one", "a.key": "Bee keeping\n\nAye\n"})
    assert labels_of(read(tmp_path / "keys")) == [["Aye", "Bee keeping"]]


def test_a_data_set_of_the_hub_is_read_from_a_saved_folder_and_by_name(tmp_path):
    datasets = pytest.importorskip("datasets")
    kinds = {"text": datasets.Value("string"), "labels": datasets.Sequence(datasets.ClassLabel(names=["no", "yes"]))}
    one_kind = {"text": datasets.Value("string"), "labels": datasets.ClassLabel(names=["no", "yes"])}
    splits = {
        "train": datasets.Dataset.from_dict({"text": ["a", "b"], "labels": [[1, 0], []]}, datasets.Features(kinds)),
        "validation": datasets.Dataset.from_dict({"text": ["c"], "labels": [1]}, datasets.Features(one_kind)),
    }
    folder = tmp_path / "saved"
    folder.mkdir()
    for name, split in splits.items():
        split.save_to_disk(folder / name)
    train, dev = load_dataset(folder, parts=("train", "dev"))
    assert (train.texts, labels_of(train)) == (["a", "b"], [["no", "yes"], []])
    assert (dev.texts, dev.Y.toarray().tolist(), dev.label_names) == (["c"], [[0, 1]], ["no", "yes"])
    assert labels_of(read(folder / "train")) == [["no", "yes"], []]
    local = write(tmp_path / "local", {"train.jsonl": '{"text": "a", "labels": ["x"]}\n'})
    (local / "validation.jsonl").write_text('{"text": "b", "labels": ["x"]}\n')
    train, dev = load_dataset(f"hub:{local}", parts=("train", "dev"))
    assert (train.texts, dev.texts, dev.label_names) == (["a"], ["b"], ["x"])
    assert list(iter_documents(f"hub:{local}", part="dev")) == [["b"]]
    with pytest.raises(DataError, match=r'"hub:.*local" must have a split for test\. Got train, validation; choose'):
        load_dataset(f"hub:{local}")
    with pytest.raises(
        DataError, match=r'"hub:.*/no-such" must be a data set on the hub, .* check the name and the net'
    ):
        load_dataset(f"hub:{tmp_path}/no-such")


def test_a_missing_package_is_told_with_the_line_that_installs_it(tmp_path, monkeypatch):
    for name in ("pyarrow", "datasets", "openpyxl"):
        monkeypatch.setitem(sys.modules, name, None)
    path = write(tmp_path, {"a.parquet": "x"}) / "a.parquet"
    with pytest.raises(ImportError, match=r'package pyarrow\. Got: .*; install it: pip install "xmlc-mhe\[tables\]"\.'):
        read(path)
    with pytest.raises(ImportError, match=r'package datasets\. Got: .*; install it: pip install "xmlc-mhe\[hub\]"\.'):
        read("hub:some/name")
    with pytest.raises(ImportError, match=r'package openpyxl\. Got: .*; install it: pip install "xmlc-mhe\[xlsx\]"\.'):
        read(write(tmp_path, {"a.xlsx": "x"}) / "a.xlsx")


# --- wrong files ------------------------------------------------------------------------------------------------------

GOOD = {
    "csv": "text,labels\none,a b\ntwo,\n",
    "tsv": "text\tlabels\none\ta b\n",
    "jsonl": '{"text": "one", "labels": ["a"]}\n',
    "libmultilabel": "1\ta b\tone\n2\t\ttwo\n",
    "fasttext": "__label__a __label__b one\ntwo\n",
    "annif": "one\t<http://a> <http://b>\n",
    "xrc": "2 3 2\n0,1 0:1 2:0.5\n 1:1\n",
    "svmlight": "0,1 0:1 2:0.5\n1 1:1\n",
    "arff": "@relation 'x: -C -2'\n@attribute f real\n@attribute 'g h' {u,v}\n@attribute a {0,1}\n@attribute b {0,1}\n"
    "@data\n{0 1.5,2 1}\n1,'v',0,1\n",
}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "title,tags\nx,y\n",
            r'a\.csv:1 must have a column "text"\. Got "title", "tags"; name .*--text-column\.',
        ),
        ("a.csv", "text,tags\nx,y\n", r'a\.csv:1 must have a column "labels"\. .*; name .*--label-column\.'),
        ("a.csv", "text,text,labels\nx,y,z\n", r'a\.csv:1 must have a column "text"\. '),
        (
            "a.csv",
            "text,labels\nx,y,z\n",
            r"a\.csv:2: a record must have 2 cells, as the header has\. Got 3; put cells ",
        ),
        ("a.csv", 'text,labels\n"x,y\n', r"a\.csv:2: must be CSV in double quotes\. Got: unexpected end of data; mend"),
        ("a.csv", 'text,labels\n"x"y,z\n', r"a\.csv:2: must be CSV in double quotes\. Got: "),
        ("a.csv", "text,labels\nx,a b a\n", r'a\.csv:2: a line must name a label once\. Got "a" 2 times; remove'),
        (
            "a.txt",
            "__label__a x\n__label__ y",
            r'a\.txt:2: a label must have a name behind __label__\. Got "__label__ y"; ',
        ),
        ("a.csv", b"text,labels\n\xff,a\n", r"a\.csv:2: the text must be UTF-8\. Got byte 0xff "),
        ("a.jsonl", "{\n", r'a\.jsonl:1: a line must be one JSON object\. Got "{": .*; mend it\.'),
        ("a.jsonl", "[1]\n", r'a\.jsonl:1: a line must be one JSON object\. Got "\[1\]"; write a document a line\.'),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl:1: a line must be one JSON object\. "),
        ("a.jsonl", '{"title": "x"}\n', r'a\.jsonl:1 must have a column "text"\. Got "title"; name'),
        ("a.jsonl", '{"text": "x"}\n', r'a\.jsonl:1 must have a column "labels"\. Got "text"; name'),
        ("a.jsonl", '{"text": 3, "labels": []}\n', r'a\.jsonl:1: a text must be a string\. Got "3"; choose another'),
        (
            "a.jsonl",
            '{"text": "x", "labels": [1.5]}',
            r'a\.jsonl:1: labels must be a list of strings .* Got "\[1\.5\]"',
        ),
        (
            "a.jsonl",
            '{"text": "x", "labels": true}',
            r'a\.jsonl:1: labels must be a list .* Got "True"; choose another',
        ),
        ("a.jsonl", '{"text": "x", "labels": [""]}', r"a\.jsonl:1: a label must be a name in UTF-8, not empty\. Got "),
        (
            "a.jsonl",
            '{"text": "x", "labels": ["\\ud800"]}',
            r"a\.jsonl:1: a label must be a name in UTF-8, not empty\. ",
        ),
        ("a.jsonl", '{"text": "\\ud800", "labels": []}', r"a\.jsonl:1: a text must have no lone surrogate\. Got "),
        ("a.jsonl", "", r"a\.jsonl must hold a line for each document\. Got nothing; "),
        ("a.jsonl.gz", "x", r"a\.jsonl\.gz must be a whole \.gz file\. Got: "),
        ("a.parquet", "PAR1 or not", r"a\.parquet must be a whole Parquet file\. Got .*; write or fetch it again\."),
        ("a.svm", "0 1:1\n0,x 1:1\n", r'a\.svm:2: a line must be "l1,l2 f:v f:v", .* Got "0,x 1:1": '),
        (
            "a.svm",
            "0 2:1 1:1\n",
            r'a\.svm:1: a line must be "l1,l2 f:v f:v", the ids of features ascending\. Got "0 2:1',
        ),
        ("a.svm", "0 1:1 1:1\n", r'a\.svm:1: a line must be "l1,l2 f:v f:v", '),
        ("a.svm", "0 1:nan\n", r"a\.svm:1: a line must be .*finite"),
        ("a.svm", "0 1:-1\n", r"a\.svm:1: a feature must be at least 0\. Got -1; shift or scale it\."),
        ("a.svm", "0.5 1:1\n", r"a\.svm:1: a label must be an id from 0 to 16777215\. Got 0\.5; renumber it\."),
        ("a.svm", "0\n99999999 1:1\n", r"a\.svm:2: a label must be an id from 0 to .* Got 1e\+08; renumber it\."),
        ("a.svm", "nan 1:1\n", r"a\.svm:1: a label must be an id .* Got nan; "),
        ("a.svm", "1,0,1 1:1\n", r"a\.svm:1: a line must name a label once\. Got label 1 twice; remove one\."),
        ("a.svm", "0 1:1\n\n", r"a\.svm:2: a line must hold a label or a feature\. Got a blank one; remove it\."),
        (
            "a.txt",
            "1\tb\tx\n2\ty\n",
            r'a\.txt:2: a line must be "id<TAB>labels<TAB>text" or .* Got 2 cells; put spaces',
        ),
        ("a.txt", "1\tb b\tx\n", r'a\.txt:1: a line must name a label once\. Got "b" 2 times; remove'),
        (
            "a.txt",
            "no labels\n",
            r"a\.txt must hold documents and their labels in a format with one file: jsonl, csv, ",
        ),
        ("a.npz", "x", r"a\.npz must hold documents and their labels in a format with one file"),
        ("a.tsv", "x\t<a>\ny\tb\n", r'a\.tsv:2: a line must be "text<TAB><uri> <uri>"\. Got "y\tb"; mend it\.'),
        ("a.tsv", "title\ttags\n", r'a\.tsv:1 must have a column "text"\. Got "title", "tags"; name'),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_the_mend(tmp_path, name, content, message):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match=message):
        read(write(tmp_path, {name: content}) / name)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (
            {"d/a.txt": "x"},
            {"format": "annif-folder"},
            r"a\.txt must have its subjects in one .* Got neither; an empty",
        ),
        ({"d/a.txt": "x", "d/a.tsv": "<a>", "d/a.key": "b"}, {}, r"a\.txt must .* Got a\.tsv and a\.key; "),
        ({"d/a.txt": "x", "d/a.tsv": "a\tA\n"}, {}, r'a\.tsv:1: a line must be "<uri><TAB>label"\. Got "a\tA"; mend'),
        ({"d/a.txt": b"\xff", "d/a.tsv": "<a>"}, {}, r"a\.txt:1: the text must be UTF-8\. "),
        ({"d/state.json": "{}"}, {}, r"d must be what save_to_disk wrote\. Got .*; write it again\."),
        (
            {"d/trn_X_Xf.txt": "1 2\n0:1\n", "d/trn_X_Y.txt": "2 2\n0:1\n1:1\n"},
            {},
            r"Y\.txt must have 1 rows, a row for",
        ),
        (
            {"d/trn_X_Xf.txt": "1 2\n0:1\n", "d/trn_X_Y.txt": "2 2\n0:1\n"},
            {},
            r"Y\.txt:1: the header must .* rows first",
        ),
        (
            {"d/trn_X_Xf.txt": "1\n0:1\n", "d/trn_X_Y.txt": "1 1\n0:1\n"},
            {},
            r'Xf\.txt:1: the file must begin .* "N D", ',
        ),
        ({"d/trn_X_Xf.txt": "1 2\n2:1\n", "d/trn_X_Y.txt": "1 1\n0:1\n"}, {}, r"Xf\.txt:2: feature ids must be 0 to 1"),
        ({"d/train.csv": "text,labels\n"}, {}, r"d must have labels in train\. Got none; "),
        ({"d/train.csv": "text,labels\n"}, {"format": "cvs"}, r"the format must be one of texts, .* Got 'cvs'; choose"),
        (
            {"d/train.csv": "text,labels\n"},
            {"format": "tsv"},
            r"d must hold train as train\.tsv \(text .* Got train\.csv",
        ),
    ],
)
def test_a_wrong_folder_is_refused_with_the_place_and_the_mend(tmp_path, files, options, message):
    if "d/state.json" in files:
        pytest.importorskip("datasets")
    write(tmp_path, files)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "d", **options)


def test_a_format_of_two_files_is_not_read_from_one(tmp_path):
    path = write(tmp_path, {"train_texts.txt": "x\n"}) / "train_texts.txt"
    with pytest.raises(
        DataError, match=r"train_texts\.txt must be a folder for the format texts, which has 2 files a "
    ):
        read(path, format="texts")


def broken(content, chance):
    """One of many ways in which a file can be wrong: cut, changed bytes, lines twice or mixed up, odd characters."""
    kind = chance.randrange(4)
    if kind == 0:
        return content[: chance.randrange(len(content) + 1)]
    if kind == 1:
        changed = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 2:
        lines = content.split(b"\n")
        chance.shuffle(lines)
        return b"\n".join(lines + lines[:1])
    place = chance.randrange(len(content) + 1)
    odd = chance.choice(
        [b"\0", b'"', b"\t", b",", b":", b"-1", b"1e999", b"\xff", b"{}", b"\r", b"9" * 30, b"nan", b"\n\n"]
    )
    return content[:place] + odd + content[place:]


@pytest.mark.parametrize("name", [*GOOD, "parquet", "hub", "xlsx"])
def test_a_broken_file_is_read_or_refused_with_one_error_never_anything_else(tmp_path, name, caplog):
    need_extra(name)
    caplog.set_level(logging.CRITICAL)
    chance = random.Random(0)
    if name in GOOD:
        path = write(tmp_path, {f"a{FORMATS[name].suffixes[0]}": GOOD[name]}) / f"a{FORMATS[name].suffixes[0]}"
        source = path
    else:
        dataset = Dataset(["one", "two"], None, np.eye(2), ["a", "b"])
        save_dataset({"train": dataset}, tmp_path / "d", format=name)
        source = tmp_path / "d"
        path = next((source / "train").glob("*.arrow")) if name == "hub" else source / f"train.{name}"
    good, num_refused = path.read_bytes(), 0
    for _ in range(200 if name in GOOD else 60):
        path.write_bytes(broken(good, chance))
        try:
            read(source, format=None if name not in ("annif", "tsv") else name)
            list(iter_documents(source, part="train", options=ReadOptions(format=name)))
        except DataError as error:
            num_refused += 1
            assert "Got" in str(error)
    assert num_refused > 10


@pytest.mark.parametrize(
    ("name", "dataset", "message"),
    [
        ("libmultilabel", Dataset(["a\tb"], None, [[1]], ["x"]), r"a text or name must have no tab in train\.txt\. "),
        (
            "fasttext",
            Dataset(["a"], None, [[1]], ["x y"]),
            r"a label must be a word without a space in train\.txt, .*x y",
        ),
        (
            "fasttext",
            Dataset(["a __label__b"], None, [[1]], ["x"]),
            r"and no word of a text begin with __label__\. Got ",
        ),
        (
            "annif",
            Dataset(["a\tb"], None, [[1]], ["x"]),
            r"a text must have no tab in train\.tsv\. Got one in document 0",
        ),
        (
            "annif",
            Dataset(["a"], None, [[1]], ["x y"]),
            r'a label must have no space or angle bracket .* Got "x y"; choose',
        ),
        (
            "csv",
            Dataset(["a"], None, [[1]], ["x y"]),
            r'train\.csv: a label name must be read back .* Got "x y"; choose an',
        ),
        ("csv", Dataset(["\ud800"], None, [[1]], ["x"]), r"must be one line of UTF-8, .* for line 2 of train\.csv; "),
        (
            "annif-folder",
            Dataset(["\ud800"], None, [[1]], ["x"]),
            r"a text must be UTF-8\. Got a lone surrogate for 0\.txt",
        ),
        (
            "svmlight",
            Dataset(None, [[0]], [[0]], ["x"]),
            r"must have a label or a feature in an svmlight file\. Got neither",
        ),
        (
            "svmlight",
            Dataset(["a"], None, [[1]], ["x"]),
            r"format svmlight holds features\. Got texts; choose one of texts,",
        ),
        (
            "jsonl",
            Dataset(None, [[1]], [[1]], ["x"]),
            r"the format jsonl holds texts\. Got features; choose one of xrc, npz",
        ),
        (
            "cvs",
            Dataset(["a"], None, [[1]], ["x"]),
            r"the format must be one of texts, .* Got 'cvs'; choose one of these",
        ),
    ],
)
def test_what_a_format_cannot_carry_is_refused_and_nothing_is_written(tmp_path, name, dataset, message):
    with pytest.raises(DataError, match=message):
        save_dataset({"train": dataset}, tmp_path / "d", format=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "dataset", "message"),
    [
        (
            "npz",
            Dataset(None, [[1]], [[1]], ["0"]),
            r"a file must be in one of the formats jsonl, .* Got npz; name one of",
        ),
        (
            "xrc",
            Dataset(None, [[1]], [[1]], ["x"]),
            r'called by their ids, 0, 1, .* Got other names, as "x"; write to a fol',
        ),
    ],
)
def test_what_one_file_cannot_carry_is_refused_and_nothing_is_written(tmp_path, name, dataset, message):
    with pytest.raises(DataError, match=message):
        save_file(dataset, tmp_path / "a", format=name)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_stands_for_no_format_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a file must be in one of the formats jsonl, .* Got a\.doc; name one of"):
        save_file(Dataset(["a"], None, [[1]], ["x"]), tmp_path / "a.doc")


def test_a_separator_of_labels_is_written_and_read(tmp_path):
    dataset = Dataset(["a", "b"], None, [[1, 1], [0, 0]], ["x y", "z"])
    save_file(dataset, tmp_path / "a.csv", format="csv", options=ReadOptions(label_separator="|"))
    assert (tmp_path / "a.csv").read_text() == '"text","labels"\n"a","x y|z"\n"b",""\n'
    assert labels_of(read(tmp_path / "a.csv", label_separator="|")) == [["x y", "z"], []]


def test_a_text_longer_than_the_limit_of_csv_is_read(tmp_path):
    text = "word " * 100_000
    save_file(Dataset([text], None, [[1]], ["x"]), tmp_path / "a.csv.xz", format="csv")
    assert lzma.decompress((tmp_path / "a.csv.xz").read_bytes()).count(b"word") == 100_000
    assert read(tmp_path / "a.csv.xz").texts == [text]


# --- options of reading that a format has no use for ------------------------------------------------------------------

NOT_DEFAULT = {"text_columns": ("title",), "label_column": "tags", "label_separator": ";", "encoding": "cp1252"}
NOT_DEFAULT["num_labels"] = 2
NOT_DEFAULT["sheet"] = "documents"


@pytest.mark.parametrize("option", READING_USES)
@pytest.mark.parametrize("name", FORMATS)
def test_an_option_that_the_format_has_no_use_for_is_refused(tmp_path, name, option):
    need_extra(name)
    X, Y = np.eye(2, dtype=np.float32), sp.csr_array(np.eye(2))
    dataset = Dataset(*texts_or_features(name, ["one", "two"], X), Y, ["0", "1"])
    options = ReadOptions(**{option: NOT_DEFAULT[option]})
    spelling, formats = READING_USES[option]
    folder, of_format = tmp_path / "new", dataclasses.replace(options, format=name)
    save_dataset({"train": dataset}, folder, format=name, options=options if name in formats else ReadOptions())
    if name in formats:
        assert read(folder, format=name, **{option: NOT_DEFAULT[option]}).num_docs == 2
        return
    message = rf"^{spelling} must be left out with .*new, which is in the format {name}\. Got .*; remove it, as it goes"
    with pytest.raises(DataError, match=message):
        load_dataset(folder, parts=("train",), options=of_format)
    with pytest.raises(DataError, match=message):
        iter_documents(folder, part="train", options=of_format)


def test_an_option_of_tables_is_refused_with_standard_input():
    message = r"^--text-column must be left out with standard input, which is in the format texts\. Got \('title',\); "
    with pytest.raises(DataError, match=message):
        iter_documents("-", options=ReadOptions(text_columns=("title",)))
