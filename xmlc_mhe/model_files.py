"""A saved model: a folder of JSON and safetensors, written whole or not at all, checked on load, never executed.

`config.json` holds everything small, the format and the SHA-256 of the other files; NAME.json the list of strings NAME;
`arrays.safetensors` the arrays, which are mapped from disk, not read.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from .errors import DataError

FORMAT = "xmlc-mhe model 1"
CONFIG, ARRAYS = "config.json", "arrays.safetensors"


def check_new_model(folder: str | Path, *, overwrite: bool = False) -> None:
    """Raise DataError unless a model may be written to the folder; to be asked before hours of work, too."""
    folder = Path(folder)
    if folder.exists() and not (overwrite and (folder / CONFIG).is_file()):
        got, mend = ("something else", "give another name")
        if (folder / CONFIG).is_file():
            got, mend = "a model", "give another name, or overwrite it: overwrite=True, --overwrite"
        raise DataError(f"{folder} must not exist yet, or be a model to overwrite. Got {got}; {mend}.")


def write_model(folder: str | Path, state: dict[str, Any], *, overwrite: bool = False) -> None:
    """Write arrays, lists of str and JSON values, by dotted name, to a new folder.

    Raises: DataError: the folder exists and is not an earlier model to overwrite; the parent cannot be written.
    """
    check_new_model(folder, overwrite=overwrite)
    folder = Path(folder)
    scratch: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        _write_files(scratch, state)
        scratch.chmod(0o777 & ~_umask())
        if folder.exists():
            old = scratch.with_name(scratch.name + "-old")
            folder.rename(old)
            scratch.rename(folder)
            shutil.rmtree(old)
        else:
            scratch.rename(folder)
    except OSError as error:
        raise DataError(f"{folder} must be a place to write to. Got: {error}; choose another.") from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _write_files(folder: Path, state: dict[str, Any]) -> None:
    arrays = {name: np.ascontiguousarray(value) for name, value in state.items() if isinstance(value, np.ndarray)}
    save_file(arrays, folder / ARRAYS)
    values = {}
    for name, value in state.items():
        if _is_word_list(value):
            (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=0), encoding="utf-8")
        elif name not in arrays:
            values[name] = value
    checksums = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    config = {"format": FORMAT, **values, "sha256": checksums}
    (folder / CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_model(folder: str | Path) -> dict[str, Any]:
    """Return what `write_model` was given; arrays are read-only maps of the file.

    Raises: DataError: no model there, of another format, or a file is missing or changed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} must be a model folder. Got no such folder; check the path, or fit a model first.")
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        found = config.pop("format")
        checksums = config.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise DataError(
            f"{folder} must be a model folder. Got one without a readable {CONFIG}; give the folder that fit wrote."
        ) from None
    if found != FORMAT:
        raise DataError(f'{folder / CONFIG}: format must be "{FORMAT}". Got "{found}"; fit the model again.')
    state: dict[str, Any] = config
    for name, expected in checksums.items():
        path = folder / Path(name).name
        if not path.is_file() or _checksum(path) != expected:
            raise DataError(
                f"{path} must be as it was saved. Got {'a changed file' if path.is_file() else 'no such file'}; "
                "copy the whole folder again, or fit again."
            )
        if path.name == ARRAYS:
            state |= _map_arrays(path)
        else:
            state[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    return state


def model_bytes(folder: str | Path) -> int:
    """Return the size of a saved model on disk, in bytes."""
    return sum(path.stat().st_size for path in Path(folder).iterdir())


def _map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Map the arrays of a safetensors file: 8 bytes of header length, a JSON header, the arrays."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_bytes))
    data = np.memmap(path, mode="r", dtype=np.uint8)[8 + header_bytes :]
    dtypes = {"U8": "u1", "U16": "<u2", "I32": "<i4", "I64": "<i8", "F32": "<f4", "F64": "<f8"}
    return {
        name: data[slice(*entry["data_offsets"])].view(dtypes[entry["dtype"]]).reshape(entry["shape"]).view(np.ndarray)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _is_word_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value) and len(value) > 0


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
