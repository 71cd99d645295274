"""Draw the pictures of the page in docs/serving.md: `python docs/site/page_pictures.py ADDRESS TEXT_FILE`.

ADDRESS is that of a server, as `xmlc-mhe serve` prints it. Needs the package playwright and Chromium.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent.parent
PICTURES = {  # name -> width, height, colours, whether an explanation is open
    "page-light": (1200, 620, "light", False),
    "page-dark": (1200, 620, "dark", False),
    "page-why": (1200, 1040, "light", True),
    "page-phone": (375, 800, "light", False),
}


def main() -> None:
    address, text = sys.argv[1], Path(sys.argv[2]).read_text(encoding="utf-8").strip()
    with sync_playwright() as playwright:
        path = os.environ.get("XMLC_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, (width, height, scheme, with_why) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            _work(page, address, text, with_why)
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


def _work(page: Page, address: str, text: str, with_why: bool) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    page.fill("#text", text)
    page.wait_for_selector(".label")
    page.fill("#threshold", "5")
    page.locator(".label .yes").first.click()
    if page.locator(".label").count() > 2:
        page.locator(".label .no").nth(2).click()
    if with_why:
        page.locator(".label .name").first.click()
        page.wait_for_selector("#why .marked")


if __name__ == "__main__":
    main()
