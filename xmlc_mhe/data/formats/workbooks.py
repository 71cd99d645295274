"""Excel's workbooks (.xlsx): the rows of a sheet under a header, streamed by openpyxl both ways.

openpyxl and not python-calamine: calamine reads six times as fast, but holds the sheet in memory and cannot write.
"""

import contextlib
import datetime
import logging
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ...errors import DataError, data_error_of, listed
from .lines import COMPRESSIONS, HEAD_BYTES, quote
from .options import ReadOptions
from .part import Part, Row, join_labels, need, rows_of_part
from .tables import Tags, check_new_columns, check_no_tags, columns_to_write, labels_of, missing_column, text_of

logger = logging.getLogger(__name__)

MOST_ROWS, MOST_CHARACTERS = 1_048_576, 32_767  # of a sheet and of a cell, by Excel; openpyxl cuts longer texts
ROWS_AT_ONCE = 512
SHEET = re.compile(r"xl/worksheets/sheet(\d{1,6})\.xml")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how cells hold what XML cannot
_TO_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[\0-\x08\x0b-\x1f\ufffe\uffff]")


# --- reading ----------------------------------------------------------------------------------------------------------


def xlsx_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each below the header of a sheet; those at the end without any value are none."""
    rows = iter(_sheet_rows(path, options.sheet))
    _, header = next(rows, (1, ()))
    names = header_names(header)
    columns = [_column(path, names, name, "--text-column") for name in options.text_columns]
    label_column = _column(path, names, options.label_column, "--label-column") if labelled else 0
    for number, values in rows:
        place = f"{path}: row {number}"
        cells = [*map(_plain, values), *[None] * (len(names) - len(values))]
        labels = labels_of(cells[label_column], options, place) if labelled else []
        yield Row(place, text_of([cells[column] for column in columns], place), labels)


def _sheet_rows(path: Path, sheet: str | None) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the number and the values of each row, up to the last that has any."""
    need("openpyxl", "xlsx")
    must = f"{path} must be a whole .xlsx workbook"
    with data_error_of(must, "save it again as .xlsx"), opened_sheet(path, sheet) as (_, found):
        blank: list[tuple[int, tuple[Any, ...]]] = []
        for number, values in enumerate(in_batches(found.iter_rows(values_only=True), path), 1):
            if all(value is None for value in values):
                blank.append((number, ()))
                continue
            yield from blank
            blank.clear()
            yield number, values


@contextlib.contextmanager
def opened_sheet(path: Path, sheet: str | None, *, formulas: bool = False) -> Iterator[tuple[Any, Any]]:
    """Open a workbook and a sheet of it, the first by default, to be read row after row.

    Args:
        formulas: whether cells give their formulas; else the values that Excel last saw there.
    """
    openpyxl = need("openpyxl", "xlsx")
    with path.open("rb") as file:
        with warnings.catch_warnings():  # of openpyxl, about what it does not keep, such as validations
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=not formulas)
        try:
            found = {worksheet.title: worksheet for worksheet in workbook.worksheets}
            if sheet is not None and sheet not in found:
                raise DataError(
                    f"{path} must have a sheet {quote(sheet)}. Got {listed(found) or 'none'}; name the right one with "
                    "--sheet."
                )
            if not found:
                raise DataError(f"{path} must have a sheet of cells. Got none; add one.")
            worksheet = found[sheet or next(iter(found))]
            if sheet is None and len(found) > 1 and not formulas:
                logger.info("%s: the first of %d sheets is read; --sheet NAME takes another", path, len(found))
            worksheet.reset_dimensions()  # what files say of them may be wrong
            yield workbook, worksheet
        finally:
            workbook.close()


def in_batches(rows: Iterable[Any], path: Path) -> Iterator[Any]:
    """Yield the rows, read some at a time without openpyxl's warnings; there are no more than Excel allows."""
    rows, number = iter(rows), 0
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = list(islice(rows, ROWS_AT_ONCE))
        if not batch:
            return
        number += len(batch)
        if number > MOST_ROWS:  # a damaged number of a row stands for any number of rows before it
            raise DataError(f"{path} must have {MOST_ROWS} rows at most. Got more; save it again as .xlsx.")
        yield from batch


def estimate_rows(path: Path) -> int | None:
    """Return about how many rows the first sheet has below its header, by the first of them and its size."""
    with zipfile.ZipFile(path) as archive:
        sheets = sorted((info for info in archive.infolist() if SHEET.fullmatch(info.filename)), key=_sheet_number)
        if not sheets:
            return None
        with archive.open(sheets[0]) as file:
            head = file.read(HEAD_BYTES)
        share = len(head) / max(sheets[0].file_size, 1) if len(head) == HEAD_BYTES else 1
    return max(round(head.count(b"</row>") / share) - 1, 0)


def _sheet_number(info: zipfile.ZipInfo) -> int:
    match = SHEET.fullmatch(info.filename)
    assert match is not None
    return int(match[1])


def header_names(values: Sequence[Any]) -> list[str]:
    """Return the names of columns, "" where a cell is empty."""
    return [str(_plain(value) or "") for value in values]


def _column(path: Path, names: list[str], name: str, option: str) -> int:
    if names.count(name) != 1:
        raise missing_column(f"{path}: row 1", filter(None, names), name, option)
    return names.index(name)


def _plain(value: Any) -> str | None:
    """Return the value of a cell as the text that stands for it, None for an empty one."""
    if value is None:
        return None
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return str(value.date() if value.time() == datetime.time() else value)
    return str(value)


# --- writing ----------------------------------------------------------------------------------------------------------


def write_xlsx(part: Part, path: Path, options: ReadOptions) -> None:
    """Write a sheet with a column of texts and one of labels, all cells as texts: none becomes a formula."""
    check_workbook_name(path)
    num_docs = len(part.documents)
    if not (part.documents[-1] or part.Y[[num_docs - 1]].nnz):
        raise DataError(
            f"the last document must have a text or a label in {path.name}, where it ends the table. Got neither for "
            f"document {num_docs - 1}; choose jsonl, or leave it out."
        )
    if num_docs >= MOST_ROWS:
        raise DataError(f"{path.name} must have less than {MOST_ROWS} documents. Got {num_docs}; choose csv.")
    rows = (
        (text, join_labels(labels, options.label_separator, path.name))
        for text, labels in rows_of_part(part.documents, part.Y, part.names or [])
    )
    with _new_workbook(path) as workbook:
        worksheet = workbook.create_sheet("documents")
        for row in chain([columns_to_write(options)], rows):
            worksheet.append([text_cell(worksheet, text, path) for text in row])


@contextlib.contextmanager
def _new_workbook(path: Path) -> Iterator[Any]:
    """Yield a workbook to append rows to, saved at the end; after an exception nothing is left open."""
    workbook = need("openpyxl", "xlsx").Workbook(write_only=True)
    try:
        yield workbook
        workbook.save(path)
    except BaseException:
        for worksheet in workbook.worksheets:
            with contextlib.suppress(Exception):  # whatever it says, the first error is the one to tell
                worksheet.close()
        raise


def text_cell(worksheet: Any, text: str, path: Path) -> Any:
    """Return a cell that holds a text as it is, even one that begins as a formula does."""
    from openpyxl.cell import WriteOnlyCell

    escaped = _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    if len(escaped) > MOST_CHARACTERS:
        raise DataError(
            f"a cell must have {MOST_CHARACTERS} characters at most in {path.name}. Got {len(escaped)} in "
            f"{quote(text)}; choose csv."
        )
    if any("\ud800" <= character <= "\udfff" for character in escaped):
        raise DataError(f"a text or name must have no lone surrogate in {path.name}. Got {quote(repr(text))}; mend it.")
    cell = WriteOnlyCell(worksheet, escaped)
    cell.data_type = "s"
    return cell


def check_workbook_name(path: Path) -> None:
    """Raise DataError where a name says that a workbook, which is compressed in itself, is compressed once more."""
    if path.suffix and path.suffix in COMPRESSIONS:
        raise DataError(f"a workbook must be called .xlsx. Got {path.name}; leave {path.suffix} out.")


# --- tags as further columns ------------------------------------------------------------------------------------------


def add_xlsx_columns(
    path: Path, target: Path, titles: Sequence[str], tags: Iterator[Tags], options: ReadOptions
) -> None:
    """Write the sheet again with cells of label names and scores behind each row, row after row.

    Values, formulas, the formats of numbers and the font of the header stay; other formats and sheets are left out.
    """
    need("openpyxl", "xlsx")
    check_workbook_name(target)
    rows = _cells(path, options.sheet)
    with _new_workbook(target) as workbook:
        if (first := next(rows, None)) is None:
            raise DataError(f"{path} must have a header in row 1. Got an empty sheet; choose another with --sheet.")
        source, header = first
        check_new_columns(f"{path}: row 1", header_names([cell.value for cell in header]), titles)
        worksheet = workbook.create_sheet(source.title)
        workbook.epoch = source.parent.epoch
        copied = [_copied(worksheet, cell, with_font=True) for cell in header]
        worksheet.append([*copied, *(text_cell(worksheet, title, target) for title in titles)])
        for number, (_, row) in enumerate(rows, 2):
            if len(row) > len(header):
                raise DataError(
                    f"{path}: row {number} must have no cell beyond the header. Got {len(row)} for {len(header)}; add "
                    "titles."
                )
            copied = [_copied(worksheet, cell) for cell in row] + [None] * (len(header) - len(row))
            pairs = ((text_cell(worksheet, name, target), round(score, 4)) for name, score in next(tags, ()))
            worksheet.append([*copied, *chain.from_iterable(pairs)])  # rows without a value at the end have no tags
        check_no_tags(tags, path)


def _cells(path: Path, sheet: str | None) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Yield the sheet and the cells of each row, up to the last that has a value."""
    must = f"{path} must be a whole .xlsx workbook"
    with data_error_of(must, "save it again as .xlsx"), opened_sheet(path, sheet, formulas=True) as (_, found):
        for row in in_batches(found.iter_rows(), path):
            filled = max((place for place, cell in enumerate(row, 1) if cell.value is not None), default=0)
            yield found, row[:filled]


def _copied(worksheet: Any, cell: Any, *, with_font: bool = False) -> Any:
    """Return a cell for another sheet; what is no formula in the source does not become one."""
    from openpyxl.cell import WriteOnlyCell

    if cell.value is None:
        return None
    copied = WriteOnlyCell(worksheet, cell.value)
    copied.data_type = cell.data_type
    if cell.has_style:
        copied.number_format = cell.number_format
        if with_font:
            copied.font = copy(cell.font)
    return copied
