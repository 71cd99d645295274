"""Texts in pieces, and the counts of the terms of one piece after the other, by one thread."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .analysis import Analysis
from .character_counts import count_characters
from .term_counts import BEGINS, BYTE, COUNTS, ENTRIES, FINDS_WORDS, LEARNS, UNIT_BLOCKS, count_terms
from .terms import Terms, add_words
from .word_forms import WordForms

PIECE_CHARACTERS = 1 << 17  # of texts that are counted together
NO_FORMS = np.empty(0, np.int32)


class Rows(NamedTuple):
    """Rows of a CSR matrix: int64 (num_rows + 1,), int32 (num_entries,), and int32 or float32 (num_entries,)."""

    indptr: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def pieces_of(texts: Iterable[str]) -> list[list[str]]:
    """Return the texts in lists of at most PIECE_CHARACTERS characters, or of one longer text; one list at least."""
    texts = list(texts)
    if len(texts) < 2:
        return [texts]
    pieces, start = [], 0
    ends = np.fromiter(map(len, texts), np.int64, len(texts)).cumsum()
    while start < len(texts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + PIECE_CHARACTERS, side="right")))
        pieces.append(texts[start:stop])
        start = stop
    return pieces


class PieceCounter:
    """Counts the terms of one piece after the other, by one thread.

    Args:
        terms: the table; one that learns, or whose words are changed, is this counter's own.
        learns: whether new terms are added to the table.
    """

    def __init__(self, terms: Terms, ngram_range: tuple[int, int], analysis: Analysis, *, learns: bool) -> None:
        self.terms = terms
        self.lengths = ngram_range
        self.analysis = analysis
        self._does = LEARNS if learns else COUNTS
        self._entry_of = np.empty(len(terms.first), np.int32)
        self._chain = np.full(ngram_range[1] + 1, -1, np.int32)  # as the end of a text leaves it
        self._forms = WordForms(analysis.stem, analysis.stop_words) if analysis.changes_words else None
        self._form_of = NO_FORMS
        self._num_formed = 0  # terms that have their forms

    def count(self, piece: list[str]) -> Rows:
        """Return how often each term occurs in each text of a piece."""
        rows = _RowsUnderWay(len(piece))
        for encoded, ends in self.analysis.encoded(piece, PIECE_CHARACTERS):
            data, table = np.frombuffer(encoded, np.uint8), self.analysis.table(is_ascii=encoded.isascii())
            if self._forms is not None:
                passed = _RowsUnderWay(len(ends))
                self._run(data, ends, table, passed, FINDS_WORDS)
                self._find_forms(self._forms)
            rows.cursor[BYTE] = 0
            self._run(data, ends, table, rows, self._does)
        found, counts = (array[: rows.cursor[ENTRIES]].copy() for array in (rows.found, rows.counts))
        return Rows(rows.indptr, found, counts)

    def _run(self, data: np.ndarray, ends: np.ndarray, table: np.ndarray, rows: "_RowsUnderWay", does: int) -> None:
        """Let a kernel go over texts, with more room each time that it asks for it."""
        fewest, most = self.lengths
        word = np.empty(len(data) // 4 + UNIT_BLOCKS * (most + 1) + 2, np.uint64)  # lower case may need more bytes
        if self.analysis.is_of_characters:
            num_terms, num_blocks = 2 * (most - fewest + 2), 2 * (most - fewest + 2) * (most // 2 + 1)
        else:
            num_terms, num_blocks = most + 1, max(len(word), (most + 1) * (UNIT_BLOCKS * (most + 1) + 1))
        rows.make_room(int(rows.cursor[ENTRIES]) + len(data) // 3 + num_terms)
        while True:
            written = (rows.cursor, *(() if self.analysis.is_of_characters else (self._chain,)), word, self._entry_of)
            written += (rows.found, rows.counts, rows.indptr)
            if self.analysis.is_of_characters:
                within_words = self.analysis.analyzer == "char_wb"
                is_done = count_characters(data, ends, table, self.lengths, within_words, does, self.terms, *written)
            else:
                shortest = 1 if self.analysis.finds_words else 2
                is_done = count_terms(
                    data, ends, table, self.lengths, shortest, does, self.terms, self._form_of, *written
                )
            if is_done:
                return
            rows.make_room(int(rows.cursor[ENTRIES]) + num_terms)
            if does != COUNTS:
                self.terms = self.terms.larger(num_terms, num_blocks)
                self._entry_of = _longer(self._entry_of, len(self.terms.first))

    def _find_forms(self, forms: WordForms) -> None:
        """Find what the new words of the table are counted as; such forms are words of the table, too."""
        while self._num_formed < self.terms.sizes[0]:
            words, spelled = self.terms.words_from(self._num_formed)
            self._num_formed = int(self.terms.sizes[0])
            data = np.frombuffer("\0".join([*forms.of(spelled), ""]).encode("utf-8", "surrogatepass"), np.uint8)
            self.terms = self.terms.larger(len(words), len(data) // 8 + len(words))
            form_of = np.empty(len(words), np.int32)
            add_words(self.terms, data, np.empty(len(data) // 8 + 1, np.uint64), form_of)
            self._form_of = _longer(self._form_of, len(self.terms.first))
            self._form_of[words] = form_of
        self._entry_of = _longer(self._entry_of, len(self.terms.first))


class _RowsUnderWay:
    """The counts of a piece while a kernel goes over it; see `count_terms`."""

    def __init__(self, num_rows: int) -> None:
        self.indptr, self.cursor = np.zeros(num_rows + 1, np.int64), np.zeros(5, np.int64)
        self.cursor[BEGINS] = 1
        self.found = self.counts = np.empty(0, np.int32)

    def make_room(self, num_entries: int) -> None:
        """Make room for so many entries, or for more."""
        if num_entries > len(self.found):
            length = max(num_entries, 2 * len(self.found))
            self.found, self.counts = _longer(self.found, length), _longer(self.counts, length)


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    """Return an array of the length that begins with array."""
    longer = np.empty(length, array.dtype)
    longer[: len(array)] = array
    return longer
