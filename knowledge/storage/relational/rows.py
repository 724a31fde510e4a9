"""Rows of a catalog to nouns, and back."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge.errors import DamagedStoreError
from knowledge.model import (
    Chunk,
    Dataset,
    EmbedderSpec,
    PageUnit,
    Passage,
    SourceFile,
    SplitterSpec,
)

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object
from knowledge.storage.relational.packing import unpacked

CHUNK_COLUMNS = (
    "id, file_id, ordinal, text, heading, char_start, char_end, "
    "line_start, line_end, page_start, page_end, tokens, place, metadata"
)
FILE_COLUMNS = (
    "id, path, name, size, mtime_ns, content_hash, chunks, tokens, metadata, given, ingested_at, "
    "remembered"
)


class Record(Protocol):
    """A row, whose values are had by the names of their columns."""

    def __getitem__(self, name: str, /) -> Any: ...


def now() -> str:
    """Return the time as it is stored: ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat()


def dump(metadata: Mapping[str, Any]) -> str:
    """Return ``metadata`` as stored JSON: sorted, so that equal ones are equal text."""
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True, default=str)


Noun = TypeVar("Noun")


def readable(build: Callable[[Record], Noun]) -> Callable[[Record], Noun]:
    """Let a function that builds a noun of a row say that the row is damaged, where it is."""

    @functools.wraps(build)
    def checked(row: Record) -> Noun:
        try:
            return build(row)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise DamagedStoreError(
                f"the catalog holds a row that can't be read: {error}",
                hint="`knowledge doctor` finds out what is damaged.",
            ) from error

    return checked


@readable
def dataset_of(row: Record) -> Dataset:
    """Build the dataset of a ``datasets`` row."""
    embedding = splitter = None
    if row["provider"] is not None:
        embedding = EmbedderSpec(
            row["provider"], row["model"], row["dimensions"], json.loads(row["model_options"])
        )
    if row["chunk_size"] is not None:
        splitter = SplitterSpec(row["chunk_size"], row["chunk_overlap"])
    return Dataset(
        name=row["name"],
        key=row["key"],
        generation=row["generation"],
        vectors=row["vectors"],
        files=row["files"],
        chunks=row["chunks"],
        embedding=embedding,
        splitter=splitter,
        metadata=json.loads(row["metadata"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        sparse=EmbedderSpec(**json.loads(row["sparse"])) if row["sparse"] else None,
    )


@readable
def file_of(row: Record) -> SourceFile:
    """Build the file of a ``files`` row; what the user gave wins over what the format gave."""
    return SourceFile(
        id=row["id"],
        path=row["path"],
        name=row["name"],
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        content_hash=row["content_hash"],
        chunks=row["chunks"],
        tokens=row["tokens"],
        metadata=_object(row["metadata"]),
        given=_object(row["given"]),
        ingested_at=datetime.fromisoformat(row["ingested_at"]),
        remembered=json.loads(row["remembered"]) if row["remembered"] else {},
    )


def _object(text: str) -> dict[str, Any]:
    """Parse a JSON object; most are empty, and a large dataset reads very many."""
    found: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return found


@readable
def chunk_of(row: Record) -> Chunk:
    """Build the chunk of a ``chunks`` row."""
    place = json.loads(row["place"]) if row["place"] else {}
    passage = Passage(
        ordinal=row["ordinal"],
        text=unpacked(row["text"]),
        char_start=row["char_start"],
        char_end=row["char_end"],
        line_start=row["line_start"],
        line_end=row["line_end"],
        page_start=row["page_start"],
        page_end=row["page_end"],
        heading=tuple(json.loads(row["heading"])),
        tokens=row["tokens"],
        page_unit=PageUnit(place.get("unit", PageUnit.PAGE)),
        page_name=place.get("name", ""),
        member=place.get("member", ""),
        metadata=json.loads(row["metadata"]) if row["metadata"] else {},
        row_start=place.get("row_start"),
        row_end=place.get("row_end"),
        anchor=place.get("anchor", ""),
    )
    # All that is more than the span stands before it, unless its place says otherwise.
    lead = place.get("lead", passage.beyond)
    passage = replace(passage, lead=lead) if lead else passage
    return Chunk(id=row["id"], file_id=row["file_id"], passage=passage)


def _place(passage: Passage) -> str | None:
    place = {
        "unit": "" if passage.page_unit is PageUnit.PAGE else passage.page_unit.value,
        "name": passage.page_name,
        "member": passage.member,
        "row_start": passage.row_start,
        "row_end": passage.row_end,
        "anchor": passage.anchor,
    }
    told: dict[str, Any] = {key: value for key, value in place.items() if value}
    if passage.lead != passage.beyond:
        told["lead"] = passage.lead
    return dump(told) if told else None


def file_values(file: SourceFile) -> tuple[Any, ...]:
    """Return the values of ``FILE_COLUMNS``."""
    return (
        file.id,
        file.path,
        file.name,
        file.size,
        file.mtime_ns,
        file.content_hash,
        file.chunks,
        file.tokens,
        dump(file.metadata),
        dump(file.given),
        file.ingested_at.isoformat(),
        dump(file.remembered) if file.remembered else None,
    )


def chunk_values(chunk: Chunk) -> tuple[Any, ...]:
    """Return the values of ``CHUNK_COLUMNS``."""
    passage = chunk.passage
    return (
        chunk.id,
        chunk.file_id,
        passage.ordinal,
        passage.text,
        json.dumps(passage.heading, ensure_ascii=False),
        passage.char_start,
        passage.char_end,
        passage.line_start,
        passage.line_end,
        passage.page_start,
        passage.page_end,
        passage.tokens,
        _place(passage),
        dump(passage.metadata) if passage.metadata else None,
    )
