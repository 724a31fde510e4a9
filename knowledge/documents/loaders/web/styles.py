"""What of a page is struck, raised or lowered: by its elements, its styles and its classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from knowledge.documents.loaders.web.inline import STRUCK, SUB, SUPER

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_TAGS = {"sup": SUPER, "sub": SUB, "s": STRUCK, "del": STRUCK, "strike": STRUCK}
_ROLES = {"deletion": STRUCK, "superscript": SUPER, "subscript": SUB}
_DECLARED = (
    (STRUCK, re.compile(r"text-decoration(?:-line)?\s*:[^;]*\bline-through\b", re.IGNORECASE)),
    (SUPER, re.compile(r"vertical-align\s*:\s*super\b", re.IGNORECASE)),
    (SUB, re.compile(r"vertical-align\s*:\s*sub\b", re.IGNORECASE)),
)
_UTILITY = {
    "line-through": STRUCK,
    "text-decoration-line-through": STRUCK,
    "strikethrough": STRUCK,
    "strike": STRUCK,
}
"""Classes that frameworks and converters name so."""

_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{0,4000})\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE = re.compile(r"[a-zA-Z][\w-]*|[a-zA-Z]*\.[\w-]+|#[\w-]+")
_LONGEST = 500_000


def marking_rules(sheet: str) -> str:
    """Return the rules of a style sheet that mark text; none of most sheets."""
    if "line-through" not in sheet and "vertical-align" not in sheet:
        return ""
    found = _RULE.findall(_COMMENT.sub("", sheet[:_LONGEST]))
    rules = [
        f"{selectors.strip()} {{{declared.strip()}}}"
        for selectors, declared in found
        if any(named.search(declared) for _, named in _DECLARED)
    ]
    return "\n".join(rules).replace("<", "")


class Styles:
    """The marks that a page's own style sheets give to its elements."""

    def __init__(self, root: HtmlElement) -> None:
        self._marks: dict[str, str] = {}
        for sheet in root.iter("style"):
            self._read("".join(sheet.itertext())[:_LONGEST])

    def marks(self, element: HtmlElement) -> tuple[str, ...]:
        """Return the marks of an element, outermost first."""
        found = _TAGS.get(element.tag)
        marks = [found] if found else []
        if element.attrib:
            marks += self._by_attributes(element)
        elif self._marks and element.tag in self._marks:
            marks.append(self._marks[element.tag])
        return tuple(dict.fromkeys(marks))

    def _by_attributes(self, element: HtmlElement) -> list[str]:
        style = element.get("style")
        marks = [mark for mark, named in _DECLARED if named.search(style)] if style else []
        role = element.get("role")
        if role in _ROLES:
            marks.append(_ROLES[role])
        given = element.get("class")
        classes = given.split() if given else []
        marks += [_UTILITY[name] for name in classes if name in _UTILITY]
        if self._marks:
            tag = element.tag
            names = [tag, f"#{element.get('id')}", *(f".{name}" for name in classes)]
            names += [f"{tag}.{name}" for name in classes]
            marks += [self._marks[name] for name in names if name in self._marks]
        return marks

    def _read(self, sheet: str) -> None:
        for selectors, declared in _RULE.findall(marking_rules(sheet)):
            mark = next((mark for mark, named in _DECLARED if named.search(declared)), None)
            for selector in selectors.split(",") if mark else ():
                if mark and _SIMPLE.fullmatch(selector.strip()):
                    self._marks[selector.strip()] = mark
