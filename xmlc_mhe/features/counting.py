"""Counts of the words of texts and of their n-grams, as scikit-learn's CountVectorizer and HashingVectorizer count."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..progress import track_documents
from .characters import lower_ascii_words, lower_words
from .term_counts import BYTE, ENTRIES, count_terms, sort_rows
from .term_hashes import hash_terms
from .terms import SPACE, Terms, add_vocabulary, merge_terms

PIECE_CHARACTERS = 1 << 17  # of texts that are counted together
MOST_HASHED_TERMS = 1 << 16  # that a thread keeps for its next piece; a larger table is slower than a new one
BETWEEN_WORDS = re.compile(r"\W")


class Rows(NamedTuple):
    """Rows of a CSR matrix: int64 (num_rows + 1,), int32 (num_entries,), and int32 or float32 (num_entries,)."""

    indptr: np.ndarray
    columns: np.ndarray
    values: np.ndarray


class VocabularyCounter:
    """Counts of the terms of a vocabulary, a column each.

    Args:
        vocabulary: the terms in the order of their columns; the words of an n-gram have a space between them.
        ngram_range: the fewest and the most words of a term.
    Raises: ValueError: the vocabulary is empty, or a term is there twice or has a control character.
    """

    def __init__(self, vocabulary: Sequence[str], ngram_range: tuple[int, int] = (1, 1)) -> None:
        self.vocabulary = list(vocabulary)
        self.ngram_range = ngram_range
        self.num_columns = len(self.vocabulary)
        data = np.frombuffer("\n".join([*self.vocabulary, ""]).encode("utf-8", "surrogatepass"), np.uint8)
        most_words = self.num_columns + int(np.count_nonzero(data == SPACE))
        terms = Terms.with_room(2 * most_words - self.num_columns, len(data) // 8 + most_words)
        column_of = np.full(len(terms.first), -1, np.int32)
        if np.count_nonzero(data < SPACE) == self.num_columns:
            add_vocabulary(terms, data, np.empty(len(data) // 8 + 1, np.uint64), column_of)
        if not np.count_nonzero(column_of >= 0) == self.num_columns > 0:
            raise ValueError(
                "vocabulary must hold a term or more, each once and without control characters. "
                f"Got {self.num_columns} terms, {len(set(self.vocabulary))} of them different; build it again."
            )
        self._terms = Terms.with_room(*terms.sizes, of=terms)
        self._column_of = column_of[: terms.sizes[0]].copy()
        self._idle: deque[_Counter] = deque()  # kept, so that a short text needs no large arrays of its own

    @classmethod
    def fit_transform(
        cls, texts: Iterable[str], ngram_range: tuple[int, int] = (1, 1), *, min_df: int = 1, threads: int = 1
    ) -> tuple["VocabularyCounter", csr_array]:
        """Return a counter for the terms of texts, sorted, and its counts of them.

        Args:
            min_df: terms in fewer texts than this are dropped.
            threads: pieces of the texts counted at the same time; the result does not depend on it.
        Raises: ValueError: no term is left.
        """
        terms, term_of, pieces = _learn(texts, ngram_range, threads)
        num_docs = terms.num_docs[: terms.sizes[0]]
        kept = np.flatnonzero(num_docs >= min_df)
        if len(kept) == 0:
            num_terms = np.count_nonzero(num_docs)
            raise ValueError(f"{num_terms} terms, all in fewer documents" if num_terms else "no words at all")
        spelled = terms.spell(kept)
        order = sorted(range(len(kept)), key=spelled.__getitem__)
        column_of = np.full(len(num_docs), -1, np.int32)
        column_of[kept[order]] = np.arange(len(kept))
        columns_of = [column_of[numbers] for numbers in term_of]
        del terms, term_of, num_docs, column_of  # large beside what follows

        def sort(piece: tuple[int, Rows]) -> Rows:
            return _sorted(piece[1], columns_of[piece[0]], len(kept))

        counter = cls([spelled[place] for place in order], ngram_range)
        return counter, _matrix(_map(sort, pieces, threads), len(kept))

    def transform(self, texts: Iterable[str], *, threads: int = 1) -> csr_array:
        """Return the counts of texts, float32 (num_texts, num_columns); terms not in the vocabulary are ignored."""
        return _matrix(_count_all(self._count, texts, threads), self.num_columns)

    def _count(self, piece: list[str]) -> Rows:
        try:
            counter = self._idle.pop()
        except IndexError:  # there are as many as there were threads at the same time
            counter = _Counter(self._terms, self.ngram_range, learns=False)
        rows = _sorted(counter.count(piece), self._column_of, self.num_columns)
        self._idle.append(counter)
        return rows


class HashingCounter:
    """Counts of all terms, in the columns that their hashes name; nothing is fitted.

    Args:
        num_columns: the column of a term is the absolute value of its MurmurHash3, modulo this.
        ngram_range: the fewest and the most words of a term.
    """

    def __init__(self, num_columns: int, ngram_range: tuple[int, int] = (1, 1)) -> None:
        self.num_columns = num_columns
        self.ngram_range = ngram_range

    def transform(self, texts: Iterable[str], *, threads: int = 1) -> csr_array:
        """Return the counts of texts, float32 (num_texts, num_columns)."""
        idle: deque[tuple[_Counter, np.ndarray]] = deque()  # with the columns of their terms

        def count(piece: list[str]) -> Rows:
            try:
                counter, column_of = idle.pop()
            except IndexError:
                counter, column_of = _Counter(Terms.with_room(), self.ngram_range, learns=True), np.empty(0, np.int32)
            rows = counter.count(piece)
            num_known, num_terms = len(column_of), counter.terms.sizes[0]
            column_of = np.concatenate([column_of, np.empty(num_terms - num_known, np.int32)])
            hash_terms(
                counter.terms, counter.terms.bytes(), num_known, self.ngram_range[1], self.num_columns, column_of
            )
            if num_terms <= MOST_HASHED_TERMS:
                idle.append((counter, column_of))
            return _sorted(rows, column_of, self.num_columns)

        return _matrix(_count_all(count, texts, threads), self.num_columns)


class _Counter:
    """Counts the terms of one piece after the other, by one thread.

    Args:
        terms: the table; one that learns is this counter's own.
        learns: whether new terms are added to the table.
    """

    def __init__(self, terms: Terms, ngram_range: tuple[int, int], *, learns: bool) -> None:
        self.terms = terms
        self.lengths = ngram_range
        self.learns = learns
        self._entry_of = np.empty(len(terms.first), np.int32)
        self._chain = np.full(ngram_range[1] + 1, -1, np.int32)  # as the end of a text leaves it

    def count(self, piece: list[str]) -> Rows:
        """Return how often each term occurs in each text of a piece."""
        fewest, most = self.lengths
        indptr, cursor = np.zeros(len(piece) + 1, np.int64), np.zeros(4, np.int64)
        found = counts = np.empty(0, np.int32)
        for encoded, ends in _encoded(piece):
            data, lower = np.frombuffer(encoded, np.uint8), lower_ascii_words() if encoded.isascii() else lower_words()
            word = np.empty(len(data) * 3 // 16 + 1, np.uint64)  # lower case makes two bytes three at most
            num_words = (
                len(data) + len(ends)
            ) // 3 + 1  # two characters or more, and one or the end of a text after each
            num_found = int(cursor[ENTRIES]) + num_words * (most - fewest + 1) + most
            if num_found > len(found):
                found, counts = _longer(found, num_found), _longer(counts, num_found)
            cursor[BYTE] = 0
            while not count_terms(
                data, ends, lower, self.lengths, self.learns, self.terms, cursor, self._chain, word,
                self._entry_of, found, counts, indptr,
            ):  # fmt: skip
                self.terms = self.terms.larger(most, len(word))
                self._entry_of = _longer(self._entry_of, len(self.terms.first))
        return Rows(indptr, found[: cursor[ENTRIES]].copy(), counts[: cursor[ENTRIES]].copy())


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    """Return an array of the length that begins with array."""
    longer = np.empty(length, array.dtype)
    longer[: len(array)] = array
    return longer


def _pieces(texts: Iterable[str]) -> list[list[str]]:
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


def _encoded(piece: list[str]) -> Iterator[tuple[bytes, np.ndarray]]:
    """Yield bytes of the texts of a piece and where texts end in them; a long text is cut between words."""
    text = "".join(piece)
    if len(text) > PIECE_CHARACTERS:
        text, start = text.lower() if _has_oddities(text) else text, 0
        while start < len(text):
            cut = BETWEEN_WORDS.search(text, start + PIECE_CHARACTERS)
            end = cut.start() if cut else len(text)
            data = text[start:end].encode("utf-8", "surrogatepass")
            yield data, np.array([len(data)] if end == len(text) else [], np.int64)
            start = end
    elif text.isascii():
        yield text.encode(), np.fromiter(map(len, piece), np.int64, len(piece)).cumsum()
    else:
        texts = map(str.lower, piece) if _has_oddities(text) else piece
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        yield b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts)).cumsum()


def _has_oddities(text: str) -> bool:
    """Return whether a text has one of the two characters whose lower case is not always the same one character."""
    return "Σ" in text or "İ" in text


def _map(function: Callable[[Any], Any], items: Iterable[Any], threads: int) -> list[Any]:
    """Return the results for all items, in order."""
    items = list(items)
    if threads == 1 or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(function, items))


def _count_all(count: Callable[[list[str]], Any], texts: Iterable[str], threads: int) -> list[Any]:
    """Return what count makes of all pieces of texts, in order, under a progress bar."""
    pieces = _pieces(texts)
    if len(pieces) == 1:
        return [count(pieces[0])]
    with ThreadPoolExecutor(min(threads, len(pieces))) as pool:
        counted = zip(map(count, pieces) if threads == 1 else pool.map(count, pieces), pieces, strict=True)
        num_docs = sum(map(len, pieces))
        bar = track_documents(counted, total=num_docs, title="words", size=lambda pair: len(pair[1]))
        return [rows for rows, _ in bar]


def _learn(
    texts: Iterable[str], ngram_range: tuple[int, int], threads: int
) -> tuple[Terms, list[np.ndarray], list[tuple[int, Rows]]]:
    """Return the terms of texts, and their counts piece by piece, each with the number of the table that it is by.

    For each table there are the numbers of its terms among all, which are returned between the two.
    """
    counters = [_Counter(Terms.with_room(), ngram_range, learns=True) for _ in range(threads)]
    idle = deque(enumerate(counters))

    def count(piece: list[str]) -> tuple[int, Rows]:
        number, counter = idle.pop()
        rows = counter.count(piece)
        idle.append((number, counter))
        return number, rows

    pieces = _count_all(count, texts, threads)
    return *_merge([counter.terms for counter in counters]), pieces


def _merge(tables: list[Terms]) -> tuple[Terms, list[np.ndarray]]:
    """Return one table of all terms, and for each of the tables the numbers of its terms there."""
    terms, *others = tables
    term_of = [np.arange(terms.sizes[0])]
    for other in others:
        terms = terms.larger(int(other.sizes[0]), int(other.sizes[1]))
        term_of.append(np.empty(other.sizes[0], np.int64))
        merge_terms(terms, other, term_of[-1])
    return terms, term_of


def _sorted(rows: Rows, column_of: np.ndarray, num_columns: int) -> Rows:
    """Return the rows with columns in place of terms, sorted; changes the rows."""
    values = np.empty(len(rows.columns), np.float32)
    num_entries = sort_rows(*rows, column_of, num_columns, values)
    return Rows(rows.indptr, rows.columns[:num_entries], values[:num_entries])


def _matrix(pieces: list[Rows], num_columns: int) -> csr_array:
    """Return the rows of all pieces; the list is emptied."""
    if len(pieces) == 1:
        indptr, columns, values = pieces[0]
    else:
        starts = np.cumsum([0, *(len(piece.columns) for piece in pieces)])
        shifted = (piece.indptr[1:] + start for piece, start in zip(pieces, starts, strict=False))
        indptr = np.concatenate([[0], *shifted])
        columns, values = (np.concatenate(parts) for parts in list(zip(*pieces, strict=True))[1:])
    pieces.clear()
    index_dtype = np.int32 if indptr[-1] < 2**31 else np.int64
    columns, indptr = columns.astype(index_dtype, copy=False), indptr.astype(index_dtype)
    X = csr_array((values, columns, indptr), shape=(len(indptr) - 1, num_columns))
    X.has_sorted_indices = X.has_canonical_format = True
    return X
