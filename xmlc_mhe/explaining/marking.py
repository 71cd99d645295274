"""A text cut where its words begin and end, and made safe to be shown."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from .explanation import Word

LEAST_SHARE = 0.05  # of the largest contribution, below which a word is not marked
JOINERS = "\u200c\u200d"  # by which some scripts are written
LAYOUT = "\n\t"
DIRECTIONS = "\u200e\u200f\u061c"  # marks of one place, which steer nothing beyond it


class Stretch(NamedTuple):
    """A piece of a text, and what its words say together: from -1, the strongest against, to 1, the strongest for."""

    text: str
    strength: float


def stretches(text: str, words: Sequence[Word]) -> list[Stretch]:
    """Return the text in pieces, each of one strength; 0 where no word, or a weak one, stands."""
    changes: dict[int, float] = {}
    for word in words:
        for start, end in word.spans:
            changes[start] = changes.get(start, 0.0) + word.contribution
            changes[end] = changes.get(end, 0.0) - word.contribution
    places = sorted({0, len(text), *changes})
    sums, total = [], 0.0
    for place in places[:-1]:
        total += changes.get(place, 0.0)
        sums.append(total)
    largest = max(map(abs, sums), default=0.0) or 1.0
    pieces: list[Stretch] = []
    for start, end, value in zip(places, places[1:], sums, strict=False):
        strength = value / largest if abs(value) >= LEAST_SHARE * largest else 0.0
        pieces.append(Stretch(text[start:end], strength))
    return pieces


def printable(text: str, *, kept: str = "") -> str:
    """Return a text with an escape for each character that does not print, such as those that steer a terminal.

    kept: characters that stay, beside JOINERS.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in JOINERS + kept else ascii(char)[1:-1] for char in text)


def in_one_line(text: str) -> str:
    """Return a text for a line of a terminal: white space of any kind as single spaces, nothing that steers it."""
    return printable(text.replace("\n", " ").replace("\t", " ").replace("\r", " "))


def as_json_text(value: Any) -> str:
    """Return JSON in which characters that do not print are escaped, so that a terminal can show it."""
    text = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
    return "".join(char if char.isprintable() or char in "\n" + JOINERS else json.dumps(char)[1:-1] for char in text)
