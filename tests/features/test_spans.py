import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmlc_mhe import TextFeatures
from xmlc_mhe.features.analysis import Analysis
from xmlc_mhe.features.counting import HashingCounter, VocabularyCounter
from xmlc_mhe.features.spans import terms_of, terms_of_columns

ODD_TEXTS = [
    "Straße, ὈΔΥΣΣΕΎΣ.",
    "İstanbul'da Iğdır İİ",
    "a 1 22 x_y",
    "naïve  naïve",
    "ΑΣ ΑΣΑ",
    "中文 字",
    "",
    "\x1b[1mred",
]


WORDS, BY_DEFAULT = Analysis(), Analysis("auto", "NFC")
CODE = Analysis("auto", "NFC", token_pattern=r"(?<!\w)\.?\w+(?:\+\+|#)?")
GERMAN = Analysis("auto", "NFC", stem="german", stop_words=frozenset(["und"]))


@pytest.mark.parametrize("text, analysis, lengths, expected", [
    ("A red Rose, red!", BY_DEFAULT, (1, 1), {"red": ["red", "red"], "rose": ["Rose"]}),
    ("İstanbul İİ", BY_DEFAULT, (1, 1), {"istanbul": ["İstanbul"], "ii": ["İİ"]}),
    ("Peking大学 cafe\u0301 CAFÉ", BY_DEFAULT, (1, 1),
     {"peking": ["Peking"], "大": ["大"], "大学": ["大学"], "学": ["学"], "café": ["cafe\u0301", "CAFÉ"]}),
    ("one two 北京 three", BY_DEFAULT, (2, 2), {"one two": ["one two"], "北京": ["北京"]}),
    ("C++, C#", CODE, (1, 1), {"c++": ["C++"], "c#": ["C#"]}),
    ("Häuser und Haus", GERMAN, (1, 2), {"haus": ["Häuser", "Haus"], "haus haus": ["Häuser und Haus"]}),
    ("ab  cd", Analysis("char"), (3, 3), {"ab ": ["ab  "], "b c": ["b  c"], " cd": ["  cd"]}),
    ("ab  cd", Analysis("char_wb"), (3, 3), {" ab": ["ab"], "ab ": ["ab"], " cd": ["cd"], "cd ": ["cd"]}),
    ("x-y", Analysis(own=lambda text: [*text.split("-"), "of no text"]), (1, 1),
     {"x": ["x"], "y": ["y"], "of\xa0no\xa0text": []}),
    ("", BY_DEFAULT, (1, 1), {}),
])  # fmt: skip
def test_terms_are_found_where_they_stand_in_the_text_as_given(text, analysis, lengths, expected):
    found = terms_of(text, lengths, analysis)
    assert {term: [text[start:end] for start, end in spans] for term, spans in found.items()} == expected


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20)), max_size=4).map(" ".join),
    st.sampled_from([WORDS, BY_DEFAULT]),
)
def test_the_terms_are_those_that_are_counted_and_as_many(text, analysis):
    terms = terms_of(text, (1, 2), analysis)
    if not terms:
        return
    counts = VocabularyCounter(list(terms), (1, 2), analysis).transform([text]).toarray()[0]
    assert counts.tolist() == [len(spans) for spans in terms.values()]
    assert HashingCounter(1 << 20, (1, 2), analysis).transform([text]).sum() == counts.sum()


def test_a_pair_of_words_reaches_from_the_first_to_the_end_of_the_second():
    assert terms_of("red, red rose", (2, 2)) == {"red red": [(0, 8)], "red rose": [(5, 13)]}


@pytest.mark.parametrize("options", [{}, {"ngram_range": (1, 3)}, {"hashing_bits": 16, "ngram_range": (1, 2)}], ids=str)
def test_each_column_of_a_text_is_a_term_of_it_with_its_places(options):
    texts = ["A red rose is a red rose", "the rose", *ODD_TEXTS]
    features = TextFeatures(min_df=1, **options).fit(texts)
    for text in texts:
        columns = features.transform([text]).indices
        found = terms_of_columns(features, text, columns.tolist())
        assert len(found) == len(columns)
        expected = terms_of(text, features.ngram_range, BY_DEFAULT)
        assert dict(found) == expected


def test_terms_with_one_hash_are_named_together():
    features = TextFeatures(min_df=1, hashing_bits=1, weighting="bow").fit(["red rose blue sky", "red"])
    text = "Red rose, blue sky"
    found = terms_of_columns(features, text, features.transform([text]).indices.tolist())
    assert sorted(term for terms, _ in found for term in terms.split(" / ")) == ["blue", "red", "rose", "sky"]
    assert sorted(span for _, spans in found for span in spans) == [(0, 3), (4, 8), (10, 14), (15, 18)]
    assert len(found) == 2
