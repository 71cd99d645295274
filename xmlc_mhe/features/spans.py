"""Where the terms of a text stand in it: what `counting` counts, as stretches of the text as it was given."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, chain

from .analysis import Analysis
from .characters import INVISIBLE, UNSPACED_BLOCKS
from .counting import HashingCounter, terms_in
from .word_forms import WordForms
from .words import TextFeatures

BY_DEFAULT = Analysis("auto", "NFC")
_BLOCKS = "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSPACED_BLOCKS)
UNSPACED = re.compile(rf"(?=[^\W\d])[{_BLOCKS}]")
SYLLABLE_PARTS = re.compile("[\u1160-\u11ff]")  # of Hangul, which the normal form joins with the letter before
LETTER = re.compile(r"\w")

Span = tuple[int, int]  # of characters; the end is not among them


def terms_of(text: str, lengths: tuple[int, int] = (1, 1), analysis: Analysis = BY_DEFAULT) -> dict[str, list[Span]]:
    """Return the terms of a text in the order in which they begin, each with all its places.

    A term that an analyzer of your own made, and that is not in the text as it stands, has none, and comes last.

    Args:
        lengths: the fewest and the most words or characters of a term; a space parts the words of one.
        analysis: how the text becomes terms.
    """
    counted = terms_in(text, lengths, analysis)
    folded, places = _folded(text, analysis)
    spans: dict[str, list[Span]] = {term: [] for term in counted}
    if analysis.is_of_characters:
        for term in counted:
            within_words = analysis.analyzer == "char_wb"
            spans[term] = list(_runs_within_words(term, folded) if within_words else _occurrences(term, folded))
    else:
        for term, span in _runs_of_words(text, folded, lengths, analysis):
            if term in spans:
                spans[term].append(span)
        if _parts_unspaced(analysis):
            spans |= {term: list(_occurrences(term, folded)) for term in counted if UNSPACED.match(term)}
    placed = {term: [(places[first][0], places[last - 1][1]) for first, last in found] for term, found in spans.items()}
    return dict(sorted(placed.items(), key=lambda item: item[1][:1] or [(len(text), 0)]))


def terms_of_columns(features: TextFeatures, text: str, columns: Sequence[int]) -> list[tuple[str, list[Span]]]:
    """Return the term of each column of a text's features, and its places in the text.

    Where terms are hashed, a column has all terms of the text with its hash, " / " between them.
    """
    found: dict[int, list[tuple[str, list[Span]]]] = defaultdict(list)
    start = 0
    for counter in features.counters_:
        stop = start + counter.num_columns
        own = {column - start for column in columns if start <= column < stop}
        spans = terms_of(text, counter.ngram_range, counter.analysis)
        if isinstance(counter, HashingCounter):
            for term, column in counter.columns_of_terms(text).items():
                found[start + column].append((term, spans.get(term, [])))
        else:
            for column in own:
                term = counter.vocabulary[column]
                found[start + column].append((term, spans.get(term, [])))
        start = stop
    named = []
    for column in columns:
        terms, spans_of = zip(*found[column], strict=True)
        named.append((" / ".join(terms), sorted(chain.from_iterable(spans_of))))
    return named


def _parts_unspaced(analysis: Analysis) -> bool:
    """Return whether letters of scripts without spaces count by themselves."""
    return analysis.analyzer == "auto" and analysis.own is None


def _folded(text: str, analysis: Analysis) -> tuple[str, list[Span]]:
    """Return a text as its terms are spelled, and the place in the text of each of its characters."""
    own_places = [(place, place + 1) for place in range(len(text))]
    if analysis.own is not None:
        return text, own_places
    if "Σ" in text and analysis.case != "keep":  # the end of a word decides how it is lowered
        own_places = [span for span, character in zip(own_places, text, strict=True) for _ in character.lower()]
        text = text.lower()
    folded: list[str] = []
    places: list[Span] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and (_is_mark(text[end]) or SYLLABLE_PARTS.match(text[end])):
            end += 1
        letters = _fold_letter(text[start:end], analysis)
        if letters == " " == (folded or [""])[-1] and analysis.is_of_characters:
            places[-1] = (places[-1][0], own_places[end - 1][1])
        else:
            folded += letters
            places += [(own_places[start][0], own_places[end - 1][1])] * len(letters)
        start = end
    return "".join(folded), places


@lru_cache(maxsize=1 << 12)
def _fold_letter(letter: str, analysis: Analysis) -> str:
    """Return a letter with its marks as it is spelled in terms."""
    if analysis.is_of_characters:
        return " " if letter.isspace() or letter < " " else analysis.fold(letter)
    folded = analysis.fold(letter)
    return "".join(filter(_is_seen, folded)) if _parts_unspaced(analysis) else folded


def _is_seen(character: str) -> bool:
    return ord(character) not in INVISIBLE


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


def _occurrences(term: str, folded: str) -> Iterator[Span]:
    start = folded.find(term)
    while start >= 0:
        yield start, start + len(term)
        start = folded.find(term, start + 1)


def _runs_within_words(term: str, folded: str) -> Iterator[Span]:
    """Yield where an n-gram of characters stands; a space of it may also be the beginning or the end of the text."""
    letters = term.strip(" ")
    for start, end in _occurrences(letters, folded) if letters else ():
        begins = not term.startswith(" ") or folded[:start][-1:] in ("", " ")
        if begins and (not term.endswith(" ") or folded[end : end + 1] in ("", " ")):
            yield start, end


def _runs_of_words(text: str, folded: str, lengths: tuple[int, int], analysis: Analysis) -> Iterator[tuple[str, Span]]:
    """Yield the n-grams of words of scripts with spaces, as they are counted, and where each stands."""
    fewest, most = lengths
    words = _words(text, folded, analysis)
    for first in range(len(words)):
        run = words[first : first + most]
        names = accumulate((word for word, _ in run), "{} {}".format)
        for number, name in enumerate(names):
            span = words[first][1][0], run[number][1][1]
            if _parts_unspaced(analysis) and UNSPACED.search(folded, *span):
                break
            if number + 1 >= fewest:
                yield name, span


def _words(text: str, folded: str, analysis: Analysis) -> list[tuple[str, Span]]:
    """Return the words of a text as they are counted, but for stop words, in order, and where each stands."""
    spelled = terms_in(text, (1, 1), replace(analysis, stem=None, stop_words=frozenset()))
    parts_unspaced = _parts_unspaced(analysis)

    def is_letter(character: str) -> bool:
        is_of_word = LETTER.match(character) or (parts_unspaced and character and _is_mark(character))
        return bool(is_of_word) and not (parts_unspaced and UNSPACED.match(character))

    found = []
    for word in spelled:
        if parts_unspaced and UNSPACED.match(word):
            continue
        for start, end in _occurrences(word, folded):
            goes_on = is_letter(word[-1]) and is_letter(folded[end : end + 1])
            if not goes_on and not (is_letter(word[0]) and is_letter(folded[:start][-1:])):
                found.append((start, -end, word))
    words: list[tuple[str, Span]] = []
    for start, minus_end, word in sorted(found):  # the longest of those that begin together
        if not words or start >= words[-1][1][1]:
            words.append((word, (start, -minus_end)))
    if not analysis.changes_words:
        return words
    forms = WordForms(analysis.stem, analysis.stop_words).of([word for word, _ in words])
    return [(form, span) for form, (_, span) in zip(forms, words, strict=True) if form]
