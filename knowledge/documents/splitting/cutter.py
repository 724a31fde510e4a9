"""Cuts a part of a text into chunks that can stand alone: none is cut inside a joint."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import lru_cache

from knowledge.documents.splitting.chunking import Chunker, Span, has_content, skip_space
from knowledge.documents.splitting.joints import Joint, Joints
from knowledge.model import SplitterSpec
from knowledge.text.tokens import TokenCounter

_STEPS = 8
"""Sizes of what is added to labels are such parts of a chunk, so that few splitters are made."""


class Cutter:
    """Cuts one text.

    Parameters
    ----------
    chunker:
        Cuts by tokens; where it cuts inside a joint, the chunk ends before the joint.
    """

    def __init__(
        self, text: str, joints: Joints, chunker: Chunker, spec: SplitterSpec, counter: TokenCounter
    ) -> None:
        self._text = text
        self._joints = joints
        self._chunker = chunker
        self._spec = spec
        self._counter = counter
        self._near = 12 * spec.chunk_size

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """Yield the spans of the chunks of a part, in order; they may overlap."""
        place: int | None = start
        while place is not None and place < end:
            # What is left is cut again after each joint; not all of it, or long texts never end.
            near = end if place == start else min(end, place + self._near)
            place = yield from self._until_joint(place, near, end)

    def _until_joint(self, start: int, near: int, end: int) -> Generator[Span, None, int | None]:
        """Yield chunks up to one that had to end elsewhere; return where to go on, if anywhere."""
        found = list(self._chunker.spans(self._text, start, near))
        while near < end and len(found) < 2:
            near = min(end, 2 * near - start)
            found = list(self._chunker.spans(self._text, start, near))
        rest = (
            found.pop()[0] if near < end else None
        )  # may have been cut by the end of what is near
        before = start
        for begin, stop in found:
            begin = self._out_of_block(begin, before)
            before = stop
            following = skip_space(self._text, stop, end)
            joint = self._joints.at(following) if following < end else None
            if joint is None:
                if has_content(self._text, begin, stop):
                    yield begin, stop
                continue
            if has_content(self._text, begin, joint.start):
                yield begin, self._trimmed(begin, joint.start)
                return joint.start
            stop = self._stretched(begin, following, end, joint) or before
            if has_content(self._text, begin, stop):
                yield begin, stop
            return stop
        return rest

    def _out_of_block(self, begin: int, before: int) -> int:
        """Return where a chunk begins whose overlap would begin inside a block."""
        joint = self._joints.at(begin)
        if joint is None or not joint.solid or begin >= before:
            return begin
        return skip_space(self._text, min(joint.end + 1, before), before)

    def _stretched(self, begin: int, following: int, end: int, joint: Joint) -> int:
        """Return where a chunk ends that takes something of what its labels introduce; or 0."""
        if joint.solid and joint.end < end and self._fits(begin, joint.end + 1):
            return joint.end + 1
        content = following if joint.solid else max(following, joint.end)
        size = self._spec.chunk_size
        room = (size - self._counter.count(self._text[begin:content])) * _STEPS // size - 1
        if room < 1:
            return 0
        smaller = plain_chunker(max(room * size // _STEPS, 1), self._spec.tokenizer)
        for first, stop in smaller.spans(self._text, content, end):
            if has_content(self._text, first, stop):
                return stop if self._fits(begin, stop) else 0
        return 0

    def _fits(self, start: int, end: int) -> bool:
        return self._counter.count(self._text[start:end]) <= self._spec.chunk_size

    def _trimmed(self, start: int, end: int) -> int:
        return start + len(self._text[start:end].rstrip())


@lru_cache(16)
def plain_chunker(size: int, tokenizer: str) -> Chunker:
    """Return what cuts text into chunks of at most ``size`` tokens, without overlap."""
    return Chunker(SplitterSpec(size, 0, tokenizer))
