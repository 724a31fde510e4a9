"""The nouns as plain values: what the objects of ``docs/json.md`` are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.ingestion.watch.events import WatchEvent
    from knowledge.model import (
        Chunk,
        Dataset,
        EmbedderSpec,
        Hit,
        IngestReport,
        Passage,
        SourceFile,
    )
    from knowledge.storage.history import MissedFile


def dataset_record(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as ``knowledge.datasets/1`` lists it."""
    return {
        "name": dataset.name,
        "files": dataset.files,
        "chunks": dataset.chunks,
        "embedding": embedding_record(dataset.embedding),
        "metadata": dict(dataset.metadata),
        "created_at": dataset.created_at.isoformat(),
        "updated_at": dataset.updated_at.isoformat(),
    }


def embedding_record(embedding: EmbedderSpec | None) -> dict[str, Any]:
    """Return a model, with what its name stands for where it does."""
    return {
        "provider": embedding.provider if embedding else None,
        "model": embedding.model if embedding else None,
        "dimensions": embedding.dimensions if embedding else None,
        **_what_it_names(embedding),
    }


def _what_it_names(embedding: EmbedderSpec | None) -> dict[str, str]:
    from knowledge.embeddings.consent import what_it_names

    named = what_it_names(embedding.provider, embedding.model) if embedding else ""
    return {"names": named} if named else {}


def named_note(embedding: EmbedderSpec | None) -> str:
    """Return what is to be said behind a model whose name stands for more than a name."""
    named = _what_it_names(embedding).get("names")
    return {"code": "; names code", "path": "; names a path"}.get(named or "", "")


def dataset_details(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset with its splitter and generation, as ``knowledge.dataset/1`` shows it."""
    splitter = dataset.splitter
    return {
        **dataset_record(dataset),
        "chunk_size": splitter.chunk_size if splitter else None,
        "chunk_overlap": splitter.chunk_overlap if splitter else None,
        "generation": dataset.generation,
        "sparse_model": dataset.sparse.model if dataset.sparse else None,
    }


def file_record(file: SourceFile) -> dict[str, Any]:
    """Return a file as ``knowledge.files/1`` lists it."""
    return {
        "id": file.id,
        "file": file.path,
        "name": file.name,
        "size": file.size,
        "content_hash": file.content_hash,
        "chunks": file.chunks,
        "tokens": file.tokens,
        "metadata": file.all_metadata,
        "ingested_at": file.ingested_at.isoformat(),
    }


def missed_record(missed: MissedFile) -> dict[str, Any]:
    """Return a file that could not be taken in, as ``knowledge.files/1`` lists it."""
    problem = missed.problem
    return {
        "file": problem.file,
        "status": problem.status,
        "reason": problem.reason,
        "seen_at": missed.seen_at.isoformat(),
    }


def chunk_record(chunk: Chunk) -> dict[str, Any]:
    """Return a chunk and where it stands."""
    return {"chunk_id": chunk.id, **passage_record(chunk.passage)}


def passage_record(passage: Passage) -> dict[str, Any]:
    """Return a passage and where it stands."""
    return {
        "ordinal": passage.ordinal,
        "member": passage.member or None,
        "page_start": passage.page_start,
        "page_end": passage.page_end,
        "page_unit": passage.page_unit.value if passage.page_start is not None else None,
        "page_name": passage.page_name or None,
        "anchor": passage.anchor or None,
        "line_start": passage.line_start,
        "line_end": passage.line_end,
        "row_start": passage.row_start,
        "row_end": passage.row_end,
        "char_start": passage.char_start,
        "char_end": passage.char_end,
        "heading": list(passage.heading),
        "text": passage.text,
    }


def hit_record(hit: Hit) -> dict[str, Any]:
    """Return a hit as ``knowledge.retrieve/1`` lists it."""
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "relevance": hit.relevance,
        "cosine": None if hit.cosine is None else round(hit.cosine, 6),
        "scores": scores_record(hit),
        "dataset": hit.dataset,
        "chunk_id": hit.chunk.id,
        "file": hit.file,
        "name": hit.name,
        "citation": hit.citation,
        **passage_record(hit.passage),
        "own_text": hit.chunk.passage.text if hit.shown else None,
        "merged": [other.chunk.id for other in hit.merged],
        "also": [
            {
                "dataset": other.dataset,
                "file": other.file,
                "chunk_id": other.chunk.id,
                "citation": other.citation,
            }
            for other in hit.also
        ],
        "metadata": dict(hit.metadata),
    }


def scores_record(hit: Hit) -> dict[str, Any]:
    """Return what a hit's score is made of; null for a side that was not asked or missed it."""
    sides = ("dense", "keyword", "sparse")
    ranks = {f"{side}_rank": hit.scores.get(f"{side}_rank") for side in sides}
    return {
        "dense": None if hit.cosine is None else round(hit.cosine, 6),
        "keyword": hit.scores.get("keyword"),
        "sparse": hit.scores.get("sparse"),
        **{name: None if rank is None else int(rank) for name, rank in ranks.items()},
        **{
            name: None if name not in hit.scores else round(hit.scores[name], 6)
            for name in ("rerank", "mmr")
        },
    }


def watch_record(event: WatchEvent, dataset: str) -> dict[str, Any]:
    """Return what a watch tells as ``knowledge.watch/1`` shows it."""
    error = event.error
    return {
        "event": event.kind.value,
        "at": event.at.isoformat(),
        "dataset": dataset,
        "report": None if event.report is None else report_record(event.report),
        "error": None
        if error is None
        else {"code": error.code, "message": error.message, "hint": error.hint},
        "retry_seconds": event.retry_seconds,
        "path": event.path,
    }


def report_record(report: IngestReport) -> dict[str, Any]:
    """Return an ingest report as ``knowledge.ingest/1`` shows it."""
    from knowledge.model import FileStatus

    return {
        "dataset": report.dataset,
        **({"dry_run": True} if report.dry_run else {}),
        "files": {status.value: report.files.get(status, 0) for status in FileStatus},
        "chunks": {
            "added": report.chunks_added,
            "removed": report.chunks_removed,
            "reused": report.chunks_reused,
        },
        "embedded": report.embedded,
        "tokens": report.tokens,
        "cost_usd": report.cost_usd,
        "seconds": report.seconds,
        "problems": [
            {"file": problem.file, "status": problem.status, "reason": problem.reason}
            for problem in report.problems
        ],
    }
