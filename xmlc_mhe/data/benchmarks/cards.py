"""Benchmark cards: what is known of a benchmark, and where on this machine it is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

from ...errors import DataError, in_short

DATA_DIR_VARIABLE = "XMLC_DATA"


@dataclass(frozen=True)
class Sizes:
    """The published sizes; None where no source that we could read states it."""

    train: int
    test: int
    labels: int
    dev: int | None = None
    features: int | None = None
    labels_per_document: float | None = None
    documents_per_label: float | None = None


@dataclass(frozen=True)
class CardFiles:
    """How one edition of the benchmark names its files: the format, and the paths in the folder of each part."""

    format: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    dev: tuple[str, ...] = ()

    def of(self, part: str) -> tuple[str, ...]:
        """Return the names of a part's files; empty for a part that the edition has not."""
        return {"train": self.train, "dev": self.dev, "test": self.test}.get(part, ())


@dataclass(frozen=True)
class CardHub:
    """Where the hub has the benchmark, and the columns of its tables."""

    name: str
    text_columns: tuple[str, ...]
    label_column: str
    revision: str | None = None


@dataclass(frozen=True)
class Download:
    """An archive of the benchmark; sha256 is None where no publisher states it."""

    url: str
    sha256: str | None = None


@dataclass(frozen=True)
class Card:
    """One benchmark.

    Args:
        name: what the commands call it.
        title, about, source, licence: for people.
        sources_of_sizes: where the sizes stand.
        sizes: the published ones.
        propensity: the constants a and b of its propensities.
        folders: names that its folder goes by inside the folder of all benchmarks, beside its own.
        files: how its editions name their files.
        hub, downloads: where it can be fetched from; often neither, as its publishers ask to be visited.
        notes: what to watch for.
    """

    name: str
    title: str
    about: str
    source: str
    licence: str
    sources_of_sizes: tuple[str, ...]
    sizes: Sizes
    propensity: Mapping[str, float]
    folders: tuple[str, ...] = ()
    files: tuple[CardFiles, ...] = ()
    hub: CardHub | None = None
    downloads: tuple[Download, ...] = ()
    notes: tuple[str, ...] = field(default=())


@cache
def cards() -> dict[str, Card]:
    """Return every card, by name."""
    found = sorted((path for path in files(__package__).joinpath("cards").iterdir() if path.name.endswith(".toml")),
                   key=lambda path: path.name)  # fmt: skip
    read = [read_card(path.read_text(encoding="utf-8"), path.name) for path in found]
    return {card.name: card for card in read}


def read_card(text: str, place: str) -> Card:
    """Return the card in a TOML text; raises DataError where a field is missing, unknown or not as it must be."""
    try:
        values: dict[str, Any] = tomllib.loads(text)
        lists: dict[str, Any] = {name: tuple(values.pop(name, ())) for name in ("folders", "notes", "sources_of_sizes")}
        editions = tuple(CardFiles(**_tuples(edition)) for edition in values.pop("files", ()))
        downloads = tuple(Download(**download) for download in values.pop("downloads", ()))
        hub = CardHub(**_tuples(values.pop("hub"))) if "hub" in values else None
        sizes = Sizes(**values.pop("sizes"))
        return Card(**values, **lists, sizes=sizes, files=editions, hub=hub, downloads=downloads)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise DataError(
            f"{place} must be a benchmark card. Got: {in_short(error)}; compare it with the other cards."
        ) from None


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def find_card(name: str) -> Card:
    """Return the card of that name; raises DataError where there is none."""
    if name not in cards():
        raise DataError(f'a benchmark must be one of {", ".join(cards())}. Got "{name}"; choose one of these.')
    return cards()[name]


def find_folder(card: Card, data_dir: str | None) -> Path | None:
    """Return the folder of a benchmark inside data_dir (None: the variable XMLC_DATA), None where there is none."""
    top = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if not top:
        return None
    if not Path(top).is_dir():
        raise DataError(f"--data-dir, or {DATA_DIR_VARIABLE}, must be a folder. Got {top}; check the path.")
    folders = (Path(top, name) for name in (card.name, *card.folders))
    return next((folder for folder in folders if folder.is_dir()), None)
