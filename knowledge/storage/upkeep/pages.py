"""Rows of a SQLite file that SQLite itself refuses to read, page by page.

A leaf page of a table describes itself: its cells hold a rowid and a record each. So rows can be
had from a file whose header, schema or inner pages are gone. See "Database File Format" at
https://www.sqlite.org/fileformat2.html, sections 1.3, 1.5, 1.6 and 2.1. Which table a row belongs
to is for the caller to tell by its values.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

Value = int | float | str | bytes | None

_HEADER = 100
_TABLE_LEAF = 0x0D
_DEFAULT_PAGE = 4096
_SIZES = {2**power for power in range(9, 17)}
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_MOST_COLUMNS = 64


def rows_of_pages(path: Path) -> Iterator[tuple[int, list[Value]]]:
    """Yield (rowid, values) of each row on a leaf page that is in use, as far as it makes sense.

    The value of a column that stands for the rowid is ``None``.
    """
    if not path.stat().st_size:
        return  # nothing can't be mapped
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = _page_size(data)
        unused = _free_pages(data, size)
        for number in range(1, (len(data) + size - 1) // size + 1):
            if number not in unused:
                yield from _rows_of_page(data, number, size)


def _page_size(data: mmap.mmap) -> int:
    told = int.from_bytes(data[16:18], "big")
    told = 65536 if told == 1 else told
    return told if told in _SIZES else _DEFAULT_PAGE


def _free_pages(data: mmap.mmap, size: int) -> set[int]:
    """Return the pages of the freelist, which hold what was deleted."""
    free: set[int] = set()
    trunk = int.from_bytes(data[32:36], "big")
    while trunk and trunk not in free and trunk * size <= len(data):
        free.add(trunk)
        page = data[(trunk - 1) * size : trunk * size]
        trunk, count = struct.unpack(">II", page[:8])
        if count > size // 4:
            break
        free.update(struct.unpack(f">{count}I", page[8 : 8 + 4 * count]))
    return free


def _rows_of_page(data: mmap.mmap, number: int, size: int) -> Iterator[tuple[int, list[Value]]]:
    page = data[(number - 1) * size : number * size]
    start = _HEADER if number == 1 else 0
    if len(page) < start + 8 or page[start] != _TABLE_LEAF:
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    for cell in range(count):
        at = start + 8 + 2 * cell
        offset = int.from_bytes(page[at : at + 2], "big")
        try:
            length, offset = _varint(page, offset)
            rowid, offset = _varint(page, offset)
            yield rowid, _record(_payload(data, page, offset, length, size))
        except (IndexError, ValueError, struct.error):
            continue  # this cell is damaged, the next may be whole


def _payload(data: mmap.mmap, page: bytes, offset: int, length: int, size: int) -> bytes:
    """Return a cell's payload, with the overflow pages that go with it."""
    if length > len(data):
        raise ValueError("longer than the file")
    if length <= size - 35:
        return page[offset : offset + length]
    least = (size - 12) * 32 // 255 - 23
    local = least + (length - least) % (size - 4)
    local = local if local <= size - 35 else least
    pieces = [page[offset : offset + local]]
    following = int.from_bytes(page[offset + local : offset + local + 4], "big")
    left = length - local
    while left > 0:
        start = (following - 1) * size
        if following < 1 or start + 4 > len(data):
            raise ValueError("its overflow is gone")
        following = int.from_bytes(data[start : start + 4], "big")
        piece = data[start + 4 : start + 4 + min(left, size - 4)]
        pieces.append(piece)
        left -= size - 4
    return b"".join(pieces)


def _record(payload: bytes) -> list[Value]:
    header, at = _varint(payload, 0)
    types: list[int] = []
    while at < header:
        kind, at = _varint(payload, at)
        types.append(kind)
        if len(types) > _MOST_COLUMNS:
            raise ValueError("no row has so many columns")
    values: list[Value] = []
    for kind in types:
        value, at = _value(payload, at, kind)
        values.append(value)
    if at != len(payload):
        raise ValueError("its length is wrong")
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in _INTEGERS:
        end = at + _INTEGERS[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind == 7:
        return struct.unpack(">d", payload[at : at + 8])[0], at + 8
    if kind in (8, 9):
        return kind - 8, at
    if kind < 12:
        raise ValueError("there is no such type")
    end = at + (kind - 12) // 2
    if end > len(payload):
        raise ValueError("it is cut off")
    piece = payload[at:end]
    return (piece.decode("utf-8", "replace") if kind % 2 else piece), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where it ends."""
    value = 0
    for count in range(8):
        byte = data[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64 if value >= 1 << 63 else 0), at + 9
