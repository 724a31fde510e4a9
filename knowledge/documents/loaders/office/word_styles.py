"""What a Word paragraph is by its style and numbering, and the marks that its runs carry.

A paragraph is a heading, list item, quote, code or text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from knowledge.documents.loaders.office.looks import PLAIN, Look
from knowledge.documents.loaders.office.symbol_fonts import is_symbol_font
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.text.marks import Script

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PARAGRAPH_PROPERTIES = WORD + "pPr"
_RUN_PROPERTIES = WORD + "rPr"

_HEADING = re.compile(
    r"heading (\d)|(?:ü|u)berschrift (\d)|titre (\d)|t[ií]tulo (\d)", re.IGNORECASE
)
_CODE = re.compile(r"\b(?:code|source|preformatted|listing|verbatim)\b", re.IGNORECASE)
_LIST_STYLE = re.compile(r"list (?:bullet|number|continue) ([2-5])")
_DEEPEST = 8
_CHAIN = 20  # styles that build on each other may do so in a circle


def value(element: Any, name: str) -> str:
    """Return an attribute of WordprocessingML; empty where it is missing."""
    return str(element.get(WORD + name, ""))


def is_on(element: Any) -> bool:
    """Tell whether an element switches a property on, as it does without a value."""
    return element is not None and value(element, "val").lower() not in _OFF


_RAISED = 4
"""Half-points from which on a run that is moved up or down stands above or below the line."""
_SCRIPTS = {"superscript": Script.SUPER, "subscript": Script.SUB}
_OFF = ("0", "false", "off", "none")


@dataclass(frozen=True, slots=True)
class _Style:
    name: str = ""
    level: int | None = None
    """Outline level, from 0."""
    number: str = ""
    """The list that paragraphs of this style belong to."""
    depth: int = 0
    properties: tuple[Any, ...] = ()
    """The run properties of the style and those it builds on, the most basic first."""


class Styles:
    """The styles and lists of a document; counts numbered items as they are shown."""

    def __init__(self, styles: Any, numbering: Any) -> None:
        found = styles.iterfind(WORD + "style") if styles is not None else ()
        self._elements = {value(style, "styleId"): style for style in found}
        self._known: dict[str, _Style] = {}
        self._formats = _formats(numbering)
        self._counts: Counter[tuple[str, int]] = Counter()
        self._looks: dict[tuple[str, Look], Look] = {}

    def look_of_paragraph(self, paragraph: Any) -> Look:
        """Return the look that a paragraph gives its runs."""
        first = paragraph[0] if len(paragraph) else None
        if first is None or first.tag != _PARAGRAPH_PROPERTIES:
            return PLAIN
        identity = child_value(first, "pStyle")
        return self._styled(identity, PLAIN) if identity else PLAIN

    def look_of_run(self, run: Any, base: Look) -> Look:
        """Return the look of a run in a paragraph that gives it the look ``base``."""
        first = run[0] if len(run) else None
        if first is None or first.tag != _RUN_PROPERTIES:
            return base
        identity = child_value(first, "rStyle")
        return _changed(self._styled(identity, base) if identity else base, first)

    def _styled(self, identity: str, base: Look) -> Look:
        key = (identity, base)
        if key not in self._looks:
            look = base
            for properties in self._style(identity).properties:
                look = _changed(look, properties)
            self._looks[key] = look
        return self._looks[key]

    def shown(self, paragraph: Any, text: str) -> str:
        """Return a paragraph's text as a block of Markdown."""
        properties = paragraph.find(WORD + "pPr")
        style = self._style(child_value(properties, "pStyle"))
        level = _number(child_value(properties, "outlineLvl"))
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
        numbering = properties.find(WORD + "numPr") if properties is not None else None
        own = child_value(numbering, "numId")
        number = own or style.number
        level = min(_number(child_value(numbering, "ilvl")) or style.depth, _DEEPEST)
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
        runs: list[Any] = []
        for _ in range(_CHAIN):
            style = self._elements.get(identity)
            if style is None:
                break
            properties = style.find(WORD + "pPr")
            numbering = properties.find(WORD + "numPr") if properties is not None else None
            name = name or child_value(style, "name").lower()
            level = _number(child_value(properties, "outlineLvl")) if level is None else level
            number = number or child_value(numbering, "numId")
            depth = depth or _number(child_value(numbering, "ilvl")) or 0
            runs += style.iterchildren(_RUN_PROPERTIES)
            identity = child_value(style, "basedOn")
        match = _HEADING.match(name or identity)
        if match:
            level = int(next(filter(None, match.groups()))) - 1
        level = level if level is not None and 0 <= level <= _DEEPEST else None
        return _Style(name, level, number, depth, tuple(reversed(runs)))


def _changed(look: Look, properties: Any) -> Look:
    """Return a look as run properties change it."""
    changes: dict[str, Any] = {}
    for child in properties:
        change = _CHANGES.get(child.tag)
        if change is not None:
            change(child, changes)
    return replace(look, **changes) if changes else look


def _aligned(element: Any, changes: dict[str, Any]) -> None:
    changes["script"] = _SCRIPTS.get(value(element, "val"), Script.BASE)


def _positioned(element: Any, changes: dict[str, Any]) -> None:
    text = value(element, "val")
    moved = _number(text.lstrip("+-")) or 0
    if moved >= _RAISED and "script" not in changes:
        changes["script"] = Script.SUB if text.startswith("-") else Script.SUPER


def _struck(element: Any, changes: dict[str, Any]) -> None:
    changes["struck"] = is_on(element) or changes.get("struck", False)


def _in_font(element: Any, changes: dict[str, Any]) -> None:
    fonts = (value(element, name) for name in ("ascii", "hAnsi"))
    changes["font"] = next(filter(is_symbol_font, fonts), "")


_CHANGES: Mapping[str, Callable[[Any, dict[str, Any]], None]] = {
    WORD + "vertAlign": _aligned,
    WORD + "position": _positioned,
    WORD + "strike": _struck,
    WORD + "dstrike": _struck,
    WORD + "rFonts": _in_font,
}


def _formats(numbering: Any) -> dict[tuple[str, int], str]:
    """Return the format of each level of each list, such as ``decimal``."""
    if numbering is None:
        return {}
    abstract = {
        value(element, "abstractNumId"): {
            _number(value(level, "ilvl")): child_value(level, "numFmt")
            for level in element.iterfind(WORD + "lvl")
        }
        for element in numbering.iterfind(WORD + "abstractNum")
    }
    return {
        (value(number, "numId"), depth): format_
        for number in numbering.iterfind(WORD + "num")
        for depth, format_ in abstract.get(child_value(number, "abstractNumId"), {}).items()
        if depth is not None
    }


def child_value(parent: Any, name: str) -> str:
    """Return the value that a child element carries; empty where there is none."""
    element = parent.find(WORD + name) if parent is not None else None
    return value(element, "val") if element is not None else ""


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and len(text) < 10 else None
