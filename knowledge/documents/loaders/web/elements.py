"""Elements whose text is not simply what they hold: pictures, formulas, code."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

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


def formula(element: HtmlElement) -> str:
    """Return a formula as TeX where the page has it, else its signs."""
    for node in element.iter("annotation"):
        if "tex" in (node.get("encoding") or "") and node.text:
            return f" ${node.text.strip()}$ "
    return element.get("alttext") or " ".join("".join(element.itertext()).split())


def code_text(element: HtmlElement) -> str:
    """Return preformatted text as it is."""
    from lxml import etree

    parts: list[str] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts.append("\n" if node.tag == "br" else node.text or "")
        elif node is not element:
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
