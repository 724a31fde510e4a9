"""A new catalog from what can still be read of a damaged one."""

from __future__ import annotations

import contextlib
import mmap
import os
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.storage.disk import on_disk
from knowledge.storage.local.catalog import fulltext, schema
from knowledge.storage.local.catalog.database import FAILURES, connect, migrate, transaction
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.backups import PARTS
from knowledge.storage.local.upkeep.mending import TABLES, HopelessRowError, Row, mended
from knowledge.storage.local.upkeep.standins import add_empty_datasets, add_lost_datasets

# Rows of a SQLite file that SQLite itself refuses to read, page by page.
#
# A leaf page of a table describes itself: its cells hold a rowid and a record each. So rows can
# be had from a file whose header, schema or inner pages are gone. See "Database File Format" at
# https://www.sqlite.org/fileformat2.html, sections 1.3, 1.5, 1.6 and 2.1. Which table a row
# belongs to is for the caller to tell by its values.

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


FORWARDS, BACKWARDS = "ASC", "DESC"


@dataclass(slots=True)
class Salvaged:
    """What was saved.

    Parameters
    ----------
    rows:
        How many of each table.
    gaps:
        Tables that could not be read through; how many rows a gap held is not known.
    datasets_named_anew, empty_datasets:
        How many datasets had lost their own row, and how many all their texts too.
    """

    rows: Counter[str] = field(default_factory=Counter)
    gaps: list[str] = field(default_factory=list)
    datasets_named_anew: int = 0
    empty_datasets: int = 0


def salvage(source: Path | None, target: Path, folder: DataFolder) -> Salvaged:
    """Copy what can be read of the catalog at ``source``, if there is one, into a new one.

    ``folder`` tells what it can of datasets whose own row is lost.

    Rows of one dataset that contradict each other are for the checks of a whole catalog to find.
    """
    remove_database(target)
    saved = Salvaged()
    with closing(connect(target)) as connection:
        fulltext.register(connection)
        migrate(connection, target, schema.MIGRATIONS)
        connection.execute("PRAGMA foreign_keys = OFF")
        if source is not None:
            with _reading(source) as old:
                for table in TABLES:
                    _copy_table(source, old, connection, target, table, saved)
        with transaction(connection, target):
            saved.datasets_named_anew = add_lost_datasets(connection, folder)
            saved.empty_datasets = add_empty_datasets(connection, folder)
            for table in ("runs", "problems"):
                connection.execute(
                    f"DELETE FROM {table} WHERE dataset NOT IN (SELECT id FROM datasets)"
                )
            connection.execute(fulltext.REBUILD)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return saved


def put_in_place(catalog: Path, new: Path) -> None:
    """Let a new catalog take the place of a damaged one, of which there is a backup."""
    with on_disk(catalog):
        remove_database(catalog, keep_first=True)
        os.replace(new, catalog)  # noqa: PTH105  in one step
        remove_database(new)


def remove_database(path: Path, *, keep_first: bool = False) -> None:
    """Remove a database with the files that SQLite keeps beside it."""
    for part in PARTS[keep_first:]:
        path.with_name(path.name + part).unlink(missing_ok=True)


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection | None]:
    """Open a damaged database as far as SQLite will; ``None`` when it will not at all."""
    connection = sqlite3.connect(source)
    try:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        # Without this a file that was cut off is refused as a whole.
        connection.execute("PRAGMA writable_schema = ON")
        yield connection
    except FAILURES:
        yield None
    finally:
        connection.close()


def _copy_table(
    source: Path,
    old: sqlite3.Connection | None,
    new: sqlite3.Connection,
    target: Path,
    table: str,
    saved: Salvaged,
) -> None:
    reading = _TableReading(old, table)
    with transaction(new, target):
        for row in _all_rows(source, reading, table):
            saved.rows[table] += _insert(new, table, row)
    if reading.gap is not None:
        saved.gaps.append(table)


def _all_rows(source: Path, reading: _TableReading, table: str) -> Iterator[Mapping[str, Any]]:
    yield from reading.rows()
    if reading.gap is None:
        return
    after, before = reading.gap
    for rowid, values in rows_of_pages(source):
        if after < rowid < before and _fits(table, values):
            columns = list(TABLES[table])
            yield {**dict(zip(columns, values, strict=False)), columns[0]: rowid}


def _insert(new: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> int:
    try:
        whole: Row = mended(table, row)
    except HopelessRowError:
        return 0
    columns = ", ".join(whole)
    marks = ", ".join(f":{column}" for column in whole)
    # A name that is taken, or a row that is there already, is passed over.
    done = new.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", whole)
    return done.rowcount


class _TableReading:
    """Reads a table from both ends, up to what is damaged.

    ``gap`` is known at the end: the rowids between which nothing could be read; ``None`` when all
    was read.
    """

    def __init__(self, connection: sqlite3.Connection | None, table: str) -> None:
        self._connection = connection
        self._table = table
        self.gap: tuple[float, float] | None = (float("-inf"), float("inf"))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what can be read by SQLite."""
        after = before = None
        for rowid, row in self._read(FORWARDS):
            after = rowid
            yield row
        if self.gap is None:
            return
        for rowid, row in self._read(BACKWARDS):
            if after is not None and rowid <= after:
                break
            before = rowid
            yield row
        self.gap = (
            float("-inf") if after is None else after,
            float("inf") if before is None else before,
        )

    def _read(self, direction: str) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._connection is None:
            return
        try:
            rows = self._connection.execute(
                f"SELECT rowid AS rowid_, * FROM {self._table} NOT INDEXED "
                f"ORDER BY rowid {direction}"
            )
            names = [column[0] for column in rows.description]
            for values in rows:
                yield values[0], dict(zip(names, values, strict=True))
        except (*FAILURES, OverflowError):
            return
        if direction == FORWARDS:
            self.gap = None


def _fits(table: str, values: list[Any]) -> bool:
    """Tell whether a row that was found on a page can be one of a table."""
    try:
        whole = mended(table, {**dict(zip(TABLES[table], values, strict=False)), _key(table): 1})
    except HopelessRowError:
        return False
    told = dict(zip(TABLES[table], values, strict=False))
    same = [whole[column] == told[column] for column in told if column != _key(table)]
    # Other tables have rows of other columns; in one of this, most values are as they must be.
    return len(values) in _LENGTHS[table] and sum(same) >= len(same) - 3


def _key(table: str) -> str:
    return next(iter(TABLES[table]))


_LENGTHS = {
    "datasets": (18, 19),
    "files": (15, 16),
    "chunks": (16, 18),
    "runs": (8,),
    "problems": (6,),
}
"""How many values a row has; fewer when it was written before a column was added."""
