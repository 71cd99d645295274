"""Corrections out of requests, and into the store."""

from collections.abc import Sequence
from typing import Any

from ..corrections.store import Correction
from .problems import Problem
from .reading import text_of


def corrections_of(documents: Sequence[dict[str, Any]]) -> list[Correction]:
    """Return Annif's documents with subjects; ours may have rejected ones, and a document_id, too."""
    corrections = []
    for number, document in enumerate(documents):
        place = f"[{number}]."
        labels, rejected = (_labels(document.get(key, []), f"{place}{key}") for key in ("subjects", "rejected"))
        if set(labels) & set(rejected):
            raise Problem(422, f"{place}rejected must have none of subjects. Got a label in both; decide on one.")
        document_id = document.get("document_id")
        if not isinstance(document_id, str | None):
            raise Problem(422, f"{place}document_id must be a string. Got something else; quote it.")
        corrections.append(Correction(text_of(document, place), labels, rejected, document_id))
    return corrections


def _labels(subjects: Any, place: str) -> tuple[str, ...]:
    """Return the names of subjects: the uri, which is the name of a label where a vocabulary has no other."""
    if not isinstance(subjects, list):
        raise Problem(422, f'{place} must be a list. Got something else; send [{{"uri": "..."}}].')
    names = []
    for number, subject in enumerate(subjects):
        name = subject.get("uri") or subject.get("label") if isinstance(subject, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise Problem(422, f'{place}[{number}] must have a uri. Got none; send {{"uri": "..."}}.')
        if any(0xD800 <= ord(char) < 0xE000 for char in name):
            raise Problem(422, f"{place}[{number}] must be Unicode. Got half of a character; check the encoding.")
        names.append(name)
    return tuple(dict.fromkeys(names))
