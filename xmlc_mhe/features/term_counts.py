"""Kernels that count the terms of texts, and put the counts of a text in the order of columns."""

import numpy as np
from numba import njit

from .terms import find_gram, find_word, mix_hash, new_word

BYTE, ROW, ENTRIES, ROW_START = range(4)  # of a cursor: next byte, current row, entries so far, the row's first entry
DIGIT = 9  # bits that entries are sorted by in one pass
FEW_KEYS = 48  # so many keys are sorted by insertion


@njit(nogil=True, cache=True)
def count_terms(data, ends, lower, lengths, learns, terms, cursor, chain, word, entry_of, found, counts, indptr):  # type: ignore[no-untyped-def]
    """Count the terms of a piece of texts from the cursor on. Return True at its end, and False if room is missing.

    Args:
        data: uint8, texts in UTF-8, one after the other.
        ends: int64 (num_ends,), where each text ends. The bytes after the last end belong to a text that goes on in
            the next piece.
        lower: what `lower_words` returns, or `lower_ascii_words` where all bytes are ASCII.
        lengths: the least and the largest number of words of a term.
        learns: whether new terms are added to the table, and the documents of each term are counted.
        cursor: int64 (4,), which is moved on.
        chain: int32 (most + 1,), whose entry i is the term of the last i words of the text, or -1.
        word: uint64, with room for the blocks of the longest word.
        entry_of: int32 (capacity of terms,), the entry of each term in the current row. A value counts only if that
            entry is in the row and is the term's, so that the array need not be set before.
        found, counts, indptr: are written, as a CSR: the terms of each text in the order of their first occurrence,
            and how often each occurs.
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
                        tag = mix_hash(tag, block)
                        size += 1
                        block, shift = np.uint64(0), np.uint64(0)
            if num_characters >= 2:
                word[size] = block
                tag = mix_hash(tag, block) & np.uint64(0xFFFFFFFF)
                has_room = num_entries + most <= len(found)
                last = find_word(slots, blocks, first, word, 0, tag)
                if learns and has_room:
                    has_room = terms.sizes[0] + most <= len(first) and terms.sizes[1] + size < len(blocks)
                    if last < 0 and has_room:
                        last = new_word(terms, word, 0, tag)
                if not has_room:
                    place = begin
                    break
                for number in range(most, 0, -1):
                    term = last
                    if number > 1:
                        term = np.int64(chain[number - 1])
                        if term >= 0:
                            term = find_gram(terms, term, last, learns) if last >= 0 else np.int64(-1)
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
