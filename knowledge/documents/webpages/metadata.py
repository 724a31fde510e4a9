"""What a page's head says of it: title, author, dates, language, description, site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from knowledge.documents.cleaning import clean

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_NAMES = {
    "author": ("author", "article:author", "dc.creator", "dcterms.creator", "citation_author"),
    "created": (
        "article:published_time", "date", "dc.date", "dcterms.created", "datepublished",
        "citation_publication_date", "pubdate", "publish-date",
    ),
    "modified": ("article:modified_time", "last-modified", "dcterms.modified", "datemodified"),
    "description": ("description", "og:description", "dc.description", "twitter:description"),
    "site": ("og:site_name", "application-name"),
}  # fmt: skip
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_LIMIT = 2_000


def metadata_of(root: HtmlElement) -> dict[str, Any]:
    """Return what the page says of itself; a name that it gives twice counts once."""
    said = dict(_metas(root))
    metadata: dict[str, Any] = {}
    title = _title(root) or said.get("og:title") or said.get("dc.title")
    if title:
        metadata["title"] = title
    for name, sources in _NAMES.items():
        value = next((said[source] for source in sources if said.get(source)), None)
        if value and not (name == "author" and value.startswith("http")):
            metadata[name] = value
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    language = language or said.get("content-language", "")
    if _LANGUAGE.fullmatch(language):
        metadata["language"] = language
    return metadata


def _title(root: HtmlElement) -> str:
    for element in root.iter("title"):
        if element.getparent() is not None and element.getparent().tag != "svg":
            return _plain("".join(element.itertext()))
    return ""


def _metas(root: HtmlElement) -> Iterator[tuple[str, str]]:
    """Yield names and contents, the first of each name last: it wins."""
    found = []
    for element in root.iter("meta"):
        name = element.get("name") or element.get("property") or element.get("itemprop")
        name = name or element.get("http-equiv")
        content = element.get("content")
        if name and content:
            found.append((name.strip().lower(), _plain(content)))
    yield from reversed(found)


def _plain(text: str) -> str:
    return " ".join(clean(text[:_LIMIT]).split())
