"""Analyzers, normal forms, case, accents, patterns, stems and stop words: what texts of any script are counted as."""

import lzma
import re
import sys
import unicodedata
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer

from xmlc_mhe import TextFeatures, XMLCClassifier
from xmlc_mhe.cli import main
from xmlc_mhe.errors import DataError
from xmlc_mhe.features import counting, piece_counts
from xmlc_mhe.features.analysis import Analysis
from xmlc_mhe.features.characters import INVISIBLE, MARK, SKIPPED, UNSPACED, character_table
from xmlc_mhe.features.counting import HashingCounter, VocabularyCounter
from xmlc_mhe.model_files import read_model, write_model
from xmlc_mhe.state import check_state

AUTO = Analysis("auto", "NFC")


def words_of(text, **options):
    """The vocabulary of one text."""
    options = {"min_df": 1, **options}
    return TextFeatures(**options).fit([text]).state()["vocabulary"]


def sorted_words(*words):
    return sorted(words)


# --- words and unspaced scripts ---------------------------------------------------------------------------------------


def plain_terms(text, ngram_range=(1, 1)):
    """The terms of the analyzer "auto" by a plain loop over characters, with how often each occurs."""
    fewest, most = ngram_range
    text = unicodedata.normalize("NFC", text).replace("i\u0307", "i")
    text = text.lower().replace("i\u0307", "i")
    found, words, word, run = Counter(), [], "", []

    def end_word():
        nonlocal word
        if len(word) >= 2:
            words.append(word)
        word = ""

    def end_words():
        for length in range(fewest, most + 1):
            found.update(" ".join(words[start : start + length]) for start in range(len(words) - length + 1))
        words.clear()

    def end_run():
        for length in range(fewest, most + 2):
            found.update("".join(run[start : start + length]) for start in range(len(run) - length + 1))
        run.clear()

    for character in text:
        entry = int(character_table("auto")[ord(character)])
        kind = entry >> 32 << 32
        if kind == SKIPPED:
            continue
        if kind == MARK and run:
            run[-1] += character
        elif kind == UNSPACED:
            end_word()
            end_words()
            run.append(character)
        else:
            end_run()
            if entry == 0:
                end_word()
            else:
                word += character
    end_word()
    end_words()
    end_run()
    return dict(found)


EXAMPLES = [
    ("北京大学 and Peking大学", {"北", "京", "大", "学", "北京", "京大", "大学", "and", "peking"}),
    ("コンピュータは", {*"コンピュータは", "コン", "ンピ", "ピュ", "ュー", "ータ", "タは"}),
    ("ภาษาไทย ที่", {"ภ", "า", "ษ", "ไ", "ท", "ย", "ภา", "าษ", "ษา", "าไ", "ไท", "ทย", "ที่"}),
    ("ລາວ", {"ລ", "າ", "ວ", "ລາ", "າວ"}),
    ("ខ្មែរ", {"ខ្", "មែ", "រ", "ខ្មែ", "មែរ"}),
    ("မြန်မာ", {"မြ", "န်", "မာ", "မြန်", "န်မာ"}),
    ("हिन्दी भाषा", {"हिन्दी", "भाषा"}),  # marks are part of words
    ("தமிழ்", {"தமிழ்"}),
    ("한국어 문서", {"한국어", "문서"}),
    ("می\u200cخواهم", {"میخواهم"}),  # the joiner does not show
    ("Donau\u00addampf", {"donaudampf"}),
    ("東京2020大会 ๒๕๖๐", {"東", "京", "東京", "2020", "大", "会", "大会", "๒๕๖๐"}),
    ("葛\U000e0100飾", {"葛", "飾", "葛飾"}),
]


@pytest.mark.parametrize(("text", "words"), EXAMPLES)
def test_words_where_a_script_has_spaces_and_letters_and_pairs_where_it_has_none(text, words):
    assert set(words_of(text)) == words
    assert set(plain_terms(text)) == words


letters = st.one_of(
    st.sampled_from("aB1_ é\u0301.\0\nΣσİıI\u0307北京한ไท\u0e35\u0e48हि\u200d\u200b\u00ad𠀀𐐀Å\ufe0f"),
    st.characters(codec=None, exclude_categories=[]),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(letters, max_size=30), min_size=1, max_size=6), st.sampled_from([(1, 1), (1, 2), (2, 3)]),
       st.integers(1, 3), st.booleans())  # fmt: skip
def test_random_texts_are_counted_as_by_a_plain_loop(texts, ngram_range, threads, in_small_pieces):
    with pytest.MonkeyPatch.context() as patch:
        if in_small_pieces:
            patch.setattr(piece_counts, "PIECE_CHARACTERS", 7)
        expected = [plain_terms(text, ngram_range) for text in texts]
        if not any(expected):
            return
        counter, counts = VocabularyCounter.fit_transform(texts, ngram_range, AUTO, threads=threads)
        assert counter.vocabulary == sorted({term for terms in expected for term in terms})
        loaded = VocabularyCounter(counter.vocabulary, ngram_range, AUTO)
        for X in (counts, counter.transform(texts), loaded.transform(texts, threads=threads)):
            got = [
                {counter.vocabulary[column]: count for column, count in zip(row.indices, row.data, strict=True)}
                for row in (X[[number]] for number in range(len(texts)))
            ]
            assert got == expected


def test_ngrams_of_words_do_not_cross_a_run_without_spaces():
    assert words_of("one two 北京 three four", ngram_range=(2, 2)) == sorted_words("one two", "three four", "北京")
    assert words_of("北京大", ngram_range=(1, 2)) == sorted_words("北", "京", "大", "北京", "京大", "北京大")


def test_more_marks_than_a_letter_has_are_dropped():
    assert words_of("ท" + "\u0e35" * 50) == ["ท" + "\u0e35" * 7]


@pytest.mark.parametrize("name", ["llms4subjects-en", "tate-subjects", "cooking"])
def test_real_texts_without_such_scripts_have_the_words_of_scikit_learn(shared, name):
    with lzma.open(shared / "data" / name / "train_texts.txt.xz", "rt", encoding="utf-8", newline="\n") as file:
        texts = [unicodedata.normalize("NFC", text) for text in file.read().split("\n")[:5000]]
    table = character_table("auto")
    texts = [text for text in texts if not any(table[ord(character)] >= UNSPACED for character in set(text))]
    assert len(texts) > 4000
    reference = CountVectorizer(min_df=2).fit(texts)
    assert TextFeatures().fit(texts).state()["vocabulary"] == reference.get_feature_names_out().tolist()


def test_planted_texts_without_spaces_are_learned(rng):
    """Labels that a pair of characters tells: words learn nothing, the default everything."""
    filler = "的一是不了人我在有他这为之来以个中上们到说国和地也子时道出而要于就下得可你年生"
    pairs = ["北京", "上海", "广州", "深圳", "天津", "重庆", "成都", "武汉"]
    texts, labels = [], []
    for number in range(600):
        start = "".join(rng.choice(list(filler), rng.integers(5, 20)))
        label = number % 8
        texts.append(start + pairs[label] + "".join(rng.choice(list(filler), 9)))
        labels.append(f"city{label}")
    model = XMLCClassifier(threads=1).fit(texts[:400], labels[:400])
    assert model.score(texts[400:], labels[400:], metric="P@1") == 1.0
    with pytest.raises(ValueError, match="lower min_df"):
        XMLCClassifier(TextFeatures(analyzer="word"), threads=1).fit(texts[:400], labels[:400])


def test_every_invisible_character_is_skipped_and_the_zero_width_space_is_not():
    assert all(character_table("auto")[code] == SKIPPED for code in INVISIBLE)
    assert character_table("auto")[0x200B] == 0


# --- normal forms, case, accents --------------------------------------------------------------------------------------


def test_composed_and_decomposed_letters_are_one_word():
    texts = ["café au lait", unicodedata.normalize("NFD", "café au lait")]
    X = TextFeatures().fit_transform(texts)
    assert (X[[0]] != X[[1]]).nnz == 0
    assert words_of(texts[1], normalization=None) == sorted_words("au", "cafe\u0301", "lait")


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(codec=None, exclude_categories=["Cs"]), max_size=20))
def test_every_text_has_the_words_of_its_normal_form(text):
    def encoded(given):
        return b"".join(data for data, _ in Analysis("auto", "NFC", case="keep").encoded([given], 100))

    assert encoded(text).decode() == unicodedata.normalize("NFC", text)


def test_every_character_after_a_letter_is_composed():
    analysis = Analysis("auto", "NFC", case="keep")
    for before in ("a", "क", "ᄀ", "가", "ໜ"):
        texts = [before + chr(code) for code in range(0x300, 0x30000) if not 0xD800 <= code < 0xE000]
        ((data, _),) = analysis.encoded(texts, 10**9)
        assert data.decode() == "".join(unicodedata.normalize("NFC", text) for text in texts)


def test_the_compatible_normal_form_makes_wide_letters_narrow():
    assert words_of("ＡＢＣ ﬁne ｶﾞ", normalization="NFKC") == sorted_words("abc", "fine", "ガ")


def test_i_with_a_dot_is_i_and_turkish_has_an_i_of_its_own():
    assert words_of("İstanbul ISPARTA istanbul") == sorted_words("isparta", "istanbul")
    assert words_of("İstanbul ISPARTA I\u0307zmir", case="turkish") == sorted_words("istanbul", "izmir", "ısparta")
    assert words_of("İstanbul Ok OK", case="keep") == sorted_words("İstanbul", "OK", "Ok")
    assert words_of("ΟΔΟΣ") == ["οδος"]


def test_accents_are_stripped_on_request_and_only_accents():
    assert words_of("Café NAÏVE Ångström Łódź", strip_accents=True) == sorted_words("angstrom", "cafe", "naive", "łodz")
    assert words_of("שָׁלוֹם كَتَبَ ёлка", strip_accents=True) == sorted_words("елка", "שלום", "كتب")
    assert words_of("हिन्दी ガス", strip_accents=True) == sorted_words("हिन्दी", "ガ", "ガス", "ス")
    assert set(words_of("ที่", strip_accents=True)) == {"ที่"}
    assert words_of("x\u0304y café", strip_accents=True, analyzer="char_wb", ngram_range=(4, 4)) == sorted_words(
        " caf", "cafe", "afe ", " xy "
    )


# --- characters -------------------------------------------------------------------------------------------------------


spaced = st.text(st.sampled_from("aB é.北Σ𠀀-"), max_size=25)


@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
@settings(deadline=None, max_examples=150)
@given(st.lists(spaced, min_size=1, max_size=5), st.sampled_from([(1, 1), (1, 3), (2, 2), (3, 5), (9, 12)]),
       st.booleans())  # fmt: skip
def test_ngrams_of_characters_are_those_of_scikit_learn(analyzer, texts, ngram_range, in_small_pieces):
    with pytest.MonkeyPatch.context() as patch:
        if in_small_pieces:
            patch.setattr(piece_counts, "PIECE_CHARACTERS", 5)
        reference = CountVectorizer(analyzer=analyzer, ngram_range=ngram_range, dtype=np.float32)
        try:
            expected = reference.fit_transform(texts)
        except ValueError:
            return
        counter, counts = VocabularyCounter.fit_transform(texts, ngram_range, Analysis(analyzer))
        assert counter.vocabulary == reference.get_feature_names_out().tolist()
        loaded = VocabularyCounter(counter.vocabulary, ngram_range, Analysis(analyzer))
        for X in (counts, loaded.transform(texts)):
            np.testing.assert_array_equal(X.toarray(), expected.toarray())
        hashing = HashingVectorizer(
            n_features=50, analyzer=analyzer, ngram_range=ngram_range, alternate_sign=False, norm=None
        )
        hashed = HashingCounter(50, ngram_range, Analysis(analyzer)).transform(texts)
        np.testing.assert_array_equal(hashed.toarray(), hashing.transform(texts).toarray())


def test_white_space_and_control_characters_count_as_one_space():
    assert words_of("a\t\n b\0c", analyzer="char", ngram_range=(3, 3)) == sorted_words("a b", " b ", "b c")


def test_words_and_characters_are_side_by_side_each_of_unit_length():
    texts = ["red roses", "red sky", "blue sky"]
    features = TextFeatures(analyzer="word+char_wb", min_df=1, char_ngram_range=(2, 3))
    X = features.fit_transform(texts)
    words = TextFeatures(min_df=1).fit_transform(texts)
    characters = TextFeatures(analyzer="char_wb", min_df=1, ngram_range=(2, 3)).fit_transform(texts)
    expected = np.hstack([words.toarray(), characters.toarray()]) / np.sqrt(2)
    np.testing.assert_allclose(X.toarray(), expected, rtol=1e-6)
    hashed = TextFeatures(analyzer="word+char_wb", hashing_bits=6).fit_transform(texts)
    assert hashed.shape == (3, 128)


# --- patterns, and analyzers of one's own -----------------------------------------------------------------------------

CODE = r"(?<!\w)\.?\w+(?:\+\+|#)?"


def test_a_pattern_keeps_the_names_of_programming_languages():
    text = "C++ and .NET, C# or R. The end.Next"
    assert words_of(text, token_pattern=CODE) == sorted_words(
        "c++", "and", ".net", "c#", "or", "r", "the", "end", "next"
    )
    assert words_of(text, token_pattern=CODE, case="keep", ngram_range=(2, 2))[:2] == [".NET C#", "C# or"]
    with_group = words_of("a-one b-two", token_pattern=r"-(\w+)")
    assert with_group == sorted_words("one", "two")


def test_a_pattern_finds_runs_without_spaces_that_are_cut_by_auto_alone():
    assert words_of("C++语言", token_pattern=CODE) == sorted_words("c++", "语", "言", "语言")
    assert words_of("C++语言", token_pattern=CODE, analyzer="word") == sorted_words("c++", "语言")


def test_white_space_within_a_word_is_kept_apart_from_that_between_words():
    features = TextFeatures(analyzer=lambda text: text.split("|"), min_df=1, ngram_range=(1, 2))
    vocabulary = features.fit(["New York|is|big"]).state()["vocabulary"]
    assert vocabulary == sorted_words("New\u00a0York", "is", "big", "New\u00a0York is", "is big")


def halves(text):
    """An analyzer: the words before and after a slash, as they are."""
    return [word for word in text.split("/") if word]


@pytest.mark.parametrize("hashing_bits", [0, 8])
def test_an_analyzer_of_your_own_is_never_taken_from_a_model_file(tmp_path, hashing_bits, monkeypatch):
    texts, labels = ["red/rose", "blue/sky", "green/grass"] * 4, ["red", "blue", "green"] * 4
    model = XMLCClassifier(TextFeatures(analyzer=halves, hashing_bits=hashing_bits), threads=1).fit(texts, labels)
    model.save(tmp_path / "model")
    (tmp_path / "mine.py").write_text("def halves(text):\n    return text.split('/')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    named = f"{halves.__module__}:halves"
    with pytest.raises(DataError, match=rf"the analyzer must be given .* names {re.escape(named)}; pass it as "):
        XMLCClassifier.load(tmp_path / "model")
    for analyzer in (halves, "mine:halves"):
        loaded = XMLCClassifier.load(tmp_path / "model", analyzer=analyzer)
        assert loaded.predict_names(texts, 1) == model.predict_names(texts, 1)
        np.testing.assert_array_equal(loaded.predict(texts).scores, model.predict(texts).scores)
    with pytest.raises(ValueError, match=r'analyzer must be "package.module:function" of a function .* Got "mine:no"'):
        XMLCClassifier.load(tmp_path / "model", analyzer="mine:no")


def test_an_analyzer_of_your_own_on_the_command_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "myown.py").write_text("def halves(text):\n    return text.split('/')\n")
    monkeypatch.chdir(tmp_path)
    for part in ("train", "test"):
        (tmp_path / f"{part}_texts.txt").write_text("red/rose\nblue/sky\n" * 5)
        (tmp_path / f"{part}_labels.txt").write_text("red\nblue\n" * 5)
    assert main(["fit", ".", "-m", "model", "--analyzer", "myown:halves"]) == 0
    assert main(["predict", "model", "test_texts.txt"]) == 2
    assert "pass it as analyzer (--analyzer)" in capsys.readouterr().err
    assert main(["predict", "model", "test_texts.txt", "--analyzer", "myown:halves", "-k", "1"]) == 0
    assert '"labels": ["red"]' in capsys.readouterr().out
    assert main(["fit", ".", "-m", "other"]) == 0
    assert main(["predict", "other", "test_texts.txt", "--analyzer", "myown:halves"]) == 2
    assert "--analyzer must be left out with models that have no analyzer of your own" in capsys.readouterr().err


@pytest.mark.parametrize("found", ["a string", 3, ["one", 2], None])
def test_an_analyzer_that_returns_no_words_is_refused(found):
    with pytest.raises(ValueError, match=r"analyzer must return the words of a text as a list of str\. Got .*; return"):
        TextFeatures(analyzer=lambda text: found, min_df=1).fit(["text"])


# --- stems and stop words ---------------------------------------------------------------------------------------------


def test_stop_words_of_a_list_are_left_out_before_ngrams_are_made():
    assert words_of("the end of the road", stop_words=["The", "of"], ngram_range=(2, 2)) == ["end road"]
    assert words_of("don't stop", stop_words=["don't"]) == ["stop"]
    assert words_of("où est le café", stop_words=["où"], strip_accents=True) == sorted_words("est", "le", "cafe")


def test_stop_words_of_a_language_are_saved_with_the_model(tmp_path, monkeypatch):
    pytest.importorskip("stop_words")
    features = TextFeatures(stop_words="german", min_df=1).fit(["das Haus und der Garten"])
    assert features.state()["vocabulary"] == ["garten", "haus"]
    write_model(tmp_path / "model", features.state())
    monkeypatch.setitem(sys.modules, "stop_words", None)
    loaded = TextFeatures.from_state(read_model(tmp_path / "model"))
    assert loaded.get_params() == features.get_params()
    assert (loaded.transform(["das Haus"]) != features.transform(["das Haus"])).nnz == 0


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("hashing_bits", [0, 10])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2)])
def test_words_count_as_their_stems_whether_fit_saw_them_or_not(rng, threads, hashing_bits, ngram_range, monkeypatch):
    snowballstemmer = pytest.importorskip("snowballstemmer")
    monkeypatch.setattr(piece_counts, "PIECE_CHARACTERS", 200)
    monkeypatch.setattr(counting, "MOST_HASHED_TERMS", 4)
    stem = snowballstemmer.stemmer("english").stemWord
    words = ["running", "runs", "run", "nations", "national", "generously", "generous", "relational", "the", "of"]
    words += [f"{word}{number}ing" for word in ("jump", "walk") for number in range(300)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(300)]
    new = [*texts[:5], "runner cats generosity", "the the of", "jumping walked"]
    stemmed = [" ".join(stem(word) for word in text.split() if word not in ("the", "of")) for text in (*texts, *new)]
    shared = {"hashing_bits": hashing_bits, "ngram_range": ngram_range}
    features = TextFeatures(stem="english", stop_words=["the", "of"], **shared)
    plain = TextFeatures(**shared)
    X, expected = features.fit_transform(texts, threads=threads), plain.fit_transform(stemmed[: len(texts)])
    np.testing.assert_allclose(X.toarray(), expected.toarray(), rtol=1e-6)
    if not hashing_bits:
        assert features.state()["vocabulary"] == plain.state()["vocabulary"]
    loaded = TextFeatures.from_state(features.state())
    for of in (features, loaded):
        got = of.transform(new, threads=threads)
        np.testing.assert_allclose(got.toarray(), plain.transform(stemmed[len(texts) :]).toarray(), rtol=1e-6)


def test_a_language_that_a_library_has_not_is_refused():
    pytest.importorskip("snowballstemmer")
    pytest.importorskip("stop_words")
    with pytest.raises(ValueError, match=r"stem must be None or one of .*german.* Got 'klingon'; choose one"):
        TextFeatures(stem="klingon").fit(["text"])
    with pytest.raises(ValueError, match=r"stop_words must be None, .* one of .*german.* Got 'klingon'; choose one"):
        TextFeatures(stop_words="klingon").fit(["text"])


@pytest.mark.parametrize(("option", "module"), [("stem", "snowballstemmer"), ("stop_words", "stop_words")])
def test_a_library_that_is_missing_is_named_with_its_extra(option, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    package = module.replace("_", "-")
    message = rf'{option}="german" needs {package}\. Got no {package}; pip install "xmlc-mhe\[languages\]"\.'
    with pytest.raises(ImportError, match=message):
        TextFeatures(**{option: "german"}).fit(["text"])


def test_a_file_of_stop_words_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stop.txt").write_text("the\nof\n")
    (tmp_path / "train_texts.txt").write_text("the red rose\nthe blue sky\n" * 5)
    (tmp_path / "train_labels.txt").write_text("red\nblue\n" * 5)
    options = ["--stop-words", "stop.txt", "--strip-accents", "--case", "keep", "--normalization", "none"]
    assert main(["fit", ".", "-m", "model", *options]) == 0
    features = XMLCClassifier.load("model").encoder_
    assert features.state()["vocabulary"] == sorted_words("blue", "red", "rose", "sky")
    assert (features.case, features.normalization, features.strip_accents) == ("keep", None, True)


# --- saved states and refusals ----------------------------------------------------------------------------------------

OPTIONS = [
    {"analyzer": "word", "normalization": None},
    {"analyzer": "char", "ngram_range": (2, 3)},
    {"analyzer": "char_wb", "ngram_range": (1, 4), "case": "turkish"},
    {"analyzer": "word+char_wb", "char_ngram_range": (2, 4)},
    {"analyzer": "word+char_wb", "hashing_bits": 6, "weighting": "bow"},
    {"normalization": "NFKC", "strip_accents": True, "token_pattern": CODE, "stop_words": ["sky", "the"]},
    {"ngram_range": (1, 2), "case": "keep"},
]
TEXTS = ["red Roses und C++", "the red sky 北京大学", "blue sky 北京", "İstanbul C++ café 大学", "", "café Roses"]


@pytest.mark.parametrize("options", OPTIONS)
def test_features_read_from_a_saved_state_are_identical(options, tmp_path):
    features = TextFeatures(**{"min_df": 1, **options})
    X = features.fit_transform(TEXTS)
    assert (features.transform(TEXTS) != X).nnz == 0
    write_model(tmp_path / "model", features.state())
    loaded = TextFeatures.from_state(read_model(tmp_path / "model"))
    assert (loaded.transform(TEXTS) != X).nnz == 0
    assert loaded.get_params() == features.get_params()
    assert loaded.state().keys() == features.state().keys()
    XMLCClassifier(TextFeatures(**{"min_df": 1, **options}), threads=1).fit(TEXTS, list("abcdef")).save(
        tmp_path / "whole"
    )
    assert XMLCClassifier.load(tmp_path / "whole").encoder_.get_params() == features.get_params()


def test_a_state_that_names_no_analyzer_has_the_words_that_it_was_fitted_with():
    state = TextFeatures(analyzer="word", normalization=None, min_df=1).fit(["İstanbul 北京大学"]).state()
    for name in ("analyzer", "normalization", "case", "strip_accents", "token_pattern", "stem", "stop_words",
                 "stop_list", "char_ngram_range"):  # fmt: skip
        del state[name]
    assert state["vocabulary"] == ["stanbul", "北京大学"]
    old = TextFeatures.from_state(state)
    assert old.transform(["İstanbul 北京大学"]).nnz == 2
    assert (old.analyzer, old.normalization) == ("word", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"analyzer": "words"}, r"analyzer must be one of auto, word, .*, or package\.module:function\. Got 'words'; "),
        ({"analyzer": str}, r"analyzer must be one of .* Got <class 'str'>; "),
        ({"analyzer": 3}, r"analyzer must be one of .* Got 3; "),
        ({"normalization": "nfc"}, r"normalization must be one of NFC, NFKC, None\. Got 'nfc'; "),
        ({"case": False}, r"case must be one of lower, turkish, keep\. Got False; "),
        ({"strip_accents": "unicode"}, r"strip_accents must be True or False\. Got 'unicode'; "),
        ({"token_pattern": "("}, r"token_pattern must be a regular expression with one group at most\. Got '\('.*; "),
        ({"token_pattern": r"(\w)(\w)"}, r"token_pattern must be .* \(2 groups\); write \(\?:"),
        ({"token_pattern": 3}, r"token_pattern must be .* Got 3"),
        ({"stem": True}, r"stem must be None or a language\. Got True; "),
        ({"stop_words": 3}, r"stop_words must be None, a list of words, or a language\. Got 3; "),
        ({"stop_words": [3]}, r"stop_words must be None, .* Got \[3\]; "),
        ({"char_ngram_range": (3, 2), "analyzer": "word+char_wb"}, r"char_ngram_range must be the shortest and .* Got"),
        ({"char_ngram_range": (2, 3)}, r"char_ngram_range must be \(3, 5\) with analyzer='auto'\. Got \(2, 3\); leave"),
        ({"stem": "german", "analyzer": "char"}, r"stem must be None with .* choose analyzer auto, word, .* your own"),
        ({"token_pattern": "a", "analyzer": "char_wb"}, r"token_pattern must be None with analyzer='char_wb'\. Got"),
        ({"case": "keep", "analyzer": halves}, r"case must be 'lower' with analyzer=<function halves .*Got 'keep'"),
    ],
)
def test_an_option_that_is_none_or_has_no_effect_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TextFeatures(**options).fit(["one text", "one text"])


def test_the_command_line_refuses_options_without_effect_in_one_line(tmp_path, capsys):
    assert main(["fit", "no such data", "-m", str(tmp_path / "m"), "--analyzer", "char", "--stem", "german"]) == 2
    assert capsys.readouterr().err == (
        "xmlc-mhe: error: --stem must be left out with --analyzer char, where it has no effect. Got it; remove it, or "
        "choose analyzer auto, word, word+char_wb or one of your own.\n"
    )
    assert main(["fit", "no such data", "-m", str(tmp_path / "m"), "--char-ngrams", "2,3"]) == 2
    assert "--char-ngrams must be left out with --analyzer auto" in capsys.readouterr().err


FORGED = [
    ("analyzer", "bigrams"), ("analyzer", 3), ("normalization", "NFX"), ("case", "upper"), ("strip_accents", 1),
    ("token_pattern", "("), ("token_pattern", 3), ("stem", 3), ("stop_words", 3), ("stop_list", [3]),
    ("stop_list", "german"), ("char_ngram_range", [3, 2]), ("analyzer", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), FORGED)
def test_a_forged_entry_is_refused_with_its_name(name, value):
    state = TextFeatures(analyzer="word+char_wb", stop_words=["the"]).fit(TEXTS).state()
    check_state(state, TextFeatures.state_fields(state), place="model")
    state[name] = value
    with pytest.raises(DataError, match=rf"model: {name} must be "):
        check_state(state, TextFeatures.state_fields(state), place="model")


def test_a_forged_option_without_effect_is_refused():
    state = TextFeatures(analyzer="char", min_df=1).fit(TEXTS).state() | {"stem": "german"}
    check_state(state, TextFeatures.state_fields(state), place="model")
    with pytest.raises(DataError, match=r"encoder\.analyzer must go with the other options\. Got ValueError: stem"):
        TextFeatures.from_state(state)


def test_a_state_with_a_stem_of_no_language_is_refused_in_one_line():
    pytest.importorskip("snowballstemmer")
    state = TextFeatures(min_df=1, stem="english").fit(["red roses"]).state()
    match = r"^encoder\.stem must be None or one of arabic, .*Got 'kling..?on'; choose one of"
    with pytest.raises(DataError, match=match) as caught:
        TextFeatures.from_state(state | {"stem": "kling\non"})
    assert "\n" not in str(caught.value)
