"""The header of ARFF: its attributes, and which of them are labels.

That is told, in this order, by the option num_labels (the last columns), an XML file of Mulan beside the data, or the
option -C in the name of the relation, as MEKA writes it.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from ...errors import DataError, in_short
from .lines import quote
from .options import ReadOptions

_NAME = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{},'"]+)\s*""")
_MEKA = re.compile(r"-C\s+(-?\d{1,9})\b")
NUMBERS = ("numeric", "real", "integer")
UNSURE = "name the last columns that are labels with --num-labels, or add the XML file of the data set"


class Attribute(NamedTuple):
    """A column: its name, and its values where it is nominal, the first of which is that of a missing entry."""

    name: str
    values: tuple[str, ...] | None


class Header(NamedTuple):
    """What stands above the rows: the attributes, the columns that are labels, and the number of the first row."""

    attributes: list[Attribute]
    labels: list[int]
    first_line: int


def read_header(path: Path, lines: Iterator[str], options: ReadOptions) -> Header:
    """Read the lines up to @data."""
    attributes: list[Attribute] = []
    relation, number = "", 0
    for number, line in enumerate(lines, 1):
        keyword, rest = [*line.split(None, 1), "", ""][:2]
        keyword = keyword.lower()
        if not keyword or keyword.startswith("%"):
            continue
        if keyword == "@relation":
            relation = rest
        elif keyword == "@attribute":
            attributes.append(_attribute(rest, f"{path}:{number}"))
        elif keyword == "@data":
            break
        else:
            raise DataError(
                f"{path}:{number}: a line above @data must begin with @relation or @attribute. Got {quote(line)}; mend "
                "it."
            )
    else:
        raise DataError(f"{path} must have a line @data. Got none in {number} lines; fetch the whole file.")
    places = {attribute.name: place for place, attribute in enumerate(attributes)}
    if len(places) < len(attributes):
        name = next(a.name for place, a in enumerate(attributes) if places[a.name] != place)
        raise DataError(f"{path} must name each attribute once. Got {quote(name)} twice; rename one.")
    labels = _label_columns(path, places, relation, options.num_labels)
    for label in labels:
        values = attributes[label].values
        if values is not None and not {"0", "1"} >= set(values):
            raise DataError(
                f"{path}: a label must have the values 0 and 1. Got {quote(attributes[label].name)} with "
                f"{quote(', '.join(values))}; {UNSURE}."
            )
    if len(labels) == len(attributes):
        raise DataError(f"{path} must have a feature. Got {len(labels)} labels and nothing else; {UNSURE}.")
    return Header(attributes, labels, number + 1)


def _attribute(text: str, place: str) -> Attribute:
    match = _NAME.match(text)
    kind = text[match.end() :].strip() if match else ""
    if match and kind.startswith("{") and kind.endswith("}"):
        values = tuple(unquoted(value[1]) for value in _NAME.finditer(kind[1:-1]))
        if values and len(set(values)) == len(values):
            return Attribute(unquoted(match[1]), values)
    elif match and kind.lower() in NUMBERS:
        return Attribute(unquoted(match[1]), None)
    raise DataError(
        f"{place}: an attribute must be numeric, or have its values in braces. Got {quote(text)}; remove the column."
    )


def unquoted(token: str) -> str:
    """Return a name or a value without the quotes around it, and without the backslashes in them."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[0] in "'\"" else token


def _label_columns(path: Path, places: dict[str, int], relation: str, num_labels: int | None) -> list[int]:
    """Return the columns that are labels, in the order of their ids."""
    xml = _xml_of(path) if num_labels is None else None
    if xml is not None:
        names = _names_in(xml)
        if (unknown := next((name for name in names if name not in places), None)) is not None:
            raise DataError(f"{xml} must name attributes of {path.name}. Got {quote(unknown)}; {UNSURE}.")
        return [places[name] for name in names]
    meka = _MEKA.search(relation)
    count = -max(num_labels, 0) if num_labels is not None else int(meka[1]) if meka else 0
    if not 0 < abs(count) <= len(places):
        got = f"{abs(count)} labels of {len(places)} columns" if count else "no word of them"
        raise DataError(f"{path} must say which columns are labels. Got {got}; {UNSURE}.")
    return list(range(count)) if count > 0 else list(range(len(places) + count, len(places)))


def _xml_of(path: Path) -> Path | None:
    """Return the XML file beside a data file: the one whose name its name begins with, or the only one."""
    found = sorted(path.parent.glob("*.xml"), key=lambda xml: -len(xml.stem))
    named = [xml for xml in found if path.name.startswith(xml.stem)]
    return named[0] if named else found[0] if len(found) == 1 else None


def _names_in(xml: Path) -> list[str]:
    """Return the names of the labels in an XML file of Mulan; those of a hierarchy are all labels."""
    try:
        root = ElementTree.fromstring(xml.read_bytes())
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise DataError(f"{xml} must be the XML file of the labels. Got: {in_short(error)}; mend it.") from None
    names = [element.get("name", "") for element in root.iter() if element.tag.rpartition("}")[2] == "label"]
    if not names or "" in names or len(set(names)) < len(names):
        raise DataError(f"{xml} must have elements <label name=...>, each name once. Got {len(names)} labels; mend it.")
    return names
