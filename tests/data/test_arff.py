"""ARFF beside scipy's and liac-arff's readers, and the ways in which a file says which columns are labels."""

import io

import numpy as np
import pytest
import scipy.io.arff

from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.reading import iter_documents, load_dataset
from xmlc_mhe.data.writing import save_dataset
from xmlc_mhe.errors import DataError

HEADER = """% a comment
@RELATION "mulan data"

@attribute f1 numeric
@ATTRIBUTE 'two words' {0,1}
@attribute\tkind {red,'dark blue',"it''s"}
@attribute b {0,1}
@attribute a {0, 1}
@data
"""
DENSE = "-1.5,1,red,0,1\n% no row\n\n 2e1 , 0 , 'dark blue' , 1 , 1\n0,0,\"it''s\",0,0\n"
SPARSE = "{0 -1.5,1 1,4 1}\n{0 2e1, 2 'dark blue', 3 1 ,4 1}\n{2 \"it''s\"}\n"
X = [[-1.5, 1, 1, 0, 0], [20, 0, 0, 1, 0], [0, 0, 0, 0, 1]]
XML = '<?xml version="1.0"?>\n<labels xmlns="http://mulan.sourceforge.net/labels">{}</labels>'


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def read(path, **options):
    return load_dataset(path, parts=("train",), options=ReadOptions(**options))[0]


@pytest.mark.parametrize("rows", [DENSE, SPARSE, DENSE.replace("\n", "\r\n")])
def test_rows_are_read_dense_and_sparse_with_a_feature_for_each_value_of_a_word(tmp_path, rows):
    path = write(tmp_path, a_arff=HEADER + rows) / "a.arff"
    dataset = read(path, num_labels=2)
    assert dataset.label_names == ["b", "a"]
    np.testing.assert_array_equal(dataset.X.toarray(), np.float32(X))
    np.testing.assert_array_equal(dataset.Y.toarray(), [[0, 1], [1, 1], [0, 0]])
    batches = iter_documents(path, batch_size=2, options=ReadOptions(num_labels=2))
    np.testing.assert_array_equal(np.vstack([batch.toarray() for batch in batches]), np.float32(X))


def test_the_xml_file_of_mulan_says_which_columns_are_labels_for_all_parts(tmp_path):
    xml = XML.format('<label name="a"><label name="two words"></label></label>')
    folder = write(tmp_path / "d", bibtex_xml=xml)
    for part in ("train", "test"):
        (folder / f"bibtex-{part}.arff").write_text(HEADER + SPARSE)
    train, test = load_dataset(folder)
    assert train.label_names == test.label_names == ["a", "two words"]
    np.testing.assert_array_equal(train.Y.toarray(), [[1, 1], [1, 0], [0, 0]])
    np.testing.assert_array_equal(train.X.toarray()[:, 4], [0, 1, 0])  # b
    assert read(folder / "bibtex-train.arff").label_names == ["a", "two words"]
    (folder / "bibtex-test.xml").write_text(XML.format('<label name="b"/>'))
    (folder / "other.xml").write_text("no XML")
    assert read(folder / "bibtex-test.arff").label_names == ["b"]
    assert read(folder / "bibtex-train.arff").label_names == ["a", "two words"]
    assert read(folder / "bibtex-train.arff", num_labels=1).label_names == ["a"]


@pytest.mark.parametrize(("option", "names"), [("-C 2", ["f1", "two words"]), ("-C -1 -split-percentage 50", ["a"])])
def test_meka_says_in_the_relation_which_columns_are_labels(tmp_path, option, names):
    header = HEADER.replace('"mulan data"', f"'data: {option}'").replace("f1 numeric", "f1 {0,1}")
    dataset = read(write(tmp_path, a_arff=header + "1,0,red,0,1\n") / "a.arff")
    assert dataset.label_names == names
    assert dataset.Y.toarray().tolist() == [[1, 0][: len(names)]]


def test_a_label_that_is_1_where_a_sparse_row_has_no_entry_is_read_so(tmp_path):
    text = "@relation r\n@attribute f real\n@attribute a {1,0}\n@data\n{}\n{0 2,1 0}\n"
    dataset = read(write(tmp_path, a_arff=text) / "a.arff", num_labels=1)
    assert dataset.Y.toarray().tolist() == [[1], [0]]
    assert dataset.X.toarray().tolist() == [[0], [2]]


def random_arff(rng, *, sparse):
    """A random file with its matrices; liac-arff and scipy read it, too."""
    X = np.round(rng.normal(size=(30, 6)) * (rng.random((30, 6)) < 0.4), 3)
    Y = (rng.random((30, 3)) < 0.4).astype(int)
    lines = ["@relation r", *(f"@attribute f{i} numeric" for i in range(6))]
    lines += [*(f"@attribute l{i} {{0,1}}" for i in range(3)), "@data"]
    for row in np.hstack([X, Y]):
        values = [f"{value:g}" for value in row]
        pairs = [f"{column} {value}" for column, value in enumerate(values) if value not in ("0", "-0")]
        lines.append("{" + ",".join(pairs) + "}" if sparse else ",".join(values))
    return "\n".join(lines) + "\n"


def test_dense_files_are_read_as_scipy_reads_them(tmp_path, rng):
    text = random_arff(rng, sparse=False)
    data, _ = scipy.io.arff.loadarff(io.StringIO(text))
    expected = np.array([[float(value) for value in row] for row in data.tolist()])
    dataset = read(write(tmp_path, a_arff=text) / "a.arff", num_labels=3)
    np.testing.assert_array_equal(dataset.X.toarray(), expected[:, :6].astype(np.float32))
    np.testing.assert_array_equal(dataset.Y.toarray(), expected[:, 6:])


@pytest.mark.parametrize("sparse", [True, False])
def test_files_are_read_as_liac_arff_reads_them_and_it_reads_ours(tmp_path, rng, sparse):
    arff = pytest.importorskip("arff")
    text = random_arff(rng, sparse=sparse)
    expected = dense_of(arff, text)
    dataset = read(write(tmp_path, a_arff=text) / "a.arff", num_labels=3)
    np.testing.assert_array_equal(dataset.X.toarray(), expected[:, :6].astype(np.float32))
    np.testing.assert_array_equal(dataset.Y.toarray(), expected[:, 6:])
    names = ["a,b", "two {words}", "ü%"]  # it leaves a quote in a name escaped
    save_dataset({"train": Dataset(None, dataset.X, dataset.Y, names)}, tmp_path / "new", format="arff")
    written = (tmp_path / "new" / "train.arff").read_text()
    np.testing.assert_allclose(dense_of(arff, written), expected, rtol=1e-6)
    assert [name for name, _ in arff.loads(written, return_type=arff.LOD)["attributes"]][6:] == names
    assert load_dataset(tmp_path / "new", parts=("train",))[0].label_names == names


def dense_of(arff, text):
    if "{" not in text.partition("@data")[2]:
        return np.array(arff.loads(text)["data"], float)
    rows = arff.loads(text, return_type=arff.LOD)
    table = np.zeros((len(rows["data"]), len(rows["attributes"])))
    for place, row in enumerate(rows["data"]):
        table[place, list(row)] = [float(value) for value in row.values()]
    return table


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@data\n", "", r"a\.arff:9: a line above @data must begin with @relation or @attribute\. Got "),
        (SPARSE, "", r"a\.arff must have a row for each document below @data\. Got none; "),
        (
            "b {0,1}",
            "b string",
            r'a\.arff:7: an attribute must be numeric, or have its values in braces\. Got "b string"; ',
        ),
        ("a {0, 1}", "b {0,1}", r'a\.arff must name each attribute once\. Got "b" twice; rename one'),
        ("{0 -1.5", "{0 -1.5x", r'a\.arff:10: "f1" must be a finite number, or one of its values\. Got "-1\.5x"; '),
        ("{0 -1.5", "{0 ?", r'a\.arff:10: "f1" must be .* Got "\?"; mend it, or fill in what is missing'),
        ("'dark blue', 3", "green, 3", r'a\.arff:11: "kind" must be .* Got "green"; '),
        ("{0 -1.5", "{7 -1.5", r"a\.arff:10: a row must name columns from 0 to 4, each once\. Got 7; "),
        ("{0 -1.5", "{1 1", r"a\.arff:10: a row must name columns from 0 to 4, each once\. Got 1; "),
        ("{0 -1.5", "{0:1", r'a\.arff:10: a sparse row must be "\{column value, \.\.\.\}"\. Got "0:1"; '),
        (SPARSE, "1,2\n", r"a\.arff:10: a row must have 5 values\. Got 2; "),
        (
            "b {0,1}",
            "b {0,1,2}",
            r'a\.arff: a label must have the values 0 and 1\. Got "b" with "0, 1, 2"; name the last ',
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, old, new, message):
    text = HEADER + SPARSE
    assert old in text
    path = write(tmp_path, a_arff=text.replace(old, new, 1)) / "a.arff"
    with pytest.raises(DataError, match=message):
        read(path, num_labels=2)


@pytest.mark.parametrize(
    ("xml", "num_labels", "message"),
    [
        (
            None,
            None,
            r"a\.arff must say which columns are labels\. Got no word of them; name the last columns that are ",
        ),
        (None, 0, r"a\.arff must say which columns are labels\. "),
        (None, -1, r"a\.arff must say which columns are labels\. "),
        (None, 6, r"a\.arff must say which columns are labels\. Got 6 labels of 5 columns; "),
        (None, 5, r"a\.arff: a label must have the values 0 and 1\. Got \"kind\""),
        (XML.format('<label name="z"/>'), None, r'a\.xml must name attributes of a\.arff\. Got "z"; name the last'),
        (
            XML.format(""),
            None,
            r"a\.xml must have elements <label name=\.\.\.>, each name once\. Got 0 labels; mend it",
        ),
        ("<labels>", None, r"a\.xml must be the XML file of the labels\. Got: no element found.*; mend it\."),
    ],
)
def test_labels_that_are_not_told_are_refused(tmp_path, xml, num_labels, message):
    folder = write(tmp_path, a_arff=HEADER + SPARSE, **({} if xml is None else {"a_xml": xml}))
    with pytest.raises(DataError, match=message):
        read(folder / "a.arff", num_labels=num_labels)
