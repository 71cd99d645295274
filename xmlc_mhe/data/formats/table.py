"""FORMATS: how the files of each format are called, and how they are read, streamed and written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.sparse import csr_array

from ...errors import DataError, in_short
from . import arff, corpora, hub, matrices, separated, sparse_text, tables, texts, workbooks
from .lines import COMPRESSIONS, check_encoding, first_lines
from .options import DEFAULT_OPTIONS, ReadOptions
from .part import Part, Row, part_of_rows, texts_of_rows
from .texts import stream_texts

PART_IN_PECOS = {"train": "trn", "test": "tst"}  # other parts go by their own name
PART_IN_HUB = {"dev": "validation"}
FOLDER_FORMATS = ("annif-folder", "hub")  # a part is a folder
TABLES = ("jsonl", "csv", "tsv", "xlsx", "parquet", "hub")
TEXT_FILES = (
    "texts",
    "raw-texts",
    "pecos",
    "jsonl",
    "csv",
    "tsv",
    "libmultilabel",
    "fasttext",
    "annif",
    "annif-folder",
)
# Which formats an option of ReadOptions has an effect with, and how the command line spells it
READING_USES = {
    "text_columns": ("--text-column", TABLES),
    "label_column": ("--label-column", TABLES),
    "label_separator": ("--label-separator", (*TABLES, "libmultilabel")),
    "encoding": ("--encoding", TEXT_FILES),
    "sheet": ("--sheet", ("xlsx",)),
    "num_labels": ("--num-labels", ("arff",)),
}

Batches = Iterator[list[str]] | Iterator[csr_array]


@dataclass(frozen=True)
class Format:
    """One format: how its files are called, and how they are read and written.

    Args:
        name: what --data-format and --to call it.
        title: one line for people.
        files: the names of a part's files in a folder, documents first, labels last; each entry is one way to call
            them. {trn} is the part as PECOS calls it, {split} as the hub does.
        suffixes: the ends of names of a single file that holds documents and labels.
        of_texts: whether documents are texts; else they are rows of features.
        keeps_names: whether the files hold the labels' names; else a label is known by its id.
        read, read_names, stream, write: given all paths, the last, the first and the size of a batch, a Part and all.
        tells_width: whether a file tells how many features there are, and not just those that occur.
        add_columns: writes a table again with tags as further columns; None where it cannot.
        fits: whether the documents' path, and its first lines, look like this format; None where the names tell.
    """

    name: str
    title: str
    files: tuple[tuple[str, ...], ...]
    read: Callable[[list[Any], ReadOptions], Part]
    read_names: Callable[[Any, ReadOptions], list[str]]
    stream: Callable[[Any, int, ReadOptions], Batches]
    write: Callable[[Part, list[Path], ReadOptions], None]
    suffixes: tuple[str, ...] = ()
    of_texts: bool = True
    keeps_names: bool = True
    fits: Callable[[Path], bool] | None = None
    add_columns: Callable[[Path, Path, Sequence[str], Iterator[tables.Tags], ReadOptions], None] | None = None
    tells_width: bool = True


def _of_rows(
    name: str, title: str, files: tuple[str, ...], rows: Callable[..., Iterator[Row]], write: Any, **more: Any
) -> Format:
    """Return a format whose one file has a row for each document."""
    return Format(
        name,
        title,
        tuple((file,) for file in files),
        read=lambda paths, options: part_of_rows(rows(paths[0], options, labelled=True)),
        read_names=lambda path, options: part_of_rows(rows(path, options, labelled=True)).names or [],
        stream=lambda path, size, options: texts_of_rows(rows(path, options, labelled=False), size),
        write=lambda part, paths, options: write(part, paths[0], options),
        **more,
    )


def _of_text_files(
    name: str, title: str, files: tuple[str, ...], read: Any, read_names: Any, write: Any, **more: Any
) -> Format:
    """Return a format with the texts in a file of their own, a line each, whose readers need the encoding."""
    return Format(
        name,
        title,
        (files,),
        read=lambda paths, options: read(*paths, options.encoding),
        read_names=lambda path, options: read_names(path, options.encoding),
        stream=lambda path, size, options: stream_texts(path, size, options.encoding),
        write=lambda part, paths, options: write(part, *paths),
        **more,
    )


def _plain(
    name: str, title: str, files: tuple[tuple[str, ...], ...], read: Any, read_names: Any, stream: Any, write: Any,
    **more: Any,
) -> Format:  # fmt: skip
    """Return a format whose readers and writer need no options."""
    return Format(
        name,
        title,
        files,
        read=lambda paths, options: read(*paths),
        read_names=lambda path, options: read_names(path),
        stream=lambda path, size, options: stream(path, size),
        write=lambda part, paths, options: write(part, *paths),
        **more,
    )


def _has_tab(path: Path) -> bool:
    return b"\t" in first_lines(path, 1)[0] and not _is_fasttext(path)


def _is_fasttext(path: Path) -> bool:
    return corpora.looks_like_fasttext(first_lines(path, 20))


def _is_annif(path: Path) -> bool:
    return corpora.looks_like_annif(first_lines(path, 20))


_TEXTS = texts.read_text_part, texts.read_label_names, texts.write_text_part
_NPZ = matrices.read_npz_part, matrices.read_npz_label_names, matrices.stream_npz, matrices.write_npz_part
_FEATURES: dict[str, Any] = {"of_texts": False, "keeps_names": False}

FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        _of_text_files("texts", "a text a line, and its labels on the same line of another file",
                       ("{part}_texts.txt", "{part}_labels.txt"), *_TEXTS),
        _of_text_files("raw-texts", "the same, as AttentionXML and X-Transformer call the raw texts",
                       ("{part}_raw_texts.txt", "{part}_labels.txt"), *_TEXTS),
        _of_text_files("pecos", "a text a line, and a matrix of labels, as PECOS has them",
                       ("X.{trn}.txt", "Y.{trn}.npz"), texts.read_texts_and_matrix, texts.read_matrix_label_names,
                       texts.write_texts_and_matrix, keeps_names=False),
        _of_rows("jsonl", "JSON lines, labels as a list or a string",
                 ("{part}.jsonl", "{part}.ndjson", "{part}.json", "{trn}.json"), tables.jsonl_rows, tables.write_jsonl,
                 suffixes=(".jsonl", ".ndjson", ".json")),
        _of_rows("csv", "records under a header, parted by commas, semicolons or tabs", ("{part}.csv",),
                 separated.csv_rows, separated.write_csv, suffixes=(".csv",),
                 add_columns=separated.add_csv_columns),
        _of_rows("tsv", "the same, written with tabs", ("{part}.tsv",), separated.csv_rows, separated.write_csv,
                 suffixes=(".tsv",), fits=lambda path: not _is_annif(path), add_columns=separated.add_csv_columns),
        _of_rows("xlsx", "a sheet of an Excel workbook, with a header", ("{part}.xlsx",), workbooks.xlsx_rows,
                 workbooks.write_xlsx, suffixes=(".xlsx",), add_columns=workbooks.add_xlsx_columns),
        _of_rows("parquet", "Parquet, labels as a list or a string", ("{part}.parquet",), tables.parquet_rows,
                 tables.write_parquet, suffixes=(".parquet",), add_columns=tables.add_parquet_columns),
        _of_rows("libmultilabel", "LibMultiLabel's id<TAB>labels<TAB>text", ("{part}.txt",),
                 corpora.libmultilabel_rows, corpora.write_libmultilabel, suffixes=(".txt",), fits=_has_tab),
        _of_rows("fasttext", "fastText's __label__x __label__y text", ("{part}.txt", "{part}.ft.txt"),
                 corpora.fasttext_rows, corpora.write_fasttext, suffixes=(".txt",), fits=_is_fasttext),
        _of_rows("annif", "Annif's text<TAB><uri> <uri>", ("{part}.tsv",), corpora.annif_rows, corpora.write_annif,
                 suffixes=(".tsv",), fits=_is_annif),
        _of_rows("annif-folder", "Annif's folder, a .txt and a .tsv or .key a document", ("{part}",),
                 corpora.annif_folder_rows, corpora.write_annif_folder, fits=corpora.looks_like_annif_folder),
        _of_rows("hub", "Hugging Face datasets, saved to a folder or by name (hub:NAME)", ("{part}", "{split}"),
                 hub.hub_rows, hub.write_hub, fits=hub.looks_like_saved),
        _plain("xrc", "the Extreme Classification Repository's text format", (("{part}.txt",),),
               sparse_text.read_xrc_part, sparse_text.read_xrc_label_names, sparse_text.stream_xrc,
               sparse_text.write_xrc_part, suffixes=(".txt",), **_FEATURES,
               fits=lambda path: not (_has_tab(path) or _is_fasttext(path))),
        _plain("npz", "two matrices of scipy.sparse.save_npz",
               (("X_{part}.npz", "Y_{part}.npz"), ("X.{trn}.npz", "Y.{trn}.npz")), *_NPZ, **_FEATURES),
        _plain("pyxclib", "two files of sparse rows, as pyxclib and the newer repository have them",
               (("{trn}_X_Xf.txt", "{trn}_X_Y.txt"),), sparse_text.read_pyxclib_part,
               sparse_text.read_pyxclib_label_names, sparse_text.stream_pyxclib, sparse_text.write_pyxclib_part,
               **_FEATURES),
        Format("arff", "ARFF of Mulan and MEKA, dense or sparse, labels by an XML file or as the last columns",
               (("{part}.arff",), ("*-{part}.arff",)),
               read=lambda paths, options: arff.read_arff_part(paths[0], options),
               read_names=arff.read_arff_label_names,
               stream=arff.stream_arff,
               write=lambda part, paths, options: arff.write_arff(part, paths[0], options),
               suffixes=(".arff",), of_texts=False),
        Format("svmlight", "svmlight (LIBSVM) with several labels",
               (("{part}.svm",), ("{part}.svmlight",), ("{part}.libsvm",)),
               read=lambda paths, options: sparse_text.read_svmlight_part(paths[0], num_features=options.num_features),
               read_names=lambda path, options: sparse_text.read_svmlight_label_names(path),
               stream=lambda path, size, options: sparse_text.stream_svmlight(
                   path, size, num_features=options.num_features),
               write=lambda part, paths, options: sparse_text.write_svmlight_part(part, paths[0]),
               suffixes=(".svm", ".svmlight", ".libsvm"), tells_width=False, **_FEATURES),
    )
}  # fmt: skip


# --- names ------------------------------------------------------------------------------------------------------------


def check_format(name: str | None) -> None:
    """Raise DataError unless name is None or one of FORMATS."""
    if name is not None and name not in FORMATS:
        raise DataError(f"the format must be one of {', '.join(FORMATS)}. Got {name!r}; choose one of these.")


def check_reading_uses(options: ReadOptions, format_: str, place: str) -> None:
    """Raise DataError where an option that is not as by default has no effect with the format that a source is in.

    Raises: DataError: also where Python does not know the encoding.
    """
    check_encoding(options.encoding)
    for name, (spelling, formats) in READING_USES.items():
        if format_ not in formats and getattr(options, name) != getattr(DEFAULT_OPTIONS, name):
            raise DataError(
                f"{spelling} must be left out with {place}, which is in the format {format_}. Got "
                f"{in_short(repr(getattr(options, name)))}; remove it, as it goes with {', '.join(formats)}."
            )


def part_paths(folder: Path, part: str, format_: Format) -> list[Path]:
    """Return the paths to write a part to in a folder."""
    return [folder / fill(name, part) for name in format_.files[0]]


def file_names(format_: Format, part: str) -> list[str]:
    """Return what a part's files are called in a folder; "/" ends the name of a folder."""
    end = "/" if format_.name in FOLDER_FORMATS else ""
    return [f"{fill(name, part)}{end}" for name in format_.files[0]]


def fill(name: str, part: str) -> str:
    """Return a name of Format.files for a part."""
    return name.format(part=part, trn=PART_IN_PECOS.get(part, part), split=PART_IN_HUB.get(part, part))


def single_suffix(path: Path) -> str:
    """Return the end of a file's name that tells its format, without that of its compression."""
    return Path(path.stem).suffix if path.suffix in COMPRESSIONS and path.suffix else path.suffix


def format_of_name(path: Path, *, of_texts: bool) -> str | None:
    """Return the format of texts, or of features, that a file's name stands for; None for one of neither."""
    fitting = [f for f in FORMATS.values() if single_suffix(path) in f.suffixes]
    return next((f.name for f in fitting if f.of_texts == of_texts), fitting[0].name if fitting else None)


def single_files() -> list[str]:
    """Return the names of the formats that one file can hold."""
    return [f.name for f in FORMATS.values() if f.suffixes]
