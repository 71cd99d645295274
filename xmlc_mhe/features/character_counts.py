"""The kernel that counts n-grams of characters, as scikit-learn's analyzers "char" and "char_wb" have them."""

import numpy as np
from numba import njit

from .characters import SPACE
from .term_counts import BYTES, COUNTS, LEARNS, count_term, decoded
from .terms import find_word, mix_hash, new_word


@njit(nogil=True, cache=True)
def count_characters(  # type: ignore[no-untyped-def]
    data, ends, table, lengths, within_words, does, terms, cursor, word, entry_of, found, counts, indptr
):
    """Count the n-grams of characters of a piece of texts, from the cursor on; see `term_counts.count_terms`.

    White space counts as one space, however long it is.

    Args:
        table: `character_table` of the kind "char", or `ascii_table`.
        lengths: the fewest and the most characters of a term.
        within_words: whether a term lies within a word with a space before and after it; a word that is shorter than
            the fewest characters is then a term itself. Otherwise terms may lie anywhere in a text.
    """
    fewest, most = lengths
    room = 2 * (most - fewest + 1) + 2
    num_blocks = room * (most // 2 + 1)
    place, row, num_entries, row_start, begins = cursor[0], cursor[1], cursor[2], cursor[3], cursor[4]
    has_room = True
    while has_room:
        end = ends[row] if row < len(ends) else len(data)
        while place < end:
            letter, after = _letter(data, place, end, table)
            if within_words and letter == SPACE:
                place, begins = after, 1
                continue
            has_room = num_entries + room <= len(found)
            if does != COUNTS:
                has_room &= terms.sizes[0] + room <= len(terms.first)
                has_room &= terms.sizes[1] + num_blocks <= len(terms.blocks)
            if not has_room:
                break
            for leading in range(1 if within_words and begins else 0, -1, -1):
                here, number, is_done = place, 0, False
                size, block, shift, tag = 0, np.uint64(0), np.uint64(0), np.uint64(0)
                while number < most and not is_done:
                    packed = np.uint64(SPACE)
                    if not (leading and number == 0):
                        is_done = here >= end
                        if is_done and not within_words:
                            break
                        if not is_done:
                            packed, here = _letter(data, here, end, table)
                            is_done = within_words and packed == SPACE
                    while packed:
                        block |= (packed & np.uint64(0xFF)) << shift
                        packed >>= np.uint64(8)
                        shift += np.uint64(8)
                        if shift == 64:
                            word[size] = block
                            tag = mix_hash(tag, block)
                            size += 1
                            block, shift = np.uint64(0), np.uint64(0)
                    number += 1
                    if number >= fewest:
                        word[size] = block
                        num_entries = _count(
                            terms, mix_hash(tag, block) & BYTES, word, does, entry_of, found, counts, row_start,
                            num_entries,
                        )  # fmt: skip
                if leading and number < fewest:  # the whole word
                    word[size] = block
                    num_entries = _count(
                        terms, mix_hash(tag, block) & BYTES, word, does, entry_of, found, counts, row_start, num_entries
                    )
            if within_words and fewest == 1 and (after >= end or _letter(data, after, end, table)[0] == SPACE):
                word[0] = np.uint64(SPACE)  # the one after the word
                tag = mix_hash(np.uint64(0), word[0]) & BYTES
                num_entries = _count(terms, tag, word, does, entry_of, found, counts, row_start, num_entries)
            place, begins = after, 0
        if has_room:
            if row == len(ends):
                break
            row += 1
            row_start = indptr[row] = num_entries
            begins = 1
    cursor[0], cursor[1], cursor[2], cursor[3], cursor[4] = place, row, num_entries, row_start, begins
    return has_room


@njit(nogil=True, cache=True)
def _letter(data, place, end, table):  # type: ignore[no-untyped-def]
    """Return the bytes of the character at a place, and the place after it and its accents, or after white space."""
    code, width = decoded(data, place)
    letter = table[code]
    place += width
    while place < end:
        code, width = decoded(data, place)
        if table[code] != 0 and not (letter == SPACE and table[code] == SPACE):
            break
        place += width
    return letter, place


@njit(nogil=True, cache=True)
def _count(terms, tag, word, does, entry_of, found, counts, row_start, num_entries):  # type: ignore[no-untyped-def]
    term = find_word(terms.word_slots, terms.blocks, terms.first, word, 0, tag)
    if term < 0:
        if does == COUNTS:
            return num_entries
        term = new_word(terms, word, 0, tag)
    return count_term(term, does == LEARNS, terms, entry_of, found, counts, row_start, num_entries)
