import pytest

from xmlc_mhe.ranking.first_words import MOST_CHARACTERS, FirstWords


@pytest.mark.parametrize("text, expected", [
    ("A  red\n\trose ", "A red rose"),
    ("", ""),
    ("ж" * 200, "ж" * MOST_CHARACTERS),
    (" " * 1000 + "red", "red"),
    ("a\ud800b", "a?b"),
    ("<b>\x1b[1m", "<b>\x1b[1m"),
])  # fmt: skip
def test_the_first_words_of_a_document_are_kept_in_one_line(text, expected):
    kept = FirstWords.of(["before", text, "after"])
    assert [kept.of_doc(doc) for doc in range(3)] == ["before", expected, "after"]
