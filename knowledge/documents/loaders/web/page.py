"""A page of HTML: its text as Markdown and what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any

from knowledge.documents.loaders.web.blocks import Block, BlockKind, blocks_of
from knowledge.documents.loaders.web.main import own_blocks
from knowledge.model import Anchor
from knowledge.text.cleaning import clean

if TYPE_CHECKING:
    from lxml.html import HtmlElement


# Parses HTML, however broken, in time that grows with its length only.

_HEAD = 2_048
_DEEP = "Excessive depth"
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_NOT_SHOWN = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_XHTML = re.compile(r"\A\s*<\?xml|<html[^>]{0,500}xmlns", re.IGNORECASE)
_CLOSED_AT_ONCE = re.compile(
    r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)"
    r"([a-zA-Z][\w:-]*)((?:\s[^<>]*)?)/>"
)
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]*>?")


def parse(page: str) -> HtmlElement | None:
    """Return the page's ``html`` element, without comments.

    ``None`` for a page that nests deeper than libxml2 follows (2,048 elements), the rest of which
    it would leave out, and for one without any element or text.
    """
    from lxml import etree, html

    parser = html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    if _XHTML.search(page[:_HEAD]):  # HTML does not know <script/> and would read on to its end
        page = _CLOSED_AT_ONCE.sub(r"<\1\2></\1>", _DECLARATION.sub("", page, count=1))
    page = _CONTROL.sub("", page)
    try:
        root = html.document_fromstring(page, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None
    deep = any(_DEEP in entry.message for entry in parser.error_log)
    return None if deep else root


def without_tags(page: str) -> str:
    """Return the text of a page that has no tree: tags become line breaks."""
    text = unescape(_TAG.sub("\n", _NOT_SHOWN.sub("\n", page)))
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


# What a page's head says of it: title, author, dates, language, description, site.

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


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page; its text is clean."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    anchors: tuple[Anchor, ...] = ()


def read_page(html: str, *, full: bool = False, sheets: str = "") -> Page:
    """Read a page, or a fragment of one, as Markdown.

    Parameters
    ----------
    full:
        Keep the whole page: navigation, banners, footers and what is hidden.
    sheets:
        Style sheets that stand beside it.
    """
    root = parse(html)
    if root is None:
        text = clean(without_tags(html))
        warnings = ("its elements nest too deep to be told apart",) if text else ()
        return Page(text, {}, warnings)
    if sheets:
        style = root.makeelement("style")
        style.text = sheets
        root.append(style)
    metadata = metadata_of(root)
    blocks = blocks_of(root, everything=full)
    if not blocks and not full:
        blocks = blocks_of(root, everything=True)
    elif not full:
        blocks = own_blocks(blocks, root, metadata.get("title", ""))
    text, anchors = _joined(_once(blocks))
    return Page(text, metadata, anchors=anchors)


def _once(blocks: list[Block]) -> list[Block]:
    """Leave out a heading that stands right above: some themes give it again for printing."""
    pairs = zip([None, *blocks], blocks, strict=False)
    return [
        block
        for above, block in pairs
        if above is None or block.kind is not BlockKind.HEADING or above.text != block.text
    ]


def _joined(blocks: list[Block]) -> tuple[str, tuple[Anchor, ...]]:
    """Return the text of blocks and its anchors, items of a list on neighbouring lines."""
    parts: list[str] = []
    anchors: list[Anchor] = []
    length = 0
    before = None
    for block in blocks:
        tight = before is not None and (
            (block.kind is BlockKind.ITEM and before.kind is BlockKind.ITEM)
            or (block.element.tag == "dd" and before.element.tag == "dt")
        )
        text = ("" if before is None else "\n" if tight else "\n\n") + block.text
        if block.anchor and (not anchors or anchors[-1].name != block.anchor):
            anchors.append(Anchor(block.anchor, length + len(text) - len(block.text)))
        parts.append(text)
        length += len(text)
        before = block
    return "".join(parts), tuple(anchors)
