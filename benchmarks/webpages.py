"""What each part of the reader of web pages gains: phrases that stay, boilerplate that goes.

    python -m benchmarks.webpages [FOLDER…]

Reads tests/documents/webpages, whose pages say in their first comment what must stay and what
should go, and the HTML files of folders with a manifest as `benchmarks.extraction` takes them. Each
part is switched off in turn.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.extraction import letters
from knowledge.documents.loaders.web import blocks, main, main_text, page, zones
from knowledge.documents.loading import load
from knowledge.documents.options import LoadOptions

PAGES = Path(__file__).resolve().parents[1] / "tests" / "documents" / "webpages"


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page, with what must stay and what should go, by letters and digits alone."""

    data: bytes
    keep: tuple[str, ...]
    leave: tuple[str, ...]


def never(*_: object, **__: object) -> bool:
    """Say no."""
    return False


def always(*_: object, **__: object) -> bool:
    """Say yes."""
    return True


def no_text(*_: object, **__: object) -> str:
    """Give no text."""
    return ""


def nothing(*_: object, **__: object) -> int:
    """Give no zone."""
    return 0


def nobody(*_: object, **__: object) -> None:
    """Do nothing."""


PARTS: dict[str, Sequence[tuple[Any, str, Any]]] = {
    "all parts": (),
    "trafilatura as pointer": ((main, "_main_text", no_text),),
    "zones by element": (
        (zones, "_by_tag", nothing),
        (zones, "_HARD_TAGS", frozenset({"nothing"})),
    ),
    "zones by role": ((zones, "_HARD_ROLES", frozenset()), (zones, "_SOFT_ROLES", frozenset())),
    "zones by hidden state": ((zones, "_is_hidden", never),),
    "what a click unfolds is no hidden zone": ((zones, "_UNFOLDS", re.compile("(?!)")),),
    "zones by class and id": ((zones, "_by_name", nothing),),
    "names in camelCase": ((zones, "_HUMP", re.compile("(?!)")),),
    "zones of most of the page do not count": (
        (main, "_real_zones", lambda found: {n for one in found for n, _ in one.zones}),
    ),
    "standing phrases": ((main_text, "is_standing_phrase", never),),
    "what stands between": ((main_text.MainText, "_fill", nobody),),
    "headings above what is kept": ((main_text.MainText, "_keep_headings", nobody),),
    "the page's main heading": ((main_text.MainText, "_lead", nobody),),
    "lists of sources": ((main_text, "_names_sources", never),),
    "notes": ((main_text, "_is_in_note", never), (zones, "is_note", never)),
    "blocks of links": ((main_text, "is_links", never), (main, "is_links", never)),
    "the element around, without a main text": ((main, "_around", list),),
    "layout tables": ((blocks, "is_data_table", always),),
    "links for screens and readers": ((blocks, "_UNSEEN", re.compile("(?!)")),),
    "labels of buttons": ((blocks, "_CONTROLS", frozenset()),),
    "buttons in headings": ((blocks, "_UNFOLDS", frozenset()),),
    "a heading twice": ((page, "_once", list),),
}
"""What each part is switched off by."""


def main_() -> None:
    """Run the benchmark as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*")
    options = parser.parse_args()
    pages = [*made_pages(), *(one for folder in options.folders for one in listed_pages(folder))]
    print(f"{len(pages)} pages\n\n| without | phrases found | boilerplate kept | seconds |")
    print("|---|--:|--:|--:|")
    for name, patches in PARTS.items():
        with ExitStack() as stack:
            for owner, attribute, value in patches:
                stack.enter_context(patch.object(owner, attribute, value))
            row("nothing: " + name if not patches else name, pages, read)
    row("any choice (html=full)", pages, lambda data: read(data, html="full"))
    row("all but trafilatura", pages, by_trafilatura)


def made_pages() -> Iterator[WebPage]:
    """Yield the pages of the tests."""
    for path in sorted(PAGES.glob("*.html")):
        data = path.read_bytes()
        said = data.decode().partition("-->")[0]
        yield WebPage(
            data,
            *(
                tuple(map(letters, re.findall(rf"^{word}: (.*)$", said, re.MULTILINE)))
                for word in ("keep", "leave")
            ),
        )


def listed_pages(folder: Path) -> Iterator[WebPage]:
    """Yield the pages of a folder's manifest."""
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        if said["format"] == "html" and said["expect"] == "text":
            phrases = (tuple(map(letters, said[name])) for name in ("must", "must_not"))
            yield WebPage((folder / said["path"]).read_bytes(), *phrases)


def read(data: bytes, html: str = "main") -> str:
    """Return the text that the loader gives."""
    zones._zone_of_name.cache_clear()
    loaded = load(data, "page.html", LoadOptions(html=html))
    return "\n".join(document.text for document in loaded.documents)


def by_trafilatura(data: bytes) -> str:
    """Return the text that trafilatura gives."""
    import trafilatura

    return trafilatura.extract(data) or ""


def row(name: str, pages: Sequence[WebPage], reader: Callable[[bytes], str]) -> None:
    """Read all pages; print a row of the table."""
    found = must = kept = leave = 0
    start = time.perf_counter()
    texts = [letters(reader(one.data)) for one in pages]
    seconds = time.perf_counter() - start
    for text, one in zip(texts, pages, strict=True):
        found, must = found + sum(phrase in text for phrase in one.keep), must + len(one.keep)
        kept, leave = kept + sum(phrase in text for phrase in one.leave), leave + len(one.leave)
    print(f"| {name} | {found}/{must} | {kept}/{leave} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main_()
