"""The embedded data set `pydocs`: function docstrings of the installed Python -> names of the function's parameters.

Sources are the standard library and the installed numpy, scipy and scikit-learn, read with `ast`: nothing is imported,
run or downloaded. The folder is built once for each set of versions and kept in the user's cache.
"""

import ast
import atexit
import importlib.metadata
import logging
import os
import platform
import shutil
import sysconfig
import tempfile
import warnings
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ..errors import DataError
from ..outputs import whole_folder

logger = logging.getLogger(__name__)

PACKAGES = {"numpy": "numpy", "scipy": "scipy", "scikit-learn": "sklearn"}  # distribution -> package
MIN_WORDS = 3  # a docstring of one or two words says nothing of the parameters
SKIPPED_FOLDERS = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}
FORMAT = 1  # raise it when the same sources give other files


def pydocs_folder() -> Path:
    """Return the folder of {train,test}_{texts,labels}.txt, built on first use.

    It is pydocs-VERSIONS in $XDG_CACHE_HOME/xmlc-mhe (or ~/.cache/xmlc-mhe). Where that cannot be written, it is a
    temporary folder that lives as long as the process, with a warning.
    """
    versions = [importlib.metadata.version(name) for name in PACKAGES]
    key = "-".join([platform.python_implementation().lower(), platform.python_version(), *versions, f"f{FORMAT}"])
    try:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xmlc-mhe"
        folder = caches / f"pydocs-{key}"
        if folder.is_dir():
            return folder
        try:
            with whole_folder(folder) as built:
                write_pydocs(_installed_sources(), built)
        except DataError:
            if not folder.is_dir():  # else another process has built the same meanwhile
                raise
        return folder
    except (OSError, DataError, RuntimeError) as error:  # RuntimeError: the user has no home
        logger.warning("the cache folder cannot be written (%s); each process builds pydocs again, some 10 s", error)
        return _temporary_folder()


@cache
def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="xmlc-mhe-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_pydocs(_installed_sources(), folder)
    return folder


def write_pydocs(sources: Iterable[Path], folder: Path) -> None:
    """Write {train,test}_{texts,labels}.txt of the functions in the .py files below each source.

    A document is in test when CRC-32 of its text is divisible by 5, so the split depends on nothing else.
    """
    logger.info("building the data set pydocs in %s, once", folder)
    found = (document for source in sources for path in _python_files(source) for document in read_functions(path))
    documents = list(dict.fromkeys(found))
    for part in ("train", "test"):
        chosen = [document for document in documents if (zlib.crc32(document[0].encode()) % 5 == 0) == (part == "test")]
        for column, kind in enumerate(("texts", "labels")):
            text = "".join(f"{document[column]}\n" for document in chosen)
            (folder / f"{part}_{kind}.txt").write_bytes(text.encode())


def read_functions(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (docstring on one line, parameter names separated by spaces) of the functions and methods in a .py file.

    Left out: docstrings below MIN_WORDS words and functions without parameters; the parameters self, cls, *args,
    **kwargs and those that begin with an underscore. The signature is not part of the text. A file that cannot be read
    or does not parse yields nothing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like, in files that are not ours
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            words = (ast.get_docstring(node, clean=False) or "").encode("utf-8", "replace").decode().split()
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            names = dict.fromkeys(a.arg for a in arguments if a.arg not in ("self", "cls") and a.arg[0] != "_")
            if names and len(words) >= MIN_WORDS:
                yield " ".join(words), " ".join(names)


def _python_files(source: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(source):
        subfolders[:] = sorted(set(subfolders) - SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".py"))


def _installed_sources() -> Iterator[Path]:
    yield Path(sysconfig.get_path("stdlib"))
    for package in PACKAGES.values():
        spec = find_spec(package)  # finds a top-level package without importing it
        if spec is not None and spec.origin is not None:
            yield Path(spec.origin).parent
