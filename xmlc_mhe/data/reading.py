"""How a source becomes a `Dataset` for each part, or a stream of documents; `saving` is the other way round."""

import contextlib
import logging
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

from ..errors import DataError, in_short
from .csr import pad_columns
from .dataset import Dataset
from .formats.lines import estimate_lines, read_texts
from .formats.options import DEFAULT_OPTIONS, ReadOptions
from .formats.part import BATCH_SIZE, Part, id_names, need
from .formats.table import TEXT_FILES, check_reading_uses
from .formats.texts import stream_texts
from .formats.workbooks import estimate_rows
from .sources import Source, locate
from .writing import save_dataset

__all__ = ["Dataset", "has_part", "iter_documents", "load_dataset", "load_part", "save_dataset"]

LINE_FORMATS = ({*TEXT_FILES} - {"annif-folder"}) | {"xrc", "pyxclib", "svmlight"}  # a document a line, or about so

logger = logging.getLogger(__name__)


def load_dataset(
    source: str | os.PathLike[str] | Source,
    *,
    parts: Sequence[str] = ("train", "test"),
    options: ReadOptions = DEFAULT_OPTIONS,
) -> tuple[Dataset, ...]:
    """Return a Dataset for each of the parts, with the labels of the part "train", whether that is among them or not.

    Label ids follow label_names.txt where the folder has one. Else they are the alphabetical order of the names in
    train; where labels have no names, the ids are those in the files, and the name is the id.

    Args:
        source: "pydocs", the embedded data set; a folder whose files are named as formats.FORMATS says; a benchmark by
            its name; hub:NAME; or one file of documents and labels, which is one part and has its own labels.
        parts: such as "train", "dev", "test".
        options: how to read it; the defaults find the format by themselves.
    Raises: DataError: the source or a file is missing or not as it must be; train has no labels; the parts differ in
        their numbers of features.
    """
    place = locate(source, options)
    if place.is_single and len(parts) != 1:
        raise DataError(
            f"{place.name} must be asked for one part, as it holds no more. Got {', '.join(parts)}; ask for "
            'parts=("train",), or split it first: xmlc-mhe data split.'
        )
    listed = _listed_names(place)
    read = read_parts(place, parts)
    own = read.get(parts[0] if place.is_single else "train")
    if listed is not None:
        label_names = listed
    elif own is not None:
        label_names = own.names or []
    else:
        found = place.find("train", slice(-1, None))
        label_names = found.format.read_names(found.paths[0], place.options)
    if not label_names or ("train" in read and read["train"].Y.nnz == 0):
        raise DataError(f"{place.name} must have labels in train. Got none; check that these are the files of train.")
    datasets = {part: _with_labels(read[part], part, label_names) for part in read}
    if "train" in datasets and datasets["train"].Y.shape[1] > len(label_names):
        more = datasets["train"].Y.shape[1] - len(label_names)
        raise DataError(
            f"{place.names_file} must name every label of train. Got {len(label_names)} names, and {more} other "
            "labels in train; add their names, or remove the file."
        )
    _share_width(datasets, place)
    sizes = {part: dataset.X.shape[1] for part, dataset in datasets.items() if dataset.X is not None}
    if len(set(sizes.values())) > 1:
        got = ", ".join(f"{size} in {part}" for part, size in sizes.items())
        raise DataError(
            f"{place.name} must have as many features in every part. Got {got}; make them from one vocabulary."
        )
    return tuple(datasets[part] for part in parts)


def read_parts(place: Source, parts: Sequence[str]) -> dict[str, Part]:
    """Return what the files of each part hold, with the names of its own labels; nothing is compared."""
    listed = _listed_names(place)
    return {part: _read_part(place, part, listed) for part in parts}


def _share_width(datasets: dict[str, Dataset], place: Source) -> None:
    """Give X of the other parts the columns of train where files do not tell their number: words not learnt go."""
    train = datasets.get("train")
    if train is None or train.X is None:
        return
    for part, dataset in datasets.items():
        if dataset.X is not None and not place.find(part).format.tells_width:
            X = pad_columns(dataset.X, num_columns=train.X.shape[1])[:, : train.X.shape[1]]
            datasets[part] = Dataset(None, X, dataset.Y, dataset.label_names)


def load_part(
    source: str | os.PathLike[str] | Source,
    part: str,
    label_names: list[str],
    *,
    options: ReadOptions = DEFAULT_OPTIONS,
) -> Dataset:
    """Return one part with the labels of a trained model, read as load_dataset does; other labels get later ids."""
    place = locate(source, options)
    return _with_labels(_read_part(place, part, _listed_names(place)), part, label_names)


def has_part(source: str | os.PathLike[str], part: str, *, options: ReadOptions = DEFAULT_OPTIONS) -> bool:
    """Return whether a source has the documents and the labels of a part; one file alone has train."""
    return locate(source, options).has(part)


def iter_documents(
    source: str | os.PathLike[str],
    *,
    part: str = "test",
    batch_size: int = BATCH_SIZE,
    options: ReadOptions = DEFAULT_OPTIONS,
) -> Iterator[list[str]] | Iterator[csr_array]:
    """Return an iterator over the documents alone, in batches: lists of texts, or rows of X.

    It holds one batch in memory; of an npz, the whole X.

    Args:
        source: "-", texts on standard input; a file of texts (plain, .gz, .xz), a document a line; or a source of
            load_dataset, of which the labels are not read and may be missing.
        part: the part to take; only a folder has parts.
        batch_size: documents in a batch; the last one may have fewer.
        options: how to read it.
    Raises: DataError: as load_dataset does; ValueError: batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Got {batch_size}; leave it out for {BATCH_SIZE}.")
    if source == "-":
        if options.format not in (None, "texts"):
            raise DataError(f"standard input must be texts, one a line. Got {options.format}; save it to a file first.")
        check_reading_uses(options, "texts", "standard input")
        return stream_texts(None, batch_size, options.encoding)
    place = locate(source, options)
    found = place.find(part, slice(1))
    return found.format.stream(found.paths[0], batch_size, place.options)


def estimate_documents(
    source: str | os.PathLike[str], *, part: str = "test", options: ReadOptions = DEFAULT_OPTIONS
) -> int | None:
    """Return about how many documents iter_documents will give, at once; None where nothing quick tells.

    Parquet tells the number; of a workbook and of files with a document a line, the first lines and the size do. It
    is for a progress bar: of what cannot be read it knows nothing, and iter_documents tells why.
    """
    if source == "-":
        return None
    found = locate(source, options).find(part, slice(1))
    of_damage = (OSError, EOFError, ValueError, RuntimeError, lzma.LZMAError, zlib.error, zipfile.BadZipFile)
    with contextlib.suppress(*of_damage):
        if found.format.name == "parquet":
            return need("pyarrow.parquet", "tables").read_metadata(found.paths[0]).num_rows
        if found.format.name == "xlsx":
            return estimate_rows(found.paths[0])
        if found.format.name in LINE_FORMATS:
            return estimate_lines(found.paths[0])
    return None


def _listed_names(place: Source) -> list[str] | None:
    """Return the names in label_names.txt, None where there is no such file."""
    path = place.names_file
    if path is None:
        return None
    names: dict[str, None] = {}
    for number, name in enumerate(read_texts(path, encoding=place.options.encoding), 1):
        if not name or name in names:
            raise DataError(
                f'{path}:{number}: a line must be the name of one more label. Got "{in_short(name)}"; '
                "name each label once, and leave no blank line."
            )
        names[name] = None
    return list(names)


def _read_part(place: Source, part: str, listed: list[str] | None) -> Part:
    """Return a part with its own names; columns of Y beyond the names have none."""
    found = place.find(part)
    read = found.format.read(found.paths, place.options)
    return read if read.names is not None else read._replace(names=listed or id_names(read.Y.shape[1]))


def _with_labels(read: Part, part: str, label_names: list[str]) -> Dataset:
    """Return the Dataset of a part, the columns of its Y renumbered to the ids that label_names gives."""
    num_labels, num_columns = len(label_names), read.Y.shape[1]
    ids = {name: label for label, name in enumerate(label_names)}
    columns = np.full(num_columns, -1)
    own_names = (read.names or [])[:num_columns]
    columns[: len(own_names)] = [ids.get(name, -1) for name in own_names]
    unseen = np.flatnonzero(columns < 0)
    columns[unseen] = num_labels + np.arange(len(unseen))
    Y = csr_array(
        (read.Y.data, columns[read.Y.indices], read.Y.indptr), shape=(read.Y.shape[0], num_labels + len(unseen))
    )
    texts, X = (read.documents, None) if isinstance(read.documents, list) else (None, read.documents)
    dataset = Dataset(texts, X, Y, label_names)
    _log_oddities(dataset, part)
    return dataset


def _log_oddities(dataset: Dataset, part: str) -> None:
    num_unlabelled = int((np.diff(dataset.Y.indptr) == 0).sum())
    if dataset.X is None:
        num_empty = sum(not text.strip() for text in dataset.texts or ())
    else:
        num_empty = int((np.diff(dataset.X.indptr) == 0).sum())
    if num_unlabelled or num_empty:
        message = "%s: %d of %d documents have no label, %d are empty; kept"
        logger.info(message, part, num_unlabelled, dataset.num_docs, num_empty)
    occurring = np.unique(dataset.Y.indices)
    if num_unseen := int((occurring >= dataset.num_labels).sum()):
        if num_unseen == len(occurring):
            logger.warning("%s: none of its %d labels is known from training; is it the same data?", part, num_unseen)
        else:
            logger.info("%s: %d labels are not in training, so nothing can predict them; kept", part, num_unseen)
