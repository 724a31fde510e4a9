"""Elements whose text is not simply what they hold: pictures, formulas, code."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from knowledge.documents.loaders.web.inline import last_sign
from knowledge.text.marks import subscript, superscript

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LANGUAGE = re.compile(
    r"(?:^|\s)(?:(?:language|lang|highlight-source|brush:)[-\s]?"
    r"|highlight-(?!default|none|text|source))([\w+#-]+)"
)


def alternative(image: HtmlElement) -> str:
    """Return what a picture shows, by its author's word; nothing for a mere file name."""
    alt = " ".join((image.get("alt") or "").split())
    return f" {alt[:500]} " if len(alt) > 2 and "." not in alt[-5:-2] else " "


BOX = re.compile(r"\A\[[x ]\] ")
"""A checkbox before a text."""
_TOGGLE = re.compile(r"toggle|nav|menu|drawer|switch|theme|burger|collaps|accordion", re.IGNORECASE)


def checkbox(element: HtmlElement) -> str:
    """Return the state of a checkbox, ``[x]`` or ``[ ]``; empty for other elements.

    Boxes that only open a menu or a panel by a style sheet are none.
    """
    if element.tag == "input":
        is_box = (element.get("type") or "").lower() == "checkbox"
        if not is_box or _TOGGLE.search(f"{element.get('class')} {element.get('id')}"):
            return ""
        return _state(element.get("checked") is not None)
    if not element.attrib:
        return ""
    if element.get("role") in ("checkbox", "menuitemcheckbox"):
        return _state(element.get("aria-checked") == "true")
    classes = element.get("class")
    if classes and "checkbox-o" in classes:
        return _state("checkbox-on" in classes.split())
    return ""


def task_state(item: HtmlElement) -> str:
    """Return the state of an item that is a task by its own attributes; empty for others."""
    if item.get("data-checked") in ("true", "false"):
        return _state(item.get("data-checked") == "true")
    if item.get("data-inline-task-id") is not None:
        return _state("checked" in (item.get("class") or "").split())
    return ""


def _state(checked: bool) -> str:
    return "[x] " if checked else "[ ] "


def formula(element: HtmlElement) -> str:
    """Return a formula as TeX where the page has it, else its signs."""
    for node in element.iter("annotation"):
        if "tex" in (node.get("encoding") or "") and node.text:
            return f" ${node.text.strip()}$ "
    return element.get("alttext") or " ".join(_signs(element).split())


_FORMULA_NOTES = frozenset({"annotation", "annotation-xml"})
_DEEPEST_FORMULA = 40


def _signs(element: HtmlElement, depth: int = 0) -> str:
    """Return the signs of MathML in one line: powers raised, fractions with a stroke."""
    if element.tag in _FORMULA_NOTES:
        return ""
    if depth > _DEEPEST_FORMULA or not len(element):
        return "".join(element.itertext())
    parts = [_signs(child, depth + 1) for child in element]
    if element.tag == "msup" and len(parts) == 2:
        return parts[0] + _exponent(parts[1], parts[0])
    if element.tag == "msub" and len(parts) == 2:
        return parts[0] + subscript(parts[1].strip(), parts[0])
    if element.tag == "msubsup" and len(parts) == 3:
        base = parts[0] + subscript(parts[1].strip(), parts[0])
        return base + _exponent(parts[2], base)
    if element.tag == "mfrac" and len(parts) == 2:
        return "/".join(map(_grouped, parts))
    if element.tag == "msqrt":
        return f"√{_grouped(''.join(parts))}"
    return (element.text or "") + "".join(
        part + (child.tail or "") for part, child in zip(parts, element, strict=True)
    )


def _exponent(text: str, base: str) -> str:
    text = text.strip()
    shown = superscript(text, base)
    return f"^({text})" if shown == f"^{text}" and not text.isalnum() else shown


def _grouped(text: str) -> str:
    text = text.strip()
    return text if text.isalnum() else f"({text})"


_MOVED = {"sup": superscript, "sub": subscript}


def code_text(element: HtmlElement) -> str:
    """Return preformatted text as it is, but for raised and lowered characters."""
    from lxml import etree

    parts: list[str] = []
    starts: list[int] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            starts.append(len(parts))
            parts.append("\n" if node.tag == "br" else node.text or "")
            continue
        start = starts.pop()
        if node.tag in _MOVED:
            before = last_sign(parts, start)
            parts[start:] = [_MOVED[node.tag]("".join(parts[start:]), before)]
        if node is not element:
            parts.append(node.tail or "")
    return "".join(parts)


def code_language(element: HtmlElement) -> str:
    """Return the language that a class around code names; empty for none."""
    around = [element, element.find("code"), *islice(element.iterancestors(), 2)]
    for node in around:
        found = _LANGUAGE.search(node.get("class") or "") if node is not None else None
        if found:
            return found[1]
    return ""
