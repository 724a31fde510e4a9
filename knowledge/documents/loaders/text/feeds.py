"""Feeds (RSS 0.9 to 2.0, Atom, RDF) to Markdown: what a feed says of itself, then its entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from html import unescape
from typing import TYPE_CHECKING

from knowledge.documents.loaders.text.xml_text import local_name, plain_text
from knowledge.text.cleaning import words

if TYPE_CHECKING:
    from lxml.etree import _Element

ITEMS = frozenset({"item", "entry"})
_BODIES = ("encoded", "content", "description", "summary", "subtitle")
"""Texts of an entry, the longest form first."""
_DATES = ("pubDate", "published", "date", "updated")
_AUTHORS = ("author", "creator", "contributor", "managingEditor")
_TOPICS = ("category", "subject", "keywords")
_TAKEN = words("title link guid id items image textInput generator docs ttl cloud lastBuildDate")


def feed_text(root: _Element) -> str:
    """Return a feed's text and its entries, each below its title."""
    items = [node for node in root.iter() if local_name(node) in ITEMS]
    channel = next((node for node in root.iter() if local_name(node) == "channel"), root)
    about = _fields(channel)
    title = _first(about, ("title",))
    parts = [f"# {title}"] if title else []
    parts += _bodies(about)
    for item in items:
        fields = _fields(item)
        name = _first(fields, ("title",))
        parts += [f"## {name}"] if name else []
        facts = (
            _first(fields, _DATES),
            _all(fields, _AUTHORS),
            _link(fields),
            _all(fields, _TOPICS),
        )
        parts.append("\n".join(filter(None, facts)))
        parts += _bodies(fields)
    return "\n\n".join(filter(None, parts))


def _fields(element: _Element) -> dict[str, list[_Element]]:
    """Return what stands in an entry, or in the feed beside its entries, by name."""
    found: dict[str, list[_Element]] = defaultdict(list)
    for child in element:
        name = local_name(child)
        if name in ("group", "thumbnail"):  # of media
            for inner, nodes in _fields(child).items():
                found[inner] += nodes
        elif name not in ITEMS:
            found[name].append(child)
    return found


def _bodies(fields: dict[str, list[_Element]]) -> Iterator[str]:
    """Yield the texts, but for those that a longer one holds, then what else is said in words."""
    known = ""
    for name in _BODIES:
        for node in fields.get(name, ()):
            text = _read(node)
            if text and _letters(text) not in known:
                known += _letters(text)
                yield text
    for name, nodes in fields.items():
        if name not in (*_BODIES, *_DATES, *_AUTHORS, *_TOPICS) and name not in _TAKEN:
            values = [text for text in map(plain_text, nodes) if any(map(str.isalpha, text))]
            if values:
                yield f"{name}: {', '.join(values)}"


def _read(node: _Element) -> str:
    """Return a text that is HTML, in elements or escaped."""
    from lxml import etree

    from knowledge.documents.loaders.web import read_page

    if len(node):
        page = "".join(etree.tostring(child, encoding="unicode") for child in _plain_names(node))
        return read_page((node.text or "") + page, full=True).text
    return read_page(unescape(node.text or ""), full=True).text


def _plain_names(node: _Element) -> _Element:
    """Return a copy of an element whose elements have no namespaces, as HTML has it."""
    from copy import deepcopy

    from lxml import etree

    copied = deepcopy(node)
    for element in copied.iter():
        if isinstance(element.tag, str):
            element.tag = local_name(element)
    etree.cleanup_namespaces(copied)
    return copied


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _first(fields: dict[str, list[_Element]], names: tuple[str, ...]) -> str:
    found = (" ".join(_read(node).split()) for name in names for node in fields.get(name, ()))
    return next(filter(None, found), "")


def _all(fields: dict[str, list[_Element]], names: tuple[str, ...]) -> str:
    """Return the distinct values of fields in one line."""
    nodes = [node for name in names for node in fields.get(name, ())]
    values = (plain_text(node) or node.get("label") or node.get("term") or "" for node in nodes)
    return ", ".join(dict.fromkeys(filter(None, values)))


def _link(fields: dict[str, list[_Element]]) -> str:
    links = (node.get("href") or plain_text(node) for node in fields.get("link", ()))
    return next(filter(None, links), "")
