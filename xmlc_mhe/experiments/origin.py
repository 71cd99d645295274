"""Where a result comes from and what it cost: data, versions, commit, memory."""

import hashlib
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .. import __version__
from ..data.dataset import Dataset

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba")


def describe_data(parts: Mapping[str, Dataset]) -> dict[str, Any]:
    """Return sizes of the parts and the SHA-256 of what was read, which is the same in whatever files it lies."""
    train = parts["train"]
    described: dict[str, Any] = {"labels": train.num_labels}
    if train.X is not None:
        described["features"] = train.X.shape[1]
    for part, dataset in parts.items():
        described[part] = {
            "docs": dataset.num_docs,
            "labels_a_doc": dataset.Y.nnz / max(dataset.num_docs, 1),
            "sha256": data_sha256(dataset),
        }
    return described


def data_sha256(dataset: Dataset) -> str:
    """Return the SHA-256 of texts or features, labels and their names."""
    digest = hashlib.sha256()
    for strings in (dataset.texts or [], dataset.label_names):
        for string in strings:
            encoded = string.encode(errors="surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little") + encoded)
    for matrix in (dataset.X, dataset.Y):
        if matrix is not None:
            digest.update(repr(matrix.shape).encode())
            for array in (matrix.indptr.astype("<i8"), matrix.indices.astype("<i8"), matrix.data.astype("<f4")):
                digest.update(array.data)
    return digest.hexdigest()


def peak_mib() -> float:
    """Return the most memory that this process has held, in MiB."""
    try:  # not getrusage, which would count that of the parent before it, too
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        resource = import_module("resource")
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def versions() -> dict[str, str]:
    """Return the versions of Python and of what computes."""
    found = {"xmlc-mhe": __version__, "python": platform.python_version()}
    return found | {name: version(name) for name in PACKAGES}


def commit() -> str | None:
    """Return the commit of the source that runs, "+changes" behind it where files differ; None outside a checkout."""
    folder = Path(__file__).parent.parent  # the package
    try:
        head, status = (
            subprocess.run(["git", "-C", folder, *command], capture_output=True, text=True, check=True, timeout=10)
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", "."])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+changes" if status.stdout.strip() else "")
