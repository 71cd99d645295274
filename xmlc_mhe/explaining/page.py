"""Explanations as one HTML page that needs no network: the text, its words marked; what else spoke for the label."""

from collections.abc import Iterator, Sequence
from html import escape

from .explanation import BY_LEAVING_OUT, Explanation
from .marking import DIRECTIONS, LAYOUT, printable, stretches

MOST_WORDS = 12  # for a label, and against it
STYLE = """
  :root { color-scheme: light dark; --for: 34 139 84; --against: 208 72 60; --quiet: #6a6f7d; --line: #8884 }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.2rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; border-top: 1px solid var(--line);
       padding-top: 1.2rem }
  h2 .score { font-weight: 400; color: var(--quiet); margin-inline-start: .6rem }
  .text { white-space: pre-wrap; overflow-wrap: anywhere }
  mark { color: inherit; border-radius: 3px; padding: .05em .1em; background: rgb(var(--for) / var(--much)) }
  mark.against { background: rgb(var(--against) / var(--much)); text-decoration: underline dotted }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .9rem; font-size: .9rem; margin: .8rem 0 }
  dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere }
  .item { white-space: nowrap; margin-inline-end: .7rem } .number { color: var(--quiet) }
  @media (prefers-color-scheme: dark) { :root { --quiet: #a3a9ba } }
"""
BY_WEIGHTS_NOTE = "Green words speak for the label, red and dotted ones against it; bias and words sum to the margin."
LEFT_OUT_NOTE = (
    "Each word was left out in turn: green where the margin falls without it, red and dotted where it rises."
)


def page_of(text: str, explanations: Sequence[Explanation]) -> str:
    """Return the page that explains the labels of a text."""
    left_out = any(explanation.words_by == BY_LEAVING_OUT for explanation in explanations)
    sections = "\n".join("\n".join(_section(text, explanation)) for explanation in explanations)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Why these labels</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Why these labels</h1>
<p>{LEFT_OUT_NOTE if left_out else BY_WEIGHTS_NOTE}</p>
{sections}
</body>
</html>
"""


def marked_text(text: str, explanation: Explanation) -> str:
    """Return the text as HTML, the words marked that spoke for the label or against it."""
    pieces = []
    for stretch in stretches(text, explanation.words):
        piece = _safe(stretch.text)
        if stretch.strength:
            side = ' class="against"' if stretch.strength < 0 else ""
            piece = f'<mark{side} style="--much: {0.15 + 0.6 * abs(stretch.strength):.2f}">{piece}</mark>'
        pieces.append(piece)
    return f'<div class="text" dir="auto">{"".join(pieces)}</div>'


def _section(text: str, explanation: Explanation) -> Iterator[str]:
    score = f"margin {explanation.margin:+.2f}"
    if explanation.probability is not None:
        score = f"{explanation.probability:.1%}, {score}"
    yield f'<section>\n<h2>{_name(explanation.label)}<span class="score">{score}</span></h2>'
    yield marked_text(text, explanation)
    yield "<dl>"
    for title, sign in (("for", 1), ("against", -1)):
        words = [word for word in explanation.words if word.contribution * sign > 0]
        items = [_item(word.word, f"{word.contribution:+.3f}") for word in words[:MOST_WORDS]]
        if rest := words[MOST_WORDS:]:
            items.append(_item(f"{len(rest)} more", f"{sum(word.contribution for word in rest):+.3f}"))
        yield from _row(title, items)
    yield from _row("bias", [f'<span class="number">{explanation.bias:+.3f}</span>'])
    if explanation.probability is not None:
        probability = explanation.probability
        yield from _row(
            "without", [_item(kind.name, f"{probability + kind.change:.1%}") for kind in explanation.evidence]
        )
    yield from _row("name", [_name(word.word) for word in explanation.name_words])
    for number, neighbour in enumerate(explanation.neighbours):
        labels = ", ".join(
            f"<b>{_name(name)}</b>" if name == explanation.label else _name(name) for name in neighbour.labels
        )
        first_words = "" if neighbour.text is None else f"{_name(neighbour.text)} &rarr; "
        yield from _row(
            "" if number else "similar",
            [f'<span class="number">{neighbour.similarity:.2f}</span> {first_words}{labels}'],
        )
    yield "</dl>\n</section>"


def _row(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"<dt>{title}</dt><dd>{' '.join(items)}</dd>"


def _item(name: str, number: str) -> str:
    return f'<span class="item">{_name(name)} <span class="number">{number}</span></span>'


def _name(name: str) -> str:
    """Return a name, or a line, of any script as HTML that does not turn what stands beside it round."""
    return f"<bdi>{_safe(name)}</bdi>"


def _safe(text: str) -> str:
    return escape(printable(text, kept=LAYOUT + DIRECTIONS))
