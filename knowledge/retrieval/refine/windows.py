"""What is shown of a hit's surroundings: neighbours added, hits that touch joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from knowledge.model import Chunk, Hit, Passage

Neighbours = Callable[[Hit], Sequence[Chunk]]
"""Returns all chunks of a hit's file, in order."""


@dataclass(slots=True)
class Window:
    """Neighbouring chunks of one document, from the ordinal ``first`` to ``last``, inclusive."""

    first: int
    last: int
    hits: list[Hit] = field(default_factory=list)

    def touches(self, other: Window) -> bool:
        """Tell whether both stand in one document without a chunk between."""
        ours, theirs = self.hits[0], other.hits[0]
        same = (ours.dataset, ours.file, ours.chunk.passage.member) == (
            theirs.dataset,
            theirs.file,
            theirs.chunk.passage.member,
        )
        return same and self.first <= other.last + 1 and other.first <= self.last + 1


def show_around(
    hits: Sequence[Hit], neighbours: Neighbours, *, context: int, merge: bool
) -> list[Hit]:
    """Return hits whose ``shown`` is the passage to show.

    Parameters
    ----------
    context:
        Chunks before and after each hit.
    merge:
        Join windows that touch; the best hit stands for all of them.
    """
    windows: list[Window] = []
    for hit in hits:
        ordinal = hit.chunk.passage.ordinal
        window = Window(max(0, ordinal - context), ordinal + context, [hit])
        touching = [other for other in windows if other.touches(window)] if merge else []
        if not touching:
            windows.append(window)
            continue
        first = touching[0]  # the best of them; a window may close the gap between two
        for other in [window, *touching[1:]]:
            first.first = min(first.first, other.first)
            first.last = max(first.last, other.last)
            first.hits += other.hits
        for other in touching[1:]:
            windows.remove(other)
    return [_shown(window, neighbours) for window in windows]


def _shown(window: Window, neighbours: Neighbours) -> Hit:
    best = min(window.hits, key=lambda hit: hit.rank)
    member = best.chunk.passage.member
    chunks = [
        chunk
        for chunk in neighbours(best)
        if window.first <= chunk.passage.ordinal <= window.last and chunk.passage.member == member
    ]
    others = sorted(
        (hit for hit in window.hits if hit is not best), key=lambda hit: hit.chunk.passage.ordinal
    )
    if len(chunks) <= 1:
        return best
    return replace(best, shown=join(chunks), merged=tuple(others))


def join(chunks: Sequence[Chunk]) -> Passage:
    """Return one passage of neighbouring chunks; what they share stands there once."""
    return join_with_places(chunks)[0]


def join_with_places(chunks: Sequence[Chunk]) -> tuple[Passage, list[tuple[int, int]]]:
    """Return one passage of neighbouring chunks, and where each of them stands in its text."""
    first, last = chunks[0].passage, chunks[-1].passage
    text, end = [first.text], first.char_end
    length, behind = len(first.text), _behind(first)
    places = [(0, length)]
    for chunk in chunks[1:]:
        passage = chunk.passage
        if behind and (passage.lead or passage.char_start < end):
            text[-1] = text[-1][:-behind]  # what closes fenced code that goes on here
            length -= behind
        shared = max(0, end - passage.char_start)
        between, own = _between(passage, end), passage.text[passage.lead :][shared:]
        text += (between, own)
        length += len(between) + len(own)
        places.append((length - len(own) - min(shared, length - len(own)), length))
        end, behind = max(end, passage.char_end), min(_behind(passage), len(own))
    pages = [chunk.passage.page_end for chunk in chunks if chunk.passage.page_end is not None]
    lines = [chunk.passage.line_end for chunk in chunks if chunk.passage.line_end is not None]
    joined = replace(
        first,
        text="".join(text),
        char_end=end,
        line_end=max(lines, default=None),
        page_end=max(pages, default=None),
        tokens=sum(chunk.passage.tokens for chunk in chunks),
        heading=_common(first.heading, last.heading),
    )
    return joined, [(start, min(stop, length)) for start, stop in places]


def _behind(passage: Passage) -> int:
    """Return how many characters stand behind the text of a passage's span."""
    return max(0, passage.beyond - passage.lead)


def _between(passage: Passage, end: int) -> str:
    """Return what stands between a text that ends at ``end`` and a passage that follows."""
    if passage.char_start < end:
        return ""
    # Rows and code go on below what the first passage of them began with.
    near = passage.char_start == end + 1 or bool(passage.lead)
    return "\n" if near else "\n\n"


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    common = []
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        common.append(a)
    return tuple(common)
