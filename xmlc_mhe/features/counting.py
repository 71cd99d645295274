"""Counts of the terms of texts; words are those of scikit-learn's CountVectorizer and HashingVectorizer by default."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..progress import track_documents
from .analysis import Analysis
from .characters import SPACE
from .piece_counts import PieceCounter, Rows, pieces_of
from .term_counts import sort_rows
from .term_hashes import hash_terms
from .terms import Terms, add_vocabulary, merge_terms

MOST_HASHED_TERMS = 1 << 16  # new ones that a thread keeps for its next piece; a larger table is slower than a new one
WORDS = Analysis()


class NoTerms(ValueError):
    """Texts have no term that may be counted; the message says why."""


class VocabularyCounter:
    """Counts of the terms of a vocabulary, a column each.

    Args:
        vocabulary: the terms in the order of their columns; the words of an n-gram have a space between them.
        ngram_range: the fewest and the most words of a term, or characters.
        analysis: how texts become terms.
    Raises: ValueError: the vocabulary is empty, or a term is there twice or has a control character.
    """

    def __init__(
        self, vocabulary: Sequence[str], ngram_range: tuple[int, int] = (1, 1), analysis: Analysis = WORDS
    ) -> None:
        self.vocabulary = list(vocabulary)
        self.ngram_range = ngram_range
        self.analysis = analysis
        self.num_columns = len(self.vocabulary)
        data = np.frombuffer("\n".join([*self.vocabulary, ""]).encode("utf-8", "surrogatepass"), np.uint8)
        of_words = not analysis.is_of_characters
        most_words = self.num_columns + (int(np.count_nonzero(data == SPACE)) if of_words else 0)
        terms = Terms.with_room(2 * most_words - self.num_columns, len(data) // 8 + most_words)
        column_of = np.full(len(terms.first), -1, np.int32)
        if np.count_nonzero(data < SPACE) == self.num_columns:
            add_vocabulary(terms, data, of_words, np.empty(len(data) // 8 + 1, np.uint64), column_of)
        if not np.count_nonzero(column_of >= 0) == self.num_columns > 0:
            raise ValueError(
                "vocabulary must hold a term or more, each once and without control characters. "
                f"Got {self.num_columns} terms, {len(set(self.vocabulary))} of them different; build it again."
            )
        self._terms = Terms.with_room(*terms.sizes, of=terms)
        self._column_of = column_of[: terms.sizes[0]].copy()
        self._idle: deque[PieceCounter] = deque()  # kept, so that a short text needs no large arrays of its own

    @classmethod
    def fit_transform(
        cls,
        texts: Iterable[str],
        ngram_range: tuple[int, int] = (1, 1),
        analysis: Analysis = WORDS,
        *,
        min_df: int = 1,
        threads: int = 1,
    ) -> tuple["VocabularyCounter", csr_array]:
        """Return a counter for the terms of texts, sorted, and its counts of them.

        Args:
            min_df: terms in fewer texts than this are dropped.
            threads: pieces of the texts counted at the same time; the result does not depend on it.
        Raises: NoTerms: no term is left.
        """
        terms, term_of, pieces = _learn(texts, ngram_range, analysis, threads)
        num_docs = terms.num_docs[: terms.sizes[0]]
        kept = np.flatnonzero(num_docs >= min_df)
        if len(kept) == 0:
            num_terms = np.count_nonzero(num_docs)
            raise NoTerms(f"{num_terms} terms, all in fewer documents" if num_terms else "no words at all")
        spelled = terms.spell(kept)
        order = sorted(range(len(kept)), key=spelled.__getitem__)
        column_of = np.full(len(num_docs), -1, np.int32)
        column_of[kept[order]] = np.arange(len(kept))
        columns_of = [column_of[numbers] for numbers in term_of]
        del terms, term_of, num_docs, column_of  # large beside what follows

        def sort(piece: tuple[int, Rows]) -> Rows:
            return _sorted(piece[1], columns_of[piece[0]], len(kept))

        counter = cls([spelled[place] for place in order], ngram_range, analysis)
        return counter, _matrix(_map(sort, pieces, threads), len(kept))

    def transform(self, texts: Iterable[str], *, threads: int = 1) -> csr_array:
        """Return the counts of texts, float32 (num_texts, num_columns); terms not in the vocabulary are ignored."""
        return _matrix(_count_all(self._count, texts, threads), self.num_columns)

    def _count(self, piece: list[str]) -> Rows:
        try:
            counter = self._idle.pop()
        except IndexError:  # there are as many as there were threads at the same time
            terms = Terms.with_room(of=self._terms) if self.analysis.changes_words else self._terms
            counter = PieceCounter(terms, self.ngram_range, self.analysis, learns=False)
        rows = counter.count(piece)
        num_new = int(counter.terms.sizes[0]) - len(self._column_of)
        column_of = np.concatenate([self._column_of, np.full(num_new, -1, np.int32)]) if num_new else self._column_of
        if num_new <= MOST_HASHED_TERMS:
            self._idle.append(counter)
        return _sorted(rows, column_of, self.num_columns)


class HashingCounter:
    """Counts of all terms, in the columns that their hashes name; nothing is fitted.

    Args:
        num_columns: the column of a term is the absolute value of its MurmurHash3, modulo this.
        ngram_range: the fewest and the most words of a term, or characters.
        analysis: how texts become terms.
    """

    def __init__(self, num_columns: int, ngram_range: tuple[int, int] = (1, 1), analysis: Analysis = WORDS) -> None:
        self.num_columns = num_columns
        self.ngram_range = ngram_range
        self.analysis = analysis

    def transform(self, texts: Iterable[str], *, threads: int = 1) -> csr_array:
        """Return the counts of texts, float32 (num_texts, num_columns)."""
        idle: deque[tuple[PieceCounter, np.ndarray]] = deque()  # with the columns of their terms

        def count(piece: list[str]) -> Rows:
            try:
                counter, column_of = idle.pop()
            except IndexError:
                counter = PieceCounter(Terms.with_room(), self.ngram_range, self.analysis, learns=True)
                column_of = np.empty(0, np.int32)
            rows = counter.count(piece)
            column_of = self._columns_of(counter.terms, column_of)
            if len(column_of) <= MOST_HASHED_TERMS:
                idle.append((counter, column_of))
            return _sorted(rows, column_of, self.num_columns)

        return _matrix(_count_all(count, texts, threads), self.num_columns)

    def columns_of_terms(self, text: str) -> dict[str, int]:
        """Return the terms of a text, and their columns."""
        counter = PieceCounter(Terms.with_room(), self.ngram_range, self.analysis, learns=True)
        found = np.unique(counter.count([text]).columns)
        columns = self._columns_of(counter.terms, np.empty(0, np.int32))
        return dict(zip(counter.terms.spell(found), columns[found].tolist(), strict=True))

    def _columns_of(self, terms: Terms, known: np.ndarray) -> np.ndarray:
        """Return the columns of all terms of a table, of which the first ones are known."""
        columns = np.concatenate([known, np.empty(terms.sizes[0] - len(known), np.int32)])
        hash_terms(terms, terms.bytes(), len(known), self.ngram_range[1], self.num_columns, columns)
        return columns


def terms_in(text: str, ngram_range: tuple[int, int], analysis: Analysis) -> list[str]:
    """Return the terms of a text, each once."""
    counter = PieceCounter(Terms.with_room(), ngram_range, analysis, learns=True)
    found = np.unique(counter.count([text]).columns)  # which may give the counter a larger table
    return counter.terms.spell(found)


def _map(function: Callable[[Any], Any], items: Iterable[Any], threads: int) -> list[Any]:
    """Return the results for all items, in order."""
    items = list(items)
    if threads == 1 or len(items) == 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(function, items))


def _count_all(count: Callable[[list[str]], Any], texts: Iterable[str], threads: int) -> list[Any]:
    """Return what count makes of all pieces of texts, in order, under a progress bar."""
    pieces = pieces_of(texts)
    if len(pieces) == 1:
        return [count(pieces[0])]
    with ThreadPoolExecutor(min(threads, len(pieces))) as pool:
        counted = zip(map(count, pieces) if threads == 1 else pool.map(count, pieces), pieces, strict=True)
        num_docs = sum(map(len, pieces))
        bar = track_documents(counted, total=num_docs, title="words", size=lambda pair: len(pair[1]))
        return [rows for rows, _ in bar]


def _learn(
    texts: Iterable[str], ngram_range: tuple[int, int], analysis: Analysis, threads: int
) -> tuple[Terms, list[np.ndarray], list[tuple[int, Rows]]]:
    """Return the terms of texts, and their counts piece by piece, each with the number of the table that it is by.

    For each table there are the numbers of its terms among all, which are returned between the two.
    """
    counters = [PieceCounter(Terms.with_room(), ngram_range, analysis, learns=True) for _ in range(threads)]
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
