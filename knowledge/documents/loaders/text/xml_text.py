"""The text of XML elements, by what they look like: words apart, marks, entities, formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import TYPE_CHECKING

from knowledge.text.cleaning import words
from knowledge.text.marks import struck, subscript, superscript

if TYPE_CHECKING:
    from lxml.etree import _Element

_ENTITY = 60
SPACE = re.compile(r"\s+")
PARAGRAPHS = words(
    "p para paragraph simpara line v l note abstract summary description text quote blockquote"
)
_APART = PARAGRAPHS | words(
    "li item list listitem ul ol table row tr entry td th claim claim-text sec section div br "
    "break title head heading dd dt fn footnote"
)
_PREFIX = re.compile(r"<(/?)\w+:")
_LETTERED = words("w word math choice subst")
"""Elements whose parts are parts of one word."""
_REPLACED = frozenset({"sic", "orig", "abbr"})
_Mark = Callable[[str, str, str], str]
_RAISED: _Mark = lambda text, before, _: superscript(text, before)  # noqa: E731
_LOWERED: _Mark = lambda text, before, _: subscript(text, before)  # noqa: E731
_MARKS: Mapping[str, _Mark] = {
    **dict.fromkeys(("sup", "superscript"), _RAISED),
    **dict.fromkeys(("sub", "subscript"), _LOWERED),
    **dict.fromkeys(("strikethrough", "strike", "del"), struck),
}
"""Elements of FictionBook, DocBook, JATS and their kin that mark what is in them."""


def local_name(element: _Element) -> str:
    """Return an element's name without its namespace; empty for an entity."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def plain_text(element: _Element) -> str:
    """Return all the text in an element, in one line."""
    return SPACE.sub(" ", "".join(_texts(element))).strip()


def paragraph(element: _Element) -> str:
    """Return all the text in an element, with its line breaks."""
    lines = "".join(_texts(element, "\n")).split("\n")
    return "\n".join(filter(None, (SPACE.sub(" ", line).strip() for line in lines)))


def _texts(element: _Element, apart: str = " ") -> Iterator[str]:
    """Yield the texts in an element; white space around elements that stand on their own."""
    from lxml import etree

    last = ""
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, node in walk:
        name = local_name(node)
        if name in _APART and node is not element:
            yield apart
            last = apart
        elif event == "start" and _stands_beside(node):
            yield " "
        mark = node.get("rend", "") if name == "hi" else name
        if event == "end":
            piece = SPACE.sub(" ", node.tail or "") if node is not element else ""
        elif name == "math" or (name in _REPLACED and _is_replaced(node)):
            piece = _formula(node) if name == "math" else ""
            walk.skip_subtree()
        elif mark in _MARKS and node is not element:
            piece = _MARKS[mark]("".join(_texts(node, apart)), last, node.tail or "")
            walk.skip_subtree()
        else:
            piece = SPACE.sub(" ", node.text or "") if name else _entity(node)
        if piece:
            yield piece
            last = piece


def _stands_beside(node: _Element) -> bool:
    """Tell whether an element follows another one, where no text stands between elements."""
    parent, before = node.getparent(), node.getprevious()
    return (
        parent is not None
        and before is not None
        and bool(local_name(before))
        and (local_name(parent) not in _LETTERED and not is_mixed(parent))
    )


def _formula(node: _Element) -> str:
    """Return the signs of MathML, which is read as pages have it: with the entities of HTML."""
    from lxml import etree, html

    from knowledge.documents.loaders.web.elements import formula

    source = etree.tostring(node, encoding="unicode", with_tail=False)
    return formula(html.fragment_fromstring(_PREFIX.sub(r"<\1", source), create_parent="math"))


def _is_replaced(node: _Element) -> bool:
    """Tell whether the author's form of a word is followed by the editor's (TEI P5)."""
    parent = node.getparent()
    return parent is not None and local_name(parent) == "choice" and len(parent) > 1


def inner_elements(element: _Element) -> list[_Element]:
    """Return the elements in an element, without comments and entities."""
    return [child for child in element if local_name(child)]


def _entity(node: _Element) -> str:
    """Return what an entity stands for, where that is a character or a few plain words."""
    reference = node.text or ""
    dtd = node.getroottree().docinfo.internalDTD
    name = reference.strip("&;")
    declared = dtd.iterentities() if dtd is not None else ()
    content = next((entity.content for entity in declared if entity.name == name), None)
    plain = content and len(content) <= _ENTITY and not set(content) & set("&<%")
    return str(content) if plain else unescape(reference)


def is_mixed(element: _Element) -> bool:
    """Tell whether an element holds text of its own, be it beside others."""
    if (element.text or "").strip():
        return True
    return any((child.tail or "").strip() for child in element)
