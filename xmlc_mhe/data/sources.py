"""Where the parts of a data set are: the embedded one, a folder, a file, a benchmark by name, the hub."""

import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from ..errors import DataError
from .benchmarks.cards import DATA_DIR_VARIABLE, Card, cards, find_folder
from .formats.finding import Found, find_hub, find_part, find_single, has_candidates, has_hub_part, is_single_folder
from .formats.hub import HUB_PREFIX
from .formats.options import DEFAULT_OPTIONS, ReadOptions
from .formats.table import FORMATS, check_reading_uses
from .pydocs import pydocs_folder

NAMES_FILE = "label_names.txt"  # a name a line, in the order of the ids; any folder may have it
ANY_OF = '"pydocs", a path that exists, a benchmark (xmlc-mhe data cards) or hub:NAME'


@dataclass(frozen=True)
class Source:
    """A data set that was located, but not read: a path, or a name on the hub."""

    name: str
    options: ReadOptions
    path: Path | None = None
    hub: str | None = None
    card: Card | None = None

    @cached_property
    def is_single(self) -> bool:
        """Whether it is one part by itself: a file, or a folder of documents."""
        if self.path is None:
            return False
        return not self.path.is_dir() or is_single_folder(self.path, self.options)

    def find(self, part: str, needed: slice = slice(None)) -> Found:
        """Return the format and the needed files of a part; a single file is any part that is asked for.

        Raises: DataError: there are none, or an option has no effect with their format.
        """
        found = self._find(part, needed)
        check_reading_uses(self.options, found.format.name, self.name)
        return found

    def _find(self, part: str, needed: slice) -> Found:
        if self.hub is not None:
            return find_hub(self.hub, part, self.card.hub.revision if self.card and self.card.hub else None)
        assert self.path is not None
        if self.is_single:
            return find_single(self.path, self.options, labelled=needed != slice(1))
        return self._find_by_card(part, needed) or find_part(self.path, part, self.options, needed)

    def has(self, part: str) -> bool:
        """Return whether there are the documents and the labels of a part; a single file is train."""
        if self.hub is not None:
            return has_hub_part(self.hub, part)
        assert self.path is not None
        if self.is_single:
            return part == "train"
        return bool(self._find_by_card(part, slice(None))) or has_candidates(self.path, part, self.options)

    def _find_by_card(self, part: str, needed: slice) -> Found | None:
        for edition in self.card.files if self.card and self.path else ():
            paths = [self.path / name for name in edition.of(part)[needed]]  # type: ignore[operator]
            if paths and all(path.exists() for path in paths) and self.options.format in (None, edition.format):
                return Found(FORMATS[edition.format], paths)
        return None

    @property
    def names_file(self) -> Path | None:
        """The file of label names, None where there is none."""
        if self.path is None or self.is_single or not (self.path / NAMES_FILE).is_file():
            return None
        return self.path / NAMES_FILE


def benchmark_in(card: Card, folder: Path, options: ReadOptions) -> Source:
    """Return a benchmark whose files are in a folder, under the names of one of its editions or any others."""
    return Source(card.name, options, folder, card=card)


def benchmark_on_hub(card: Card, options: ReadOptions) -> Source:
    """Return a benchmark that the hub has; options beside the defaults come before the card's columns."""
    assert card.hub is not None
    columns = {"text_columns": card.hub.text_columns, "label_column": card.hub.label_column}
    unset = [name for name in columns if getattr(options, name) == getattr(DEFAULT_OPTIONS, name)]
    options = replace(options, **{name: columns[name] for name in unset})  # type: ignore[arg-type]
    return Source(card.name, options, hub=card.hub.name, card=card)


def locate(source: str | os.PathLike[str] | Source, options: ReadOptions) -> Source:
    """Return where a source is; a path comes before a benchmark of the same name, a Source is returned as it is.

    Raises: DataError: nothing of that name is there, or a benchmark is not on this machine.
    """
    if isinstance(source, Source):
        return source
    name = str(source)
    if name == "pydocs":
        return Source(name, options, pydocs_folder())
    if Path(source).exists():
        return Source(name, options, Path(source))
    if name.startswith(HUB_PREFIX):
        return Source(name, options, hub=name.removeprefix(HUB_PREFIX))
    if name in cards():
        return _locate_benchmark(cards()[name], options)
    path = Path(source)
    siblings = os.listdir(path.parent) if path.parent.is_dir() else []
    close = [str(path.with_name(match)) for match in get_close_matches(path.name, siblings, n=1)]
    close = close or get_close_matches(name, cards(), n=1)
    mend = f'did you mean "{close[0]}"?' if close else "check the path."
    raise DataError(f'source must be {ANY_OF}. Got "{source}"; {mend}')


def _locate_benchmark(card: Card, options: ReadOptions) -> Source:
    folder = find_folder(card, options.data_dir)
    if folder is not None:
        return benchmark_in(card, folder, options)
    if card.hub is not None:
        return benchmark_on_hub(card, options)
    names = " or ".join(f'"{name}"' for name in (card.name, *card.folders))
    raise DataError(
        f"{card.name} must be in a folder {names} of --data-dir, or of the variable {DATA_DIR_VARIABLE}. Got "
        f"{options.data_dir or os.environ.get(DATA_DIR_VARIABLE) or 'neither'}; fetch it from {card.source}."
    )
