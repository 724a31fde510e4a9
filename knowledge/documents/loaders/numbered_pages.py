"""Joins the numbered parts of a document: slides, chapters and the like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from knowledge.model import PageSpan
from knowledge.text.cleaning import clean


@dataclass(frozen=True, slots=True)
class Part:
    """The text of one slide or chapter; ``name`` is its title."""

    number: int
    text: str
    name: str = ""


def numbered(parts: Iterable[Part]) -> tuple[str, tuple[PageSpan, ...]]:
    """Join parts with a blank line between them; return the text and where each part stands."""
    texts: list[str] = []
    spans: list[PageSpan] = []
    offset = 0
    for part in parts:
        text = clean(part.text).strip("\n")
        if text:
            texts.append(text)
        spans.append(PageSpan(part.number, offset, offset + len(text), part.name))
        offset += len(text) + 2 if text else 0
    return "\n\n".join(texts), tuple(spans)
