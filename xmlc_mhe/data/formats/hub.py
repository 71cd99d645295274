"""Hugging Face `datasets`: by a name on the hub, or in a folder that its save_to_disk wrote."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import DataError, data_error_of, in_short
from .options import ReadOptions
from .part import Part, Row, need, rows_of_part
from .tables import labels_of, missing_column, text_of

HUB_PREFIX = "hub:"
SPLITS = {"dev": ("dev", "validation", "valid", "val")}  # other parts go by their own name


class HubSplit(NamedTuple):
    """A split of a data set on the hub; revision is a branch, tag or commit."""

    name: str
    split: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{HUB_PREFIX}{self.name}"


def find_hub_split(name: str, part: str, revision: str | None = None) -> HubSplit | None:
    """Return the split that holds a part, None where there is none; fetched on first use, kept in its own cache."""
    splits = _load_hub(name, revision)
    found = next((split for split in SPLITS.get(part, (part,)) if split in splits), None)
    return HubSplit(name, found, revision) if found else None


def hub_split_names(name: str, revision: str | None = None) -> list[str]:
    return list(_load_hub(name, revision))


@lru_cache(maxsize=1)
def _load_hub(name: str, revision: str | None) -> Any:
    datasets = need("datasets", "hub")
    try:
        return datasets.load_dataset(name, revision=revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f'"{HUB_PREFIX}{name}" must be a data set on the hub, or a folder that `datasets` loads. Got '
            f"{type(error).__name__}: {in_short(error)}; check the name and the network."
        ) from None


def looks_like_saved(folder: Path) -> bool:
    """Whether a folder is one split that save_to_disk wrote."""
    return (folder / "state.json").is_file()


def hub_rows(source: Path | HubSplit, options: ReadOptions, *, labelled: bool) -> Iterator[Row]:
    """Yield a row for each of the split; the numbers of a ClassLabel become its names."""
    if isinstance(source, HubSplit):
        data = _load_hub(source.name, source.revision)[source.split]
    else:
        data = _load_saved(source)
    names = data.column_names
    if (missing := next((name for name in options.text_columns if name not in names), None)) is not None:
        raise missing_column(str(source), names, missing, "--text-column")
    if labelled and options.label_column not in names:
        raise missing_column(str(source), names, options.label_column, "--label-column")
    wanted = [*options.text_columns, *([options.label_column] if labelled else [])]
    class_names = _class_names(data.features[options.label_column]) if labelled else None
    with data_error_of(f"{source} must be a whole split", "write or fetch it again"):
        for number, row in enumerate(data.select_columns(list(dict.fromkeys(wanted))), 1):
            place = f"{source}: row {number}"
            value = row[options.label_column] if labelled else None
            if class_names is not None and value is not None:
                value = [class_names[label] for label in (value if isinstance(value, list) else [value])]
            yield Row(
                place, text_of([row[name] for name in options.text_columns], place), labels_of(value, options, place)
            )


def _load_saved(folder: Path) -> Any:
    datasets = need("datasets", "hub")
    with data_error_of(f"{folder} must be what save_to_disk wrote", "write it again"):
        data = datasets.load_from_disk(str(folder))
        data.data.validate(full=True)  # of a broken file, Arrow would read past the end
        return data


def _class_names(feature: Any) -> list[str] | None:
    """Return the names of a ClassLabel, or of a list of them; None for anything else."""
    return getattr(getattr(feature, "feature", feature), "names", None)


def write_hub(part: Part, folder: Path, options: ReadOptions) -> None:
    """Write a split as save_to_disk does, labels as lists of names."""
    datasets = need("datasets", "hub")
    texts, labels = [], []
    for text, names in rows_of_part(part.documents, part.Y, part.names or []):
        texts.append(text)
        labels.append(names)
    kinds = {
        options.text_columns[0]: datasets.Value("string"),
        options.label_column: datasets.Sequence(datasets.Value("string")),
    }
    columns = dict(zip(kinds, (texts, labels), strict=True))
    bars_shown = not datasets.utils.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        datasets.Dataset.from_dict(columns, features=datasets.Features(kinds)).save_to_disk(str(folder))
    finally:
        if bars_shown:
            datasets.enable_progress_bars()
