"""Lines of files, plain or compressed: reading them with their place, writing them so that they read the same."""

import codecs
import contextlib
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ...errors import DataError, in_short

Item = TypeVar("Item")

HEAD_BYTES = 1 << 20  # by which the lines of a file are estimated

COMPRESSIONS: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".xz": lzma.open}


def read_lines(path: Path | None, *, keep_ends: bool = False) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input for None, without their ends and without a BOM at the start.

    Lines are cut at "\\n" alone, as form feeds and U+2028 occur inside texts; one "\\r" before it is dropped.
    """
    is_empty = True
    try:
        with _open(path) as file:
            for line in file:
                if is_empty:
                    line, is_empty = line.removeprefix(codecs.BOM_UTF8), False
                yield line if keep_ends else line.removesuffix(b"\n").removesuffix(b"\r")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        suffix = path.suffix if path else ""
        kind = f"a whole {suffix} file" if suffix and suffix in COMPRESSIONS else "a file that can be read"
        raise DataError(f"{name_of(path)} must be {kind}. Got: {in_short(error)}; write or fetch it again.") from None
    if is_empty:
        raise DataError(f"{name_of(path)} must hold a line for each document. Got nothing; check where it comes from.")


def read_texts(path: Path | None, *, encoding: str | None = None, keep_ends: bool = False) -> Iterator[str]:
    """Yield the texts of a file (None: standard input), a document a line; without an encoding it must be UTF-8."""
    if encoding is not None:
        yield from _read_encoded(path, encoding, keep_ends=keep_ends)
        return
    for number, line in enumerate(read_lines(path, keep_ends=keep_ends), 1):
        yield decode(line, path, number)


def _read_encoded(path: Path | None, encoding: str, *, keep_ends: bool) -> Iterator[str]:
    """Yield the lines of a file in any encoding, such as UTF-16, in which the byte of a line end has other uses."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number, line = 1, ""
    for piece in chain(read_lines(path, keep_ends=True), [None]):
        try:
            line += decoder.decode(piece or b"", final=piece is None)
        except UnicodeError as error:
            raise _not_in_encoding(path, number, encoding, error) from None
        if number == 1:
            line = line.removeprefix("\ufeff")
        *whole, line = line.split("\n")
        number += len(whole)
        yield from (f"{text}\n" if keep_ends else text.removesuffix("\r") for text in whole)
    if line:
        yield line if keep_ends else line.removesuffix("\r")


def check_encoding(encoding: str | None) -> None:
    """Raise DataError unless an encoding is None or one that Python knows for texts."""
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, ValueError):  # the second: a NUL in the name
        raise DataError(
            "--encoding must be one that Python knows, such as cp1252, latin-1 or utf-16. Got "
            f"{quote(encoding or '')}; choose one of these."
        ) from None


def first_lines(path: Path, count: int = 2) -> list[bytes]:
    """Return the first lines of a file, fewer where it has fewer."""
    return list(islice(read_lines(path), count))


def estimate_lines(path: Path) -> int | None:
    """Return about how many lines a file has, by the first of them and its size; None for what is no regular file."""
    if not path.is_file():
        return None
    with path.open("rb") as raw:
        file = COMPRESSIONS[path.suffix](raw) if path.suffix and path.suffix in COMPRESSIONS else raw
        head = file.read(HEAD_BYTES)
        share = raw.tell() / max(path.stat().st_size, 1) if len(head) == HEAD_BYTES else 1
    return round(head.count(b"\n") / share)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of the given size, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def name_of(path: Path | None) -> str:
    return "standard input" if path is None else str(path)


def _open(path: Path | None) -> contextlib.AbstractContextManager[BinaryIO]:
    if path is None:
        return contextlib.nullcontext(sys.stdin.buffer)
    file = COMPRESSIONS.get(path.suffix, open)(path, "rb")
    return file if path.suffix not in COMPRESSIONS else io.BufferedReader(file)  # faster lines from .gz and .xz


def decode(line: bytes, path: Path | None, number: int, *, encoding: str | None = None) -> str:
    """Return a line as text; raises DataError with its place where it is not in the encoding, by default UTF-8."""
    try:
        return line.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise _not_in_encoding(path, number, encoding, error) from None
        is_utf_16 = number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        likely = "utf-16" if is_utf_16 else "cp1252"
        raise DataError(
            f"{name_of(path)}:{number}: the text must be UTF-8. Got byte 0x{line[error.start]:02x} at byte "
            f"{error.start + 1} of the line; name its encoding, as --encoding {likely}, or convert the file; a "
            "compressed one must be called .gz or .xz."
        ) from None
    except UnicodeError as error:
        raise _not_in_encoding(path, number, encoding or "utf-8", error) from None


def _not_in_encoding(path: Path | None, number: int, encoding: str, error: UnicodeError) -> DataError:
    return DataError(
        f"{name_of(path)}:{number}: the text must be in the encoding {encoding}. Got: {in_short(error)}; name another "
        "with --encoding."
    )


def quote(token: bytes | str, *, most: int = 60) -> str:
    """Return a piece of a file for a message, in double quotes, as one line that is cut where it is long."""
    return f'"{in_short(token.decode(errors="replace") if isinstance(token, bytes) else token, most=most)}"'


# --- writing ----------------------------------------------------------------------------------------------------------


def write_lines(lines: Iterable[str], path: Path) -> None:
    """Write a line for each string, compressed where the name says so; raises DataError where a string is no line."""
    with COMPRESSIONS.get(path.suffix, open)(path, "wb") as file:
        for number, line in enumerate(lines, 1):
            encoded = encode(line, path, number)
            if b"\n" in encoded or encoded.endswith(b"\r") or (number == 1 and encoded.startswith(codecs.BOM_UTF8)):
                raise _not_a_line(line, path, number)
            file.write(encoded + b"\n")


def encode(line: str, path: Path, number: int) -> bytes:
    """Return a string as UTF-8; raises DataError where it holds a lone surrogate."""
    try:
        return line.encode()
    except UnicodeEncodeError:
        raise _not_a_line(line, path, number) from None


def _not_a_line(line: str, path: Path, number: int) -> DataError:
    return DataError(
        f"a text or name must be one line of UTF-8, with no byte order mark first. Got {in_short(repr(line))} for "
        f"line {number} of {path.name}; replace those characters."
    )
