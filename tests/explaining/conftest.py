import pytest

from xmlc_mhe.explaining.explanation import EvidenceChange, Explanation, NameWord, SimilarDocument, Word

# What a text or a label can do to a page or a terminal that shows it
NASTY = "<script>alert('1')</script> \"quoted\" & \x1b[31mred\x1b[0m \x9b1m \u202eevil\u2066 \u200fעברית"


@pytest.fixture
def nasty():
    return NASTY


@pytest.fixture
def of_nasty():
    """An explanation whose every string is NASTY."""
    return Explanation(
        label=NASTY,
        probability=0.5,
        margin=0.1,
        bias=-1.0,
        words=[Word(NASTY, 1.0, 1.0, 1.1, [(0, 30)]), Word("against", 1.0, -0.5, -0.5, [(31, 34)])],
        words_by="weights",
        evidence=[EvidenceChange("margins", -0.2)],
        neighbours=[SimilarDocument(NASTY, [NASTY, "b"], 0.5, True), SimilarDocument(None, [], 0.25, False)],
        name_words=[NameWord(NASTY, [(0, 3)])],
    )
