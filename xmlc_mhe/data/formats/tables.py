"""Tables with a column of texts and one of labels: JSON lines, Parquet."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ...errors import DataError, data_error_of, in_short, listed
from .lines import quote, read_texts, write_lines
from .options import ReadOptions
from .part import BATCH_SIZE, Part, Row, need, rows_of_part, split_labels

Tags = list[tuple[str, float]]  # label names and scores of a document, best first


# --- cells ------------------------------------------------------------------------------------------------------------


def text_of(values: Sequence[Any], place: str) -> str:
    """Return the cells of the text columns as one text; None is an empty one."""
    for value in values:
        if not (value is None or isinstance(value, str)):
            raise DataError(
                f"{place}: a text must be a string. Got {quote(repr(value))}; choose another --text-column."
            )
    text = " ".join(value for value in values if value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{place}: a text must have no lone surrogate. Got {quote(repr(text))}; mend it.") from None
    return text


def labels_of(value: Any, options: ReadOptions, place: str) -> list[str]:
    """Return the labels in a cell: a list of strings or whole numbers, or a string that holds several; None is none."""
    if value is None:
        return []
    if isinstance(value, str):
        labels = split_labels(value, options.label_separator)
    elif isinstance(value, list) and all(
        isinstance(label, str | int) and not isinstance(label, bool) for label in value
    ):
        labels = [str(label) for label in value]
    elif isinstance(value, int) and not isinstance(value, bool):
        labels = [str(value)]
    else:
        raise DataError(
            f"{place}: labels must be a list of strings or whole numbers, or a string. Got {quote(repr(value))}; "
            "choose another --label-column."
        )
    for label in labels:
        if not label or any("\ud800" <= character <= "\udfff" for character in label):
            raise DataError(
                f"{place}: a label must be a name in UTF-8, not empty. Got {quote(repr(label))}; mend or remove it."
            )
    return labels


def missing_column(place: str, names: Iterable[str], wanted: str, option: str) -> DataError:
    """Return the error of a table without a column that was asked for."""
    return DataError(
        f"{place} must have a column {quote(wanted)}. Got {listed(quote(name, most=30) for name in names) or 'none'}; "
        f"name the right one with {option}."
    )


# --- JSON lines -------------------------------------------------------------------------------------------------------


def jsonl_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each line, a JSON object; a text that is null is empty, labels that are null are none."""
    for number, line in enumerate(read_texts(path, encoding=options.encoding), 1):
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{place}: a line must be one JSON object. Got {quote(line)}: {in_short(error)}; mend it."
            ) from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: a line must be one JSON object. Got {quote(line)}; write a document a line.")
        if (missing := next((name for name in options.text_columns if name not in row), None)) is not None:
            raise missing_column(place, row, missing, "--text-column")
        if labelled and options.label_column not in row:
            raise missing_column(place, row, options.label_column, "--label-column")
        labels = labels_of(row[options.label_column], options, place) if labelled else []
        yield Row(place, text_of([row[name] for name in options.text_columns], place), labels)


def write_jsonl(part: Part, path: Path, options: ReadOptions) -> None:
    rows = rows_of_part(part.documents, part.Y, part.names or [])
    text_column, label_column = columns_to_write(options)
    lines = (json.dumps({text_column: text, label_column: labels}, ensure_ascii=False) for text, labels in rows)
    write_lines(lines, path)


def columns_to_write(options: ReadOptions) -> tuple[str, str]:
    return options.text_columns[0], options.label_column


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet_rows(path: Path, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each of the table; it is read in batches, of the columns asked for alone."""
    need("pyarrow", "tables")
    parquet = need("pyarrow.parquet", "tables")
    wanted = [*options.text_columns, *([options.label_column] if labelled else [])]
    number = 0
    must = f"{path} must be a whole Parquet file"
    with data_error_of(must, "write or fetch it again"), parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        for name in wanted:
            if names.count(name) != 1:
                is_text = name in options.text_columns
                raise missing_column(str(path), names, name, "--text-column" if is_text else "--label-column")
        for batch in file.iter_batches(BATCH_SIZE, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                place = f"{path}: row {number}"
                labels = labels_of(row[options.label_column], options, place) if labelled else []
                yield Row(place, text_of([row[name] for name in options.text_columns], place), labels)


def write_parquet(part: Part, path: Path, options: ReadOptions) -> None:
    arrow = need("pyarrow", "tables")
    parquet = need("pyarrow.parquet", "tables")
    text_column, label_column = columns_to_write(options)
    texts, labels = [], []
    for text, names in rows_of_part(part.documents, part.Y, part.names or []):
        texts.append(text)
        labels.append(names)
    kinds = arrow.string(), arrow.list_(arrow.string())
    columns = {text_column: arrow.array(texts, kinds[0]), label_column: arrow.array(labels, kinds[1])}
    parquet.write_table(arrow.table(columns), path)


def add_parquet_columns(
    path: Path, target: Path, titles: Sequence[str], tags: Iterator[Tags], options: ReadOptions
) -> None:
    """Write the table again with columns of label names and scores in turn, batch after batch."""
    arrow = need("pyarrow", "tables")
    parquet = need("pyarrow.parquet", "tables")
    kinds = [arrow.string(), arrow.float32()]
    with data_error_of(f"{path} must be a whole Parquet file", "write or fetch it again"):
        schema = parquet.read_schema(path)
    check_new_columns(str(path), schema.names, titles)
    for place, title in enumerate(titles):
        schema = schema.append(arrow.field(title, kinds[place % 2]))
    with parquet.ParquetWriter(target, schema) as writer:
        for batch in _batches(path):
            rows = [next_tags(tags, path) for _ in range(batch.num_rows)]
            padded = ([*chain.from_iterable(row), *[None] * (len(titles) - 2 * len(row))] for row in rows)
            columns = (arrow.array(column, kinds[place % 2]) for place, column in enumerate(zip(*padded, strict=True)))
            writer.write_batch(arrow.record_batch([*batch.columns, *columns], schema=schema))
    check_no_tags(tags, path)


def _batches(path: Path) -> Iterator[Any]:
    """Yield the rows of a table with all columns, in batches that are not empty."""
    parquet = need("pyarrow.parquet", "tables")
    must = f"{path} must be a whole Parquet file"
    with data_error_of(must, "write or fetch it again"), parquet.ParquetFile(path) as file:
        yield from (batch for batch in file.iter_batches(BATCH_SIZE) if batch.num_rows)


# --- tags as further columns ------------------------------------------------------------------------------------------


def check_new_columns(place: str, names: Iterable[str], titles: Iterable[str]) -> None:
    """Raise DataError where a table has a column that is to be added."""
    if there := set(names).intersection(titles):
        raise DataError(
            f"{place} must have no column {quote(min(there))}, which is to be added. Got one; rename or remove it."
        )


def next_tags(tags: Iterator[Tags], path: Path) -> Tags:
    """Return the tags of the next row of a table."""
    if (row := next(tags, None)) is None:
        raise _changed(path)
    return row


def check_no_tags(tags: Iterator[Tags], path: Path) -> None:
    """Raise DataError where tags are left at the end of a table."""
    if next(tags, None) is not None:
        raise _changed(path)


def _changed(path: Path) -> DataError:
    return DataError(f"{path} must stay as it is while it is tagged. Got other rows; tag it once more.")
