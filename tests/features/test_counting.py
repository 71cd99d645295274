"""Counting: what scikit-learn's CountVectorizer and HashingVectorizer give, on real texts and on odd ones."""

import lzma
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.utils import murmurhash3_32

from xmlc_mhe.features import counting, terms
from xmlc_mhe.features.characters import lower_ascii_words, lower_words
from xmlc_mhe.features.counting import HashingCounter, VocabularyCounter

LEAST_HASH = "aivlts3m"
NGRAM_RANGES = [(1, 1), (1, 2), (2, 2), (1, 3), (2, 4)]
FORMER_FAULTS = [  # a kind each: texts that are easily counted otherwise than by the pattern
    ["", " ", "a", "ab", "a b", "ab c de"],
    ["ab\0cd ab\0", "\0", "ab", "\0ab"],
    ["ab\ud800cd \udfff", "\ud83d\ude00ab", "ab"],
    ["İstanbul İİ Iıİi", "istanbul i̇stanbul", "ıstanbul"],
    ["ΟΔΟΣ ΣΑΣ ΑΣ' ΑΣ'Α Σ ΣΣ", "οδος οδοσ σας ας ασ", "όδΟΣ.", "ΟΔΟ", "Σ"],
    ["𐐀𐐁 𐐨𐐩 𝒜𝒷 𠀀𠀁", "𐐨𐐩 x𠀀"],
    ["ȺȾ ⱥⱦ \u212aK kk K\u212a", "ẞß ßß Straße STRASSE"],  # lower case of more and of fewer bytes
    ["x_y __ _ 1_000 ①② ½¼ Ⅷⅷ", "٣٤ ३४ 12"],
    ["don't x-ray a.b.c C++ .NET", "e\u0301te\u0301 été", "北京大学 ไทย ประเทศไทย"],
    ["w" * 7, "w" * 8, "w" * 9, "w" * 15, "w" * 16, "w" * 17, "é" * 4, "é" * 5],  # blocks of eight bytes
    ["w" * 300_000 + " ww " + "w" * 300_000, "w" * 300_000],
    ["ab " * 100_000 + "cd", "cd", "ab é"],
    ["ab"],
    [],
]


def sklearn_counts(counter, texts, *, fit=True):
    """The counts of scikit-learn, sorted."""
    X = counter.fit_transform(texts) if fit else counter.transform(texts)
    X.has_sorted_indices = False
    X.sort_indices()
    return X


def assert_identical(got, expected):
    assert (got.shape, got.data.dtype) == (expected.shape, np.float32)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


def assert_counts_are_those_of_scikit_learn(texts, ngram_range=(1, 1), min_df=1, threads=1, others=()):
    shared = {"ngram_range": ngram_range, "dtype": np.float32}
    reference = CountVectorizer(min_df=min_df, **shared)
    try:
        expected = sklearn_counts(reference, texts)
    except ValueError:
        with pytest.raises(ValueError, match=r"no words at all|terms, all in fewer"):
            VocabularyCounter.fit_transform(texts, ngram_range, min_df=min_df, threads=threads)
    else:
        counter, counts = VocabularyCounter.fit_transform(texts, ngram_range, min_df=min_df, threads=threads)
        assert counter.vocabulary == reference.get_feature_names_out().tolist()
        assert_identical(counts, expected)
        loaded = VocabularyCounter(counter.vocabulary, ngram_range)
        for some in (texts, others):
            if len(some):
                expected = sklearn_counts(reference, some, fit=False)
                assert_identical(counter.transform(some, threads=threads), expected)
                assert_identical(loaded.transform(some, threads=threads), expected)
    if len(texts):
        hashing = HashingVectorizer(n_features=50, alternate_sign=False, norm=None, **shared)
        assert_identical(
            HashingCounter(50, ngram_range).transform(texts, threads=threads), sklearn_counts(hashing, texts)
        )


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(counting, "PIECE_CHARACTERS", 20)


# --- as scikit-learn --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ngram_range", NGRAM_RANGES)
@pytest.mark.parametrize("texts", FORMER_FAULTS, ids=range(len(FORMER_FAULTS)))
def test_odd_texts_are_counted_as_by_scikit_learn(texts, ngram_range):
    assert_counts_are_those_of_scikit_learn(texts, ngram_range, others=FORMER_FAULTS[0])


@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 3)])
def test_a_text_of_all_characters_is_counted_as_by_scikit_learn(ngram_range):
    characters = [chr(code) for code in range(0x110000)]
    texts = ["".join(characters), "x".join(characters), " ".join(f"x{character}" for character in characters)]
    assert_counts_are_those_of_scikit_learn(texts, ngram_range)


letters = st.one_of(st.sampled_from("aAbB1_ é.\0\nßΣσςİıİK𐐀𐐨北"), st.characters(codec=None, exclude_categories=[]))
some_texts = st.lists(st.text(letters, max_size=40), max_size=8)


@settings(deadline=None, max_examples=300)
@given(some_texts, some_texts, st.sampled_from(NGRAM_RANGES), st.integers(1, 3), st.integers(1, 3), st.booleans())
@example(["aa bb", "cc bb aa"], ["bb aa"], (2, 2), 1, 2, True)
def test_random_texts_are_counted_as_by_scikit_learn(texts, others, ngram_range, min_df, threads, in_small_pieces):
    with pytest.MonkeyPatch.context() as patch:
        if in_small_pieces:
            patch.setattr(counting, "PIECE_CHARACTERS", 7)
        assert_counts_are_those_of_scikit_learn(texts, ngram_range, min_df, threads, others)


@pytest.mark.parametrize("ngram_range", NGRAM_RANGES)
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_table_that_grows_often_counts_the_same(rng, ngram_range, threads, small_pieces):
    words = [f"{word:x}" * (1 + word % 5) for word in range(3000)]
    texts = [" ".join(rng.choice(words, rng.integers(0, 30))) for _ in range(800)]
    assert_counts_are_those_of_scikit_learn(texts, ngram_range, 2, threads, texts[::-1])


@pytest.mark.parametrize("name", ["eurlex57k", "llms4subjects-en", "tate-subjects", "cooking"])
def test_real_texts_are_counted_as_by_scikit_learn(shared, name):
    texts = {}
    for part in ("train", "test"):
        with lzma.open(shared / "data" / name / f"{part}_texts.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
            texts[part] = file.read().split("\n")[:-1]
    assert len(texts["train"]) > 1000
    reference = CountVectorizer(min_df=2, dtype=np.float32)
    expected = sklearn_counts(reference, texts["train"])
    counter, counts = VocabularyCounter.fit_transform(texts["train"], min_df=2, threads=2)
    assert counter.vocabulary == reference.get_feature_names_out().tolist()
    assert_identical(counts, expected)
    assert_identical(counter.transform(texts["test"]), sklearn_counts(reference, texts["test"], fit=False))
    assert_counts_are_those_of_scikit_learn(texts["train"][:500], (1, 2), 2, 2, texts["test"][:500])


# --- pieces and threads -----------------------------------------------------------------------------------------------


def test_a_long_text_is_cut_between_words_and_its_ngrams_go_over_the_cuts(small_pieces):
    text = "one two three ΑΣ four five sixsixsixsixsixsixsixsixsix seven İx eight nine ten " * 3
    pieces = [data for data, _ in counting._encoded([text])]
    assert len(pieces) > 6
    assert max(map(len, pieces)) < 60
    assert_counts_are_those_of_scikit_learn([text], (1, 3), others=[text, "ten one two"])


def test_pieces_are_bounded_and_hold_all_texts_in_order(small_pieces):
    texts = ["a" * 9, "b" * 10, "", "c" * 2, "d" * 21, "", "e" * 20, "f"]
    pieces = counting._pieces(texts)
    assert [text for piece in pieces for text in piece] == texts
    assert [sum(map(len, piece)) for piece in pieces] == [19, 2, 21, 20, 1]
    assert counting._pieces([]) == [[]]


def test_one_counter_serves_several_threads_at_a_time(rng):
    words = [f"word{number}" for number in range(500)]
    texts = [" ".join(rng.choice(words, 50)) for _ in range(200)]
    counter, expected = VocabularyCounter.fit_transform(texts)
    with ThreadPoolExecutor(8) as pool:
        for row, counts in enumerate(pool.map(lambda text: counter.transform([text]), texts)):
            assert_identical(counts, expected[[row]])


def test_a_counter_can_be_pickled():
    counter, counts = VocabularyCounter.fit_transform(["one two", "two three"], (1, 2))
    assert_identical(pickle.loads(pickle.dumps(counter)).transform(["one two", "two three"]), counts)


def test_hashed_terms_are_forgotten_when_they_are_many_and_counted_the_same(rng, monkeypatch, small_pieces):
    monkeypatch.setattr(counting, "MOST_HASHED_TERMS", 5)
    texts = [" ".join(f"word{word}" for word in rng.integers(0, 300, 9)) for _ in range(50)]
    assert_counts_are_those_of_scikit_learn(texts, (1, 2))


# --- exactness --------------------------------------------------------------------------------------------------------


def test_terms_with_equal_hashes_are_told_apart():
    """Words with the same 32 bits of hash, found by trying: tables of many terms compare the words themselves."""
    tags = {}
    for number in range(400_000):
        word = f"w{number:06}"
        block = np.uint64(int.from_bytes(word.encode().ljust(8, b"\0"), "little"))
        tags.setdefault(int(terms.mix_hash(np.uint64(0), block)) & 0xFFFFFFFF, []).append(word)
    texts = [word for same in tags.values() if len(same) > 1 for word in same]
    assert len(texts) > 4
    counter, counts = VocabularyCounter.fit_transform(texts)
    assert counter.vocabulary == sorted(texts)
    np.testing.assert_array_equal(counts.toarray(), np.array(texts)[:, None] == counter.vocabulary)


def test_the_bytes_of_every_character_are_those_of_its_lower_case_if_it_is_of_words():
    for code, packed in enumerate(lower_words().tolist()):
        lower = "i" if chr(code) == "İ" else chr(code).lower()
        expected = lower.encode() if re.match(r"\w", lower) else b""
        assert packed.to_bytes(4, "little").rstrip(b"\0") == expected
    np.testing.assert_array_equal(lower_ascii_words(), lower_words()[:128])


@pytest.mark.parametrize("num_columns", [2**30, 1000003])
def test_columns_are_the_absolute_values_of_the_hash_of_scikit_learn(num_columns):
    """All lengths of a word, and the term whose hash is the one without an absolute value in 32 bits, among others."""
    texts = ["é" * length + "x" * rest for length in range(1, 9) for rest in range(1, 9)] + [LEAST_HASH]
    assert murmurhash3_32(LEAST_HASH) == -(2**31)
    columns = HashingCounter(num_columns).transform(texts).indices
    assert columns.tolist() == [abs(murmurhash3_32(text)) % num_columns for text in texts[:-1]] + [2**31 % num_columns]


@pytest.mark.parametrize(
    "vocabulary", [[], ["one", "two", "one"], ["one two", "one two"], ["one\ntwo", "three"], ["one\0"], ["one\n"]]
)
def test_a_vocabulary_that_is_none_is_refused(vocabulary):
    with pytest.raises(ValueError, match=rf"each once and without control .*\. Got {len(vocabulary)} terms, "):
        VocabularyCounter(vocabulary, (1, 2))


def test_terms_of_a_vocabulary_that_no_text_can_have_are_never_counted():
    vocabulary = ["One", "", " ", "a", "one two", "two  one", "one-two", "two one two", "\ud800"]
    counts = VocabularyCounter(vocabulary, (1, 2)).transform(["One two one-two a", " ", "one", "two one two"])
    assert counts.toarray().tolist() == [[0, 0, 0, 0, 2, 0, 0, 0, 0], [0] * 9, [0] * 9, [0] * 4 + [1] + [0] * 4]


def test_many_texts_of_one_short_word_each_are_counted():
    texts = [f"w{number}" for number in range(10)] * 7  # two bytes a word, and nothing between the texts
    counter, counts = VocabularyCounter.fit_transform(texts)
    assert counts.sum() == len(texts)
    np.testing.assert_array_equal(counter.transform(texts).toarray(), counts.toarray())
