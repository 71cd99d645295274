import numpy as np
import pytest

from xmlc_mhe.serving.names import NameIndex

NAMES = ["bread", "rye bread", "breadcrumbs", "Bread", "shortbread", "Straße", "two\nlines", ""]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("bread", ["bread", "Bread", "breadcrumbs", "rye bread", "shortbread"]),
        ("BREADC", ["breadcrumbs"]),
        ("strasse", ["Straße"]),
        ("two  lin", ["two\nlines"]),
        ("e b", ["rye bread"]),
        ("d\nr", []),
        ("no such", []),
        ("  ", []),
    ],
)
def test_names_are_found_whole_ones_first_then_beginnings_words_and_parts(typed, found):
    assert NameIndex(NAMES).find(typed, 20) == found
    assert NameIndex(NAMES).find(typed, 1) == found[:1]


def test_every_name_with_the_text_is_found_as_by_a_plain_loop(rng):
    names = ["".join(word) for word in rng.choice(list("abc "), (300, 5))]
    index = NameIndex(names)
    for typed in ("a", "ab", "c a", "bb", "abc"):
        expected = {name for name in names if typed in " ".join(name.split())}
        assert set(index.find(typed, 300)) == expected
        assert len(index.find(typed, 300)) == np.sum([name in expected for name in names])
