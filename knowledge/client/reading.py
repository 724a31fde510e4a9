"""Records of the JSON contracts back into nouns, so that they are shown as if they were ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from knowledge.answering.answer import Answer
from knowledge.model import (
    Chunk,
    Dataset,
    EmbedderSpec,
    FileProblem,
    FileStatus,
    Hit,
    IngestReport,
    PageUnit,
    Passage,
    SourceFile,
)
from knowledge.storage.history import MissedFile

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReceivedHit(Hit):
    """A hit with the citation that the server gave it."""

    said: str = ""

    @property
    def citation(self) -> str:
        """The location of the chunk."""
        return self.said


def dataset(record: Record) -> Dataset:
    """Return a dataset, as far as its record goes."""
    embedding = record["embedding"]
    return Dataset(
        name=record["name"],
        key="",
        generation=record.get("generation") or 0,
        vectors=0,
        files=record["files"],
        chunks=record["chunks"],
        embedding=EmbedderSpec(embedding["provider"], embedding["model"], embedding["dimensions"])
        if embedding["provider"]
        else None,
        splitter=None,
        metadata=record["metadata"],
        created_at=datetime.fromisoformat(record["created_at"]),
        updated_at=datetime.fromisoformat(record["updated_at"]),
    )


def file(record: Record) -> SourceFile:
    """Return a file; all its metadata stand as its own."""
    return SourceFile(
        id=record["id"],
        path=record["file"],
        name=record["name"],
        size=record["size"],
        mtime_ns=0,
        content_hash=record["content_hash"],
        chunks=record["chunks"],
        tokens=record["tokens"],
        metadata=record["metadata"],
        given={},
        ingested_at=datetime.fromisoformat(record["ingested_at"]),
    )


def missed(record: Record) -> MissedFile:
    """Return a file that could not be taken in."""
    problem = FileProblem(record["file"], record["status"], record["reason"])
    return MissedFile(problem, datetime.fromisoformat(record["seen_at"]))


def passage(record: Record, text: str | None = None) -> Passage:
    """Return a passage; ``text`` is another one than the record's."""
    return Passage(
        ordinal=record["ordinal"],
        text=record["text"] if text is None else text,
        heading=tuple(record["heading"]),
        page_unit=PageUnit(record["page_unit"] or "page"),
        page_name=record["page_name"] or "",
        member=record["member"] or "",
        anchor=record.get("anchor") or "",
        page_start=record["page_start"],
        page_end=record["page_end"],
        line_start=record["line_start"],
        line_end=record["line_end"],
        row_start=record.get("row_start"),
        row_end=record.get("row_end"),
        char_start=record["char_start"],
        char_end=record["char_end"],
    )


def chunk(record: Record) -> Chunk:
    """Return a file's chunk."""
    return Chunk(record["chunk_id"], "", passage(record))


def hit(record: Record) -> Hit:
    """Return a hit, or a chunk that nobody searched for."""
    own = record.get("own_text")
    shown = passage(record)
    scores = {name: value for name, value in record.get("scores", {}).items() if value is not None}
    return ReceivedHit(
        rank=record.get("rank", 1),
        score=record.get("score", 0.0),
        cosine=record.get("cosine"),
        relevance=record.get("relevance"),
        dataset=record["dataset"],
        file=record["file"],
        name=record["name"],
        chunk=Chunk(record["chunk_id"], "", passage(record, own)),
        metadata=record["metadata"],
        scores=scores,
        shown=None if own is None else shown,
        merged=tuple(_named(one, record) for one in record.get("merged", ())),
        also=tuple(_named(one["chunk_id"], one, one["citation"]) for one in record.get("also", ())),
        said=record["citation"],
    )


def _named(id_: str, place: Record, citation: str = "") -> Hit:
    """Return a hit of which only the place is known."""
    nothing = Passage(ordinal=0, text="", char_start=0, char_end=0)
    return ReceivedHit(
        rank=0,
        score=0.0,
        cosine=0.0,
        dataset=place["dataset"],
        file=place["file"],
        name="",
        chunk=Chunk(id_, "", nothing),
        metadata={},
        said=citation,
    )


def answer(record: Record) -> Answer:
    """Return an answer in words."""
    return Answer(
        text=record["answer"],
        model=record["model"] or "",
        cited=tuple(one["number"] for one in record["citations"]),
        removed=tuple(record["removed"]),
        hits=tuple(map(hit, record["hits"])),
    )


def report(record: Record) -> IngestReport:
    """Return what a run did."""
    chunks = record["chunks"]
    return IngestReport(
        dataset=record["dataset"],
        files={status: record["files"].get(status.value, 0) for status in FileStatus},
        chunks_added=chunks["added"],
        chunks_removed=chunks["removed"],
        chunks_reused=chunks["reused"],
        embedded=record["embedded"],
        tokens=record["tokens"],
        seconds=record["seconds"],
        problems=tuple(
            FileProblem(one["file"], one["status"], one["reason"]) for one in record["problems"]
        ),
        dry_run=bool(record.get("dry_run")),
        cost_usd=record["cost_usd"],
    )


def together(first: IngestReport | None, second: IngestReport) -> IngestReport:
    """Return the report of two runs on one dataset."""
    if first is None:
        return second
    costs = [one.cost_usd for one in (first, second) if one.cost_usd is not None]
    return IngestReport(
        dataset=second.dataset,
        files={status: first.files[status] + second.files[status] for status in FileStatus},
        chunks_added=first.chunks_added + second.chunks_added,
        chunks_removed=first.chunks_removed + second.chunks_removed,
        chunks_reused=first.chunks_reused + second.chunks_reused,
        embedded=first.embedded + second.embedded,
        tokens=first.tokens + second.tokens,
        seconds=round(first.seconds + second.seconds, 3),
        problems=(*first.problems, *second.problems),
        dry_run=second.dry_run,
        cost_usd=sum(costs) if costs else None,
    )
