"""What a Word paragraph is by its style and numbering: heading, list item, quote, code or text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from knowledge.documents.loaders import markdown_blocks as markdown

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(
    r"heading (\d)|(?:ü|u)berschrift (\d)|titre (\d)|t[ií]tulo (\d)", re.IGNORECASE
)
_CODE = re.compile(r"\b(?:code|source|preformatted|listing|verbatim)\b", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number|continue) ([2-5])")
_DEEPEST = 8
_CHAIN = 20  # styles that build on each other may do so in a circle


def local_name(element: Any) -> str:
    """Return an element's name without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def value(element: Any, name: str) -> str:
    """Return an attribute of WordprocessingML; empty where it is missing."""
    return str(element.get(_WORD + name, ""))


@dataclass(frozen=True, slots=True)
class _Style:
    name: str = ""
    level: int | None = None
    """Outline level, from 0."""
    number: str = ""
    """The list that paragraphs of this style belong to."""
    depth: int = 0


class Styles:
    """The styles and lists of a document; counts numbered items as they are shown."""

    def __init__(self, styles: Any, numbering: Any) -> None:
        found = styles.iterfind(_WORD + "style") if styles is not None else ()
        self._elements = {value(style, "styleId"): style for style in found}
        self._known: dict[str, _Style] = {}
        self._formats = _formats(numbering)
        self._counts: Counter[tuple[str, int]] = Counter()

    def shown(self, paragraph: Any, text: str) -> str:
        """Return a paragraph's text as a block of Markdown."""
        properties = paragraph.find(_WORD + "pPr")
        style = self._style(_child(properties, "pStyle"))
        level = _number(_child(properties, "outlineLvl"))
        level = style.level if level is None else level
        if level is not None and level < _DEEPEST + 1 and len(text) < 500:
            return markdown.heading(level + 1, text)
        if style.name == "title":
            return markdown.heading(1, text)
        listed = self._item(properties, style, text)
        if listed:
            return listed
        if _CODE.search(style.name):
            return f"```\n{text}\n```"
        return "> " + text if style.name in ("quote", "intense quote") else text

    def _item(self, properties: Any, style: _Style, text: str) -> str:
        numbering = properties.find(_WORD + "numPr") if properties is not None else None
        own = _child(numbering, "numId")
        number = own or style.number
        level = min(_number(_child(numbering, "ilvl")) or style.depth, _DEEPEST)
        named = _LIST_STYLE.fullmatch(style.name)  # each depth may be a list of its own
        depth = level or (int(named[1]) - 1 if named else 0)
        if number == "0" or not (number or style.name.startswith("list")):
            return ""
        if own == "" and not number:  # a list by the name of its style alone
            last = style.name.rpartition(" ")[2]
            return markdown.item(text, int(last) - 1 if last.isdigit() else 0)
        if self._formats.get((number, level), "bullet") in ("bullet", "none"):
            return markdown.item(text, depth)
        for deeper in range(level + 1, _DEEPEST + 1):
            self._counts[number, deeper] = 0
        self._counts[number, level] += 1
        return markdown.item(text, depth, self._counts[number, level])

    def _style(self, identity: str) -> _Style:
        if identity not in self._known:
            self._known[identity] = self._read(identity)
        return self._known[identity]

    def _read(self, identity: str) -> _Style:
        name, level, number, depth = "", None, "", 0
        for _ in range(_CHAIN):
            style = self._elements.get(identity)
            if style is None:
                break
            properties = style.find(_WORD + "pPr")
            numbering = properties.find(_WORD + "numPr") if properties is not None else None
            name = name or _child(style, "name").lower()
            level = _number(_child(properties, "outlineLvl")) if level is None else level
            number = number or _child(numbering, "numId")
            depth = depth or _number(_child(numbering, "ilvl")) or 0
            identity = _child(style, "basedOn")
        match = _HEADING.match(name or identity)
        if match:
            level = int(next(filter(None, match.groups()))) - 1
        return _Style(
            name, level if level is not None and 0 <= level <= _DEEPEST else None, number, depth
        )


def _formats(numbering: Any) -> dict[tuple[str, int], str]:
    """Return the format of each level of each list, such as ``decimal``."""
    if numbering is None:
        return {}
    abstract = {
        value(element, "abstractNumId"): {
            _number(value(level, "ilvl")): _child(level, "numFmt")
            for level in element.iterfind(_WORD + "lvl")
        }
        for element in numbering.iterfind(_WORD + "abstractNum")
    }
    return {
        (value(number, "numId"), depth): format_
        for number in numbering.iterfind(_WORD + "num")
        for depth, format_ in abstract.get(_child(number, "abstractNumId"), {}).items()
        if depth is not None
    }


def _child(parent: Any, name: str) -> str:
    """Return the value that a child element carries; empty where there is none."""
    element = parent.find(_WORD + name) if parent is not None else None
    return value(element, "val") if element is not None else ""


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 10 else None
