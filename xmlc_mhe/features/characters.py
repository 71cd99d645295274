"""What each character is to a counter: part of words or not, and its bytes of UTF-8 once case and accents are folded.

A table has an entry for each code point, uint64: the bytes, the first one lowest, and above the lowest 32 bits the
class of a character that is more than a letter of a word. 0 stands between words.
"""

import re
import sys
import unicodedata
from functools import cache

import numpy as np

NUM_CHARACTERS = sys.maxunicode + 1
ASCII = 128  # characters that are the same byte in UTF-8
SPACE = 32
UNSPACED, MARK, SKIPPED = (np.uint64(number << 32) for number in (1, 2, 3))  # classes; UNSPACED is the least of all
ACCENTED = 0x20000  # characters from here on have no accents, and none is a mark
LAST_COMPATIBLE = 0x2FA1F  # the last character that is the same as another one
MOST_NAMED = 0x40000  # characters from here on are for private use or tags
# Letters of scripts that put no spaces between words, but for digits and marks; blocks of Unicode, first and last
UNSPACED_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xAA80, 0xAADF),  # Tai Le, New Tai Lue, Tai Tham, Tai Viet
    (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B),  # signs of Han
    (0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F), (0x1AFF0, 0x1B16F),  # kana
    (0x3105, 0x312F), (0x31A0, 0x31BF),  # Bopomofo
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),  # Han
)  # fmt: skip
# Within words, but not to be seen: soft hyphen, joiners, and signs that choose a glyph; U+200B stands between words
INVISIBLE = (0x00AD, 0x034F, 0x200C, 0x200D, 0x2060, *range(0xFE00, 0xFE10), 0xFEFF, *range(0xE0100, 0xE01F0))
POINTS, ACCENTS = range(10, 37), range(200, 255)  # combining classes: of Hebrew and Arabic points, and of all scripts


@cache
def character_table(kind: str = "word", *, lowercase: bool = True, strip_accents: bool = False) -> np.ndarray:
    """Return the table of a kind, uint64 (NUM_CHARACTERS,), which takes some hundredths of a second to make.

    Args:
        kind: "word": letters, digits and underscores are part of words, as `\\w` has it. "auto": so are marks, and the
            letters of UNSPACED_BLOCKS have their class. "token": all but the end of a line; "auto token": so, with the
            classes of "auto". "char": all, and a space stands for white space and for control characters.
        lowercase: whether letters are in lower case. Σ counts as σ and İ as i, which is not all that there is to say
            about them; see `analysis`.
        strip_accents: whether letters lose their accents.
    """
    return _table(kind, lowercase, strip_accents, NUM_CHARACTERS)


@cache
def ascii_table(kind: str = "word", *, lowercase: bool = True, strip_accents: bool = False) -> np.ndarray:
    """Return the first ASCII entries of `character_table`, made at once."""
    return _table(kind, lowercase, strip_accents, ASCII)


def _table(kind: str, lowercase: bool, strip_accents: bool, size: int) -> np.ndarray:
    codes = np.arange(min(size, MOST_NAMED), dtype=np.uint32)
    if strip_accents and size > ASCII:
        codes[:ACCENTED] = codes_without_accents()
    if lowercase:
        codes = _lower(codes)
    table = np.zeros(size, np.uint64)
    table[: len(codes)] = _packed(codes)
    if kind == "char":
        rest = np.arange(len(codes), size, dtype=np.uint32)
        table[len(codes) :] = _packed(rest)
        table[_is_space(len(codes)).nonzero()[0]] = SPACE
        if strip_accents and size > ASCII:
            table[1:ACCENTED][codes_without_accents()[1:] == 0] = 0
        return table
    is_word = np.char.isalnum(np.arange(len(codes), dtype=np.uint32).view("U1"))
    classes = _classes(is_word) if "auto" in kind and size > ASCII else np.zeros(len(codes), np.uint64)
    is_word[ord("_")] = True
    if "token" in kind:
        table[len(codes) :] = _packed(np.arange(len(codes), size, dtype=np.uint32))
        is_word[SPACE:] = True
    table[: len(codes)][~(is_word | (classes > 0))] = 0
    table[: len(codes)] |= classes
    if strip_accents and size > ASCII:
        accents = np.flatnonzero(codes_without_accents() == 0)
        table[accents[accents > 0]] = SKIPPED if "auto" in kind else 0
    if "auto" in kind and size > ASCII:
        table[list(INVISIBLE)] = SKIPPED
    return table


def _classes(is_letter: np.ndarray) -> np.ndarray:
    """Return the classes of marks and of letters of unspaced scripts, of as many characters; 0 for all others."""
    classes = np.zeros(len(is_letter), np.uint64)
    for first, last in UNSPACED_BLOCKS:
        block = np.arange(first, last + 1)
        is_digit = np.char.isdecimal(block.astype(np.uint32).view("U1"))
        classes[block[is_letter[block] & ~is_digit]] = UNSPACED
    classes[np.flatnonzero(_marks())] = MARK
    return classes


def _lower(codes: np.ndarray) -> np.ndarray:
    text = codes.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return np.frombuffer(text.replace("İ", "i").lower().encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)


def _packed(codes: np.ndarray) -> np.ndarray:
    """Return the bytes of UTF-8 of characters, the first byte lowest."""
    tails = [0x80 | codes >> shift & 0x3F for shift in (0, 6, 12)]
    packed = [
        codes,
        0xC0 | codes >> 6 | tails[0] << 8,
        0xE0 | codes >> 12 | tails[1] << 8 | tails[0] << 16,
        0xF0 | codes >> 18 | tails[2] << 8 | tails[1] << 16 | tails[0] << 24,
    ]
    return np.choose(np.searchsorted([0x80, 0x800, 0x10000], codes, side="right"), packed).astype(np.uint64)


def _is_space(size: int) -> np.ndarray:
    is_space = np.char.isspace(np.arange(size, dtype=np.uint32).view("U1"))
    is_space[:SPACE] = True
    return is_space


@cache
def _marks() -> np.ndarray:
    """Return whether a character below ACCENTED is a mark: written above, below or beside a letter, or around it."""
    return np.array([unicodedata.category(chr(code))[0] == "M" for code in range(ACCENTED)])


@cache
def codes_without_accents() -> np.ndarray:
    """Return for each character below ACCENTED the one without accents; 0 for an accent.

    Accents are the marks of the classes POINTS and ACCENTS, not those that Indic scripts or Thai write their vowels
    with. A letter that Unicode does not take apart stays: ø, ł and ı.
    """
    codes = np.arange(ACCENTED, dtype=np.uint32)
    for code in range(0xC0, ACCENTED):
        character = chr(code)
        if unicodedata.combining(character):
            codes[code] = 0 if is_accent(character) else code
        elif unicodedata.decomposition(character)[:1] not in ("", "<"):
            base = without_accents(character)
            codes[code] = ord(base) if len(base) == 1 else code
    return codes


def without_accents(text: str) -> str:
    """Return a text without accents, composed; see `codes_without_accents`."""
    kept = (character for character in unicodedata.normalize("NFD", text) if not is_accent(character))
    return unicodedata.normalize("NFC", "".join(kept))


def is_accent(character: str) -> bool:
    """Return whether a character is an accent on the letter before it."""
    return unicodedata.combining(character) in ACCENTS or unicodedata.combining(character) in POINTS


@cache
def may_not_be_composed() -> np.ndarray:
    """Return for each character, as far as any has it, whether a text with it may not be in the normal form NFC."""
    flags = np.zeros(LAST_COMPATIBLE + 1, np.bool_)
    flags[ACCENTED:] = [unicodedata.decomposition(chr(code)) != "" for code in range(ACCENTED, len(flags))]
    for code in range(0xC0, ACCENTED):
        character = chr(code)
        parts = unicodedata.decomposition(character)
        if unicodedata.combining(character) or (parts and unicodedata.normalize("NFC", character) != character):
            flags[code] = True
        elif parts and parts[0] != "<" and " " in parts:
            flags[int(parts.split()[-1], 16)] = True
    flags[0x1161:0x1176] = flags[0x11A8:0x11C3] = True  # vowels and finals of Hangul
    return flags


BETWEEN_WORDS = re.compile(r"\W")
BETWEEN_ANY_WORDS = re.compile(r"[\s!-,./:-@\[-^{-~、。，．；：？！]")  # marks may be part of a word
BETWEEN_CHUNKS = re.compile(r"\s")
