"""A table of documents written again with their tags as further columns."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError
from ..outputs import whole_file
from .formats.options import DEFAULT_OPTIONS, ReadOptions
from .formats.table import FORMATS, single_suffix
from .formats.tables import Tags
from .sources import Source, locate


def add_tags(
    source: str | os.PathLike[str] | Source,
    target: str | os.PathLike[str],
    tags: Iterable[Tags],
    *,
    num_tags: int,
    part: str = "test",
    options: ReadOptions = DEFAULT_OPTIONS,
) -> None:
    """Write the table of a source with columns label_1, score_1, label_2, ... behind its own, which stay as they are.

    Both tables are handled row after row, and the new one appears when it is whole.

    Args:
        source: a table in CSV, TSV, xlsx or Parquet, or a folder with one for the part.
        target: the file to write, in the same format.
        tags: label names and scores of each document, best first, in the order of the rows.
        num_tags: the most of a document; those that it has not are empty cells.
        options: how the source is read.
    Raises: DataError: the source is no such table, target is called otherwise, or a column of these names is there.
    """
    name, path = check_table(source, target, part=part, options=options)
    titles = [f"{kind}_{number}" for number in range(1, num_tags + 1) for kind in ("label", "score")]
    add_columns = FORMATS[name].add_columns
    assert add_columns is not None
    with whole_file(target) as written:
        add_columns(path, written, titles, iter(tags), options)


def check_table(
    source: str | os.PathLike[str] | Source,
    target: str | os.PathLike[str],
    *,
    part: str = "test",
    options: ReadOptions = DEFAULT_OPTIONS,
) -> tuple[str, Path]:
    """Return the format and the file of a table that `add_tags` can write to a target; asked before the work."""
    tables = [format_.name for format_ in FORMATS.values() if format_.add_columns]
    if source == "-":
        raise DataError(f"tags are added to a table in {', '.join(tables)}. Got standard input; save it to a file.")
    found = locate(source, options).find(part, slice(1))
    path = found.paths[0]
    if found.format.name not in tables:
        raise DataError(
            f"tags are added to a table in {', '.join(tables)}. Got {path}, which is in {found.format.name}; choose "
            "another --format."
        )
    suffixes = found.format.suffixes
    if single_suffix(Path(target)) not in suffixes:
        raise DataError(
            f"the table with tags must be called {suffixes[0]}, as {path} is in {found.format.name}. Got {target}; "
            "rename it, or convert it afterwards: xmlc-mhe data convert."
        )
    return found.format.name, path
