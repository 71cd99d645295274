"""Downloads that go on where they stopped and are checked by SHA-256, and benchmarks fetched with them."""

import contextlib
import hashlib
import logging
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ...errors import DataError, in_short, listed
from ...outputs import FULL, cannot_write, is_locked_elsewhere, scratch_folder
from ...progress import track
from ..formats.options import DEFAULT_OPTIONS, ReadOptions
from ..reading import load_dataset
from ..sources import benchmark_on_hub
from ..writing import save_dataset
from .cards import Card, Download, find_folder

logger = logging.getLogger(__name__)

CHUNK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte


def download(url: str, path: Path, *, sha256: str | None = None) -> str:
    """Fetch a file and return its SHA-256; what an earlier try left in PATH.part is not fetched again.

    Args:
        url: http or https.
        path: where it appears when it is whole and, with sha256, right.
        sha256: what it must be, in hexadecimal digits; None takes whatever comes.
    Raises: DataError: the server cannot be reached or says no, the connection breaks, or the SHA-256 differs; a broken
        download is kept to go on from, a wrong one is removed.
    """
    part = path.with_name(f"{path.name}.part")
    with _locked(part):
        try:
            _fetch(url, part)
        except (OSError, HTTPException, ValueError) as error:  # URLError is an OSError
            if isinstance(error, OSError) and error.errno in FULL:
                raise cannot_write(part, error) from None
            raise DataError(
                f"{url} must be a file that can be fetched. Got: {in_short(error)}; run it again to go on."
            ) from None
        found = sha256_of(part)
        if sha256 is not None and found != sha256.lower():
            part.unlink()
            raise DataError(f"{url} must have the SHA-256 {sha256}. Got {found}; it was removed, fetch it again.")
        part.replace(path)
    return found


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Keep other processes from the same download meanwhile; a part that stays empty is removed."""
    try:
        file = part.open("ab")
    except OSError as error:
        raise cannot_write(part, error) from None
    with file:
        if is_locked_elsewhere(file):
            raise DataError(f"{part} must be fetched by one process. Got another at work on it; wait for that one.")
        try:
            yield
        finally:
            if part.exists() and part.stat().st_size == 0:
                part.unlink()


def _fetch(url: str, part: Path) -> None:
    """Append to part what is missing of it, or write it anew where the server does not send pieces."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("not an http or https address")
    start = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{start}":
                return  # nothing is missing
            if error.code != 416:
                raise
        os.truncate(part, 0)  # longer than the file: of another one
        return _fetch(url, part)
    with response:
        is_rest = response.status == 206 and str(response.headers.get("Content-Range")).startswith(f"bytes {start}-")
        expected = response.headers.get("Content-Length")
        with part.open("ab" if is_rest else "wb") as file:
            num_bytes = 0
            for chunk in track(_chunks(response), total=None, title=f"MiB of {part.stem}"):
                file.write(chunk)
                num_bytes += len(chunk)
        if expected is not None and num_bytes != int(expected):
            raise OSError(f"the connection broke after {num_bytes} of {expected} bytes")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


def fetch_benchmark(
    card: Card, data_dir: Path, *, sha256: str | None = None, options: ReadOptions = DEFAULT_OPTIONS
) -> Path:
    """Bring a benchmark to a folder inside data_dir, and return that folder; one that is there is left alone.

    From the hub it becomes JSON lines; an archive is unpacked, and removed.

    Args:
        card: the benchmark.
        data_dir: the folder of all benchmarks; made where it is missing.
        sha256: of the archive, in place of the card's.
        options: the names of the columns on the hub, in place of the card's.
    Raises: DataError: the card knows no place to fetch from, or as download and load_dataset do.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    if (folder := find_folder(card, str(data_dir))) is not None:
        logger.info("%s is in %s already", card.name, folder)
        return folder
    if card.hub is not None:
        return _fetch_from_hub(card, data_dir, options)
    if not card.downloads:
        raise DataError(f"{card.name} must be fetched by hand. Got no address of a file; see {card.source}.")
    archives = [_fetch_archive(archive, data_dir, sha256=sha256 or archive.sha256) for archive in card.downloads]
    with scratch_folder(data_dir / card.name) as unpacked:
        for path in archives:
            _unpack(path, unpacked)
        _move(unpacked, data_dir)
    for path in archives:
        path.unlink()
    folder = find_folder(card, str(data_dir))
    if folder is None:
        got = listed(sorted(path.name for path in data_dir.iterdir()))
        raise DataError(
            f"the archive of {card.name} must unpack to a folder {card.name} or {', '.join(card.folders)}. Got {got}; "
            "rename the folder."
        )
    return folder


def _fetch_archive(archive: Download, data_dir: Path, *, sha256: str | None) -> Path:
    path = data_dir / Path(urlsplit(archive.url).path).name
    found = download(archive.url, path, sha256=sha256)
    if sha256 is None:
        logger.warning("%s: no SHA-256 is known to check it with; got %s", path.name, found)
    return path


def _unpack(path: Path, folder: Path) -> None:
    try:
        if path.suffix == ".zip":
            shutil.unpack_archive(path, folder)
        else:
            shutil.unpack_archive(path, folder, filter="data")
    except (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:  # ReadError is an OSError
        if isinstance(error, OSError) and error.errno in FULL:
            raise cannot_write(path.parent, error) from None
        raise DataError(
            f"{path} must be a whole archive. Got: {in_short(error)}; remove it and fetch it again."
        ) from None


def _move(source: Path, folder: Path) -> None:
    """Move what is in one folder into another, and into the folders that are there already."""
    for entry in source.iterdir():
        target = folder / entry.name
        if entry.is_dir() and target.is_dir():
            _move(entry, target)
        else:
            entry.replace(target)


def _fetch_from_hub(card: Card, data_dir: Path, options: ReadOptions) -> Path:
    parts = ["train", *(["dev"] if card.sizes.dev else []), "test"]
    loaded = load_dataset(benchmark_on_hub(card, options), parts=parts)
    save_dataset(dict(zip(parts, loaded, strict=True)), data_dir / card.name, format="jsonl")
    return data_dir / card.name
