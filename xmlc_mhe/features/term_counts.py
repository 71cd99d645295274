"""Kernels that count the terms of texts, and put the counts of a text in the order of columns."""

import numpy as np
from numba import njit

from .characters import SKIPPED, UNSPACED
from .terms import find_gram, find_word, mix_hash, new_word

# Of a cursor: next byte, row under way, entries so far, the row's first entry, whether a word of characters begins
BYTE, ROW, ENTRIES, ROW_START, BEGINS = range(5)
COUNTS, LEARNS, FINDS_WORDS = range(3)
MOST_MARKS = 7  # after a letter that are counted with it
UNIT_BLOCKS = (1 + MOST_MARKS) // 2  # that a letter with its marks needs at most
CLASS, BYTES = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)  # of an entry of a table
DIGIT = 9  # bits by which entries are sorted at a time
FEW_KEYS = 48  # are sorted by insertion


@njit(nogil=True, cache=True)
def decoded(data, place):  # type: ignore[no-untyped-def]
    """Return the code of the character of UTF-8 at a place, and how many bytes it has."""
    code = np.int64(data[place])
    if code < 0x80:
        return code, 1
    if code < 0xE0:
        return (code & 0x1F) << 6 | data[place + 1] & 0x3F, 2
    if code < 0xF0:
        return (code & 0x0F) << 12 | (data[place + 1] & 0x3F) << 6 | data[place + 2] & 0x3F, 3
    code = (code & 0x07) << 18 | (data[place + 1] & 0x3F) << 12
    return code | (data[place + 2] & 0x3F) << 6 | data[place + 3] & 0x3F, 4


@njit(nogil=True, cache=True)
def count_term(term, learns, terms, entry_of, found, counts, row_start, num_entries):  # type: ignore[no-untyped-def]
    """Count a term once more in a row, and return how many entries there are then."""
    entry = entry_of[term]
    if row_start <= entry < num_entries and found[entry] == term:
        counts[entry] += 1
        return num_entries
    found[num_entries], counts[num_entries], entry_of[term] = term, 1, num_entries
    if learns:
        terms.num_docs[term] += 1
    return num_entries + 1


@njit(nogil=True, cache=True)
def count_terms(  # type: ignore[no-untyped-def]
    data, ends, table, lengths, shortest, does, terms, form_of, cursor, chain, word, entry_of, found, counts, indptr
):
    """Count the terms of a piece of texts from the cursor on. Return True at its end, and False if room is missing.

    Args:
        data: uint8, texts in UTF-8, one after the other.
        ends: int64 (num_ends,), where each text ends. The bytes after the last end belong to a text that goes on in
            the next piece.
        table: `character_table`, or `ascii_table` where all bytes are ASCII.
        lengths: the least and the largest number of words of a term. A run of UNSPACED characters gives terms of the
            least to one more than the largest number of them.
        shortest: the least number of characters of a word.
        does: COUNTS the terms that the table holds, or LEARNS: adds the others too, and counts the documents of each
            term; or only FINDS_WORDS, which are added to the table.
        form_of: int32, the term that a word is counted as, or -1 for a word that is left out; empty: each as itself.
        cursor: int64 (5,), which is moved on.
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
    learns, has_forms = does == LEARNS, len(form_of) > 0 and does != FINDS_WORDS
    has_room = True
    while has_room:
        end = ends[row] if row < len(ends) else len(data)
        while place < end:
            begin, num_characters, width, entry_class = place, 0, 1, np.uint64(0)
            size, block, shift, tag = 0, np.uint64(0), np.uint64(0), np.uint64(0)
            while place < end:
                code, width = decoded(data, place)
                packed = table[code]
                if packed == 0:
                    break
                if packed >= UNSPACED:
                    entry_class = packed & CLASS
                    if entry_class == UNSPACED:
                        break
                    packed &= BYTES
                    num_characters -= entry_class == SKIPPED
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
            if num_characters >= shortest:
                word[size] = block
                tag = mix_hash(tag, block) & np.uint64(0xFFFFFFFF)
                has_room = num_entries + most <= len(found)
                last = find_word(slots, blocks, first, word, 0, tag)
                if does != COUNTS and has_room:
                    has_room = terms.sizes[0] + most <= len(first) and terms.sizes[1] + size < len(blocks)
                    if last < 0 and has_room:
                        last = new_word(terms, word, 0, tag)
                if not has_room:
                    place = begin
                    break
                is_counted = does != FINDS_WORDS
                if has_forms and last >= 0:
                    last = np.int64(form_of[last])
                    is_counted = is_counted and last >= 0
                for number in range(most if is_counted else 0, 0, -1):
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
            if place < end and entry_class == UNSPACED:
                after, num_entries = _count_unspaced(
                    data,
                    place,
                    end,
                    table,
                    lengths,
                    does,
                    terms,
                    form_of,
                    word,
                    entry_of,
                    found,
                    counts,
                    row_start,
                    num_entries,
                )
                if after < 0:
                    has_room = False
                    break
                place = after
                for number in range(most + 1):
                    chain[number] = -1
            elif place < end:
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
def _count_unspaced(  # type: ignore[no-untyped-def]
    data, place, end, table, lengths, does, terms, form_of, word, entry_of, found, counts, row_start, num_entries
):
    """Count the runs of letters that begin with the UNSPACED one at a place; see `count_terms`.

    Returns: the place after that letter and its marks, or -1 where room is missing; and how many entries there are.
    """
    fewest, longest = lengths[0], lengths[1] + 1
    num_blocks = longest * (UNIT_BLOCKS * longest + 1)
    if num_entries + longest > len(found):
        return np.int64(-1), num_entries
    if does != COUNTS and (
        terms.sizes[0] + longest > len(terms.first) or terms.sizes[1] + num_blocks > len(terms.blocks)
    ):
        return np.int64(-1), num_entries
    size, block, shift, tag, after = 0, np.uint64(0), np.uint64(0), np.uint64(0), np.int64(-1)
    for number in range(1, longest + 1):
        num_marks = -1
        while place < end:
            code, width = decoded(data, place)
            packed = table[code]
            of_class = packed & CLASS
            if not (of_class == UNSPACED if num_marks < 0 else of_class > UNSPACED):
                break
            place += width
            packed = packed & BYTES if num_marks < MOST_MARKS else np.uint64(0)
            num_marks += 1
            while packed:
                block |= (packed & np.uint64(0xFF)) << shift
                packed >>= np.uint64(8)
                shift += np.uint64(8)
                if shift == 64:
                    word[size] = block
                    tag = mix_hash(tag, block)
                    size += 1
                    block, shift = np.uint64(0), np.uint64(0)
        if num_marks < 0:
            break
        after = place if number == 1 else after
        if number < fewest:
            continue
        word[size] = block
        tag_of_run = mix_hash(tag, block) & BYTES
        term = find_word(terms.word_slots, terms.blocks, terms.first, word, 0, tag_of_run)
        if term < 0 and does != COUNTS:
            term = new_word(terms, word, 0, tag_of_run)
        if does == FINDS_WORDS:
            continue
        if len(form_of) and term >= 0:
            term = np.int64(form_of[term])
        if term >= 0:
            num_entries = count_term(term, does == LEARNS, terms, entry_of, found, counts, row_start, num_entries)
    return after, num_entries


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
