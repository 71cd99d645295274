"""The corpora of other tools: LibMultiLabel's lines, fastText's, Annif's and its folder of documents."""

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError, in_short
from .lines import decode, quote, read_texts, write_lines
from .options import ReadOptions
from .part import Part, Row, join_labels, rows_of_part, split_labels

_URIS = re.compile(r"\s*(<[^<>\s]+>\s*)*")
SUBJECT_SUFFIXES = (".tsv", ".key")  # Annif's: a URI and a label a line, or a label a line


# --- LibMultiLabel: id<TAB>labels<TAB>text ----------------------------------------------------------------------------


def libmultilabel_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each line "id<TAB>labels<TAB>text", or "labels<TAB>text"; a space parts the labels."""
    width = 0
    for number, line in enumerate(read_texts(path, encoding=options.encoding), 1):
        place = f"{path}:{number}"
        cells = line.split("\t")
        width = width or len(cells)
        if len(cells) != width or width not in (2, 3):
            raise DataError(
                f'{place}: a line must be "id<TAB>labels<TAB>text" or "labels<TAB>text", as the first is. Got '
                f"{len(cells)} cells; put spaces for the tabs inside the text."
            )
        yield Row(place, cells[-1], split_labels(cells[-2], options.label_separator) if labelled else [])


def write_libmultilabel(part: Part, path: Path, options: ReadOptions) -> None:
    def lines() -> Iterator[str]:
        for number, (text, labels) in enumerate(rows_of_part(part.documents, part.Y, part.names or [])):
            cells = (str(number), join_labels(labels, options.label_separator, path.name), text)
            if any("\t" in cell for cell in cells):
                raise DataError(
                    f"a text or name must have no tab in {path.name}. Got one in document {number}; choose jsonl."
                )
            yield "\t".join(cells)

    write_lines(lines(), path)


# --- fastText: __label__x __label__y text -----------------------------------------------------------------------------

LABEL_PREFIX = "__label__"
_SPACE = " \t\v\f\r\0"  # what parts words there
_LABEL_TOKEN = re.compile(rf"(?:^|(?<=[{_SPACE}])){LABEL_PREFIX}([^{_SPACE}]*)(?:[{_SPACE}]|$)")


def looks_like_fasttext(lines: list[bytes]) -> bool:
    """Whether one of the first lines begins with a label."""
    return any(line.lstrip().startswith(LABEL_PREFIX.encode()) for line in lines)


def fasttext_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each line; every word that begins with __label__ is a label, the others are the text."""
    for number, line in enumerate(read_texts(path, encoding=options.encoding), 1):
        place = f"{path}:{number}"
        labels = _LABEL_TOKEN.findall(line)
        if "" in labels:
            raise DataError(
                f"{place}: a label must have a name behind {LABEL_PREFIX}. Got {quote(line)}; mend or remove it."
            )
        yield Row(place, _LABEL_TOKEN.sub("", line) if labels else line, labels if labelled else [])


def write_fasttext(part: Part, path: Path, options: ReadOptions) -> None:
    def lines() -> Iterator[str]:
        for text, labels in rows_of_part(part.documents, part.Y, part.names or []):
            line = "".join(f"{LABEL_PREFIX}{label} " for label in labels) + text
            if _LABEL_TOKEN.findall(line) != labels or _LABEL_TOKEN.sub("", line) != text:
                raise DataError(
                    f"a label must be a word without a space in {path.name}, and no word of a text begin with "
                    f"{LABEL_PREFIX}. Got {quote(line)}; rename the label, or choose jsonl."
                )
            yield line

    write_lines(lines(), path)


# --- Annif: text<TAB><uri> <uri> --------------------------------------------------------------------------------------


def looks_like_annif(lines: list[bytes]) -> bool:
    """Whether the first line with anything behind its last tab has URIs in angle brackets there."""
    for line in lines:
        _, tab, uris = line.decode(errors="replace").rpartition("\t")
        if not tab or uris.strip():
            return bool(tab and _URIS.fullmatch(uris))
    return False


def annif_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each line; a label is its URI, without the brackets."""
    for number, line in enumerate(read_texts(path, encoding=options.encoding), 1):
        place = f"{path}:{number}"
        text, tab, uris = line.rpartition("\t")
        if not tab or not _URIS.fullmatch(uris):
            raise DataError(f'{place}: a line must be "text<TAB><uri> <uri>". Got {quote(line[-60:])}; mend it.')
        yield Row(place, text, re.findall("<(.*?)>", uris) if labelled else [])


def write_annif(part: Part, path: Path, options: ReadOptions) -> None:
    def lines() -> Iterator[str]:
        for number, (text, labels) in enumerate(rows_of_part(part.documents, part.Y, part.names or [])):
            if "\t" in text:
                raise DataError(f"a text must have no tab in {path.name}. Got one in document {number}; choose jsonl.")
            yield f"{text}\t{' '.join(f'<{_checked_uri(label, path)}>' for label in labels)}"

    write_lines(lines(), path)


def _checked_uri(label: str, path: Path) -> str:
    if not _URIS.fullmatch(f"<{label}>"):
        raise DataError(
            f"a label must have no space or angle bracket in {path.name}, as a URI. Got {quote(label)}; choose jsonl."
        )
    return label


# --- Annif: a folder with a .txt a document and a .tsv or .key for its subjects ---------------------------------------


def looks_like_annif_folder(folder: Path) -> bool:
    """Whether a folder has a document and its subjects beside it."""
    return any(path.with_suffix(suffix).is_file() for path in folder.glob("*.txt") for suffix in SUBJECT_SUFFIXES)


def annif_folder_rows(folder: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each .txt, in order of name; its labels are the URIs of its .tsv, or the lines of its .key."""
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise DataError(f"{folder} must hold a .txt for each document. Got none; check the folder.")
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} must be a file that can be read. Got: {in_short(error)}; mend it.") from None
        text = decode(content, path, 1, encoding=options.encoding)
        yield Row(str(path), text, _subjects(path, options.encoding) if labelled else [])


def _subjects(path: Path, encoding: str | None) -> list[str]:
    found = [file for suffix in SUBJECT_SUFFIXES if (file := path.with_suffix(suffix)).is_file()]
    if len(found) != 1:
        got = f"{found[0].name} and {found[1].name}" if found else "neither"
        raise DataError(
            f"{path} must have its subjects in one .tsv or .key beside it. Got {got}; an empty one is right."
        )
    if not found[0].stat().st_size:
        return []
    labels = []
    for number, label in enumerate(read_texts(found[0], encoding=encoding), 1):
        if found[0].suffix == ".tsv":
            uri = label.partition("\t")[0].strip()
            if not re.fullmatch("<[^<>]+>", uri):
                raise DataError(f'{found[0]}:{number}: a line must be "<uri><TAB>label". Got {quote(label)}; mend it.')
            label = uri[1:-1]
        if label.strip():
            labels.append(label)
    return labels


def write_annif_folder(part: Part, folder: Path, options: ReadOptions) -> None:
    folder.mkdir()
    width = len(str(len(part.documents)))
    for number, (text, labels) in enumerate(rows_of_part(part.documents, part.Y, part.names or [])):
        path = folder / f"{number:0{width}}.txt"
        path.write_bytes(_encoded(text, path))
        write_lines((f"<{_checked_uri(label, folder)}>\t" for label in labels), path.with_suffix(".tsv"))


def _encoded(text: str, path: Path) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise DataError(f"a text must be UTF-8. Got a lone surrogate for {path.name}; mend it.") from None
