import re
from dataclasses import replace
from html.parser import HTMLParser

from xmlc_mhe.explaining.explanation import SimilarDocument, Word
from xmlc_mhe.explaining.page import marked_text, page_of

VOID = {"meta", "br"}


class Page(HTMLParser):
    """The elements of a page, which must be closed in order, and its visible text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_no_text_or_label_becomes_markup(of_nasty, nasty):
    html = page_of(nasty, [of_nasty, replace(of_nasty, probability=None, words_by="leaving out")])
    page = Page(html)
    assert "script" not in page.tags and "<script>alert('1')</script>" in "".join(page.text)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert "\u200fעברית" in html  # a mark of one place stays, in an element that isolates it
    assert page.tags.count("section") == 2


def test_the_page_loads_nothing(of_nasty):
    html = page_of("red", [of_nasty])
    assert not re.search(r"\b(src|href)=|url\(|@import", html)
    assert {"link", "img", "iframe"}.isdisjoint(Page(html).tags)


def test_the_words_are_marked_where_they_stand_and_lines_stay(of_nasty):
    words = [Word("red", 1, 2, 2.0, [(2, 5)]), Word("rose", 1, -0.5, -0.5, [(6, 10)])]
    assert marked_text("A Red\nrose <b>", replace(of_nasty, words=words)) == (
        '<div class="text" dir="auto">A <mark style="--much: 0.75">Red</mark>\n'
        '<mark class="against" style="--much: 0.30">rose</mark> &lt;b&gt;</div>'
    )


def test_the_page_says_how_words_were_weighed(of_nasty):
    assert "bias and words sum to the margin" in page_of("red", [of_nasty])
    assert "left out in turn" in page_of("red", [replace(of_nasty, words_by="leaving out")])


def test_the_label_explained_is_bold_among_those_of_similar_documents(of_nasty):
    similar = [SimilarDocument("A <i>rose", ["a", "b"], 0.5, True), SimilarDocument(None, ["a"], 0.25, False)]
    html = page_of("red", [replace(of_nasty, label="b", neighbours=similar)])
    assert "<bdi>A &lt;i&gt;rose</bdi> &rarr; <bdi>a</bdi>, <b><bdi>b</bdi></b></dd>" in html
    assert "0.25</span> <bdi>a</bdi></dd>" in html
