"""Which characters are part of words, and their lower case, as bytes of UTF-8."""

from functools import cache

import numpy as np

NUM_CHARACTERS = 0x110000


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
