"""Parses HTML, however broken, in time that grows with its length only."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

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
