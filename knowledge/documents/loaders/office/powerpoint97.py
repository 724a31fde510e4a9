"""The slides of a PowerPoint 97-2003 presentation ([MS-PPT]).

The file is a tree of records. Titles and bodies stand in an outline, in the order of the slides;
each slide's drawing refers to them, and holds all other text itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from knowledge.documents.loaders.numbered_pages import Part
from knowledge.documents.loaders.text import markdown_blocks as markdown

_CONTAINER = 0xF
_DOCUMENT, _SLIDE, _NOTES = 1000, 1006, 1008
_NOTES_ATOM, _PLACE = 1009, 1011
_OUTLINE, _REFERENCE, _KIND, _WIDE, _NARROW = 4080, 3998, 3999, 4000, 4008
_EDIT, _DIRECTORY = 4085, 6002
_TEXT_BOX = 0xF00D
_TITLES = (0, 6)
_NOTES_KIND = 2
_DEEPEST = 20
_MOST_EDITS = 10_000


@dataclass(frozen=True, slots=True)
class _Record:
    kind: int
    instance: int
    container: bool
    data: memoryview


@dataclass(slots=True)
class _Slide:
    """Where a slide stands, and its part of the outline: (kind of text, text)."""

    reference: int
    identity: int
    outline: list[tuple[int, str]] = field(default_factory=list)


class PowerPoint97:
    """A presentation.

    Parameters
    ----------
    stream:
        The stream ``PowerPoint Document``.
    user:
        The stream ``Current User``, which tells where the last change begins.
    """

    def __init__(self, stream: bytes, user: bytes) -> None:
        self._stream = memoryview(stream)
        self._places = self._directory(
            struct.unpack_from("<I", user, 16)[0] if len(user) > 20 else 0
        )

    def parts(self) -> list[Part]:
        """Return the text of each slide below its title, speaker notes included."""
        slides = list(self._slides())
        notes = dict(self._notes())
        return [self._part(number, slide, notes) for number, slide in enumerate(slides, 1)]

    def _part(self, number: int, slide: _Slide, notes: dict[int, str]) -> Part:
        texts = list(slide.outline)
        record = self._at(self._places.get(slide.reference))
        if record is not None and record.kind == _SLIDE:
            seen = {text for _, text in texts}
            texts += [item for item in _boxes(record, slide.outline) if item[1] not in seen]
        title = next((text for kind, text in texts if kind in _TITLES), "")
        blocks = [text for kind, text in texts if text != title and _is_text(text)]
        note = notes.get(slide.identity, "")
        blocks += [f"Notes: {note}"] if note else []
        if not title and not blocks:
            return Part(number, "")
        shown = markdown.heading(1, title or f"Slide {number}")
        return Part(number, markdown.join([shown, *blocks]), " ".join(title.split()))

    def _slides(self) -> Iterator[_Slide]:
        """Yield the slides in their order, or as the file holds them where it records none."""
        found = False
        for record in _records(self._stream):
            if record.kind != _DOCUMENT or not record.container:
                continue
            for outline in _records(record.data):
                if outline.kind == _OUTLINE and outline.instance == 0:
                    for slide in _outlined(outline):
                        found = True
                        yield slide
        if found:
            return
        offset = 0
        for record in _records(self._stream):
            if record.kind == _SLIDE:
                reference = -1 - offset
                self._places[reference] = offset
                yield _Slide(reference, reference)
            offset += 8 + len(record.data)

    def _notes(self) -> Iterator[tuple[int, str]]:
        """Yield the speaker notes by the identity of their slide."""
        for record in _records(self._stream):
            if record.kind != _NOTES or not record.container:
                continue
            atom = next((r for r in _records(record.data) if r.kind == _NOTES_ATOM), None)
            if atom is not None and len(atom.data) >= 4:
                texts = [text for kind, text in _boxes(record, []) if kind == _NOTES_KIND]
                note = "\n".join(filter(_is_text, texts))
                if note:
                    yield struct.unpack_from("<I", atom.data)[0], note

    def _directory(self, offset: int) -> dict[int, int]:
        """Return where each part stands now: of all changes, the last one wins."""
        places: dict[int, int] = {}
        for _ in range(_MOST_EDITS):
            edit = self._at(offset)
            if edit is None or edit.kind != _EDIT or len(edit.data) < 16:
                break
            before, directory = struct.unpack_from("<II", edit.data, 8)
            for identity, place in self._entries(self._at(directory)):
                places.setdefault(identity, place)
            if not before or before == offset:
                break
            offset = before
        return places

    @staticmethod
    def _entries(record: _Record | None) -> Iterator[tuple[int, int]]:
        if record is None or record.kind != _DIRECTORY:
            return
        at = 0
        while at + 4 <= len(record.data):
            (head,) = struct.unpack_from("<I", record.data, at)
            first, count = head & 0xF_FFFF, head >> 20
            at += 4
            for number in range(min(count, (len(record.data) - at) // 4)):
                yield first + number, struct.unpack_from("<I", record.data, at + 4 * number)[0]
            at += 4 * count

    def _at(self, offset: int | None) -> _Record | None:
        if offset is None or not 0 <= offset < len(self._stream):
            return None
        return next(_records(self._stream[offset:]), None)


def _records(data: memoryview) -> Iterator[_Record]:
    at = 0
    while at + 8 <= len(data):
        head, kind, size = struct.unpack_from("<HHI", data, at)
        yield _Record(kind, head >> 4, head & 0xF == _CONTAINER, data[at + 8 : at + 8 + size])
        at += 8 + size


def _outlined(outline: _Record) -> Iterator[_Slide]:
    slide: _Slide | None = None
    kind = 0
    for record in _records(outline.data):
        if record.kind == _PLACE and len(record.data) >= 16:
            if slide is not None:
                yield slide
            (reference,) = struct.unpack_from("<I", record.data)
            (identity,) = struct.unpack_from("<I", record.data, 12)
            slide = _Slide(reference, identity)
        elif record.kind == _KIND and len(record.data) >= 4:
            (kind,) = struct.unpack_from("<I", record.data)
        elif record.kind in (_WIDE, _NARROW) and slide is not None:
            slide.outline.append((kind, _text(record)))
    if slide is not None:
        yield slide


def _boxes(
    record: _Record, outline: list[tuple[int, str]], depth: int = 0
) -> Iterator[tuple[int, str]]:
    """Yield the texts of the boxes below a record, each with its kind."""
    kind = 4
    for child in _records(record.data):
        if child.kind == _KIND and len(child.data) >= 4:
            (kind,) = struct.unpack_from("<I", child.data)
        elif child.kind in (_WIDE, _NARROW):
            yield kind, _text(child)
        elif child.kind == _REFERENCE and len(child.data) >= 4:
            (index,) = struct.unpack_from("<I", child.data)
            yield from outline[index : index + 1]
        elif (child.container or child.kind == _TEXT_BOX) and depth < _DEEPEST:
            yield from _boxes(child, outline, depth + 1)


_MARKS = re.compile("[\x0b\r]")


def _text(record: _Record) -> str:
    wide = record.kind == _WIDE
    text = bytes(record.data).decode("utf-16-le" if wide else "latin-1", "replace")
    lines = (" ".join(line.split()) for line in _MARKS.split(text))
    return "\n".join(filter(None, lines))


def _is_text(text: str) -> bool:
    """Tell text from the stars that stand for page numbers and dates."""
    return any(map(str.isalnum, text))
