"""Where the terms of a text stand in it: what `counting` counts, as stretches of the text as it was given."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from .counting import HashingCounter
from .words import TextFeatures

WORD = re.compile(r"\w\w+")  # greedy, so that it begins and ends where a word of `terms` does
GROWS = "İ"  # the one character whose lower case is more than one

Span = tuple[int, int]  # of characters; the end is not among them


def words_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text in their normal form, and where each begins and ends in the text."""
    places: Sequence[int] = range(len(text) + 1)
    if GROWS in text:
        places = [place for place, character in enumerate(text) for _ in character.lower()] + [len(text)]
    for match in WORD.finditer(text.lower()):
        yield match[0], places[match.start()], places[match.end()]


def terms_of(text: str, lengths: tuple[int, int] = (1, 1)) -> dict[str, list[Span]]:
    """Return the terms of a text in the order in which they begin, each with all its places.

    Args:
        lengths: the fewest and the most words of a term; a space parts the words of one.
    """
    words, (fewest, most) = list(words_of(text)), lengths
    spans = defaultdict(list)
    for first in range(len(words)):
        names = accumulate((word for word, _, _ in words[first : first + most]), "{} {}".format)
        for last, name in enumerate(names, start=first):
            if last - first + 1 >= fewest:
                spans[name].append((words[first][1], words[last][2]))
    return dict(spans)


def terms_of_columns(features: TextFeatures, text: str, columns: Sequence[int]) -> list[tuple[str, list[Span]]]:
    """Return the term of each column of a text's features, and its places in the text.

    Where terms are hashed, a column has all terms of the text with its hash, " / " between them.
    """
    counter = features.counter_
    spans = terms_of(text, counter.ngram_range)
    if not isinstance(counter, HashingCounter):
        return [(term := counter.vocabulary[column], spans.get(term, [])) for column in columns]  # type: ignore[misc]
    terms_in = defaultdict(list)
    for term in spans:
        num_words = term.count(" ") + 1
        alone = HashingCounter(counter.num_columns, (num_words, num_words))
        terms_in[int(alone.transform([term]).indices[0])].append(term)
    return [
        (" / ".join(terms_in[column]), sorted(span for term in terms_in[column] for span in spans[term]))
        for column in columns
    ]
