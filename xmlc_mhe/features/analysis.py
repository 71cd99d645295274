"""How texts become the bytes that the kernels count: normal form, case, accents, and the words of a pattern."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from ..errors import in_short
from .characters import (
    BETWEEN_ANY_WORDS,
    BETWEEN_CHUNKS,
    BETWEEN_WORDS,
    ascii_table,
    character_table,
    codes_without_accents,
    may_not_be_composed,
)
from .term_counts import decoded

DOT_ABOVE = "\u0307"
FIRST_UNCOMPOSED = 0xCC  # the first byte of characters from U+0300 on, below which all are composed
ONE_LETTER = "\u00a0"  # stands for white space within a word that a pattern or an analyzer of your own found

Analyzer = Callable[[str], Iterable[str]]
Encoded = tuple[bytes, np.ndarray]  # texts in UTF-8, and where texts end, int64


@dataclass(frozen=True)
class Analysis:
    """How a text becomes terms; by default as in scikit-learn. `WordOptions` says what the options mean.

    own: an analyzer of the user's own, which gets texts as they are.
    stop_words: those to leave out, as texts have them.
    """

    analyzer: str = "word"
    normalization: str | None = None
    case: str = "lower"
    strip_accents: bool = False
    token_pattern: str | None = None
    own: Analyzer | None = None
    stem: str | None = None
    stop_words: frozenset[str] = frozenset()

    @property
    def is_of_characters(self) -> bool:
        """Whether terms are n-grams of characters, not of words."""
        return self.own is None and self.analyzer in ("char", "char_wb")

    @property
    def finds_words(self) -> bool:
        """Whether Python code finds the words, and not a kernel."""
        return self.own is not None or self.token_pattern is not None

    @property
    def changes_words(self) -> bool:
        """Whether words are counted as their stems, or left out."""
        return self.stem is not None or bool(self.stop_words)

    def table(self, *, is_ascii: bool) -> np.ndarray:
        """Return the table of characters for the bytes of `encoded`."""
        make = ascii_table if is_ascii else character_table
        if self.is_of_characters:
            kind = "char"
        else:
            kind = "auto" if self.analyzer == "auto" and self.own is None else ""
            kind = f"{kind} token".strip() if self.finds_words else kind or "word"
        if self.finds_words:  # which are folded before
            return make(kind, lowercase=False)
        return make(kind, lowercase=self.case != "keep", strip_accents=self.strip_accents)

    def encoded(self, piece: list[str], most_characters: int) -> Iterator[Encoded]:
        """Yield the texts of a piece; one with more characters is a text by itself, and is cut between words if it can.

        No term is lost where it is cut.
        """
        if self.finds_words:
            yield _joined([self._lines_of_words(text).encode("utf-8", "surrogatepass") for text in piece])
            return
        text = "".join(piece)
        is_cut = self._cuts is not None and len(text) > most_characters
        if not text.isascii() or self.case == "turkish":
            parts = self._composed(self._with_regular_case(text, piece))
            if not is_cut:
                yield _joined(parts)
                return
            text = parts[0].decode("utf-8", "surrogatepass")
        elif not is_cut:
            yield text.encode(), np.fromiter(map(len, piece), np.int64, len(piece)).cumsum()
            return
        start = 0
        while start < len(text):
            cut = self._cuts.search(text, start + most_characters)  # type: ignore[union-attr]
            end = cut.start() if cut else len(text)
            data = text[start:end].encode("utf-8", "surrogatepass")
            yield data, np.array([len(data)] if end == len(text) else [], np.int64)
            start = end

    @property
    def _cuts(self) -> re.Pattern[str] | None:
        """What a long text may be cut before; None: it is not cut."""
        return {"word": BETWEEN_WORDS, "auto": BETWEEN_ANY_WORDS, "char_wb": BETWEEN_CHUNKS}.get(self.analyzer)

    def fold(self, text: str) -> str:
        """Return a text in the normal form, the case and with the accents that words are counted in."""
        (part,) = self._composed(self._with_regular_case(text, [text]))
        text = part.decode("utf-8", "surrogatepass")
        text = text if self.case == "keep" else text.lower()
        return text.translate(_Accents()) if self.strip_accents else text

    def _with_regular_case(self, text: str, piece: list[str]) -> list[str]:
        """Return the texts of a piece, text when joined, with no character whose lower case a table cannot tell."""
        if self.case == "turkish" and ("I" in text or "İ" in text):
            dotted = (text.replace("I" + DOT_ABOVE, "İ") for text in piece)
            piece = [text.replace("İ", "i").replace("I", "ı") for text in dotted]
        if self.case != "keep" and ("Σ" in text or "İ" in text):  # not always the same one character
            piece = [text.lower() for text in piece]
        return piece

    def _composed(self, piece: list[str]) -> list[bytes]:
        """Return the texts of a piece in UTF-8, in their normal form."""
        form = self.normalization
        if form == "NFKC":
            piece = [unicodedata.normalize("NFKC", text) for text in piece]
            piece = self._with_regular_case("".join(piece), piece)
        parts = [text.encode("utf-8", "surrogatepass") for text in piece]
        if form is None:
            return parts
        data, ends = _joined(parts)
        bytes_of_texts, place = np.frombuffer(data, np.uint8), 0
        while (place := _first_uncomposed(bytes_of_texts, may_not_be_composed(), place)) < len(data):
            row = int(np.searchsorted(ends, place, side="right"))
            text = unicodedata.normalize("NFC", piece[row])
            text = text if self.case == "keep" else text.replace("i" + DOT_ABOVE, "i")
            parts[row] = text.encode("utf-8", "surrogatepass")
            place = int(ends[row])
        return parts

    def _lines_of_words(self, text: str) -> str:
        """Return the words that a pattern or an analyzer of the user's own finds in a text, each in a line."""
        if self.own is None:
            words: Any = re.findall(self.token_pattern or "", self.fold(text))
        else:
            words = self.own(text)
            words = None if isinstance(words, str | bytes) or not isinstance(words, Iterable) else list(words)
            if words is None or not all(isinstance(word, str) for word in words):
                raise ValueError(
                    "analyzer must return the words of a text as a list of str. Got "
                    f"{in_short(repr(words if words is None else words[:3]))}; return a list such as text.split()."
                )
        return "\n".join(word if word.isalnum() else ONE_LETTER.join(word.split()) for word in words)


class _Accents:
    """What `str.translate` wants of the characters that have accents."""

    def __getitem__(self, code: int) -> int | None:
        codes = codes_without_accents()
        if code >= len(codes):
            raise LookupError
        return int(codes[code]) or None


def _joined(parts: list[bytes]) -> Encoded:
    return b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts)).cumsum()


@njit(nogil=True, cache=True)
def _first_uncomposed(data, flags, place):  # type: ignore[no-untyped-def]
    """Return the place, from one on, of the first character of UTF-8 that has its flag, or the length of data."""
    while place < len(data):
        if data[place] < FIRST_UNCOMPOSED:
            place += 1
            continue
        code, width = decoded(data, place)
        if code < len(flags) and flags[code]:
            break
        place += width
    return min(place, len(data))
