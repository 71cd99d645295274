"""Writing data sets: a folder of parts, or one file, in any of the formats."""

import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import DataError, in_short
from ..outputs import whole_file, whole_folder
from .dataset import Dataset
from .formats.lines import write_lines
from .formats.options import DEFAULT_OPTIONS, ReadOptions
from .formats.part import Part, id_names
from .formats.table import FORMATS, Format, check_format, format_of_name, part_paths, single_files
from .sources import NAMES_FILE


def save_dataset(
    datasets: Mapping[str, Dataset],
    folder: str | os.PathLike[str],
    *,
    format: str | None = None,
    options: ReadOptions = DEFAULT_OPTIONS,
) -> None:
    """Write a new folder for load_dataset: label_names.txt and the files of each part.

    A label beyond num_labels has no name here: where labels have names, it is called unseen-NUMBER. The folder appears
    when it is complete, or not at all.

    Args:
        datasets: the Dataset of each part, such as {"train": train, "test": test}.
        folder: missing or empty.
        format: a name from formats.FORMATS; None: texts for texts, npz for features.
        options: the names of columns, and the separator of labels, in a table.
    Raises: DataError: the folder is neither; the parts differ in label_names; a part is empty, or train has labels
        beyond label_names; the format cannot hold the documents, a text or a name.
    """
    target = Path(folder).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise DataError(f'folder must be new or empty. Got "{folder}", which has content; choose another.')
    check_format(format)
    label_names = _shared_names(datasets)
    with whole_folder(folder) as written:
        write_lines(label_names, written / NAMES_FILE)
        for part, dataset in datasets.items():
            format_ = FORMATS[format or ("npz" if dataset.texts is None else "texts")]
            _check_kind(dataset, format_)
            if format_.name in ("texts", "raw-texts"):
                _check_names_are_words(label_names)
            format_.write(_to_part(dataset), part_paths(written, part, format_), options)


def save_file(
    dataset: Dataset, path: str | os.PathLike[str], *, format: str | None = None, options: ReadOptions = DEFAULT_OPTIONS
) -> str:
    """Write documents and labels to one file, whole or not at all, and return the name of its format.

    Args:
        dataset: what to write.
        path: where; the end .gz or .xz compresses it.
        format: a name from formats.FORMATS that has one file for a part; None: the one that path's name stands for.
        options: as for save_dataset.
    Raises: DataError: the format has more files or cannot hold the documents, a text or a name.
    """
    check_format(format)
    target = Path(path)
    name = format or format_of_name(target, of_texts=dataset.texts is not None)
    if name is None or not FORMATS[name].suffixes:
        single = ", ".join(single_files())
        raise DataError(f"a file must be in one of the formats {single}. Got {name or target.name}; name one of these.")
    format_ = FORMATS[name]
    _check_kind(dataset, format_)
    if not format_.keeps_names and dataset.label_names != id_names(dataset.num_labels):
        raise DataError(
            f"labels must be called by their ids, 0, 1, ..., in one file of {name}. Got other names, as "
            f'"{in_short(dataset.label_names[0])}"; write to a folder, where {NAMES_FILE} keeps them.'
        )
    with whole_file(target) as written:
        format_.write(_to_part(dataset), [written], options)
    return name


def _check_kind(dataset: Dataset, format_: Format) -> None:
    if (dataset.texts is not None) != format_.of_texts:
        holds, got = ("texts", "features") if format_.of_texts else ("features", "texts")
        fitting = ", ".join(f.name for f in FORMATS.values() if f.of_texts != format_.of_texts)
        raise DataError(f"the format {format_.name} holds {holds}. Got {got}; choose one of {fitting}.")


def _to_part(dataset: Dataset) -> Part:
    """Return the documents, the labels and a name for each column of Y."""
    prefix, num_columns = "unseen-", dataset.Y.shape[1]
    while any(name.startswith(prefix) for name in dataset.label_names):
        prefix += "-"
    width = len(str(num_columns))  # so that the alphabetical order is that of the columns
    unseen = [f"{prefix}{label:0{width}}" for label in range(dataset.num_labels, num_columns)]
    documents = dataset.texts if dataset.X is None else dataset.X
    return Part(documents, dataset.Y, [*dataset.label_names, *unseen])  # type: ignore[arg-type]


def _check_names_are_words(label_names: list[str]) -> None:
    for name in label_names:
        encoded = name.encode(errors="replace")
        if encoded.split() != [encoded]:
            raise DataError(
                f'a label name must not be empty, and beside texts not have a space. Got "{in_short(name)}"; rename it.'
            )


def _shared_names(datasets: Mapping[str, Dataset]) -> list[str]:
    """Return the label names of the parts, after checking that the parts can be read again."""
    if not datasets:
        raise DataError("datasets must hold a part. Got none; pass for example {'train': train}.")
    (first, of_first), *others = datasets.items()
    for part, dataset in others:
        if dataset.label_names != of_first.label_names:
            raise DataError(
                f"datasets must share label_names. Got others in {part} than in {first}; load the parts together."
            )
    for part, dataset in datasets.items():
        if not dataset.num_docs or not dataset.num_labels:
            raise DataError(
                f"a part must have documents and labels. Got {dataset.num_docs} documents and {dataset.num_labels} "
                f"label names in {part}; leave it out."
            )
        if part == "train" and dataset.Y.shape[1] > dataset.num_labels:
            raise DataError(
                f"Y of train must have {dataset.num_labels} columns, one for each of label_names. "
                f"Got {dataset.Y.shape[1]}; name all labels."
            )
        if "" in dataset.label_names:
            raise DataError('a label name must not be empty. Got ""; rename it.')
    return of_first.label_names
