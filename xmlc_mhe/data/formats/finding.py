"""Which format a source is in: by the names of files in a folder, or by the name and the first lines of one file."""

from pathlib import Path
from typing import Any, NamedTuple

from ...errors import DataError, listed
from . import corpora, hub, sparse_text
from .hub import HUB_PREFIX
from .lines import COMPRESSIONS, first_lines
from .options import ReadOptions
from .table import FOLDER_FORMATS, FORMATS, Format, check_format, file_names, fill, single_files, single_suffix

OTHER_WORKBOOKS = (".xls", ".xlsm", ".xlsb", ".ods")


class Found(NamedTuple):
    """A part that was found: its format and the paths of its files, or of those that were asked for."""

    format: Format
    paths: list[Any]


# --- a folder with the files of several parts -------------------------------------------------------------------------


def has_candidates(folder: Path, part: str, options: ReadOptions, needed: slice = slice(None)) -> bool:
    """Return whether a folder has the needed files of a part, in a format at least."""
    return bool(_candidates(folder, part, options, needed))


def _candidates(folder: Path, part: str, options: ReadOptions, needed: slice) -> list[Found]:
    """Return the formats of which a folder has the needed files of a part, with the paths of those."""
    check_format(options.format)
    found: list[Found] = []
    for format_ in FORMATS.values() if options.format is None else [FORMATS[options.format]]:
        for files in format_.files:
            paths = [path for name in files[needed] if (path := _existing(folder, fill(name, part)))]
            is_whole = len(paths) == len(files[needed])
            is_new = all(paths != other.paths for other in found)  # one labels file serves texts and raw-texts
            if is_whole and is_new and _fits(format_, paths[0], options):
                found.append(Found(format_, paths))
    return found


def _fits(format_: Format, path: Path, options: ReadOptions) -> bool:
    is_folder = format_.name in FOLDER_FORMATS
    is_sure = options.format is not None or format_.fits is None
    return path.is_dir() == is_folder and (is_sure or format_.fits(path))  # type: ignore[misc]


def find_part(folder: Path, part: str, options: ReadOptions, needed: slice = slice(None)) -> Found:
    """Return the one format of which a folder has the needed files of a part, with the paths of those."""
    found = _candidates(folder, part, options, needed)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{paths[0].name} ({format_.name})" for format_, paths in found)
        raise DataError(
            f"{folder} must hold {part} in one format. Got {names}; name one with --data-format, or move the others."
        )
    formats = FORMATS.values() if options.format is None else [FORMATS[options.format]]
    ways = (" and ".join(file_names(f, part)[needed]) for f in formats)
    wanted = "; or ".join(dict.fromkeys(ways))
    got = listed(sorted(path.name for path in folder.iterdir())) or "an empty folder"
    raise DataError(
        f"{folder} must hold {part} as {wanted} (text files also as .gz or .xz). Got {got}; add or rename the files."
    )


def _existing(folder: Path, name: str) -> Path | None:
    """Return the file or folder of that name, plain or compressed, if there is one."""
    suffixes = [""] if name.endswith((".npz", ".parquet", ".xlsx")) or "." not in name else COMPRESSIONS
    if "*" in name:
        paths = sorted(path for suffix in suffixes for path in folder.glob(f"{name}{suffix}"))
    else:
        paths = [path for suffix in suffixes if (path := folder / f"{name}{suffix}").exists()]
    if len(paths) > 1:
        raise DataError(f"{folder} must hold {name} once. Got {paths[0].name} and {paths[1].name}; remove one.")
    return paths[0] if paths else None


# --- one file, or one folder of documents -----------------------------------------------------------------------------


def find_single(path: Path, options: ReadOptions, *, labelled: bool) -> Found:
    """Return the format of a file (or an annif-folder, or a saved split) that holds documents, and labels if labelled.

    Raises: DataError: no format fits, or the one that was named needs two files.
    """
    check_format(options.format)
    if options.format is not None:
        format_ = FORMATS[options.format]
        if len(format_.files[0]) > 1 and labelled:
            raise DataError(
                f"{path} must be a folder for the format {format_.name}, which has {len(format_.files[0])} files a "
                "part. Got one file; give the folder that holds it."
            )
        return Found(format_, [path])
    if path.is_dir():
        return Found(FORMATS["hub" if hub.looks_like_saved(path) else "annif-folder"], [path])
    return Found(FORMATS[_name_of_single(path, labelled=labelled)], [path])


def _name_of_single(path: Path, *, labelled: bool) -> str:
    """Return the name of the format that the end of a file's name, and its first lines where they matter, tell."""
    suffix = single_suffix(path)
    if suffix == ".npz" and not labelled:
        return "npz"
    fitting = [f for f in FORMATS.values() if suffix in f.suffixes]
    if len(fitting) == 1:
        return fitting[0].name
    if suffix in OTHER_WORKBOOKS:
        raise DataError(f"{path} must be a workbook of the kind .xlsx. Got {suffix}; save it as .xlsx or .csv first.")
    lines = first_lines(path)
    if sparse_text.looks_like_xrc(lines):
        return "xrc"
    if not labelled and suffix != ".tsv":
        if suffix == ".txt" and corpora.looks_like_fasttext(lines):
            return "fasttext"  # else its labels would be words of the texts
        return "pyxclib" if sparse_text.looks_like_pyxclib(lines) else "texts"
    names = [f.name for f in fitting if f.name != "xrc" and (f.fits is None or f.fits(path))]
    if len(names) == 1:
        return names[0]
    raise DataError(
        f"{path} must hold documents and their labels in a format with one file: {', '.join(single_files())}. "
        "Got none of these; name the format with --data-format, or give the folder that holds both."
    )


def is_single_folder(folder: Path, options: ReadOptions) -> bool:
    """Return whether a folder is one part by itself: a saved split, or documents with their subjects."""
    if has_candidates(folder, "train", options):
        return False
    if options.format is not None:
        return options.format in FOLDER_FORMATS
    return hub.looks_like_saved(folder) or corpora.looks_like_annif_folder(folder)


def find_hub(name: str, part: str, revision: str | None = None) -> Found:
    """Return a part of a data set on the hub."""
    split = hub.find_hub_split(name, part, revision)
    if split is None:
        got = listed(hub.hub_split_names(name, revision))
        raise DataError(f'"{HUB_PREFIX}{name}" must have a split for {part}. Got {got}; choose another part.')
    return Found(FORMATS["hub"], [split])


def has_hub_part(name: str, part: str) -> bool:
    return hub.find_hub_split(name, part) is not None
