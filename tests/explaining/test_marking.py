import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmlc_mhe.explaining.explanation import Word
from xmlc_mhe.explaining.marking import JOINERS, LAYOUT, as_json_text, in_one_line, printable, stretches


def word(contribution, *spans):
    return Word("w", 1.0, contribution, contribution, list(spans))


@pytest.mark.parametrize("words, expected", [
    ([], [("red rose", 0)]),
    ([word(2.0, (0, 3))], [("red", 1), (" rose", 0)]),
    ([word(2.0, (0, 3)), word(-1.0, (4, 8))], [("red", 1), (" ", 0), ("rose", -0.5)]),
    ([word(2.0, (0, 3)), word(0.01, (4, 8))], [("red", 1), (" ", 0), ("rose", 0)]),  # too weak
    ([word(1.0, (0, 3)), word(1.0, (0, 8))], [("red", 1), (" rose", 0.5)]),  # a pair of words around a word
    ([word(0.0, (0, 3))], [("red", 0), (" rose", 0)]),
])  # fmt: skip
def test_a_text_is_cut_where_words_begin_and_end(words, expected):
    found = stretches("red rose", words)
    assert [(text, pytest.approx(strength)) for text, strength in found] == expected


@settings(deadline=None)
@given(st.text(max_size=20), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.floats(-5, 5)), max_size=5))
def test_the_pieces_are_the_text(text, places):
    words = [word(much, tuple(sorted((min(a, len(text)), min(b, len(text)))))) for a, b, much in places]
    found = stretches(text, words)
    assert "".join(piece for piece, _ in found) == text
    assert all(abs(strength) <= 1 + 1e-9 for _, strength in found)


@pytest.mark.parametrize("text, expected", [
    ("a\x1b[1mb", "a\\x1b[1mb"), ("\x9b", "\\x9b"), ("\u202ea", "\\u202ea"), ("نمی\u200cخواهم", "نمی\u200cخواهم"),
    ("\ud800", "\\ud800"), ("a\nb", "a\\nb"), ("ok é 中", "ok é 中"), ("\x7f", "\\x7f"),
])  # fmt: skip
def test_what_does_not_print_is_an_escape(text, expected):
    assert printable(text) == expected


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text):
    for shown in (in_one_line(text), printable(text, kept=LAYOUT), as_json_text([text])):
        assert all(char.isprintable() or char in JOINERS + LAYOUT for char in shown)


@given(st.text())
def test_json_for_a_terminal_is_the_same_json(text):
    assert json.loads(as_json_text([text])) == [text]


def test_a_lone_surrogate_is_json_that_can_be_encoded(nasty):
    assert json.loads(as_json_text(["\ud800", nasty]).encode()) == ["\ud800", nasty]
