"""The columns of hashed terms: murmur hashes of their bytes, as scikit-learn's HashingVectorizer has them."""

import numpy as np
from numba import njit

from .terms import SPACE


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
