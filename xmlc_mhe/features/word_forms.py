"""What words are counted as: their stems, or nothing where they are stop words; both by libraries (extra languages)."""

import importlib
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..errors import in_short

PARTS = re.compile(r"[\s'’.-]+")


class WordForms:
    """What each word is counted as.

    Args:
        stem: a language of snowballstemmer, or None: words stay as they are.
        stop_words: words that are left out, as `forms_of_stop_words` gives them.
    """

    def __init__(self, stem: str | None, stop_words: Collection[str]) -> None:
        self._stems: Callable[[list[str]], Sequence[str]] = list if stem is None else stemmer(stem)
        self._stop_words = frozenset(stop_words)

    def of(self, words: list[str]) -> list[str]:
        """Return what words are counted as, "" for stop words."""
        return ["" if word in self._stop_words else form for word, form in zip(words, self._stems(words), strict=True)]


def stemmer(language: str) -> Callable[[list[str]], Sequence[str]]:
    """Return a function from words to their stems, for one thread, by PyStemmer where it is installed."""
    library = _library("stem", language, "snowballstemmer")
    if language not in (known := library.algorithms()):
        raise ValueError(
            f"stem must be None or one of {', '.join(known)}. Got {in_short(repr(language))}; choose one of them."
        )
    return library.stemmer(language).stemWords


def list_of_stop_words(language: str) -> list[str]:
    """Return the stop words of a language."""
    library = _library("stop_words", language, "stop_words")
    if language not in (known := sorted(library.AVAILABLE_LANGUAGES)):
        raise ValueError(
            f"stop_words must be None, a list of words, or one of {', '.join(known)}. Got {in_short(repr(language))}; "
            "choose one of them."
        )
    return list(library.get_stop_words(language))


def forms_of_stop_words(words: Sequence[str], fold: Callable[[str], str]) -> set[str]:
    """Return stop words as texts have them once they are folded; the parts of "don't" are stop words, too."""
    folded = set(map(fold, words))
    return {part for word in folded for part in (word, *PARTS.split(word)) if part}


def _library(option: str, language: str, name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        package = name.replace("_", "-")
        raise ImportError(
            f'{option}="{in_short(language)}" needs {package}. Got no {package}; pip install "xmlc-mhe[languages]".'
        ) from None
