"""reStructuredText, AsciiDoc, Org and LaTeX: as they are, with what their headers say."""

from __future__ import annotations

import re
from typing import Any

from knowledge.documents.encodings import decode
from knowledge.documents.loading import Source
from knowledge.documents.splitting.headings import TITLE_LIMIT, Outline, RstScanner
from knowledge.documents.splitting.markup_headings import (
    plain_latex,
    scan_asciidoc,
    scan_latex,
    scan_org,
)
from knowledge.model import Document, TextKind

_HEAD = 16_384
_NAMES = {"authors": "author", "date": "created", "revdate": "created", "lang": "language"}
_WANTED = frozenset({"title", "author", "created", "language", "description", "keywords"})
_RST_FIELD = re.compile(r"^:(\w+):[ \t]+(\S[^\n]*)$", re.MULTILINE)
_ASCIIDOC_ATTRIBUTE = re.compile(r"^:([\w-]+):[ \t]+(\S[^\n]*)$", re.MULTILINE)
_ASCIIDOC_HEADER = re.compile(
    r"\A(?:\s*(?://[^\n]*)?\n)*=[ \t]+[^\n]+\n(?P<author>\w[^\n:]*)\n(?P<revision>[^\n]*)"
)
_DATE = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b")
_ADDRESS = re.compile(r"\s*<[^<>\n]*>")
_ORG_KEYWORD = re.compile(r"^#\+(\w+):[ \t]*(\S[^\n]*)$", re.MULTILINE)
_LATEX_COMMAND = re.compile(r"\\(title|author|date)\s*(?:\[[^\]\n]*\])?\{")


def load(source: Source) -> Document:
    """Read marked-up text; its lines are the file's."""
    text, warnings = decode(source.data)
    kind = TextKind(source.format)
    return Document(
        text,
        kind,
        has_lines=True,
        metadata=_metadata(text[:_HEAD], kind),
        loader=kind.value,
        warnings=warnings,
    )


def _metadata(head: str, kind: TextKind) -> dict[str, Any]:
    if kind is TextKind.LATEX:
        return _latex(head)
    metadata: dict[str, Any] = {}
    if kind is TextKind.ORG:
        found, outline = _ORG_KEYWORD.findall(head), scan_org(head, 0, len(head))
    elif kind is TextKind.ASCIIDOC:
        found, outline = _ASCIIDOC_ATTRIBUTE.findall(head), scan_asciidoc(head, 0, len(head))
        metadata = _asciidoc_header(head)
    else:
        found, outline = _RST_FIELD.findall(head), RstScanner()(head, 0, len(head))
    for name, value in found:
        key = _NAMES.get(name.lower(), name.lower())
        if key in _WANTED:
            metadata.setdefault(key, value.strip()[:TITLE_LIMIT])
    if kind is not TextKind.ORG:
        _set_title(metadata, outline)
    return metadata


def _set_title(metadata: dict[str, Any], outline: Outline) -> None:
    if outline.headings:
        metadata.setdefault("title", outline.headings[0].title)


def _asciidoc_header(head: str) -> dict[str, Any]:
    """Return what the lines below the document's title say: authors, then the revision."""
    header = _ASCIIDOC_HEADER.match(head)
    if header is None:
        return {}
    metadata: dict[str, Any] = {"author": _ADDRESS.sub("", header["author"]).strip()}
    date = _DATE.search(header["revision"])
    return {**metadata, "created": date[0]} if date else metadata


def _latex(head: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for match in _LATEX_COMMAND.finditer(head):
        key = "created" if match[1] == "date" else match[1]
        value = plain_latex(head, match.end())
        if value and value != "today":
            metadata.setdefault(key, value)
    if "title" not in metadata:
        _set_title(metadata, scan_latex(head, 0, len(head)))
    return metadata
