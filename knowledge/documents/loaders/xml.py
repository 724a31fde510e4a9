"""XML: documents and feeds to Markdown, drawings to their words, data as its own lines.

External entities are not fetched and internal ones are not expanded.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

from knowledge.documents.cleaning import clean, drop_inline_data
from knowledge.documents.encodings import decode
from knowledge.documents.options import LoadOptions
from knowledge.documents.xml_text import is_document, local_name, markdown_of, plain_text
from knowledge.model import Document, TextKind

if TYPE_CHECKING:
    from lxml.etree import _Element

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_LONG_LINE = 500
_SHOWN_IN_SVG = frozenset({"title", "desc", "text"})
_ITEMS = frozenset({"item", "entry"})
_BODIES = ("encoded", "content", "description", "summary")
_DATES = ("pubDate", "published", "date", "updated")


def load(data: bytes, name: str, options: LoadOptions) -> Document:
    """Read XML; what is no document keeps its lines, as does what can't be parsed.

    Raises
    ------
    DocumentError
        It is no text.
    """
    declared = _DECLARED.match(data.lstrip()[:300])
    source, warnings = decode(data, declared=declared[1].decode() if declared else None)
    root = _parse(source)
    kind = local_name(root) if root is not None else ""
    if root is None:
        document = _as_lines(source)
    elif kind == "html":
        from knowledge.documents.loaders import html

        return html.load(source.encode(), name, options)
    elif kind == "svg":
        document = Document(_words_of_drawing(root))
    elif kind in ("rss", "feed", "RDF") and any(local_name(node) in _ITEMS for node in root.iter()):
        document = Document(_feed(root), TextKind.MARKDOWN, metadata=_about(root))
    elif is_document(root):
        document = Document(markdown_of(root), TextKind.MARKDOWN, metadata=_about(root))
    else:
        document = _as_lines(_indented(root, source))
    return Document(
        clean(drop_inline_data(document.text)),
        document.kind,
        has_lines=document.has_lines and document.text == source,
        metadata=document.metadata,
        syntax=document.syntax,
        loader="xml",
        warnings=warnings,
    )


def _parse(source: str) -> _Element | None:
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(_DECLARATION.sub("", source, count=1).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _as_lines(source: str) -> Document:
    return Document(source, TextKind.CODE, has_lines=True, syntax="xml")


def _indented(root: _Element, source: str) -> str:
    """Return data as it is, or in lines where it has none."""
    from lxml import etree

    if len(source) <= _LONG_LINE * (1 + source.strip().count("\n")):
        return source
    etree.indent(root, " ")
    return str(etree.tostring(root, encoding="unicode"))


def _about(root: _Element) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    title = next((node for node in root.iter() if "title" in local_name(node).lower()), None)
    if title is not None and plain_text(title):
        metadata["title"] = plain_text(title)[:500]
    language = root.get(_LANGUAGE) or root.get("lang")
    if language:
        metadata["language"] = language
    return metadata


def _words_of_drawing(root: _Element) -> str:
    found = (node for node in root.iter() if local_name(node) in _SHOWN_IN_SVG)
    return "\n".join(filter(None, map(plain_text, found)))


def _feed(root: _Element) -> str:
    """Return a feed's entries, each below its title."""
    from knowledge.documents.webpages import read_page

    title = _about(root).get("title", "")
    parts = [f"# {title}"] if title else []
    for item in (node for node in root.iter() if local_name(node) in _ITEMS):
        fields: dict[str, _Element] = {}
        for child in item:
            fields.setdefault(local_name(child), child)
        parts.append(f"## {_field(fields, 'title')}")
        about = [_first(fields, _DATES), _first(fields, ("author", "creator")), _link(fields)]
        parts.append("\n".join(filter(None, about)))
        body = next((fields[name] for name in _BODIES if name in fields), None)
        if body is not None:
            inner = plain_text(body) if len(body) else unescape(body.text or "")
            parts.append(read_page(inner, full=True).text)
    return "\n\n".join(filter(None, parts))


def _first(fields: dict[str, _Element], names: tuple[str, ...]) -> str:
    return next(filter(None, (_field(fields, name) for name in names)), "")


def _field(fields: dict[str, _Element], name: str) -> str:
    return plain_text(fields[name]) if name in fields else ""


def _link(fields: dict[str, _Element]) -> str:
    link = fields.get("link")
    return "" if link is None else (link.get("href") or plain_text(link))
