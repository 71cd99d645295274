"""Terms: the words of texts and their n-grams, numbered in a hash table, found and counted by numba kernels.

A word is what scikit-learn's default pattern `(?u)\\b\\w\\w+\\b` finds in the text in lower case: two or more letters,
digits or underscores of any script in a row. An n-gram of two words or more is known by the term of its first words and
by that of its last one. Texts are bytes of UTF-8, so that most characters cost one byte of memory.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from numba import njit

NUM_CHARACTERS = 0x110000
SPACE = 32  # between the words of an n-gram
FIRST_CAPACITY = 256  # terms that a table takes before it grows
BYTE, ROW, ENTRIES, ROW_START = range(4)  # of a cursor: next byte, row under way, entries so far, the row's first entry
DIGIT = 9  # bits by which entries are sorted at a time
FEW_KEYS = 48  # are sorted by insertion


class Terms(NamedTuple):
    """A hash table of terms with open addressing, which compares the terms themselves where their hashes are equal.

    A word is stored in blocks of eight bytes, the first byte the lowest; zeros follow its last byte, one at least, so
    that the last block of a word is the first one whose highest byte is zero.

    sizes: int64 (2,), the number of terms, and of blocks. blocks: uint64 (room,), of the words one after the other.
    first: int64 (capacity,), of a word its first block, of an n-gram the term of its words but the last.
    last: int32 (capacity,), of an n-gram the term of its last word; -1 for a word.
    num_docs: int32 (capacity,), the documents that a term was counted in, if any were.
    word_slots, gram_slots: uint64, a power of two of them, twice the capacity at least. An empty slot is 0, another one
    holds 32 bits of the term's hash above the number of the term plus one.
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
        """Return a table with room for so many terms and blocks, or somewhat more, and with the terms of another."""
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
        """Return the table, or one of twice its size at least, with room for so many more terms and blocks."""
        needed = (int(self.sizes[0]) + num_terms, int(self.sizes[1]) + num_blocks)
        sizes = (len(self.first), len(self.blocks))
        if needed[0] <= sizes[0] and needed[1] <= sizes[1]:
            return self
        new_sizes = [size if least <= size else max(least, 2 * size) for least, size in zip(needed, sizes, strict=True)]
        return Terms.with_room(*new_sizes, of=self)

    def spell(self, chosen: np.ndarray) -> list[str]:
        """Return chosen terms, int (n,), as strings; the words of an n-gram have a space between them."""
        last = self.last[: self.sizes[0]]
        spelled = np.empty(len(last), object)
        spelled[last < 0] = [word for word in self.bytes().tobytes().decode().split("\0") if word]
        needed, rest = np.zeros(len(last), bool), chosen
        while len(rest := rest[last[rest] >= 0]):
            needed[rest] = True
            rest = self.first[rest]
        for gram in np.flatnonzero(needed):  # its first words are a term before it
            spelled[gram] = f"{spelled[self.first[gram]]} {spelled[last[gram]]}"
        return spelled[chosen].tolist()

    def bytes(self) -> np.ndarray:
        """Return the bytes of the words: those of the word at a block begin at eight times its number."""
        return self.blocks[: self.sizes[1]].astype("<u8", copy=False).view(np.uint8)


@cache
def lower_words() -> np.ndarray:
    """Return the bytes of the lower case of each character, the first one lowest, uint32 (NUM_CHARACTERS,).

    Characters that are not part of words have 0. Σ counts as σ and İ as i, which is not all that there is to say about
    them (see `counting`).
    """
    every = np.arange(NUM_CHARACTERS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    lower = every.replace("İ", "i").lower().encode("utf-32-le", "surrogatepass")
    return _packed(np.frombuffer(lower, "<u4").astype(np.uint32))


@cache
def lower_ascii_words() -> np.ndarray:
    """Return the first 128 entries of `lower_words`, which takes some hundredths of a second to make."""
    return _packed(np.array([ord(chr(code).lower()) for code in range(128)], np.uint32))


def _packed(codes: np.ndarray) -> np.ndarray:
    """Return characters as bytes of UTF-8, the first byte lowest, and 0 for those that `\\w` does not match."""
    is_word = np.char.isalnum(codes.view("U1")) | (codes == ord("_"))
    tails = [0x80 | codes >> shift & 0x3F for shift in (0, 6, 12)]
    packed = [
        codes,
        0xC0 | codes >> 6 | tails[0] << 8,
        0xE0 | codes >> 12 | tails[1] << 8 | tails[0] << 16,
        0xF0 | codes >> 18 | tails[2] << 8 | tails[1] << 16 | tails[0] << 24,
    ]
    num_bytes = np.searchsorted([0x80, 0x800, 0x10000], codes, side="right")
    return np.where(is_word, np.choose(num_bytes, packed), 0).astype(np.uint32)


# --- the table --------------------------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def move_slots(slots, new_slots):  # type: ignore[no-untyped-def]
    """Put what is in slots into more slots, which are empty."""
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
def _mix(key, block):  # type: ignore[no-untyped-def]
    """Return the hash of what was hashed before and a block."""
    key = (key ^ block) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(32))


@njit(nogil=True, cache=True)
def _find_word(slots, blocks, first, word, begin, tag):  # type: ignore[no-untyped-def]
    """Return the term of the word whose blocks begin at word[begin], or -1; tag is its hash."""
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
def _new_word(terms, word, begin, tag):  # type: ignore[no-untyped-def]
    """Return the term of a word that the table has not; it must have room."""
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
def _add_word(terms, word, begin):  # type: ignore[no-untyped-def]
    """Return the term of a word, which is new where the table had it not; it must have room."""
    tag, place = np.uint64(0), begin
    while True:
        tag = _mix(tag, word[place])
        if word[place] >> np.uint64(56) == 0:
            break
        place += 1
    tag &= np.uint64(0xFFFFFFFF)
    term = _find_word(terms.word_slots, terms.blocks, terms.first, word, begin, tag)
    return _new_word(terms, word, begin, tag) if term < 0 else term


@njit(nogil=True, cache=True)
def _gram(terms, prefix, word, learns):  # type: ignore[no-untyped-def]
    """Return the term of an n-gram; where the table has it not, it is new if the table learns, otherwise -1."""
    tag = _mix(np.uint64(0), np.uint64(prefix) << np.uint64(32) | np.uint64(word)) & np.uint64(0xFFFFFFFF)
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
    """Add the terms of another table to one that has room for all, and write their numbers there to term_of."""
    for number in range(other.sizes[0]):
        if other.last[number] < 0:
            term = _add_word(terms, other.blocks, other.first[number])
        else:
            term = _gram(terms, term_of[other.first[number]], term_of[other.last[number]], True)
        terms.num_docs[term] += other.num_docs[number]
        term_of[number] = term


@njit(nogil=True, cache=True)
def add_vocabulary(terms, data, word, column_of):  # type: ignore[no-untyped-def]
    """Add the terms of a vocabulary to a table that has room for all, and write their places to column_of.

    data: uint8, the terms in UTF-8, each followed by a byte below SPACE. word: uint64, for the blocks of the longest.
    """
    column, term, size = 0, np.int64(-1), 0
    block, shift = np.uint64(0), np.uint64(0)
    for byte in data:
        if byte > SPACE:
            block |= np.uint64(byte) << shift
            shift += np.uint64(8)
            if shift == 64:
                word[size] = block
                size += 1
                block, shift = np.uint64(0), np.uint64(0)
        else:
            word[size] = block
            last = _add_word(terms, word, 0)
            term = last if term < 0 else _gram(terms, term, last, True)
            size, block, shift = 0, np.uint64(0), np.uint64(0)
            if byte < SPACE:
                column_of[term] = column
                column += 1
                term = np.int64(-1)


# --- texts ------------------------------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def count_terms(data, ends, lower, lengths, learns, terms, cursor, chain, word, entry_of, found, counts, indptr):  # type: ignore[no-untyped-def]
    """Count the terms of a piece of texts from the cursor on; return whether it is done, otherwise room is missing.

    Args:
        data: uint8, texts in UTF-8 one after the other. ends: int64 (num_ends,), where each one ends; bytes after the
            last end are of a text that goes on in the next piece.
        lower: `lower_words`, or `lower_ascii_words` where all bytes are ASCII.
        lengths: the fewest and the most words of a term.
        learns: whether terms that the table has not are added to it, and documents are counted.
        cursor: int64 (4,), moved on. chain: int32 (most + 1,), at i the term of the last i words of the text, or -1.
        word: uint64, for the blocks of the longest word.
        entry_of: int32 (capacity of terms,), the entry of a term in the row, if that is an entry of the row and of the
            term; it need not be set before.
        found, counts, indptr: written: the terms of each text in the order of their first occurrence, and how often.
    """
    fewest, most = lengths
    slots, blocks, first = terms.word_slots, terms.blocks, terms.first
    place, row, num_entries, row_start = cursor[0], cursor[1], cursor[2], cursor[3]
    has_room = True
    while has_room:
        end = ends[row] if row < len(ends) else len(data)
        while place < end:
            begin, num_characters, width = place, 0, 1
            size, block, shift, tag = 0, np.uint64(0), np.uint64(0), np.uint64(0)
            while place < end:
                code = np.uint32(data[place])
                width = 1
                if code >= 0x80:
                    if code < 0xE0:
                        width = 2
                        code = (code & 0x1F) << 6 | data[place + 1] & 0x3F
                    elif code < 0xF0:
                        width = 3
                        code = (code & 0x0F) << 12 | (data[place + 1] & 0x3F) << 6 | data[place + 2] & 0x3F
                    else:
                        width = 4
                        code = (code & 0x07) << 18 | (data[place + 1] & 0x3F) << 12
                        code |= (data[place + 2] & 0x3F) << 6 | data[place + 3] & 0x3F
                packed = np.uint64(lower[code])
                if packed == 0:
                    break
                num_characters += 1
                place += width
                while packed:
                    block |= (packed & np.uint64(0xFF)) << shift
                    packed >>= np.uint64(8)
                    shift += np.uint64(8)
                    if shift == 64:
                        word[size] = block
                        tag = _mix(tag, block)
                        size += 1
                        block, shift = np.uint64(0), np.uint64(0)
            if num_characters >= 2:
                word[size] = block
                tag = _mix(tag, block) & np.uint64(0xFFFFFFFF)
                has_room = num_entries + most <= len(found)
                last = _find_word(slots, blocks, first, word, 0, tag)
                if learns and has_room:
                    has_room = terms.sizes[0] + most <= len(first) and terms.sizes[1] + size < len(blocks)
                    if last < 0 and has_room:
                        last = _new_word(terms, word, 0, tag)
                if not has_room:
                    place = begin
                    break
                for number in range(most, 0, -1):
                    term = last
                    if number > 1:
                        term = np.int64(chain[number - 1])
                        if term >= 0:
                            term = _gram(terms, term, last, learns) if last >= 0 else np.int64(-1)
                    chain[number] = term
                    if term >= 0 and number >= fewest:
                        entry = entry_of[term]
                        if row_start <= entry < num_entries and found[entry] == term:
                            counts[entry] += 1
                        else:
                            found[num_entries], counts[num_entries], entry_of[term] = term, 1, num_entries
                            num_entries += 1
                            if learns:
                                terms.num_docs[term] += 1
            if place < end:
                place += width  # the character after the word
        if has_room:
            if row == len(ends):
                break
            row += 1
            row_start = indptr[row] = num_entries
            for number in range(most + 1):
                chain[number] = -1
    cursor[0], cursor[1], cursor[2], cursor[3] = place, row, num_entries, row_start
    return has_room


@njit(nogil=True, cache=True)
def sort_rows(indptr, columns, counts, column_of, num_columns, values):  # type: ignore[no-untyped-def]
    """Replace the terms of each row by their columns, ascending, and write their counts to values; return how many.

    Terms with the column -1 are dropped, counts of terms with the same column added; indptr and columns are changed.
    """
    longest = 0
    for row in range(len(indptr) - 1):
        longest = max(longest, indptr[row + 1] - indptr[row])
    keys, spare = np.empty(longest, np.int64), np.empty(longest, np.int64)  # a column and, below, a count
    num_entries = start = 0
    for row in range(len(indptr) - 1):
        num_keys = 0
        for entry in range(start, indptr[row + 1]):
            column = np.int64(column_of[columns[entry]])
            if column >= 0:
                keys[num_keys] = column << 32 | counts[entry]
                num_keys += 1
        start = indptr[row + 1]
        if num_keys > FEW_KEYS:
            shift = 32
            while num_columns >> shift - 32:
                _sort_by_digit(keys, spare, num_keys, shift)
                keys, spare = spare, keys
                shift += DIGIT
        else:
            _sort_by_insertion(keys, num_keys)
        before = np.int64(-1)
        for place in range(num_keys):
            column = keys[place] >> 32
            if column != before:
                columns[num_entries], values[num_entries] = column, 0
                num_entries += 1
                before = column
            values[num_entries - 1] += keys[place] & 0xFFFFFFFF
        indptr[row + 1] = num_entries
    return num_entries


@njit(nogil=True, cache=True)
def _sort_by_digit(keys, target, num_keys, shift):  # type: ignore[no-untyped-def]
    """Write keys to target in the order of DIGIT bits of theirs; equal ones stay in order."""
    mask = (1 << DIGIT) - 1
    places = np.zeros(mask + 2, np.int64)
    for place in range(num_keys):
        places[(keys[place] >> shift & mask) + 1] += 1
    for digit in range(mask):
        places[digit + 1] += places[digit]
    for place in range(num_keys):
        digit = keys[place] >> shift & mask
        target[places[digit]] = keys[place]
        places[digit] += 1


@njit(nogil=True, cache=True)
def _sort_by_insertion(keys, num_keys):  # type: ignore[no-untyped-def]
    for place in range(1, num_keys):
        key = keys[place]
        while place > 0 and keys[place - 1] > key:
            keys[place] = keys[place - 1]
            place -= 1
        keys[place] = key


# --- hashing ----------------------------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def hash_terms(terms, text, start, most, num_columns, column_of):  # type: ignore[no-untyped-def]
    """Write the columns of the terms from start on: the absolute value of the hash of each, modulo num_columns.

    The hash is MurmurHash3_x86_32 with the seed 0 (Austin Appleby, in the public domain), a signed number, of the words
    of the term with spaces between them. text: uint8, `Terms.bytes`. most: the most words of a term.
    """
    words = np.empty(most, np.int64)  # of a term, last one first
    for term in range(start, terms.sizes[0]):
        num_words, part = 0, np.int64(term)
        while terms.last[part] >= 0:
            words[num_words] = terms.last[part]
            num_words += 1
            part = terms.first[part]
        words[num_words] = part
        value, block, size = np.uint32(0), np.uint32(0), np.uint32(0)
        for number in range(num_words, -1, -1):
            place = 8 * terms.first[words[number]]
            while text[place] or number:
                byte = np.uint32(text[place] or SPACE)
                block |= byte << np.uint32(8 * (size & 3))
                size += np.uint32(1)
                if size & 3 == 0:
                    value = np.uint32(_rotated(value ^ _scrambled(block), 13) * 5 + 0xE6546B64)
                    block = np.uint32(0)
                if text[place] == 0:
                    break
                place += 1
        value ^= _scrambled(block) ^ size
        value = np.uint32((value ^ value >> np.uint32(16)) * 0x85EBCA6B)
        value = np.uint32((value ^ value >> np.uint32(13)) * 0xC2B2AE35)
        column_of[term] = abs(np.int64(np.int32(value ^ value >> np.uint32(16)))) % num_columns


@njit(nogil=True, cache=True)
def _scrambled(block):  # type: ignore[no-untyped-def]
    return np.uint32(_rotated(np.uint32(block * 0xCC9E2D51), 15) * 0x1B873593)


@njit(nogil=True, cache=True)
def _rotated(value, num_bits):  # type: ignore[no-untyped-def]
    return np.uint32(value << np.uint32(num_bits) | value >> np.uint32(32 - num_bits))
