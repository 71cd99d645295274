"""Terms: the words of texts and their n-grams, numbered in a hash table, found and counted by numba kernels.

What a word is, the table of characters says (`characters`). An n-gram of characters is stored like a word. One of two
words or more is known by the term of its first words and by that of its last one. Texts are bytes of UTF-8, so that
most characters cost one byte of memory.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

SPACE = 32  # between the words of an n-gram
FIRST_CAPACITY = 256  # terms that a table takes before it grows


class Terms(NamedTuple):
    """A hash table of terms with open addressing, which compares the terms themselves where their hashes are equal.

    A word is stored in blocks of eight bytes, whose lowest byte is the first one. At least one zero follows the last
    byte of a word, so that its last block is the first one whose highest byte is zero.

    Attributes:
        sizes: int64 (2,), the number of terms and the number of blocks.
        blocks: uint64 (room,), the blocks of all words, one word after the other.
        first: int64 (capacity,), for a word its first block, for an n-gram the term of all its words but the last.
        last: int32 (capacity,), for an n-gram the term of its last word, for a word -1.
        num_docs: int32 (capacity,), in how many documents a term was counted.
        word_slots, gram_slots: uint64; their number is a power of two and at least twice the capacity. An empty slot is
            0. Any other slot holds 32 bits of the term's hash in its upper half, and the number of the term plus one in
            its lower half.
    """

    sizes: np.ndarray
    blocks: np.ndarray
    first: np.ndarray
    last: np.ndarray
    num_docs: np.ndarray
    word_slots: np.ndarray
    gram_slots: np.ndarray

    @classmethod
    def with_room(cls, capacity: int = 0, num_blocks: int = 0, *, of: "Terms | None" = None) -> "Terms":
        """Return a table with room for at least so many terms and blocks, which holds the terms of another table."""
        if of is not None:
            capacity, num_blocks = max(capacity, of.sizes[0]), max(num_blocks, of.sizes[1])
        capacity = max(int(capacity), FIRST_CAPACITY)
        num_slots = 1 << (2 * capacity - 1).bit_length()
        terms = cls(
            sizes=np.zeros(2, np.int64),
            blocks=np.empty(max(num_blocks, 2 * capacity), np.uint64),
            first=np.empty(capacity, np.int64),
            last=np.empty(capacity, np.int32),
            num_docs=np.zeros(capacity, np.int32),
            word_slots=np.zeros(num_slots, np.uint64),
            gram_slots=np.zeros(num_slots, np.uint64),
        )
        if of is not None:
            num_terms, num_blocks = of.sizes
            terms.sizes[:] = of.sizes
            terms.blocks[:num_blocks] = of.blocks[:num_blocks]
            for old, new in ((of.first, terms.first), (of.last, terms.last), (of.num_docs, terms.num_docs)):
                new[:num_terms] = old[:num_terms]
            move_slots(of.word_slots, terms.word_slots)
            move_slots(of.gram_slots, terms.gram_slots)
        return terms

    def larger(self, num_terms: int, num_blocks: int) -> "Terms":
        """Return a table with room for so many more terms and blocks: this one, or a copy at least twice as large."""
        needed = (int(self.sizes[0]) + num_terms, int(self.sizes[1]) + num_blocks)
        sizes = (len(self.first), len(self.blocks))
        if needed[0] <= sizes[0] and needed[1] <= sizes[1]:
            return self
        new_sizes = [size if least <= size else max(least, 2 * size) for least, size in zip(needed, sizes, strict=True)]
        return Terms.with_room(*new_sizes, of=self)

    def spell(self, chosen: np.ndarray) -> list[str]:
        """Return the chosen terms, int (n,), as strings, in which a space parts the words of an n-gram."""
        last = self.last[: self.sizes[0]]
        spelled = np.empty(len(last), object)
        spelled[last < 0] = self.words_from(0)[1]
        needed, rest = np.zeros(len(last), bool), chosen
        while len(rest := rest[last[rest] >= 0]):
            needed[rest] = True
            rest = self.first[rest]
        for gram in np.flatnonzero(needed):  # its first words are a term before it
            spelled[gram] = f"{spelled[self.first[gram]]} {spelled[last[gram]]}"
        return spelled[chosen].tolist()

    def words_from(self, start: int) -> tuple[np.ndarray, list[str]]:
        """Return the terms from one on that are words, int (n,), and how they are spelled."""
        words = start + np.flatnonzero(self.last[start : self.sizes[0]] < 0)
        text = self.bytes()[8 * self.first[words[0]] :].tobytes().decode("utf-8", "surrogatepass") if len(words) else ""
        return words, [word for word in text.split("\0") if word]

    def bytes(self) -> np.ndarray:
        """Return the bytes of all words; a word that starts at block b has its bytes from 8 b on."""
        return self.blocks[: self.sizes[1]].astype("<u8", copy=False).view(np.uint8)


@njit(nogil=True, cache=True)
def move_slots(slots, new_slots):  # type: ignore[no-untyped-def]
    """Copy the slots that are in use into new_slots, which are more and all empty."""
    for slot in slots:
        if slot:
            _occupy(new_slots, slot)


@njit(nogil=True, cache=True)
def _occupy(slots, slot):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(slots) - 1)
    place = (slot >> np.uint64(32)) & mask
    while slots[place]:
        place = (place + np.uint64(1)) & mask
    slots[place] = slot


@njit(nogil=True, cache=True)
def mix_hash(key, block):  # type: ignore[no-untyped-def]
    """Return the hash of a sequence of blocks, given its last block and the hash of those before it."""
    key = (key ^ block) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(32))


@njit(nogil=True, cache=True)
def find_word(slots, blocks, first, word, begin, tag):  # type: ignore[no-untyped-def]
    """Return the term of the word whose blocks begin at word[begin], or -1 where there is none; tag is its hash."""
    mask = np.uint64(len(slots) - 1)
    place = tag & mask
    while slots[place]:
        if slots[place] >> np.uint64(32) == tag:
            term = np.int64(slots[place] & np.uint64(0xFFFFFFFF)) - 1
            mine, its = begin, first[term]
            while blocks[its] == word[mine]:
                if word[mine] >> np.uint64(56) == 0:
                    return term
                mine += 1
                its += 1
        place = (place + np.uint64(1)) & mask
    return np.int64(-1)


@njit(nogil=True, cache=True)
def new_word(terms, word, begin, tag):  # type: ignore[no-untyped-def]
    """Add a word that the table does not hold, and return its term. The table must have room."""
    term, block = terms.sizes[0], terms.sizes[1]
    terms.first[term], terms.last[term] = block, -1
    while True:
        terms.blocks[block] = word[begin]
        block += 1
        if word[begin] >> np.uint64(56) == 0:
            break
        begin += 1
    terms.sizes[0], terms.sizes[1] = term + 1, block
    _occupy(terms.word_slots, tag << np.uint64(32) | np.uint64(term + 1))
    return term


@njit(nogil=True, cache=True)
def add_word(terms, word, begin):  # type: ignore[no-untyped-def]
    """Return the term of a word, and add the word where the table does not hold it. The table must have room."""
    tag, place = np.uint64(0), begin
    while True:
        tag = mix_hash(tag, word[place])
        if word[place] >> np.uint64(56) == 0:
            break
        place += 1
    tag &= np.uint64(0xFFFFFFFF)
    term = find_word(terms.word_slots, terms.blocks, terms.first, word, begin, tag)
    return new_word(terms, word, begin, tag) if term < 0 else term


@njit(nogil=True, cache=True)
def add_words(terms, data, word, term_of):  # type: ignore[no-untyped-def]
    """Add words to a table that has room for all, and write their terms to term_of, -1 for one without a character.

    data: uint8, the words in UTF-8, each followed by a byte of 0. word: uint64, for the blocks of the longest.
    """
    number, size = 0, 0
    block, shift = np.uint64(0), np.uint64(0)
    for byte in data:
        if byte:
            block |= np.uint64(byte) << shift
            shift += np.uint64(8)
            if shift == 64:
                word[size] = block
                size += 1
                block, shift = np.uint64(0), np.uint64(0)
        else:
            word[size] = block
            term_of[number] = add_word(terms, word, 0) if size or block else -1
            number += 1
            size, block, shift = 0, np.uint64(0), np.uint64(0)


@njit(nogil=True, cache=True)
def find_gram(terms, prefix, word, learns):  # type: ignore[no-untyped-def]
    """Return the term of an n-gram. Where the table does not hold it, it is added if learns is true; otherwise -1."""
    tag = mix_hash(np.uint64(0), np.uint64(prefix) << np.uint64(32) | np.uint64(word)) & np.uint64(0xFFFFFFFF)
    slots = terms.gram_slots
    mask = np.uint64(len(slots) - 1)
    place = tag & mask
    while slots[place]:
        if slots[place] >> np.uint64(32) == tag:
            term = np.int64(slots[place] & np.uint64(0xFFFFFFFF)) - 1
            if terms.first[term] == prefix and terms.last[term] == word:
                return term
        place = (place + np.uint64(1)) & mask
    if not learns:
        return np.int64(-1)
    term = terms.sizes[0]
    terms.first[term], terms.last[term] = prefix, word
    terms.sizes[0] = term + 1
    slots[place] = tag << np.uint64(32) | np.uint64(term + 1)
    return term


@njit(nogil=True, cache=True)
def merge_terms(terms, other, term_of):  # type: ignore[no-untyped-def]
    """Add the terms of another table to one that has room for all, and write the number that each got to term_of."""
    for number in range(other.sizes[0]):
        if other.last[number] < 0:
            term = add_word(terms, other.blocks, other.first[number])
        else:
            term = find_gram(terms, term_of[other.first[number]], term_of[other.last[number]], True)
        terms.num_docs[term] += other.num_docs[number]
        term_of[number] = term


@njit(nogil=True, cache=True)
def add_vocabulary(terms, data, of_words, word, column_of):  # type: ignore[no-untyped-def]
    """Add the terms of a vocabulary to a table that has room for all, and write their columns to column_of.

    Args:
        data: uint8, the terms in UTF-8; a byte below SPACE follows each of them.
        of_words: whether a space parts the words of an n-gram; otherwise it is a character like others.
        word: uint64, with room for the blocks of the longest word.
    """
    column, term, size = 0, np.int64(-1), 0
    block, shift = np.uint64(0), np.uint64(0)
    for byte in data:
        if byte > SPACE or (byte == SPACE and not of_words):
            block |= np.uint64(byte) << shift
            shift += np.uint64(8)
            if shift == 64:
                word[size] = block
                size += 1
                block, shift = np.uint64(0), np.uint64(0)
        else:
            word[size] = block
            last = add_word(terms, word, 0)
            term = last if term < 0 else find_gram(terms, term, last, True)
            size, block, shift = 0, np.uint64(0), np.uint64(0)
            if byte < SPACE:
                column_of[term] = column
                column += 1
                term = np.int64(-1)
