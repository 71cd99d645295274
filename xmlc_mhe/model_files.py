"""A saved model: a folder of JSON and safetensors, written whole or not at all, checked on load, never executed.

`config.json` holds everything small, the format and the SHA-256 of the other files; NAME.json the list of strings NAME;
`arrays.safetensors` the arrays, which are mapped from disk, not read.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from .errors import DataError, data_error_of, in_short
from .outputs import cannot_write, remove_unfinished, whole_folder

FORMAT = "xmlc-mhe model 1"
CONFIG, ARRAYS = "config.json", "arrays.safetensors"
MOST_NESTED = 64  # objects and lists within each other in the config
DTYPES = {"BOOL": "?", "F16": "<f2", "F32": "<f4", "F64": "<f8"}
DTYPES |= {f"{kind.upper()}{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}


def check_new_model(folder: str | Path, *, overwrite: bool = False) -> None:
    """Raise DataError unless a model may be written to the folder; to be asked before hours of work, too."""
    folder = Path(folder).resolve()
    remove_unfinished(folder)  # which may give an earlier model back
    if folder.exists() and not (overwrite and (folder / CONFIG).is_file()):
        got, mend = ("something else", "give another name")
        if (folder / CONFIG).is_file():
            got, mend = "a model", "give another name, or overwrite it: overwrite=True, --overwrite"
        raise DataError(f"{folder} must not exist yet, or be a model to overwrite. Got {got}; {mend}.")
    parent = next(parent for parent in folder.parents if parent.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise DataError(f"{folder} must be a place to write to. Got {parent}, which is not; choose another.")


def write_model(folder: str | Path, state: dict[str, Any], *, overwrite: bool = False) -> None:
    """Write arrays, lists of str and JSON values, by dotted name, to a new folder.

    Raises: DataError: the folder exists and is not an earlier model to overwrite; the parent cannot be written.
    """
    check_new_model(folder, overwrite=overwrite)
    try:
        with whole_folder(folder, replace=overwrite) as written:
            _write_files(written, state)
    except (OSError, SafetensorError) as error:  # the latter where the disk is full, too
        raise cannot_write(folder, error) from None


def _write_files(folder: Path, state: dict[str, Any]) -> None:
    arrays = {name: np.asarray(value, order="C") for name, value in state.items() if isinstance(value, np.ndarray)}
    word_lists = {name: value for name, value in state.items() if _is_word_list(value)}
    values = {name: value for name, value in state.items() if name not in arrays and name not in word_lists}
    for name, words in word_lists.items():
        _write_json(folder / f"{name}.json", words, indent=0)
    save_file(arrays, folder / ARRAYS)
    checksums = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    _write_json(folder / CONFIG, {"format": FORMAT, **values, "sha256": checksums}, indent=1)
    (folder / ARRAYS).chmod((folder / CONFIG).stat().st_mode)  # safetensors lets nobody else read it


def _write_json(path: Path, value: Any, *, indent: int) -> None:
    """Write JSON values and numpy's; a lone surrogate, which UTF-8 has not, becomes JSON's escape for it."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=lambda value: value.tolist())
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_model(folder: str | Path) -> dict[str, Any]:
    """Return what `write_model` was given; arrays are read-only maps of the file.

    What the entries must be is for their parts to say: `state.check_state`.

    Raises: DataError: no model there, of another format, or a file is missing or changed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} must be a model folder. Got no such folder; check the path, or fit a model first.")
    try:
        state: dict[str, Any] = _read_config(folder / CONFIG)
        found, checksums = state.pop("format"), state.pop("sha256").items()
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError, MemoryError):
        raise DataError(
            f"{folder} must be a model folder. Got one without a readable {CONFIG}; give the folder that fit wrote."
        ) from None
    if found != FORMAT:
        raise DataError(f'{folder / CONFIG}: format must be "{FORMAT}". Got "{in_short(found)}"; fit the model again.')
    for name, expected in checksums:
        if name != Path(name).name:
            raise DataError(
                f'{folder / CONFIG}: a file must lie in the folder. Got "{in_short(name)}"; fit the model again.'
            )
        path = folder / name
        with data_error_of(f"{folder / in_short(name)} must be as it was saved", "fit again"):
            if not path.is_file() or _checksum(path) != expected:
                found = "a changed file" if path.is_file() else "no such file"
                raise DataError(
                    f"{folder / in_short(name)} must be as it was saved. Got {found}; copy the whole folder again, or "
                    "fit again."
                )
            state |= _map_arrays(path) if name == ARRAYS else {path.stem: json.loads(path.read_text(encoding="utf-8"))}
    return state


def _read_config(path: Path) -> dict[str, Any]:
    """Return the values; raises ValueError where they are nested deeper than MOST_NESTED, which no part's are."""
    values: Any = json.loads(path.read_text(encoding="utf-8"))
    inner = [values]
    for _ in range(MOST_NESTED):
        inner = [value for outer in inner if isinstance(outer, dict | list) for value in _values_of(outer)]
    if inner:
        raise ValueError(f"nested deeper than {MOST_NESTED}")
    return values


def _values_of(outer: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer


def model_bytes(folder: str | Path) -> int:
    """Return the size of a saved model on disk, in bytes."""
    return sum(path.stat().st_size for path in Path(folder).iterdir())


def _map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a safetensors file: 8 bytes of header length, a JSON header, the arrays."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if 8 + header_bytes > path.stat().st_size:
            raise ValueError("a header beyond the end")
        header = json.loads(file.read(header_bytes))
    data = np.memmap(path, mode="r", dtype=np.uint8)[8 + header_bytes :]
    return {name: _map_array(data, **entry) for name, entry in header.items() if name != "__metadata__"}


def _map_array(data: np.ndarray, *, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    start, end = data_offsets
    if not 0 <= start <= end <= len(data):
        raise ValueError("an array beyond the end")
    array = data[start:end].view(DTYPES[dtype]).reshape(shape).view(np.ndarray)
    if not array.flags.aligned:  # compiled code takes no others
        raise ValueError("an array that is not aligned")
    return array


def _is_word_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(issubclass(kind, str) for kind in set(map(type, value)))


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
