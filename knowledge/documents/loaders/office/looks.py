"""How a run of text looks, as far as it says something: raised, struck, in a font of symbols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from knowledge.documents.loaders.office.symbol_fonts import shown, without_private
from knowledge.text.marks import Script, Span, written


@dataclass(frozen=True, slots=True)
class Look:
    """The marks of a run: where its text stands, whether it is struck, its font if of symbols."""

    script: Script = Script.BASE
    struck: bool = False
    font: str = ""

    def span(self, text: str) -> Span:
        """Return a text of this look."""
        text = shown(text, self.font) if self.font else without_private(text)
        return Span(text, self.script, self.struck)


PLAIN = Look()


@dataclass(slots=True)
class Line:
    """A paragraph's text, and what stands after it: boxes, then notes and comments."""

    spans: list[Span] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, text: str | None, look: Look = PLAIN) -> None:
        """Add a text of a look."""
        if text:
            plain = look is PLAIN and text.isascii()
            self.spans.append(Span(text) if plain else look.span(text))

    def text(self) -> str:
        """Return the text, with single spaces, in its own lines."""
        return lines(written(self.spans))

    def link(self, start: int, target: str) -> None:
        """Make a link of the spans from ``start`` on, where its target says more than they do."""
        text = written(self.spans[start:])
        core = text.strip()
        if core and target and " " not in target and target not in text:
            self.spans[start:] = [Span(text.replace(core, f"[{core}]({target})"))]


def lines(text: str) -> str:
    """Return text with single spaces, its lines kept."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def flat(blocks: Iterable[str]) -> str:
    """Return blocks as one line."""
    return " ".join(" ".join(blocks).split())
