"""`Dataset`, documents and their labels, and how a folder becomes one and the other way round."""

import logging
import os
import tempfile
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, save_npz

from .csr import check_csr, check_labels
from .errors import DataError
from .formats import BATCH_SIZE, Part, candidates, find_part, id_names, read_texts, stream_texts
from .pydocs import pydocs_folder

logger = logging.getLogger(__name__)

NAMES_FILE = "label_names.txt"  # a name a line, in the order of the ids; any layout may have it


@dataclass(frozen=True, eq=False)
class Dataset:
    """Documents, as texts or as rows of features, and their labels.

    The labels are those of the training part, whatever the part. A label that only another part has gets an id from
    num_labels on, a column of Y beyond the others: it counts in the denominators of recall and nDCG and can never be
    predicted, as with pyxclib, whose truth has a column for every label.

    Args:
        texts, X: the documents: a list of strings, or CSR (num_docs, num_features), kept as float32; the other is None.
        Y: CSR (num_docs, >= num_labels); kept as float32, a one for each non-zero.
        label_names: the name of each training label, in the order of the ids.
    Raises: DataError: texts and X are both given or both None; rows, columns or values are not as above; names repeat.
    """

    texts: list[str] | None
    X: csr_array | None
    Y: csr_array
    label_names: list[str]

    def __post_init__(self) -> None:
        if (self.texts is None) == (self.X is None):
            got = "neither" if self.X is None else "both"
            raise DataError(f"texts or X must be given, and not both. Got {got}; make the other one None.")
        try:
            object.__setattr__(self, "Y", check_labels(self.Y, "Y"))
            if self.X is not None:
                object.__setattr__(self, "X", check_csr(self.X, "X"))
        except ValueError as error:
            raise DataError(str(error)) from None
        for doc, text in enumerate(self.texts or ()):
            if not isinstance(text, str):
                raise DataError(f'texts must be strings. Got {text!r} for document {doc}; write "" for an empty one.')
        num_docs = len(self.texts) if self.X is None else self.X.shape[0]  # type: ignore[arg-type]
        if self.Y.shape[0] != num_docs:
            raise DataError(
                f"Y must have {num_docs} rows, one for each document. Got {self.Y.shape[0]}; "
                "give a document without labels an empty row."
            )
        if self.Y.shape[1] < self.num_labels:
            raise DataError(
                f"Y must have {self.num_labels} columns, one for each of label_names, or more. Got {self.Y.shape[1]}; "
                "give a label without documents an empty column."
            )
        if len(set(self.label_names)) < self.num_labels:
            name = Counter(self.label_names).most_common(1)[0][0]
            raise DataError(f'label_names must be distinct. Got "{name}" more than once; rename one.')

    @property
    def num_docs(self) -> int:
        return self.Y.shape[0]

    @property
    def num_labels(self) -> int:
        """The number of training labels; Y may have more columns."""
        return len(self.label_names)


# --- reading ----------------------------------------------------------------------------------------------------------


def load_dataset(source: str | os.PathLike[str], *, parts: Sequence[str] = ("train", "test")) -> tuple[Dataset, ...]:
    """Return a Dataset for each of the parts, with the labels of the part "train", whether that is among them or not.

    Label ids follow label_names.txt where the folder has one. Else they are the alphabetical order of the names in
    train; where labels have no names, the ids are those in the files, and the name is the id.

    Args:
        source: "pydocs", the embedded data set, or a folder whose files are named as formats.LAYOUTS says.
        parts: such as "train", "dev", "test".
    Raises: DataError: the folder or a file is missing or not as it must be; train has no labels; the parts differ in
        their numbers of features.
    """
    folder = _find_folder(source)
    listed = _listed_names(folder)
    read = {part: _read_part(folder, part, listed) for part in parts}
    if listed is not None:
        label_names = listed
    elif "train" in read:
        label_names = read["train"].names or []
    else:
        layout, (labels_path,) = find_part(folder, "train", slice(-1, None))
        label_names = layout.read_label_names(labels_path)
    if not label_names or ("train" in read and read["train"].Y.nnz == 0):
        raise DataError(f"{folder} must have labels in train. Got none; check that these are the files of train.")
    datasets = {part: _with_labels(read[part], part, label_names) for part in read}
    if "train" in datasets and datasets["train"].Y.shape[1] > len(label_names):
        more = datasets["train"].Y.shape[1] - len(label_names)
        raise DataError(
            f"{folder / NAMES_FILE} must name every label of train. Got {len(label_names)} names, and {more} other "
            "labels in train; add their names, or remove the file."
        )
    sizes = {part: dataset.X.shape[1] for part, dataset in datasets.items() if dataset.X is not None}
    if len(set(sizes.values())) > 1:
        got = ", ".join(f"{size} in {part}" for part, size in sizes.items())
        raise DataError(f"{folder} must have as many features in every part. Got {got}; make them from one vocabulary.")
    return tuple(datasets[part] for part in parts)


def load_part(source: str | os.PathLike[str], part: str, label_names: list[str]) -> Dataset:
    """Return one part with the labels of a trained model, read as load_dataset does; other labels get later ids."""
    folder = _find_folder(source)
    return _with_labels(_read_part(folder, part, _listed_names(folder)), part, label_names)


def has_part(source: str | os.PathLike[str], part: str) -> bool:
    """Return whether a source has the documents and the labels of a part."""
    return bool(candidates(_find_folder(source), part))


def iter_documents(
    source: str | os.PathLike[str], *, part: str = "test", batch_size: int = BATCH_SIZE
) -> Iterator[list[str] | csr_array]:
    """Return an iterator over the documents alone, in batches: lists of texts, or rows of X.

    It holds one batch in memory; of an npz, the whole X.

    Args:
        source: "-", texts on standard input, or a file of texts (plain, .gz, .xz), a document a line; or a source of
            load_dataset, of which the labels are not read and may be missing.
        part: the part to take; only a folder has parts.
        batch_size: documents in a batch; the last one may have fewer.
    Raises: DataError: as load_dataset does, or a file alone holds features; ValueError: batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Got {batch_size}; leave it out for {BATCH_SIZE}.")
    if source == "-":
        return stream_texts(None, batch_size)
    path = _find_source(source)
    if not path.is_dir():
        return stream_texts(path, batch_size)
    layout, (documents_path,) = find_part(path, part, slice(1))
    return layout.stream(documents_path, batch_size)


def _find_source(source: str | os.PathLike[str]) -> Path:
    if source == "pydocs":
        return pydocs_folder()
    path = Path(source)
    if not path.exists():
        siblings = os.listdir(path.parent) if path.parent.is_dir() else []
        close = get_close_matches(path.name, siblings, n=1)
        mend = f'did you mean "{path.with_name(close[0])}"?' if close else "check the path."
        raise DataError(f'source must be "pydocs" or a path that exists. Got "{source}"; {mend}')
    return path


def _find_folder(source: str | os.PathLike[str]) -> Path:
    path = _find_source(source)
    if not path.is_dir():
        raise DataError(f'source must be "pydocs" or a folder. Got the file "{source}"; give the folder that holds it.')
    return path


def _listed_names(folder: Path) -> list[str] | None:
    """Return the names in label_names.txt, None where there is no such file."""
    path = folder / NAMES_FILE
    if not path.is_file():
        return None
    names: dict[str, None] = {}
    for number, name in enumerate(read_texts(path), 1):
        if not name or name in names:
            raise DataError(
                f'{path}:{number}: a line must be the name of one more label. Got "{name}"; '
                "name each label once, and leave no blank line."
            )
        names[name] = None
    return list(names)


def _read_part(folder: Path, part: str, listed: list[str] | None) -> Part:
    """Return a part with its own names; columns of Y beyond the names have none."""
    layout, paths = find_part(folder, part)
    read = layout.read(*paths)
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


# --- writing ----------------------------------------------------------------------------------------------------------


def save_dataset(datasets: Mapping[str, Dataset], folder: str | os.PathLike[str]) -> None:
    """Write a new folder for load_dataset: label_names.txt and, for each part, texts and labels, or X and Y as npz.

    A label beyond num_labels has no name here: the files of labels call it unseen-NUMBER. The folder appears when it is
    complete, or not at all.

    Args:
        datasets: the Dataset of each part, such as {"train": train, "test": test}.
        folder: missing or empty.
    Raises: DataError: the folder is neither; the parts differ in label_names; a part is empty, or train has labels
        beyond label_names; a text or name cannot be a line of a file; a name beside texts has a space.
    """
    target = Path(folder).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise DataError(f'folder must be new or empty. Got "{folder}", which has content; choose another.')
    label_names = _shared_names(datasets)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        written = Path(scratch, "written")  # unlike the scratch folder, others may read it
        written.mkdir()
        _write_lines(label_names, written / NAMES_FILE)
        for part, dataset in datasets.items():
            if dataset.X is not None:
                save_npz(written / f"X_{part}.npz", dataset.X)
                save_npz(written / f"Y_{part}.npz", dataset.Y)
            else:
                _write_lines(dataset.texts or (), written / f"{part}_texts.txt")
                _write_lines(_label_lines(dataset), written / f"{part}_labels.txt")
        if target.exists():
            target.rmdir()
        written.rename(target)


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
        for name in dataset.label_names:
            encoded = name.encode(errors="replace")
            if not name or (dataset.X is None and encoded.split() != [encoded]):
                raise DataError(
                    f'a label name must not be empty, and beside texts not have a space. Got "{name}"; rename it.'
                )
    return of_first.label_names


def _label_lines(dataset: Dataset) -> Iterator[str]:
    prefix, num_columns = "unseen-", dataset.Y.shape[1]
    while any(name.startswith(prefix) for name in dataset.label_names):
        prefix += "-"
    width = len(str(num_columns))  # so that the alphabetical order is that of the columns
    names = [*dataset.label_names, *(f"{prefix}{label:0{width}}" for label in range(dataset.num_labels, num_columns))]
    for start, end in pairwise(dataset.Y.indptr):
        yield " ".join(names[label] for label in dataset.Y.indices[start:end])


def _write_lines(lines: Iterable[str], path: Path) -> None:
    with path.open("wb") as file:
        for number, line in enumerate(lines, 1):
            try:
                encoded = line.encode()
            except UnicodeEncodeError:
                encoded = b"\n"  # a lone surrogate: refused like a line end
            if b"\n" in encoded or encoded.endswith(b"\r") or (number == 1 and encoded.startswith(BOM_UTF8)):
                raise DataError(
                    f"a text or name must be one line of UTF-8, with no byte order mark first. Got {line[:60]!r} for "
                    f"line {number} of {path.name}; replace those characters."
                )
            file.write(encoded + b"\n")
