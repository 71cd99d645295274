"""The models of a server, each replaced by its successor while requests go on."""

import logging
import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..classifier.classifier import XMLCClassifier
from ..errors import in_short
from ..features.given import GivenFeatures
from ..model_files import CONFIG
from .metrics import Metrics
from .names import NameIndex

logger = logging.getLogger("xmlc_mhe")

NAMES = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class ServedModel:
    """One version of a model; a request keeps the version that it began with."""

    model: Any
    index: NameIndex
    ids: dict[str, int] = field(repr=False)
    modified: float  # when its folder was written, seconds since 1970

    @classmethod
    def of(cls, model: Any, *, modified: float) -> "ServedModel":
        names = model.label_names_
        return cls(model, NameIndex(names), {name: label for label, name in enumerate(names)}, modified)


class Project:
    """A model folder under a name; `reload` takes what has been put in its place.

    Args:
        name: in addresses; letters, digits, "_", "." and "-".
        folder: what `fit` wrote.
        encoder_class: see `XMLCClassifier.load`.
    Raises: ValueError: the name, or a model that tags no texts. DataError: the folder is damaged.
    """

    def __init__(self, name: str, folder: str | Path, *, encoder_class: Any = None) -> None:
        if not NAMES.fullmatch(name):
            raise ValueError(
                'the name of a model must be of letters, digits, "_", "." and "-". '
                f"Got {in_short(name)!r}; write NAME=FOLDER."
            )
        self.name, self.folder = name, Path(folder)
        self._encoder_class = encoder_class
        self._loading = threading.Lock()
        self._stamp = self._stamp_now()
        self.served = self._load()

    def reload(self, metrics: Metrics, *, always: bool = False) -> bool:
        """Replace the model if its folder has changed, or always; a folder that cannot be read changes nothing."""
        with self._loading:
            try:
                stamp = self._stamp_now()
                if stamp == self._stamp and not always:
                    return False
                self._stamp = stamp  # a damaged folder is tried once, until it changes again
                self.served = self._load()
            except FileNotFoundError:  # between the removal of the one and the arrival of the other
                return False
            except (ValueError, OSError) as error:
                metrics.loads[self.name, "failed"] += 1
                logger.error("%s: the model before is kept. %s", self.name, in_short(error))
                return False
        metrics.loads[self.name, "loaded"] += 1
        logger.info("%s: replaced by the model that is now in %s", self.name, self.folder)
        return True

    def _stamp_now(self) -> tuple[int, int, int]:
        status = os.stat(self.folder / CONFIG)
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _load(self) -> ServedModel:
        model = XMLCClassifier.load(self.folder, threads=1, encoder_class=self._encoder_class)
        if isinstance(model.encoder_, GivenFeatures):
            raise ValueError(f"{self.folder} must be a model of texts. Got one of given features; fit it with texts.")
        model.predict([""])  # what is built at the first text is built before the first request
        return ServedModel.of(model, modified=self._stamp[0] / 1e9)


def project_of(argument: str, *, encoder_class: Any = None) -> Project:
    """Return the project of FOLDER, under the folder's name, or of NAME=FOLDER."""
    name, equals, folder = argument.partition("=")
    if not equals or not NAMES.fullmatch(name):
        name, folder = Path(argument).resolve().name, argument
    return Project(name, folder, encoder_class=encoder_class)
