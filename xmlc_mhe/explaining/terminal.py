"""Explanations as lines of a terminal, in colours where it has them."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from .explanation import BY_LEAVING_OUT, Explanation
from .label import LabelDescription
from .marking import in_one_line, stretches

MOST_TEXT = 1000  # characters that are shown
MOST_WORDS = 8  # for a label, and against it
FOR, AGAINST, STRONG, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m"
STRONG_FROM = 0.5


def has_colours(stream: Any) -> bool:
    """Return whether a stream is a terminal that may be coloured; see no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def lines_of(text: str, explanations: Sequence[Explanation], *, colours: bool) -> Iterator[str]:
    """Yield the lines that explain the labels of a text."""
    for number, explanation in enumerate(explanations):
        if number:
            yield ""
        yield from _lines_of_one(text, explanation, colours)
    if similar := list(_lines_of_similar(explanations)):
        yield from ("", "similar training documents", *similar)
    if any(explanation.words_by == BY_LEAVING_OUT for explanation in explanations):
        yield ""
        yield "Each word was left out in turn: contributions say how far the margin falls without it, and have no sum."


def lines_of_label(label: LabelDescription) -> Iterator[str]:
    """Yield the lines that describe a label."""
    yield f"{in_one_line(label.label)}  {label.num_docs} training documents"
    for title, words in (("for", label.words), ("against", label.words_against)):
        if words:
            yield _line(title, [f"{in_one_line(word.word)} {word.weight:+.2f}" for word in words])
    if not label.words and not label.words_against:
        yield _line("words", ["none: the model has no weights of words that have names"])
    if label.companions:
        yield _line("goes with", [f"{in_one_line(other.label)} {other.share:.0%}" for other in label.companions])


def _lines_of_one(text: str, explanation: Explanation, colours: bool) -> Iterator[str]:
    title = in_one_line(explanation.label)
    score = f"margin {explanation.margin:+.2f}"
    if explanation.probability is not None:
        score = f"{explanation.probability:.3f}  {score}"
    yield f"{STRONG}{title}{PLAIN}  {score}" if colours else f"{title}  {score}"
    if colours and text:
        yield f"  {_coloured(text, explanation)}"
    for side, sign in (("for", 1), ("against", -1)):
        words = [word for word in explanation.words if word.contribution * sign > 0]
        shown = [f"{in_one_line(word.word)} {word.contribution:+.3f}" for word in words[:MOST_WORDS]]
        if rest := words[MOST_WORDS:]:
            shown.append(f"{len(rest)} more {sum(word.contribution for word in rest):+.3f}")
        if shown:
            yield _line(side, shown)
    yield _line("bias", [f"{explanation.bias:+.3f}"])
    if explanation.evidence and explanation.probability is not None:
        without = [f"{kind.name} {explanation.probability + kind.change:.3f}" for kind in explanation.evidence]
        yield _line("without", without)
    if explanation.name_words:
        yield _line("name", [in_one_line(word.word) for word in explanation.name_words])


def _lines_of_similar(explanations: Sequence[Explanation]) -> Iterator[str]:
    """Yield the training documents that are like the text, the same for every label; * marks the labels explained."""
    explained = {explanation.label for explanation in explanations}
    for neighbour in explanations[0].neighbours if explanations else ():
        labels = [in_one_line(name) + "*" * (name in explained) for name in neighbour.labels]
        quoted = "" if neighbour.text is None else f'"{in_one_line(neighbour.text)}" '
        yield f"  {neighbour.similarity:.2f}  {quoted}[{'; '.join(labels)}]"


def _line(title: str, items: Sequence[str]) -> str:
    return f"  {title:<9} {', '.join(items)}"


def _coloured(text: str, explanation: Explanation) -> str:
    shown, room = [], MOST_TEXT
    for stretch in stretches(text, explanation.words):
        piece = in_one_line(stretch.text[:room])
        room -= len(stretch.text)
        if stretch.strength:
            colour = FOR if stretch.strength > 0 else AGAINST
            strong = STRONG if abs(stretch.strength) >= STRONG_FROM else ""
            piece = f"{colour}{strong}{piece}{PLAIN}"
        shown.append(piece)
        if room <= 0:
            break
    return "".join(shown) + ("..." if room < 0 else "")
