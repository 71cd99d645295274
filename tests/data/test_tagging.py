"""Tables that are written again with their tags: the input's own columns stay as they are."""

import csv
import datetime
import gzip
import io
import tracemalloc

import pytest

from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.reading import iter_documents
from xmlc_mhe.data.tagging import add_tags
from xmlc_mhe.errors import DataError

TAGS = [[("a b", 0.51239), ("c", 0.25)], [], [("ü", 1.0)]]


def tagged(path, target, tags=TAGS, **options):
    add_tags(path, target, tags, num_tags=2, options=ReadOptions(**options))
    return target


# --- CSV --------------------------------------------------------------------------------------------------------------

BODY = 'id,text,"labels"\r\n1,"=1+1, ""x""\r\n y",-1\r\n\r\n2,+a,@b\r\n"3",,'
EXPECTED = (
    'id,text,"labels",label_1,score_1,label_2,score_2\r\n1,"=1+1, ""x""\r\n y",-1,a b,0.5124,c,0.2500\r\n\r\n'
    '2,+a,@b,,,,\r\n"3",,,ü,1.0000,,'
)


@pytest.mark.parametrize("encoding", [None, "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_byte_of_a_csv_stays_and_tags_stand_behind(tmp_path, encoding, delimiter):
    body, expected = ((text.replace(",", delimiter)) for text in (BODY, EXPECTED))
    if delimiter == ";":
        expected = expected.replace("0.", "0,").replace("1.0", "1,0")
    path = tmp_path / "a.csv"
    path.write_bytes(body.encode(encoding or "utf-8"))
    option = None if encoding == "utf-8-sig" else encoding  # the mark is found by itself
    tagged(path, tmp_path / "b.csv", encoding=option)
    assert (tmp_path / "b.csv").read_bytes() == expected.encode(encoding or "utf-8")


def test_a_line_above_the_header_and_the_compression_of_the_name_are_kept(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\ntext\none;\n")
    with pytest.raises(DataError, match=r"a\.csv:3: a record must have 1 cells"):
        tagged(tmp_path / "a.csv", tmp_path / "b.csv")
    (tmp_path / "a.csv").write_text("sep=;\ntext;x\none;\n")
    tagged(tmp_path / "a.csv", tmp_path / "b.csv.gz", TAGS[2:])
    written = gzip.decompress((tmp_path / "b.csv.gz").read_bytes()).decode()
    assert written == "sep=;\ntext;x;label_1;score_1;label_2;score_2\none;;ü;1,0000;;\n"


@pytest.mark.parametrize("name", ["=c|x!A1", "+1", "-1", "@x", "\tx", '=HYPERLINK("http://a","b")'])
def test_a_label_name_is_no_formula_in_a_csv(tmp_path, name, caplog):
    (tmp_path / "a.csv").write_text("text\n=one\n")
    tagged(tmp_path / "a.csv", tmp_path / "b.csv", [[(name, 0.5)]])
    with (tmp_path / "b.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == ["=one", f"'{name}", "0.5000", "", ""]
    assert "a spreadsheet would take label names such as" in caplog.text
    assert list(iter_documents(tmp_path / "b.csv")) == [["=one"]]


def test_a_label_name_that_the_encoding_of_the_table_lacks_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "a.csv").write_bytes("text\nü\n".encode("cp1252"))
    with pytest.raises(
        DataError, match=r'label names must be in the encoding of the table, cp1252\. Got "日"; convert '
    ):
        tagged(tmp_path / "a.csv", tmp_path / "b.csv", [[("日", 0.5)]], encoding="cp1252")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_the_memory_for_a_table_does_not_grow_with_it(tmp_path):
    peaks = []
    for num_rows in (2_000, 40_000):
        (tmp_path / "a.csv").write_text("text\n" + "a text of some words\n" * num_rows)
        tracemalloc.start()
        tagged(tmp_path / "a.csv", tmp_path / "b.csv", (TAGS[0] for _ in range(num_rows)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "b.csv").read_text().count("\n") == 40_001
    assert peaks[1] < 1.5 * peaks[0] + 100_000  # the larger table has 800,000 bytes


# --- Parquet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_rows", [0, 3, 5000])
def test_the_columns_of_parquet_stay_with_their_types_and_metadata(tmp_path, num_rows):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "text": arrow.array(["=1", None, "t"][:num_rows] + ["x"] * (num_rows - 3)),
        "labels": arrow.array([["a"], [], None][:num_rows] + [["b"]] * (num_rows - 3), arrow.list_(arrow.string())),
        "when": arrow.array([datetime.date(2024, 2, 29)] * num_rows, arrow.date32()),
        "kind": arrow.array(["x"] * num_rows, arrow.string()).dictionary_encode(),
    }
    table = arrow.table(columns).replace_schema_metadata({"made": "by hand"})
    parquet.write_table(table, tmp_path / "a.parquet")
    tags = (TAGS[:num_rows] + [[("z", 0.5)]] * (num_rows - 3)) if num_rows else []
    tagged(tmp_path / "a.parquet", tmp_path / "b.parquet", tags)
    written = parquet.read_table(tmp_path / "b.parquet")
    assert written.column_names == [*table.column_names, "label_1", "score_1", "label_2", "score_2"]
    assert written.select(table.column_names).equals(parquet.read_table(tmp_path / "a.parquet"))
    assert written.schema.metadata[b"made"] == b"by hand"
    assert written["label_1"].to_pylist() == [row[0][0] if row else None for row in tags]
    assert written["score_2"].to_pylist()[:3] == [0.25, None, None][:num_rows]
    assert written.schema.field("score_1").type == arrow.float32()


# --- Excel ------------------------------------------------------------------------------------------------------------


def test_the_cells_of_a_workbook_stay_with_their_formulas_and_formats(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Überblick"
    for row in (
        ["text", "when", "sum", None, "labels"],
        ["one", datetime.datetime(2024, 2, 29), "=1+2", None, "a"],
        [],
        [1984, 2.5, True, "#N/A", None],
        [None, None, None, None, None],
    ):
        sheet.append(row)
    sheet["A1"].font = openpyxl.styles.Font(bold=True)
    sheet["B4"].number_format = "0.00%"
    sheet["A5"].number_format = "0.00"  # a row that is formatted and empty is none
    sheet["E2"].value, sheet["E2"].data_type = "=a", "s"
    book.save(tmp_path / "a.xlsx")
    tags = [[("=x", 0.51239), ("c", 0.25)], [], [("ü", 1.0)]]
    assert list(iter_documents(tmp_path / "a.xlsx")) == [["one", "", "1984"]]
    written = openpyxl.load_workbook(tagged(tmp_path / "a.xlsx", tmp_path / "b.xlsx", tags)).active
    assert written.title == "Überblick"
    for row in sheet.iter_rows():
        for cell in row:
            copied = written[cell.coordinate]
            assert (copied.value, copied.data_type) == (cell.value, cell.data_type)
            assert cell.value is None or copied.number_format == cell.number_format
    assert written["A1"].font.bold
    values = [[cell.value for cell in row[5:]] for row in written.iter_rows()]
    assert values[:4] == [
        ["label_1", "score_1", "label_2", "score_2"],
        ["=x", 0.5124, "c", 0.25],
        [None] * 4,
        ["ü", 1, None, None],
    ]
    assert written["F2"].data_type == "s"


def test_a_row_of_a_workbook_that_is_wider_than_the_header_is_refused(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["text"], ["one", "two"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"a\.xlsx: row 2 must have no cell beyond the header\. Got 2 for 1; ad"):
        tagged(tmp_path / "a.xlsx", tmp_path / "b.xlsx", TAGS[:1])
    with pytest.raises(DataError, match=r"a workbook must be called \.xlsx\. Got b\.xlsx\.gz; leave \.gz out\."):
        tagged(tmp_path / "a.xlsx", tmp_path / "b.xlsx.gz", TAGS[:1])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["csv", "xlsx", "parquet"])
def test_a_column_that_is_there_and_rows_that_come_or_go_are_refused(tmp_path, name):
    write_table(tmp_path / f"a.{name}", ["text", "score_1"], [["one", "1"]])
    with pytest.raises(DataError, match=r'must have no column "score_1", which is to be added\. Got one; rename or '):
        tagged(tmp_path / f"a.{name}", tmp_path / f"b.{name}", TAGS[:1])
    write_table(tmp_path / f"a.{name}", ["text", "x"], [["one", "1"]])
    for tags in ([], TAGS[:2]) if name != "xlsx" else (TAGS[:2],):
        with pytest.raises(DataError, match=r"must stay as it is while it is tagged\. Got other rows; tag it once"):
            tagged(tmp_path / f"a.{name}", tmp_path / f"b.{name}", tags)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{name}"]


def write_table(path, header, rows):
    if path.suffix == ".csv":
        file = io.StringIO()
        csv.writer(file).writerows([header, *rows])
        path.write_text(file.getvalue())
    elif path.suffix == ".xlsx":
        book = pytest.importorskip("openpyxl").Workbook()
        for row in [header, *rows]:
            book.active.append(row)
        book.save(path)
    else:
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table(dict(zip(header, zip(*rows, strict=True), strict=True))), path)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            "a.txt",
            "b.txt",
            r"tags are added to a table in csv, tsv, xlsx, parquet\. Got .*a\.txt, which is in texts; c",
        ),
        (
            "-",
            "b.csv",
            r"tags are added to a table in csv, tsv, xlsx, parquet\. Got standard input; save it to ",
        ),
        ("a.csv", "b.xlsx", r"the table with tags must be called \.csv, as .*a\.csv is in csv\. Got .*b\.xlsx; rename"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, source, target, message):
    for name in ("a.txt", "a.csv"):
        (tmp_path / name).write_text("text\none\n")
    with pytest.raises(DataError, match=message):
        tagged(source if source == "-" else tmp_path / source, tmp_path / target)
