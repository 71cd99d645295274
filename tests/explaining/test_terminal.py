import io
from dataclasses import replace

import pytest

from xmlc_mhe.explaining.explanation import SimilarDocument, Word
from xmlc_mhe.explaining.label import Companion, LabelDescription, LabelWord
from xmlc_mhe.explaining.terminal import MOST_TEXT, has_colours, lines_of, lines_of_label

NEIGHBOURS = [SimilarDocument("A rose", ["a", "c"], 0.5, True), SimilarDocument(None, ["b"], 0.25, False)]
OURS = ("\x1b[32m", "\x1b[31m", "\x1b[1m", "\x1b[0m")


@pytest.mark.parametrize("colours", [False, True])
def test_nothing_in_texts_and_labels_reaches_the_terminal_but_colours_of_ours(of_nasty, nasty, colours):
    shown = "\n".join(lines_of(nasty, [of_nasty, of_nasty], colours=colours))
    for ours in OURS if colours else ():
        assert ours in shown
        shown = shown.replace(ours, "")
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\\x1b[31mred" in shown and "\\u202e" in shown
    alone = len(list(lines_of(nasty, [of_nasty], colours=colours)))
    assert len(shown.splitlines()) == 2 * (alone - 4) + 1 + 4  # similar documents are shown once


def test_words_for_the_label_are_green_and_those_against_it_red(of_nasty):
    words = [Word("red", 1, 2, 2.0, [(2, 5)]), Word("rose", 1, -0.5, -0.5, [(6, 10)])]
    shown = list(lines_of("A Red rose", [replace(of_nasty, words=words)], colours=True))[1]
    assert shown == "  A \x1b[32m\x1b[1mRed\x1b[0m \x1b[31mrose\x1b[0m"


@pytest.mark.parametrize("length, ends", [(MOST_TEXT, "x"), (MOST_TEXT + 1, "x...")])
def test_a_long_text_is_cut(of_nasty, length, ends):
    shown = list(lines_of("x" * length, [replace(of_nasty, words=[])], colours=True))[1]
    assert shown == "  " + "x" * (MOST_TEXT - 1) + ends


def test_similar_documents_are_shown_once_with_a_star_at_labels_that_are_explained(of_nasty):
    labels = [replace(of_nasty, label=name, neighbours=NEIGHBOURS) for name in ("a", "b")]
    assert list(lines_of("red", labels, colours=False))[-4:] == [
        "", "similar training documents", '  0.50  "A rose" [a*; c]', "  0.25  [b*]"
    ]  # fmt: skip


def test_the_lines_say_what_was_left_out(of_nasty):
    shown = list(lines_of("red", [replace(of_nasty, words_by="leaving out")], colours=False))
    assert shown[-1].startswith("Each word was left out in turn")
    assert "  without   margins 0.300" in shown
    weights = list(lines_of("red", [replace(of_nasty, probability=None)], colours=False))
    assert not any(line.startswith("Each word") or "without" in line for line in weights)
    assert weights[0].endswith("  margin +0.10")


@pytest.mark.parametrize("is_tty, environment, expected", [
    (True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True),
    (True, {"TERM": "dumb"}, False),
])  # fmt: skip
def test_colours_are_for_terminals_that_want_them(is_tty, environment, expected, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    stream.isatty = lambda: is_tty
    assert has_colours(stream) is expected


def test_a_label_is_described_in_lines(nasty):
    label = LabelDescription(nasty, 3, [LabelWord(nasty, 1.5)], [LabelWord("b", -0.25)], [Companion(nasty, 0.5)])
    shown = list(lines_of_label(label))
    assert [line.split()[0] for line in shown[1:]] == ["for", "against", "goes"]
    assert shown[0].endswith("  3 training documents") and shown[1].endswith("+1.50") and shown[3].endswith("50%")
    assert all(line.isprintable() for line in shown)
    assert "none: the model has no weights" in list(lines_of_label(LabelDescription("a", 0, [], [], [])))[1]
