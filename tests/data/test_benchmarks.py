import contextlib
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xmlc_mhe.data import sources
from xmlc_mhe.data.benchmarks.cards import (
    Card,
    CardFiles,
    CardHub,
    Download,
    Sizes,
    cards,
    find_card,
    find_folder,
    read_card,
)
from xmlc_mhe.data.benchmarks.check import check_card
from xmlc_mhe.data.benchmarks.download import download, fetch_benchmark, sha256_of
from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.formats.table import FORMATS
from xmlc_mhe.data.reading import has_part, load_dataset
from xmlc_mhe.data.writing import save_dataset
from xmlc_mhe.errors import DataError

NAMES = "amazon-3m amazon-670k amazoncat-13k bibtex delicious eurlex-4k eurlex-4k-bow eurlex57k rcv1-2k"
NAMES += " wiki-500k wiki10-31k"
SMALL = Card(
    name="small", title="Small", about="made up", source="http://example.org", licence="none",
    sources_of_sizes=("this file",), propensity={"a": 0.55, "b": 1.5}, folders=("Small",),
    sizes=Sizes(train=4, test=2, labels=3, features=5, labels_per_document=1.5, documents_per_label=2.0),
    files=(CardFiles("xrc", ("small_train.txt",), ("small_test.txt",)),),
)  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """A card of a benchmark that the tests make up, among the others."""
    monkeypatch.setattr(sources, "cards", lambda: {**cards(), "small": SMALL})
    return SMALL


def write_small(folder, **changes):
    """The files of the card SMALL, with 4 and 2 documents and 1.5 labels a document."""
    files = {"small_train": "4 5 3\n0,1 0:1\n1,2 1:1\n0 2:1\n2 4:1\n", "small_test": "2 5 3\n0 1:1\n1,2 2:1\n"}
    folder.mkdir(parents=True)
    for name, content in {**files, **changes}.items():
        (folder / f"{name}.txt").write_text(content)
    return folder


# --- the cards --------------------------------------------------------------------------------------------------------


def test_every_benchmark_has_a_card_under_its_own_name():
    assert sorted(cards()) == NAMES.split()
    assert all(name == card.name for name, card in cards().items())


@pytest.mark.parametrize("card", cards().values(), ids=cards())
def test_a_card_is_complete_and_agrees_with_itself(card):
    assert card.title and card.about and card.licence and card.sources_of_sizes
    assert card.source.startswith("http")
    assert set(card.propensity) == {"a", "b"}
    assert {edition.format for edition in card.files} <= set(FORMATS)
    assert card.files or card.hub
    for edition in card.files:
        paths = len(FORMATS[edition.format].files[0])
        assert len(edition.train) == len(edition.test) == paths
    s = card.sizes
    if s.labels_per_document and s.documents_per_label:
        pairs_of_labels = s.documents_per_label * s.labels
        # published averages are over train, or over all documents
        docs = min((s.train, s.train + s.test), key=lambda n: abs(n * s.labels_per_document - pairs_of_labels))
        assert docs * s.labels_per_document == pytest.approx(pairs_of_labels, rel=0.008)


def test_the_constants_of_propensity_are_those_of_the_repository():
    others = {"wiki-500k": (0.5, 0.4), "amazon-670k": (0.6, 2.6), "amazon-3m": (0.6, 2.6)}
    for name, card in cards().items():
        assert (card.propensity["a"], card.propensity["b"]) == others.get(name, (0.55, 1.5))


def test_the_cards_are_among_the_files_that_are_installed():
    setup = (Path(__file__).parents[2] / "setup.cfg").read_text()
    assert "cards/*.toml" in setup


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 3 4", r"x\.toml must be a benchmark card\. Got: .*; compare it with the other cards\."),
        ('name = "x"', r"x\.toml must be a benchmark card\. Got: .*sizes"),
        ('name = "x"\n[sizes]\ntrain = 1\ntest = 1\nlabels = 1\nlabel = 2', r"x\.toml .* Got: .*label"),
        ('name = "x"\nnmae = 1\n[sizes]\ntrain = 1\ntest = 1\nlabels = 1', r"x\.toml .* Got: .*nmae"),
    ],
)
def test_a_wrong_card_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        read_card(text, "x.toml")


def test_an_unknown_benchmark_is_refused_with_the_known_ones():
    with pytest.raises(
        DataError, match=r'a benchmark must be one of amazon-3m, .* Got "eurlex"; choose one of these\.'
    ):
        find_card("eurlex")
    with pytest.raises(DataError, match=r'a benchmark .* Got "eurlex-4K"; did you mean "eurlex-4k"\?'):
        load_dataset("eurlex-4K")


# --- finding a benchmark on this machine ------------------------------------------------------------------------------


def test_a_benchmark_is_found_by_its_name_or_another_in_the_folder_of_all(tmp_path, monkeypatch, small):
    write_small(tmp_path / "all" / "Small")
    options = ReadOptions(data_dir=str(tmp_path / "all"))
    train, test = load_dataset("small", options=options)
    assert (train.num_docs, test.num_docs, train.X.shape) == (4, 2, (4, 5))
    assert [has_part("small", part, options=options) for part in ("train", "dev", "test")] == [True, False, True]
    monkeypatch.setenv("XMLC_DATA", str(tmp_path / "all"))
    assert load_dataset("small")[0].num_docs == 4
    assert find_folder(small, None) == tmp_path / "all" / "Small"


def test_a_folder_of_a_benchmark_may_have_the_names_of_any_format(tmp_path, small):
    X, Y = np.eye(2), np.eye(2)
    save_dataset({"train": Dataset(None, X, Y, ["a", "b"])}, tmp_path / "small", format="npz")
    (train,) = load_dataset("small", parts=("train",), options=ReadOptions(data_dir=str(tmp_path)))
    assert train.label_names == ["a", "b"]


def test_an_edition_with_raw_texts_is_taken_before_its_matrices_unless_the_format_is_named(tmp_path):
    folder = tmp_path / "eurlex-4k"
    save_dataset({"train": Dataset(None, np.eye(2), np.eye(2), ["0", "1"])}, folder, format="npz")
    for old, new in (("X_train", "X.trn"), ("Y_train", "Y.trn")):
        (folder / f"{old}.npz").rename(folder / f"{new}.npz")
    (folder / "X.trn.txt").write_text("one\ntwo\n")
    options = ReadOptions(data_dir=str(tmp_path))
    assert load_dataset("eurlex-4k", parts=("train",), options=options)[0].texts == ["one", "two"]
    assert load_dataset("eurlex-4k", parts=("train",), options=replace(options, format="npz"))[0].X.shape == (2, 2)


@pytest.mark.parametrize("place", [None, "empty"])
def test_a_benchmark_that_is_not_here_is_told_with_where_to_put_and_get_it(tmp_path, place):
    (tmp_path / "empty").mkdir()
    options = ReadOptions(data_dir=place and str(tmp_path / place))
    message = r'wiki-500k must be in a folder "wiki-500k" or .* --data-dir, .* Got (neither|.*empty); fetch it from h'
    with pytest.raises(DataError, match=message):
        load_dataset("wiki-500k", options=options)
    with pytest.raises(DataError, match=r"--data-dir, or XMLC_DATA, must be a folder\. Got no-such; check the path\."):
        load_dataset("wiki-500k", options=ReadOptions(data_dir="no-such"))


def test_a_path_comes_before_a_benchmark_of_the_same_name(tmp_path, monkeypatch):
    write_small(tmp_path / "bibtex", train="1 5 3\n0 0:1\n")
    monkeypatch.chdir(tmp_path)
    assert load_dataset("bibtex", parts=("train",))[0].num_docs == 1


# --- checking ---------------------------------------------------------------------------------------------------------


def test_the_sizes_of_a_right_folder_are_right(tmp_path, small):
    findings = check_card(small, write_small(tmp_path / "d"))
    assert [(f.what, f.published, f.found) for f in findings] == [
        ("train documents", 4, 4), ("test documents", 2, 2), ("labels", 3, 3), ("features", 5, 5),
        ("labels a document", 1.5, 1.5), ("documents a label", 2.0, 2.0),
    ]  # fmt: skip
    assert all(f.is_right for f in findings)


def test_each_size_that_is_wrong_is_told(tmp_path, small):
    folder = write_small(tmp_path / "d", small_train="3 6 4\n0 0:1\n1 1:1\n3 2:1\n", small_test="1 6 4\n0 5:1\n")
    found = {f.what: f.found for f in check_card(small, folder) if not f.is_right}
    assert found == {
        "train documents": 3, "test documents": 1, "labels": 4, "features": 6, "labels a document": 1.0,
        "documents a label": pytest.approx(4 / 3),
    }  # fmt: skip


def test_labels_may_be_counted_over_all_parts_and_texts_have_no_features(tmp_path, small):
    card = replace(small, files=(), sizes=Sizes(train=2, test=1, dev=1, labels=4, features=9))
    files = {"train": "b a\nb\n", "dev": "c\n", "test": "d a\n"}
    (tmp_path / "d").mkdir()
    for part, labels in files.items():
        (tmp_path / "d" / f"{part}_labels.txt").write_text(labels)
        (tmp_path / "d" / f"{part}_texts.txt").write_text("text\n" * labels.count("\n"))
    findings = check_card(card, tmp_path / "d")
    assert [f.what for f in findings] == ["train documents", "dev documents", "test documents", "labels"]
    assert all(f.is_right for f in findings)


def test_a_folder_without_the_files_is_refused(tmp_path, small):
    with pytest.raises(DataError, match=r"no must be the folder of small\. Got no such folder; check the path\."):
        check_card(small, tmp_path / "no")
    with pytest.raises(DataError, match=r"must hold train as .* Got an empty folder; add or rename the files\."):
        check_card(small, tmp_path)


@pytest.mark.parametrize("name", ["delicious", "bibtex"])
def test_real_benchmarks_have_their_published_sizes(shared, name):
    findings = check_card(find_card(name), shared / "data" / name)
    assert len(findings) == 6
    assert all(f.is_right for f in findings)


# --- downloads --------------------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 5000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files; server.breaks_after cuts an answer short, server.sends_pieces obeys Range."""

    def do_GET(self):
        self.server.ranges.append(self.headers.get("Range"))
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = 0
        if self.server.sends_pieces and (wanted := self.headers.get("Range")):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if self.server.breaks_after is None else start + self.server.breaks_after
        with contextlib.suppress(OSError):
            self.wfile.write(content[start:end])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A web server on this machine: its files, what was asked of it, and how it behaves."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.ranges, server.breaks_after, server.sends_pieces = {"/a.bin": CONTENT}, [], None, True
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_fetched_and_its_sha256_is_returned(tmp_path, server):
    expected = hashlib.sha256(CONTENT).hexdigest()
    assert download(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=expected.upper()) == expected
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert sha256_of(tmp_path / "a.bin") == expected
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_broken_download_goes_on_where_it_stopped(tmp_path, server):
    server.breaks_after = 700_000
    with pytest.raises(
        DataError, match=r"a\.bin must be a file that can be fetched\. Got: .*; run it again to go on\."
    ):
        download(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin.part"]
    size = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < size <= 700_000
    server.breaks_after = None
    download(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=hashlib.sha256(CONTENT).hexdigest())
    assert server.ranges == [None, f"bytes={size}-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_not_fetched_again(tmp_path, server):
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    download(f"{server.url}/a.bin", tmp_path / "a.bin", sha256=hashlib.sha256(CONTENT).hexdigest())
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("sends_pieces", [True, False])
def test_a_part_of_another_file_or_a_server_without_pieces_starts_anew(tmp_path, server, sends_pieces):
    server.sends_pieces = sends_pieces
    (tmp_path / "a.bin.part").write_bytes(b"x" * (len(CONTENT) + 1 if sends_pieces else 10))
    download(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_wrong_sha256_is_refused_and_nothing_is_left(tmp_path, server):
    with pytest.raises(
        DataError, match=rf"must have the SHA-256 {'0' * 64}\. Got [0-9a-f]{{64}}; it was removed, fetch"
    ):
        download(f"{server.url}/a.bin", tmp_path / "a.bin", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["{url}/no", "http://127.0.0.1:1/a", "ftp://127.0.0.1/a", "file:///etc/hostname"])
def test_an_address_that_gives_nothing_is_refused(tmp_path, server, address):
    with pytest.raises(DataError, match=r" must be a file that can be fetched\. Got: .*; run it again to go on\."):
        download(address.format(url=server.url), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def archive_of(folder, kind):
    """The bytes of an archive with a folder Small of the files in a folder."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for path in folder.iterdir():
                archive.write(path, f"Small/{path.name}")
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            archive.add(folder, "Small")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_benchmark_is_fetched_unpacked_and_found(tmp_path, server, small, kind):
    server.files[f"/small.{kind}"] = content = archive_of(write_small(tmp_path / "files"), kind)
    download_ = Download(f"{server.url}/small.{kind}", hashlib.sha256(content).hexdigest())
    card = replace(small, downloads=(download_,))
    top = tmp_path / "all"
    assert fetch_benchmark(card, top) == fetch_benchmark(card, top) == top / "Small"
    assert len(server.ranges) == 1
    assert [path.name for path in top.iterdir()] == ["Small"]
    assert load_dataset("small", options=ReadOptions(data_dir=str(top)))[0].num_docs == 4


def test_an_archive_without_a_known_sha256_is_taken_with_a_warning(tmp_path, server, small, caplog):
    server.files["/s.zip"] = content = archive_of(write_small(tmp_path / "files"), "zip")
    fetch_benchmark(replace(small, downloads=(Download(f"{server.url}/s.zip"),)), tmp_path / "all")
    assert f"s.zip: no SHA-256 is known to check it with; got {hashlib.sha256(content).hexdigest()}" in caplog.text


def test_a_tar_that_would_write_elsewhere_is_refused(tmp_path, server, small):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    server.files["/s.tar.gz"] = buffer.getvalue()
    with pytest.raises(DataError, match=r"s\.tar\.gz must be a whole archive\. Got: .*outside.*; remove it and fetch"):
        fetch_benchmark(replace(small, downloads=(Download(f"{server.url}/s.tar.gz"),)), tmp_path / "all")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", r"s\.zip must be a whole archive\. Got: .*; remove it and fetch it again\."),
        (None, r"the archive of small must unpack to a folder small or Small\. Got Other; rename the folder\."),
    ],
)
def test_an_archive_of_something_else_is_refused(tmp_path, server, small, content, message):
    if content is None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("Other/train.txt", "")
        content = buffer.getvalue()
    server.files["/s.zip"] = content
    with pytest.raises(DataError, match=message):
        fetch_benchmark(replace(small, downloads=(Download(f"{server.url}/s.zip"),)), tmp_path / "all")


def test_a_benchmark_without_an_address_is_told_where_to_get_it(tmp_path, small):
    with pytest.raises(
        DataError, match=r"small must be fetched by hand\. Got no address of a file; see http://example"
    ):
        fetch_benchmark(small, tmp_path / "all")


def test_a_benchmark_of_the_hub_is_read_from_there_and_fetched_to_a_folder(tmp_path, monkeypatch, small):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    local = tmp_path / "local"
    local.mkdir()
    for split in ("train", "validation", "test"):
        row = {"title": f"A {split}", "text": "law\non two lines", "concepts": ["100", "20"]}
        (local / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    sizes = Sizes(train=1, dev=1, test=1, labels=2)
    card = replace(small, files=(), sizes=sizes, hub=CardHub(str(local), ("title", "text"), "concepts"))
    monkeypatch.setattr(sources, "cards", lambda: {"small": card})
    train, dev = load_dataset("small", parts=("train", "dev"))
    assert (train.texts, dev.texts) == (["A train law\non two lines"], ["A validation law\non two lines"])
    assert train.label_names == ["100", "20"]
    folder = fetch_benchmark(card, tmp_path / "all")
    assert folder == tmp_path / "all" / "small"
    assert all(f.is_right for f in check_card(card, folder))
    options = ReadOptions(data_dir=str(tmp_path / "all"))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the hub was asked"))
    assert load_dataset("small", parts=("dev",), options=options)[0].texts == dev.texts
