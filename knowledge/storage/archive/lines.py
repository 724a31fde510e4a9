"""Files and chunks as the lines of an archive."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from knowledge.model import Chunk, Passage, SourceFile

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
    for name in ("row_start", "row_end"):
        if getattr(passage, name) is not None:
            record[name] = getattr(passage, name)
    if passage.lead != passage.beyond:
        record["lead"] = passage.lead
    if passage.anchor:
        record["anchor"] = passage.anchor
    return _line(record)


def parse_file(line: bytes, place: str) -> SourceFile:
    """Read a file's line; ``place`` says where it stands.

    Raises
    ------
    DamagedArchiveError
        It is no such line.
    """
    from knowledge.storage.archive.fields import FileRecord, parse

    record = dict(parse(FileRecord, line, place))
    record["ingested_at"] = datetime.fromisoformat(record["ingested_at"])
    # A mark that asks the doctor to read a path again is not for others to set. An ingest does so
    # all the same, since its size differs.
    record["size"] = max(0, record["size"])
    return SourceFile(**record)


def parse_chunk(line: bytes, place: str) -> Chunk:
    """Read a chunk's line; ``place`` says where it stands.

    Raises
    ------
    DamagedArchiveError
        It is no such line.
    """
    from knowledge.storage.archive.fields import ChunkRecord, parse

    record = dict(parse(ChunkRecord, line, place))
    lead = record.pop("lead")
    chunk = Chunk(record.pop("id"), record.pop("file_id"), Passage(**record))
    lead = chunk.passage.beyond if lead is None else lead
    return replace(chunk, passage=replace(chunk.passage, lead=lead)) if lead else chunk


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n"
