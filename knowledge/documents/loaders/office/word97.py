"""The text of a Word 97-2003 document ([MS-DOC]), and of Word 6 and 95 as far as it is plain.

A document is pieces of text in a stream, put in order by a table in another. Each paragraph's style
and place in a table stand in pages of 512 bytes; headings are the styles 1 to 9 in every document.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.documents.loaders.office.protection import protected
from knowledge.documents.loaders.text import markdown_blocks as markdown
from knowledge.errors import DocumentError

_NEW, _OLD = 0xA5EC, 0xA5DC
_FIRST_OF_97 = 0x00C1
_ENCRYPTED, _TABLE_1 = 0x0100, 0x0200
_PIECES, _PARAGRAPHS = 0x01A2, 0x0102  # where the header has the places of these tables
_LENGTHS = 0x004C
_NAMES = ("", "footnotes", "headers", "", "comments", "endnotes", "boxes", "boxes")
_IN_TABLE, _ROW_END = b"\x16\x24\x01", b"\x17\x24\x01"
_PAGE = 512

_FIELD = re.compile("\x13[^\x13\x15]*\x14([^\x13\x15]*)\x15|\x13[^\x13\x15]*\x15")
_MARKS = {0x0B: "\n", 0x0C: "\n", 0x1E: "-", 0xA0: " ", 0x0D: "\n"}
_MARKS |= dict.fromkeys([0x01, 0x02, 0x03, 0x04, 0x05, 0x08, 0x13, 0x14, 0x15, 0x1F], "")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of text: its characters, and where they stand in the file."""

    text: str
    offset: int
    width: int


@dataclass(frozen=True, slots=True)
class _Properties:
    style: int = 0
    in_table: bool = False
    row_end: bool = False


class Word97:
    """The texts of a document by their kind.

    Parameters
    ----------
    stream:
        The stream ``WordDocument``.
    tables:
        The streams ``0Table`` and ``1Table``; empty where there are none.

    Raises
    ------
    DocumentError
        It is no Word document, or is protected by a password.
    """

    def __init__(self, stream: bytes, tables: tuple[bytes, bytes]) -> None:
        if len(stream) < _LENGTHS or _short(stream, 0) not in (_NEW, _OLD):
            raise DocumentError("it can't be read: it is not a Word document")
        flags = _short(stream, 0x0A)
        if flags & _ENCRYPTED:
            raise protected()
        self._stream = stream
        self._table = tables[bool(flags & _TABLE_1)]
        self._starts: list[int] = []
        self._properties: list[_Properties] = []
        if _short(stream, 2) >= _FIRST_OF_97:
            self._pieces = list(self._read_pieces())
            self._read_paragraphs()
        else:
            start, end = struct.unpack_from("<II", stream, 0x18)
            self._pieces = [_Piece(_decoded(stream[start:end], wide=False), start, 1)]

    def texts(self) -> dict[str, str]:
        """Return the main text under an empty name, and what stands beside it."""
        found: dict[str, list[str]] = {}
        start = 0
        for name, length in zip(_NAMES, self._lengths(), strict=True):
            blocks = markdown.join(self._blocks(start, start + length))
            found.setdefault(name, []).append(blocks)
            start += length
        return {name: "\n\n".join(filter(None, texts)) for name, texts in found.items()}

    def _lengths(self) -> tuple[int, ...]:
        if _short(self._stream, 2) >= _FIRST_OF_97:
            return struct.unpack_from("<8I", self._stream, _LENGTHS)
        return (sum(len(piece.text) for piece in self._pieces), *[0] * 7)

    def _read_pieces(self) -> Iterator[_Piece]:
        clx = self._part(_PIECES)
        at = 0
        while at < len(clx) and clx[at] == 1:
            at += 3 + _short(clx, at + 1)
        if clx[at : at + 1] != b"\x02":
            raise DocumentError("it can't be read: the table of its pieces is damaged")
        table = clx[at + 5 : at + 5 + struct.unpack_from("<I", clx, at + 1)[0]]
        count = (len(table) - 4) // 12
        bounds = struct.unpack_from(f"<{count + 1}I", table)
        for number in range(count):
            length = bounds[number + 1] - bounds[number]
            (offset,) = struct.unpack_from("<I", table, 4 * (count + 1) + 8 * number + 2)
            narrow = bool(offset & 0x4000_0000)
            offset = (offset & 0x3FFF_FFFF) // (2 if narrow else 1)
            width = 1 if narrow else 2
            if not 0 < length <= len(self._stream):
                continue
            packed = self._stream[offset : offset + length * width]
            yield _Piece(_decoded(packed, wide=not narrow).ljust(length), offset, width)

    def _read_paragraphs(self) -> None:
        """Collect the properties of paragraphs by where their text stands in the file."""
        table = self._part(_PARAGRAPHS)
        count = (len(table) - 4) // 8
        found: dict[int, _Properties] = {}
        for number in range(max(count, 0)):
            (page,) = struct.unpack_from("<I", table, 4 * (count + 1) + 4 * number)
            start = (page & 0x3F_FFFF) * _PAGE
            block = self._stream[start : start + _PAGE]
            if len(block) == _PAGE:
                found.update(_page_properties(block))
        self._starts = sorted(found)
        self._properties = [found[start] for start in self._starts]

    def _part(self, field: int) -> bytes:
        offset, size = struct.unpack_from("<II", self._stream, field)
        return self._table[offset : offset + size]

    def _blocks(self, start: int, end: int) -> Iterator[str]:
        rows: list[list[str]] = []
        cells: list[str] = []
        pending: list[str] = []
        for text, properties in self._paragraphs(start, end):
            if properties.row_end or (text == "\x07" and not self._starts):
                rows.append(cells)
                cells = []
            elif text.endswith("\x07"):
                cells.append(" ".join([*pending, _plain(text[:-1])]))
                pending = []
            elif properties.in_table:
                pending.append(_plain(text))
            else:
                yield markdown.table([*rows, cells])
                rows, cells = [], []
                yield from _block(_plain(text), properties)
        yield markdown.table([*rows, [*cells, *pending]])

    def _paragraphs(self, start: int, end: int) -> Iterator[tuple[str, _Properties]]:
        """Yield the paragraphs between two positions, each with its properties."""
        position = 0
        parts: list[str] = []
        for piece in self._pieces:
            first, last = max(start - position, 0), min(end - position, len(piece.text))
            position += len(piece.text)
            begin = first
            while begin < last:
                match = _PARAGRAPH_END.search(piece.text, begin, last)
                stop = match.end() if match else last
                parts.append(piece.text[begin:stop])
                if match:
                    yield "".join(parts), self._at(piece.offset + (stop - 1) * piece.width)
                    parts = []
                begin = stop
        if parts:
            yield "".join(parts), _Properties()

    def _at(self, offset: int) -> _Properties:
        index = bisect_right(self._starts, offset) - 1
        return self._properties[index] if index >= 0 else _Properties()


_PARAGRAPH_END = re.compile("[\r\x07\x0c]")


def _page_properties(block: bytes) -> Iterator[tuple[int, _Properties]]:
    count = block[_PAGE - 1]
    if 4 * (count + 1) + 13 * count >= _PAGE:
        return
    starts = struct.unpack_from(f"<{count + 1}I", block)
    for number in range(count):
        at = block[4 * (count + 1) + 13 * number] * 2
        if not at:
            yield starts[number], _Properties()
            continue
        size = 2 * block[at] - 1 if block[at] else 2 * block[(at + 1) % _PAGE]
        at += 1 if block[at] else 2
        found = block[at : at + size]
        if len(found) >= 2:
            changes = found[2:]
            row_end = _ROW_END in changes
            yield (
                starts[number],
                _Properties(_short(found, 0), _IN_TABLE in changes or row_end, row_end),
            )


def _block(text: str, properties: _Properties) -> Iterator[str]:
    if text and 1 <= properties.style <= 9 and "\n" not in text:
        yield markdown.heading(properties.style, text)
    elif text:
        yield text


def _plain(text: str) -> str:
    """Return text without the codes of fields and without marks."""
    count = 1
    while count:
        text, count = _FIELD.subn(lambda match: match[1] or "", text)
    lines = (" ".join(line.split()) for line in text.translate(_MARKS).split("\n"))
    return "\n".join(filter(None, lines))


def _decoded(packed: bytes, *, wide: bool) -> str:
    if wide:
        return packed.decode("utf-16-le", "replace")
    return packed.decode("cp1252", "replace")


def _short(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "little")
