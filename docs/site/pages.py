"""A hook of mkdocs: brings what lies outside docs/ into the site, and makes a page of reference for each folder.

Pages link to files of the repository, such as ../recipes/README.md. On a repository's host these links work as they
are. In the site such a file lies under repository/, and the links to it are written anew. A Markdown file becomes a
page.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent.parent
OUTSIDE = "repository/"  # where the files from outside docs/ lie in the site
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)")
PACKAGE = "xmlc_mhe"


def on_config(config: Any) -> Any:
    """Put the pages of reference for the package's folders last in the navigation."""
    title = "Modules"
    config.nav.append({title: [{name: place} for name, place, _ in module_pages()]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of reference, and every file outside docs/ that a page links to, directly or through another."""
    for _, place, text in module_pages():
        files.append(File.generated(config, place, content=text))
    waiting = [file for file in files.documentation_pages() if file.abs_src_path]
    while waiting:
        page = waiting.pop()
        for path in linked_files(Path(page.abs_src_path).read_text(), in_repository(page.src_uri)):
            place = in_site(path)
            if place.startswith(OUTSIDE) and place not in files.src_uris:
                files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
                waiting += [files.src_uris[place]] if path.endswith(".md") else []
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Point the links of a page to where the files lie in the site."""
    return with_links_of_site(markdown, page.file.src_uri)


def with_links_of_site(markdown: str, place: str) -> str:
    """Return the text of the page at a place in the site, with its links to files of the repository as the site's."""

    def link_of_site(match: re.Match[str]) -> str:
        path = target_of(match[1], in_repository(place))
        return match[1] if path is None else posixpath.relpath(in_site(path), posixpath.dirname(place) or ".")

    return LINK.sub(link_of_site, markdown)


def linked_files(markdown: str, page: str) -> Iterator[str]:
    """The files of the repository that a page of it links to, or shows as pictures."""
    found = (target_of(target, page) for target in LINK.findall(markdown))
    return (path for path in found if path is not None)


def target_of(target: str, page: str) -> str | None:
    """Return the path in the repository that a relative link of a page leads to; None where no file is."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    return path if not path.startswith("..") and (ROOT / path).is_file() else None


def in_site(path: str) -> str:
    """Return where a file of the repository lies in the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else OUTSIDE + path


def in_repository(place: str) -> str:
    """Return which file of the repository lies at a place in the site."""
    return place.removeprefix(OUTSIDE) if place.startswith(OUTSIDE) else f"docs/{place}"


def module_pages() -> list[tuple[str, str, str]]:
    """Return for each folder of the package the title, the place in the site and the text of its page of reference."""
    pages = []
    for folder in sorted({path.parent for path in (ROOT / PACKAGE).rglob("*.py")}):
        modules = sorted(path for path in folder.glob("*.py") if path.stem not in ("__init__", "__main__"))
        name = ".".join(folder.relative_to(ROOT).parts)
        purpose = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
        lines = [f"# {name}", purpose.split("\n\n")[0], ""]
        lines += [f"::: {name}.{path.stem}\n    options:\n      heading_level: 2\n" for path in modules]
        pages.append((name, f"reference/modules/{name}.md", "\n".join(lines)))
    return pages
