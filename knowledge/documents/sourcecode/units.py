"""Cuts code into units at its definitions, so that an edit changes the chunks around it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge.documents.chunking import Span, has_content
from knowledge.documents.sourcecode.definitions import Definition

_TINY = 8
"""A unit is tiny below this part of the limit; neighbours that are tiny go together."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the code; ``whole`` when it is one definition or several."""

    start: int
    end: int
    whole: bool

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.end - self.start


def units(text: str, definitions: Sequence[Definition], limit: int) -> Iterator[Span]:
    """Yield the spans of the units of a text: in order, without gaps.

    A definition of at most ``limit`` characters is a unit; a longer one is cut at those inside.
    What stands between definitions is a unit too, but for closing brackets, which stay with what
    they close, and for a few lines, which go with what follows.
    """
    tiny = limit // _TINY
    last: Unit | None = None
    for unit in _apart(text, definitions, limit):
        joined = _joined(text, last, unit, limit, tiny) if last else None
        if last and not joined:
            yield last.start, last.end
        last = joined or unit
    if last:
        yield last.start, last.end


def _joined(text: str, last: Unit, unit: Unit, limit: int, tiny: int) -> Unit | None:
    if not has_content(text, unit.start, unit.end):
        return Unit(last.start, unit.end, last.whole)
    if not has_content(text, last.start, last.end):
        return Unit(last.start, unit.end, unit.whole)
    small = unit.end - last.start <= limit
    few_lines = not last.whole and last.size < tiny
    both_tiny = last.size < 2 * tiny and unit.size < tiny
    if small and (few_lines or both_tiny):
        return Unit(last.start, unit.end, unit.whole or last.whole)
    return None


def _apart(text: str, definitions: Sequence[Definition], limit: int) -> Iterator[Unit]:
    place = 0
    open_ends: list[int] = []  # of definitions too long for one unit
    for definition in definitions:
        if definition.start < place:
            continue  # inside a unit
        while open_ends and open_ends[-1] <= definition.start:
            end = open_ends.pop()
            if end > place:
                yield Unit(place, end, False)
                place = end
        if definition.start > place:
            yield Unit(place, definition.start, False)
            place = definition.start
        if definition.end - definition.start <= limit:
            yield Unit(place, definition.end, True)
            place = definition.end
        else:
            open_ends.append(definition.end)
    for end in (*reversed(open_ends), len(text)):
        if end > place:
            yield Unit(place, end, False)
            place = end
