"""CSV and TSV: records under a header, cells in double quotes; which character parts them is found by the header."""

import codecs
import csv
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ...errors import DataError, in_short
from .lines import COMPRESSIONS, encode, quote, read_texts
from .options import ReadOptions
from .part import Part, Row, join_labels, rows_of_part
from .tables import (
    Tags,
    check_new_columns,
    check_no_tags,
    columns_to_write,
    labels_of,
    missing_column,
    next_tags,
    text_of,
)

logger = logging.getLogger(__name__)

MAX_CELL = 1 << 30  # characters; csv's own limit, 131,072, is below long documents
DELIMITERS = (",", ";", "\t")  # Excel writes semicolons where a comma is the decimal point
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n?')  # above the header, for Excel alone


class Record(NamedTuple):
    """A record: its place, its lines as they are in the file, its cells; of a blank line there are none."""

    place: str
    lines: str
    cells: list[str]


class Records:
    """The records of a file, the header first, read as they are asked for.

    Args:
        wanted: the names of columns that the header should have.
    Attributes: delimiter; above: the lines above the header.
    """

    def __init__(self, path: Path, wanted: Sequence[str], encoding: str | None) -> None:
        csv.field_size_limit(MAX_CELL)  # of the module: there is no other place for it
        self.path, self.above = path, ""
        self._lines: Iterator[str] = read_texts(path, encoding=encoding, keep_ends=True)
        first = next(self._lines)
        if (told := _SEPARATOR_LINE.fullmatch(first)) is not None:
            self.delimiter, self.above = told[1], first
        else:
            self.delimiter = _delimiter(first, wanted, own=_own_delimiter(path))
            self._lines = chain([first], self._lines)

    def __iter__(self) -> Iterator[Record]:
        taken: list[str] = []

        def watched() -> Iterator[str]:
            for line in self._lines:
                taken.append(line)
                yield line

        reader = csv.reader(watched(), delimiter=self.delimiter, strict=True)
        num_above = bool(self.above)
        width = None
        try:
            for cells in reader:
                place = f"{self.path}:{reader.line_num + num_above}"
                if width is None:
                    width = max(len(cells), 1)
                elif not cells and width > 1:  # a blank line, as editors leave one at the end
                    yield Record(place, "".join(taken), [])
                    taken.clear()
                    continue
                cells = cells or [""]
                if len(cells) != width:
                    raise DataError(
                        f"{place}: a record must have {width} cells, as the header has. Got {len(cells)}; put cells "
                        "with the separator or a line end in double quotes."
                    )
                yield Record(place, "".join(taken), cells)
                taken.clear()
        except csv.Error as error:
            raise DataError(
                f"{self.path}:{reader.line_num + num_above}: must be CSV in double quotes. Got: {in_short(error)}; "
                "mend it."
            ) from None


def _own_delimiter(path: Path) -> str:
    """Return what the name of a file stands for: tabs in .tsv, commas in any other."""
    suffixes = [suffix for suffix in path.suffixes if suffix not in COMPRESSIONS]
    return "\t" if suffixes and suffixes[-1] == ".tsv" else ","


def _delimiter(header: str, wanted: Iterable[str], *, own: str) -> str:
    """Return the delimiter by which a header has most of the wanted columns; then most cells; then the own one."""
    wanted = set(wanted)

    def fitness(delimiter: str) -> tuple[int, int, bool]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            return 0, 0, delimiter == own
        return len(wanted.intersection(cells)), len(cells), delimiter == own

    return max(DELIMITERS, key=fitness)


def csv_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each record below the header."""
    wanted = [*options.text_columns, *([options.label_column] if labelled else [])]
    records = iter(Records(path, wanted, options.encoding))
    header = next(records, Record(f"{path}:1", "", []))
    columns = [_column(header, name, "--text-column") for name in options.text_columns]
    label_column = _column(header, options.label_column, "--label-column") if labelled else 0
    for place, _, cells in records:
        if cells:
            labels = labels_of(cells[label_column], options, place) if labelled else []
            yield Row(place, text_of([cells[column] for column in columns], place), labels)


def _column(header: Record, name: str, option: str) -> int:
    if header.cells.count(name) != 1:
        raise missing_column(header.place, header.cells, name, option)
    return header.cells.index(name)


def write_csv(part: Part, path: Path, options: ReadOptions) -> None:
    with COMPRESSIONS.get(path.suffix, open)(path, "wb") as file:
        line = _Line()
        writer = csv.writer(line, delimiter=_own_delimiter(path), lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(columns_to_write(options))
        file.write(line.text.encode())
        for number, (text, labels) in enumerate(rows_of_part(part.documents, part.Y, part.names or []), 2):
            writer.writerow((text, join_labels(labels, options.label_separator, path.name)))
            file.write(encode(line.text, path, number))


# --- tags as further columns ------------------------------------------------------------------------------------------


def add_csv_columns(
    path: Path, target: Path, titles: Sequence[str], tags: Iterator[Tags], options: ReadOptions
) -> None:
    """Write the table again, each record as it is in the file, with cells of label names and scores behind it.

    The encoding, the separator, a byte order mark and the line ends stay. Where semicolons part the cells, scores have
    a decimal comma, as in the countries where they do. A label name that begins as a formula does gets a "'" before it.
    """
    records = Records(path, options.text_columns, options.encoding)
    encoder = codecs.getincrementalencoder(options.encoding or "utf-8")()
    line, point, guarded = _Line(), "," if records.delimiter == ";" else ".", ""
    writer = csv.writer(line, delimiter=records.delimiter, lineterminator="")
    with COMPRESSIONS.get(target.suffix, open)(target, "wb") as file:
        if options.encoding is None and _has_mark(path):
            file.write(codecs.BOM_UTF8)
        file.write(encoder.encode(records.above))
        for number, record in enumerate(records):
            if not record.cells:  # a blank line
                file.write(encoder.encode(record.lines))
                continue
            cells = list(titles)
            if number == 0:
                check_new_columns(record.place, record.cells, titles)
            else:
                row = next_tags(tags, path)
                guarded = guarded or next((name for name, _ in row if _guard(name) != name), "")
                pairs = ((_guard(name), f"{score:.4f}".replace(".", point)) for name, score in row)
                cells = [*chain.from_iterable(pairs), *[""] * (len(titles) - 2 * len(row))]
            writer.writerow(cells)
            body = record.lines.rstrip("\r\n")
            try:
                file.write(encoder.encode(f"{body}{records.delimiter}{line.text}{record.lines[len(body) :]}"))
            except UnicodeEncodeError as error:
                raise DataError(
                    f"label names must be in the encoding of the table, {options.encoding or 'utf-8'}. Got "
                    f"{quote(error.object[error.start : error.end])}; convert the table to UTF-8 first."
                ) from None
    check_no_tags(tags, path)
    if guarded:
        logger.warning(
            "a spreadsheet would take label names such as %s for formulas; they have a ' before them, which .xlsx does "
            "not need",
            quote(guarded),
        )


def _guard(name: str) -> str:
    """Return a label name that no spreadsheet takes for a formula; the input's own cells stay as they are."""
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name


def _has_mark(path: Path) -> bool:
    with COMPRESSIONS.get(path.suffix, open)(path, "rb") as file:
        return file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


class _Line:
    """What csv.writer writes to: it keeps the last record."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text
