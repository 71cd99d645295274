"""The page in a real browser."""

import json
import os
import shutil
from pathlib import Path

import pytest
from serving_client import ODD_NAMES, fit_other, serving

import xmlc_mhe

sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = os.environ.get("XMLC_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; set XMLC_CHROMIUM to its path")

TEXT = "word3 also3 noise1"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def two(model_folder, tmp_path_factory):
    """A server with two models."""
    fit_other(folder := tmp_path_factory.mktemp("page") / "second")
    with serving(f"first={model_folder}", folder) as started:
        yield started


def open_page(browser, port, **options):
    """Return the page when it is ready; it may ask this server alone, and must not complain."""
    page = browser.new_page(**options)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.complaints.append(request.url)
            if not request.url.startswith((f"http://127.0.0.1:{port}/", "data:")) else None)  # fmt: skip
    page.on("dialog", lambda dialog: (page.complaints.append("a dialog"), dialog.dismiss()))
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("body[data-ready=yes]")
    return page


@pytest.fixture
def page(browser, server):
    opened = open_page(browser, server.port, permissions=["clipboard-read", "clipboard-write"])
    yield opened
    assert not opened.complaints
    opened.close()


def label(page, name):
    return page.locator(".label", has=page.get_by_text(name, exact=True))


def test_labels_come_as_one_types_and_the_slider_chooses_them(page):
    page.fill("#text", TEXT)
    sync_api.expect(label(page, "label 3")).to_be_visible()
    sync_api.expect(page.locator(".label")).to_have_count(1)
    page.fill("#threshold", "0")
    sync_api.expect(page.locator(".label")).to_have_count(13)
    page.click("#clear")
    sync_api.expect(page.locator(".label")).to_have_count(0)


def test_a_click_marks_the_words_and_shows_similar_documents(page):
    text = "𝔊 other " + TEXT  # a character of two halves before them
    page.fill("#text", text)
    label(page, "label 3").locator(".name").click()
    sync_api.expect(page.locator("#why .marked")).to_have_text(text)
    assert {"word3", "also3"} <= set(page.locator("#why mark.for").all_text_contents())
    sync_api.expect(page.locator("#why .similar li.has")).not_to_have_count(0)
    page.click("#why button")
    sync_api.expect(page.locator("#why")).to_be_hidden()


def test_nothing_in_a_text_or_a_label_becomes_markup(page):
    text = "<img src=x onerror=alert(1)><script>alert(2)</script> \x1b[31m \u202e word8 also8"
    page.fill("#text", text)
    page.fill("#threshold", "0")
    names = page.locator(".name span[dir=auto]")
    sync_api.expect(names).to_have_count(13)
    found = set(names.all_text_contents())
    assert ODD_NAMES[0] in found
    assert ODD_NAMES[1] in found
    assert "\\u{1b}[31mred" in found
    assert "\\u{202e}right to left" in found
    label(page, ODD_NAMES[0]).locator(".name").click()
    shown = page.locator("#why .marked").text_content()
    assert "<script>alert(2)</script>" in shown
    assert "\u202e" not in shown
    assert page.locator("main script, main img").count() == 0


def test_it_works_by_keyboard_alone(page):
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type(TEXT)
    sync_api.expect(label(page, "label 3")).to_be_visible()
    page.fill("#threshold", "0")
    page.locator(".name").first.focus()
    page.keyboard.press("a")
    sync_api.expect(page.locator("#chosen li")).to_have_text(["label 3"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("r")
    sync_api.expect(page.locator(".label.rejected")).to_have_count(1)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#why")).to_be_visible()


def test_labels_are_completed_and_new_ones_can_be_added(page):
    page.fill("#add", "LABEL")
    sync_api.expect(page.locator("#completions li")).to_have_count(9)  # one is markup
    page.press("#add", "ArrowDown")
    page.press("#add", "Enter")
    sync_api.expect(page.locator("#chosen li")).to_have_text(["label 1"])
    page.fill("#add", "all new <b>")
    sync_api.expect(page.locator("#completions")).to_be_hidden()
    page.press("#add", "Enter")
    sync_api.expect(page.locator("#chosen li")).to_have_text(["label 1", "all new <b>"])
    page.locator("#chosen button").first.click()
    sync_api.expect(page.locator("#chosen li")).to_have_text(["all new <b>"])


def test_labels_are_copied_as_list_csv_or_json(page):
    for name in ("label 1", '=1+"1"'):
        page.fill("#add", name)
        if name == "label 1":
            sync_api.expect(page.locator("#completions li")).to_have_text([name])
        page.press("#add", "Enter")
    copied = {}
    for kind in ("list", "csv", "json"):
        page.click(f"[data-copy={kind}]")
        sync_api.expect(page.locator("#status")).to_have_text("Copied 2 labels.")
        copied[kind] = page.evaluate("navigator.clipboard.readText()").replace("\r\n", "\n")
        page.evaluate("document.getElementById('status').textContent = ''")
    assert copied["list"] == 'label 1\n=1+"1"'
    assert copied["csv"] == 'label,score\n"label 1",\n"\'=1+""1""",'
    assert json.loads(copied["json"]) == [{"label": "label 1", "score": None}, {"label": '=1+"1"', "score": None}]


def test_a_dropped_file_is_another_text(page, tmp_path):
    page.fill("#add", "mine")
    page.press("#add", "Enter")
    (tmp_path / "text.txt").write_text("größe word2 also2", encoding="utf-8")
    page.set_input_files("#file", tmp_path / "text.txt")
    sync_api.expect(page.locator("#text")).to_have_value("größe word2 also2")
    sync_api.expect(label(page, "label 2")).to_be_visible()
    sync_api.expect(page.locator("#chosen li")).to_have_count(0)


def test_several_models_stand_side_by_side(browser, two):
    page = open_page(browser, two.port)
    page.fill("#text", "word1 also1")
    sync_api.expect(page.locator("#columns h2")).to_have_text(["first", "second"])
    sync_api.expect(label(page, "label 1")).to_be_visible()
    sync_api.expect(label(page, "other 1")).to_be_visible()
    page.locator("#projects input").first.uncheck()
    sync_api.expect(label(page, "label 1")).to_have_count(0)
    sync_api.expect(label(page, "other 1")).to_be_visible()
    assert not page.complaints
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it_in_one_column(browser, server, scheme):
    page = open_page(browser, server.port, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page.fill("#text", TEXT)
    label(page, "label 3").locator(".name").click()
    sync_api.expect(page.locator("#why")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 245, 247)"
    assert light == (scheme == "light")
    page.close()


def test_the_documents_of_the_interface_name_every_route(browser, server):
    from xmlc_mhe.serving.app import OPEN_ROUTES, ROUTES

    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/docs")
    routes = [f"{method} {path}" for method, path, _ in [*ROUTES, *OPEN_ROUTES]
              if path.startswith("/v1") or (method, path, _) in OPEN_ROUTES]  # fmt: skip
    sync_api.expect(page.locator("h2")).to_have_count(len(routes))
    assert sorted(page.locator("h2").all_text_contents()) == sorted(routes)
    page.close()


def test_the_page_has_less_than_100_kb():
    files = list((Path(xmlc_mhe.__file__).parent / "serving" / "page").iterdir())
    assert len(files) == 6
    assert sum(file.stat().st_size for file in files) < 100_000
