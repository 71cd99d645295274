import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import scipy.sparse as sp

from xmlc_mhe import XMLCClassifier
from xmlc_mhe.cli import main
from xmlc_mhe.experiments.report import review
from xmlc_mhe.experiments.report.review import MOST_WORDS, review_content, write_review

NASTY = "red </script><script>document.title='taken'</script> \x1b[1m \u202e \"😀\" & rose"
TEXTS = ["red rose", "blue sky", "green grass", "red and blue"] * 6
NAMES = [["red", "a </script><b>\"'"], ["blue"], ["green"], ["red", "blue"]] * 6
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def model():
    return XMLCClassifier(threads=1).fit(TEXTS, NAMES)


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_each_document_has_its_tags_probabilities_and_why(model):
    documents = [NASTY, "unheard", "blue"]
    content = review_content(model, documents, k=2)
    predicted = model.predict(documents, 2)
    assert content["has_texts"] and content["gives_probs"]
    for entry, text, labels, probs in zip(content["documents"], documents, *predicted, strict=True):
        assert entry["text"] == text
        names = [content["labels"][tag["label"]] for tag in entry["tags"]]
        assert names == [model.label_names_[label] for label in labels]
        np.testing.assert_allclose([tag["probability"] for tag in entry["tags"]], probs, rtol=1e-5)
        assert all(len(tag["words"]) <= MOST_WORDS for tag in entry["tags"])
    tag = content["documents"][2]["tags"][0]
    assert tag["words"][0]["word"] == "blue" and tag["words"][0]["spans"] == [[0, 4]]
    assert len(content["documents"][2]["neighbours"]) == 5


def test_tags_below_a_threshold_are_left_out(model):
    content = review_content(model, ["red rose", "unheard"], threshold=0.5)
    assert [len(entry["tags"]) for entry in content["documents"]] == [2, 0]


def test_the_page_holds_the_data_and_ends_no_script(model, tmp_path):
    assert write_review(model, [[NASTY, "blue"], ["\ud800"]], tmp_path / "new" / "folder", k=4) == 3
    page = (tmp_path / "new" / "folder" / "review.html").read_text()
    assert data_of(page) == review_content(model, [NASTY, "blue", "\ud800"], k=4)
    assert page.count("</script>") == 2
    assert not re.search(r"\b(src|href)=\"|url\(|@import|https?:", page.replace(html.escape(NASTY), ""))


def test_rows_of_features_have_numbers_in_place_of_texts(tmp_path):
    X = sp.csr_array(np.eye(4, dtype=np.float32)[np.arange(40) % 4])
    model = XMLCClassifier("given", threads=1).fit(X, [str(row % 4) for row in range(40)])
    assert write_review(model, [X[:3], X[3:5]], tmp_path) == 5
    content = data_of((tmp_path / "review.html").read_text())
    assert not content["has_texts"]
    assert [entry["tags"][0]["words"][0]["word"] for entry in content["documents"]] == [
        "column 0", "column 1", "column 2", "column 3", "column 0"
    ]  # fmt: skip


def test_a_page_takes_no_more_documents_than_it_can_show(model, tmp_path, monkeypatch):
    monkeypatch.setattr(review, "MOST_DOCS", 3)
    read = []

    def batches():
        for number in range(9):
            read.append(number)
            yield ["red", "blue"]

    assert write_review(model, batches(), tmp_path) == 3
    assert len(read) == 2


def test_the_command_writes_the_page(model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model.save("model")
    (tmp_path / "new.txt").write_text("red rose\nblue\n")
    assert main(["report", "model", "--review", "new.txt", "-k", "2"]) == 0
    assert "2 documents are on report/review.html" in capsys.readouterr().err
    assert len(data_of((tmp_path / "report" / "review.html").read_text())["documents"]) == 2
    assert main(["report", "model", "model", "--review", "new.txt"]) == 2
    assert "--review must have one model. Got 2; give one folder that fit wrote." in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["report", "model", "--review", "new.txt", "-o", "file/folder"]) == 2
    assert "file/folder" in capsys.readouterr().err


@pytest.fixture
def in_browser(model, tmp_path):
    """A function that runs a script at the end of the page of some documents, and returns what it says as JSON."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here")

    def run(documents, script):
        write_review(model, [documents], tmp_path, k=3)
        page = (tmp_path / "review.html").read_text()
        script = f"<script>document.body.dataset.said = JSON.stringify((() => {{ {script} }})());</script>"
        (tmp_path / "driven.html").write_text(page.replace("</body>", f"{script}</body>"), errors="backslashreplace")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(
            [*command, "--dump-dom", (tmp_path / "driven.html").as_uri()], capture_output=True, text=True, timeout=120
        )
        return json.loads(html.unescape(re.search(r'data-said="([^"]*)"', done.stdout)[1]))

    return run


def test_a_person_accepts_tags_and_saves_them(in_browser):
    said = in_browser([NASTY, "blue sky", "unheard"], """
        localStorage.clear(); accepted = {}; filter();
        const articles = () => [...document.querySelectorAll('article')];
        const first = articles().length;
        articles()[1].querySelector('.tag input').click();
        at('open').checked = true; filter(); const open = articles().length;
        at('open').checked = false; at('least').value = 0.9; filter();
        const sure = articles().map((one) => one.querySelector('.text').textContent);
        at('all').click();
        articles()[0].querySelector('.tag button').click();
        const marks = [...articles()[0].querySelectorAll('mark')].map((one) => one.textContent);
        return {first, open, sure, marks, title: document.title, scripts: document.scripts.length,
                lines: asJsonLines(), csv: asCsv(), kept: JSON.parse(localStorage.getItem(storage))};
    """)  # fmt: skip
    assert (said["first"], said["open"], said["title"], said["scripts"]) == (3, 2, "Review", 3)
    assert [text[:4] for text in said["sure"]] == ["red ", "blue"]
    assert "\\u001b[1m" in said["sure"][0] and "</script>" in said["sure"][0]
    assert said["marks"] == ["red", "rose"]
    rows = [json.loads(line) for line in said["lines"]]
    assert rows == [{"text": NASTY, "labels": ["red", "a </script><b>\"'"]}, {"text": "blue sky", "labels": ["blue"]}]
    assert said["csv"][0] == "\ufeffdocument,text,label\r\n" and said["csv"][-1] == '2,"blue sky","blue"\r\n'
    assert [len(said["kept"][doc]) for doc in ("0", "1")] == [2, 1]


def test_words_are_marked_after_characters_beyond_the_first_plane(in_browser):
    marks = in_browser(["😀😀 a red rose"], """
        document.querySelector('.tag button').click();
        return [...document.querySelectorAll('mark')].map((one) => one.textContent);
    """)  # fmt: skip
    assert marks == ["red", "rose"]
