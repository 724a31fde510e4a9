"""Headings of AsciiDoc, Org and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowledge.documents.splitting.headings import TITLE_LIMIT, Heading, Outline, plain_title

_ASCIIDOC = re.compile(
    r"^(?:(?P<fence>-{4,}|\.{4,}|/{4,}|\+{4,}|`{3,}[^\n`]*)[ \t]*"
    r"|(?P<marks>={1,6}|#{1,6})[ \t]+(?P<title>\S[^\n]*))$",
    re.MULTILINE,
)
_ASCIIDOC_UNDERLINED = re.compile(
    r"(?:^|(?<=\n\n))(?P<title>[A-Za-z\d\"'_*`][^\n]{0,200})\n"
    r"(?P<under>={4,}|-{4,}|~{4,}|\^{4,}|\+{4,})[ \t]*$",
    re.MULTILINE,
)
_UNDERLINES = "=-~^+"
_ORG = re.compile(
    r"^(?:(?P<stars>\*{1,12})[ \t]+(?P<title>\S[^\n]*)"
    r"|[ \t]*#\+(?P<edge>begin|end)_(?P<block>\w+)[^\n]*)$",
    re.MULTILINE | re.IGNORECASE,
)
_ORG_STATE = re.compile(
    r"(?:(?:TODO|DONE|NEXT|WAITING|HOLD|CANCELLED|CANCELED)\s+)?(?:\[#\w\]\s*)?(?:COMMENT\s+)?"
)
_ORG_TAGS = re.compile(r"[ \t]+:[\w@#%:]+:[ \t]*$")
_ORG_LINK = re.compile(r"\[\[[^\]]*\]\[([^\]]*)\]\]")
_LATEX = re.compile(
    r"^(?P<margin>[^\n%\\]{0,200}?)\\(?:(?P<level>part|chapter|section|subsection|subsubsection|paragraph)"
    r"\*?[ \t]*(?:\[[^\]\n]*\])?\{"
    r"|(?P<edge>begin|end)\{(?P<block>verbatim\*?|lstlisting|minted|comment)\})",
    re.MULTILINE,
)
_LATEX_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph")
_LATEX_MARKUP = re.compile(
    r"\\(?:label|thanks|footnote|index|cite\w*|inst|orcidlink)\*?(?:\[[^\]]*\])?\{[^{}]*\}"
    r"|(?<!\\)%[^\n]*|\\[a-zA-Z]+\*?[ \t]?|[{}$~]|\\\\(?:\[[^\]]*\])?"
)
_LATEX_ESCAPE = re.compile(r"\\([&%#_])")


def scan_asciidoc(text: str, start: int, stop: int) -> Outline:
    """Find the titles of AsciiDoc, in one line or underlined, and its literal blocks."""
    outline = Outline()
    opened, mark = start, ""
    for match in _ASCIIDOC.finditer(text, start, stop):
        fence = match["fence"]
        if fence:
            fence = fence.rstrip()
            if not mark:
                if _is_underline(text, match):
                    continue
                opened, mark = match.start(), fence[:3] if fence[0] == "`" else fence
            elif fence == mark:
                outline.fences.append((opened, match.end()))
                mark = ""
        elif not mark:
            title = plain_title(match["title"].rstrip("= \t"))
            outline.headings.append(Heading(match.start(), match.end(), len(match["marks"]), title))
    if mark:
        outline.fences.append((opened, stop))
    _add_underlined(outline, text, start, stop)
    return outline


def _is_underline(text: str, match: re.Match[str]) -> bool:
    """Tell whether what looks like a block's edge underlines a title."""
    end = match.start() - 1
    line = text[text.rfind("\n", 0, max(end, 0)) + 1 : max(end, 0)]
    return _underlines(line, match["fence"].rstrip())


def _underlines(title: str, under: str) -> bool:
    # A line of text above a block is rarely as long as its edge.
    return (
        bool(title.strip())
        and abs(len(title.rstrip()) - len(under)) <= 2
        and title[0] not in ".[:|"
    )


def _add_underlined(outline: Outline, text: str, start: int, stop: int) -> None:
    found = []
    for match in _ASCIIDOC_UNDERLINED.finditer(text, start, stop):
        if _underlines(match["title"], match["under"]) and not outline.in_fence(match.end()):
            level = _UNDERLINES.index(match["under"][0]) + 1
            found.append(Heading(match.start(), match.end(), level, plain_title(match["title"])))
    if found:
        outline.headings[:] = sorted([*outline.headings, *found], key=lambda each: each.start)


def scan_org(text: str, start: int, stop: int) -> Outline:
    """Find the headlines of Org, and its blocks."""
    outline = Outline()
    opened, block = start, ""
    for match in _ORG.finditer(text, start, stop):
        if match["edge"]:
            name, begins = match["block"].lower(), match["edge"].lower() == "begin"
            if begins and not block:
                opened, block = match.start(), name
            elif not begins and name == block:
                outline.fences.append((opened, match.end()))
                block = ""
        elif not block:
            title = _ORG_TAGS.sub("", _ORG_LINK.sub(r"\1", match["title"][: 5 * TITLE_LIMIT]))
            title = " ".join(_ORG_STATE.sub("", title, count=1).split())[:TITLE_LIMIT]
            outline.headings.append(
                Heading(match.start(), match.end(), min(len(match["stars"]), 6), title)
            )
    if block:
        outline.fences.append((opened, stop))
    return outline


def scan_latex(text: str, start: int, stop: int) -> Outline:
    """Find the sections of LaTeX, and its verbatim parts."""
    outline = Outline()
    opened, block = start, ""
    for match in _LATEX.finditer(text, start, stop):
        if match["edge"]:
            if match["edge"] == "begin" and not block:
                opened, block = match.start(), match["block"]
            elif match["edge"] == "end" and match["block"] == block:
                outline.fences.append((opened, match.end()))
                block = ""
        elif not block and not match["margin"].strip():
            level = _LATEX_LEVELS.index(match["level"]) + 1
            end = min(_group_end(text, match.end()), stop)
            title = plain_latex(text, match.end())
            outline.headings.append(Heading(match.start(), end, level, title))
    if block:
        outline.fences.append((opened, stop))
    return outline


def plain_latex(text: str, start: int) -> str:
    """Return the text of the group that ``{`` opened right before ``start``, without commands."""
    group = text[start : _group_end(text, start) - 1]
    plain = _LATEX_ESCAPE.sub(r"\1", _LATEX_MARKUP.sub(" ", group))
    return " ".join(plain.split())[:TITLE_LIMIT]


def _group_end(text: str, start: int) -> int:
    depth = 1
    for brace in _braces(text, start, start + 5 * TITLE_LIMIT):
        depth += 1 if text[brace] == "{" else -1
        if depth == 0:
            return brace + 1
    return start


def _braces(text: str, start: int, stop: int) -> Iterator[int]:
    return (match.start() for match in re.compile(r"(?<!\\)[{}]").finditer(text, start, stop))
