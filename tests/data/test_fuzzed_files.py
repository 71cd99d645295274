"""Damaged files of every format: reading them gives a result, or one error of one line that names the file.

XMLC_FUZZ is the number of damages tried for a format and a compression; each is the same in every run.
"""

import contextlib
import gzip
import lzma
import os
import re
import shutil
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe.data.dataset import Dataset
from xmlc_mhe.data.formats.options import ReadOptions
from xmlc_mhe.data.formats.table import FORMATS
from xmlc_mhe.data.inspection import inspect_data
from xmlc_mhe.data.reading import iter_documents, load_dataset
from xmlc_mhe.data.writing import save_dataset

NUM_DAMAGES = int(os.environ.get("XMLC_FUZZ", "20"))
MOST_CHARACTERS = 500  # of a message, beside the paths in it
EXTRA = {"parquet": "pyarrow", "hub": "datasets", "xlsx": "openpyxl"}
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
UNCOMPRESS = {"": bytes, ".gz": gzip.decompress, ".xz": lzma.decompress}


# --- damages: what they make of the bytes of a file -------------------------------------------------------------------


def block(rng, content):
    start, end = np.sort(rng.integers(0, len(content) + 1, 2))
    return content[:start], content[start:end], content[end:]


def truncated(rng, content):
    return content[: rng.integers(0, len(content) + 1)]


def flipped(rng, content):
    array = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(0, len(array), rng.integers(1, 8)) if len(array) else []
    array[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return array.tobytes()


def noise_inserted(rng, content):
    before, inside, after = block(rng, content)
    return before + rng.bytes(int(rng.integers(1, 50))) + inside + after


def block_removed(rng, content):
    before, _, after = block(rng, content)
    return before + after


def block_repeated(rng, content):
    before, inside, after = block(rng, content)
    return before + inside * int(rng.integers(2, 60)) + after


def blocks_swapped(rng, content):
    before, inside, after = block(rng, content)
    return after + inside + before


def lines_shuffled(rng, content):
    lines = content.splitlines(keepends=True)
    return b"".join(lines[place] for place in rng.permutation(len(lines)))


def line_ends_removed(rng, content):
    return content.replace(b"\n", b"", int(rng.integers(1, 5)))


def number_made_huge(rng, content):
    huge = [b"9" * 40, b"-1", b"4294967296", b"1e999", b"nan", b"9223372036854775808", b"0", b"2147483647", b"1.5"]
    numbers = list(re.finditer(rb"\d+", content))
    if not numbers:
        return content
    number = numbers[rng.integers(len(numbers))]
    return content[: number.start()] + huge[rng.integers(len(huge))] + content[number.end() :]


def odd_characters_inserted(rng, content):
    odd = [b"\0" * 5, "\u2028\x85\x1b[31m".encode(), b"\xef\xbb\xbf", b"\xed\xa0\x80"]
    odd += [b"\r", b"\n\n", b'"', b"\t", b"<", b","]
    before, inside, after = block(rng, content)
    return before + odd[rng.integers(len(odd))] + inside + after


def long_word_inserted(rng, content):
    before, inside, after = block(rng, content)
    return before + b"w" * 5000 + inside + after


def encoded_otherwise(rng, content):
    encoding = ["utf-16", "utf-32-be", "cp037"][rng.integers(3)]
    return content.decode("latin-1").encode(encoding)


def nested_deeply(rng, content):
    before, inside, after = block(rng, content)
    opening = [b"[", b'{"text":', b'{"text": "a", "labels": [['][rng.integers(3)]
    return before + opening * 100_000 + inside + after


def wide_header(rng, content):
    first, end, rest = content.partition(b"\n")
    return b",".join(b"column %d of a table" % number for number in range(2000)) + b"\t" + first + end + rest


DAMAGES = (
    *(truncated, flipped, noise_inserted, block_removed, block_repeated, blocks_swapped, lines_shuffled),
    *(line_ends_removed, number_made_huge, odd_characters_inserted, long_word_inserted, encoded_otherwise),
    *(nested_deeply, wide_header),
)


# --- a small data set in each format ----------------------------------------------------------------------------------


def small_parts(format_, rng):
    names = ["cake", "crêpe", "http://a/1"] if format_.keeps_names else ["0", "1", "2"]
    texts = [f"text {number} of a cake, a crêpe" for number in range(6)]
    X = sp.random_array((6, 5), density=0.5, format="csr", rng=rng, dtype=np.float32)
    Y = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    Y[0] = 1
    dataset = Dataset(texts if format_.of_texts else None, None if format_.of_texts else X, sp.csr_array(Y), names)
    return {"train": dataset, "test": dataset}


def write_all(name, folder, suffix, rng):
    """Write the parts and return their options, or None where the format does not go with a compression."""
    save_dataset(small_parts(FORMATS[name], rng), folder, format=name)
    files = [path for path in folder.iterdir() if path.name != "label_names.txt"]
    for path in files if suffix else []:
        if path.is_dir() or path.suffix in (".npz", ".parquet", ".xlsx"):
            continue
        path.with_name(path.name + suffix).write_bytes(COMPRESS[suffix](path.read_bytes()))
        path.unlink()
    return ReadOptions(format=name if name == "annif" else None)


def damage(folder, rng):
    """Damage one file, or what is in it where it is compressed, and return what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path, change = files[rng.integers(len(files))], DAMAGES[rng.integers(len(DAMAGES))]
    if path.suffix == ".xlsx" and rng.integers(4):
        member = damage_member(path, change, rng)
        return f"{path.relative_to(folder)}: {member} {change.__name__}"
    suffix = path.suffix if path.suffix in COMPRESS and rng.integers(2) else ""
    path.write_bytes(COMPRESS[suffix](change(rng, UNCOMPRESS[suffix](path.read_bytes()))))
    return f"{path.relative_to(folder)} {change.__name__}"


def damage_member(path, change, rng):
    """Damage one of the files in a zip, so that it is still a zip, and return the name of that file."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    damaged = list(members)[rng.integers(len(members))]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(rng, content) if name == damaged else content)
    return damaged


def error_of(read):
    try:
        read()
    except ValueError as error:
        return str(error)
    return None


@pytest.fixture
def offline(monkeypatch, tmp_path):
    with contextlib.suppress(ImportError):
        import datasets

        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        datasets.disable_progress_bars()


VARIANTS = [
    (name, suffix)
    for name, format_ in FORMATS.items()
    for suffix in COMPRESS
    if not suffix or any(file.endswith(("txt", "jsonl", "csv", "tsv", "svm")) for file in format_.files[0])
]


@pytest.mark.parametrize(("name", "suffix"), VARIANTS)
def test_a_damaged_file_is_read_or_refused_in_one_line_that_names_it(tmp_path, offline, name, suffix):
    if name in EXTRA:
        pytest.importorskip(EXTRA[name])
    whole = tmp_path / "whole"
    options = write_all(name, whole, suffix, np.random.default_rng(0))
    assert load_dataset(whole, options=options)[0].num_docs == 6
    for number in range(NUM_DAMAGES):
        rng = np.random.default_rng([list(FORMATS).index(name), number])
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        done = f"damage {number}: {damage(folder, rng)}"
        path = folder / "train" if name in ("hub", "annif-folder") and rng.integers(2) else folder
        parts = ("train",) if path != folder else ("train", "test")
        reads = (
            lambda path=path, parts=parts: inspect_data(
                dict(zip(parts, load_dataset(path, parts=parts, options=options), strict=True))
            ),
            lambda path=path: list(iter_documents(path, part="train", options=options)),
        )
        for read in reads:
            try:
                message = error_of(read)
            except Exception as error:
                raise AssertionError(f"{done} must be a DataError or ValueError") from error
            if message is not None:
                length = len(message.replace(str(folder), ""))
                assert str(folder) in message, f"{done}: {message}"
                assert message.replace("\t", " ").isprintable(), f"{done}: {message!r}"
                assert length <= MOST_CHARACTERS, f"{done}: {length} characters: {message}"
        shutil.rmtree(folder)
