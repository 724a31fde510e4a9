"""Files and chunks as the lines of an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from knowledge.model import Chunk, PageUnit, Passage, SourceFile

_PASSAGE = (
    "ordinal",
    "text",
    "char_start",
    "char_end",
    "line_start",
    "line_end",
    "page_start",
    "page_end",
    "tokens",
    "page_name",
    "member",
)
_FILE = ("id", "path", "name", "size", "mtime_ns", "content_hash", "chunks", "tokens")


def file_line(file: SourceFile) -> bytes:
    """Return a file as one line of JSON."""
    record = {name: getattr(file, name) for name in _FILE}
    record["metadata"] = dict(file.metadata)
    record["given"] = dict(file.given)
    record["remembered"] = dict(file.remembered)
    record["ingested_at"] = file.ingested_at.isoformat()
    return _line(record)


def chunk_line(chunk: Chunk) -> bytes:
    """Return a chunk as one line of JSON."""
    passage = chunk.passage
    record: dict[str, Any] = {"id": chunk.id, "file_id": chunk.file_id}
    record |= {name: getattr(passage, name) for name in _PASSAGE}
    record["heading"] = list(passage.heading)
    record["page_unit"] = passage.page_unit.value
    record["metadata"] = dict(passage.metadata)
    return _line(record)


def parse_file(line: bytes) -> SourceFile:
    """Read a file's line.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is no such line.
    """
    record = _record(line)
    return SourceFile(
        **{name: _checked(record[name], SourceFile, name) for name in _FILE},
        metadata=dict(record["metadata"]),
        given=dict(record["given"]),
        remembered=dict(record["remembered"]),
        ingested_at=datetime.fromisoformat(record["ingested_at"]),
    )


def parse_chunk(line: bytes) -> Chunk:
    """Read a chunk's line.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is no such line.
    """
    record = _record(line)
    passage = Passage(
        **{name: _checked(record[name], Passage, name) for name in _PASSAGE},
        heading=tuple(map(str, record["heading"])),
        page_unit=PageUnit(record["page_unit"]),
        metadata=dict(record["metadata"]),
    )
    return Chunk(str(record["id"]), str(record["file_id"]), passage)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _record(line: bytes) -> dict[str, Any]:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise TypeError("a line is no object")
    return record


def _checked(value: Any, owner: type, name: str) -> Any:
    """Return a value whose type is the one that the class declares."""
    declared = str(owner.__annotations__[name])  # annotations are texts
    fits = (
        (value is None and "None" in declared)
        or (isinstance(value, int) and not isinstance(value, bool) and "int" in declared)
        or (isinstance(value, str) and "str" in declared)
    )
    if not fits:
        raise ValueError(f"{name} is {value!r}")
    return value
