"""Turn each loaded file into a change of the dataset, and send its new texts to be embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowledge.ingestion.request import RunRequest
from knowledge.ingestion.run.changes import Remove, Sink, Touch, Write
from knowledge.ingestion.run.plan import CTIME, Planned, is_touched
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.sources.repositories import Commits
from knowledge.ingestion.stored import Stored
from knowledge.ingestion.workers.loading import LoadedFile
from knowledge.model import Chunk, FileStatus, SourceFile
from knowledge.storage.changes import ChunkDiff, diff_chunks
from knowledge.storage.identity import identify, new_file_id
from knowledge.storage.terms import language_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool


class Updater:
    """Compares loaded files with what is stored of them.

    Parameters
    ----------
    commits:
        Those of the run's repositories; keep what becomes of their files.
    pool:
        Embeds; ``None`` in a dry run.
    """

    def __init__(
        self,
        request: RunRequest,
        stored: Stored,
        commits: Commits,
        stats: RunStats,
        sink: Sink,
        pool: EmbeddingPool | None,
    ) -> None:
        self._request = request
        self._stored = stored
        self._commits = commits
        self._stats = stats
        self._sink = sink
        self._pool = pool

    def take(self, loaded: LoadedFile, planned: Planned) -> None:
        """Send what changes by one file to the sink."""
        if planned.known is None and loaded.status is FileStatus.INGESTED:
            planned = replace(planned, known=self._stored.claim_moved(loaded.content_hash))
        if self._request.finish is not None:
            loaded = replace(self._request.finish(loaded), terms=(), vectors=b"", vector_tokens=())
        self._report(loaded)
        shown, known = loaded.task.shown, planned.known
        if loaded.status is FileStatus.INGESTED:
            self._write(loaded, planned)
        elif loaded.status is FileStatus.UNCHANGED and known is not None:
            self._touch(loaded, planned, known)
        else:
            if loaded.status is FileStatus.FAILED:
                self._commits.fail(shown)
            elif loaded.status is FileStatus.EMPTY and known is not None:
                self._sink.send(Remove(known, None))
            self._stats.problem(shown, loaded.status, loaded.reason)
            self._stats.finished(shown, self._request.counted_as(loaded.status))

    def _report(self, loaded: LoadedFile) -> None:
        shown = loaded.task.shown
        for warning in loaded.warnings:
            self._stats.problem(shown, "notice", warning)
        for problem in loaded.problems:
            file = f"{shown}!/{problem.file}" if problem.file else shown
            self._stats.problem(file, problem.status, problem.reason)

    def _write(self, loaded: LoadedFile, planned: Planned) -> None:
        known = planned.known
        file_id = known.id if known else new_file_id(loaded.task.shown, self._stored.ids)
        self._stored.ids.add(file_id)
        chunks = identify(file_id, loaded.passages)
        file = SourceFile(
            id=file_id,
            size=loaded.size,
            content_hash=loaded.content_hash,
            chunks=len(chunks),
            tokens=sum(passage.tokens for passage in loaded.passages),
            ingested_at=datetime.now(UTC),
            **planned.facts(self._request.metadata, loaded.metadata, loaded.mtime_ns),
        )
        self._commits.keep(file)
        diff = self._diff(known, chunks)
        self._stats.planned(len(diff.added))
        vectors = None
        if diff.added and self._pool is not None:
            vectors = self._embedded(self._pool, loaded, chunks, diff.added)
        self._sink.send(Write(file, diff, vectors, _terms(loaded, file, chunks)))

    def _embedded(
        self,
        pool: EmbeddingPool,
        loaded: LoadedFile,
        chunks: Sequence[Chunk],
        added: Sequence[Chunk],
    ) -> Future[NDArray[np.float32]]:
        """Return the new chunks' vectors: those of the reader, else what the pool makes."""
        texts = [chunk.passage.embedding_text for chunk in added]
        if not loaded.vectors:
            return pool.submit(texts)
        import numpy as np

        vectors = np.frombuffer(loaded.vectors, np.float32).reshape(len(chunks), -1)
        tokens = loaded.vector_tokens
        if len(added) < len(chunks):
            row_of = {chunk.id: row for row, chunk in enumerate(chunks)}
            rows = [row_of[chunk.id] for chunk in added]
            vectors, tokens = vectors[rows], tuple(tokens[row] for row in rows)
        return pool.accept(texts, vectors, tokens)

    def _diff(self, known: SourceFile | None, chunks: Sequence[Chunk]) -> ChunkDiff:
        old = self._stored.chunks_of(known)
        if not self._request.force:
            return diff_chunks(old, chunks)
        gone = {chunk.id for chunk in old} - {chunk.id for chunk in chunks}
        return ChunkDiff(chunks, (), sorted(gone), 0)

    def _touch(self, loaded: LoadedFile, planned: Planned, known: SourceFile) -> None:
        mtime_ns = known.mtime_ns if planned.file.origin else loaded.mtime_ns
        facts = planned.facts(self._request.metadata, known.metadata, mtime_ns)
        if planned.file.is_in_place and is_touched(planned.file, known):
            facts["remembered"] = {**facts["remembered"], CTIME: planned.file.ctime_ns}
        touched = replace(known, size=loaded.size, **facts)
        self._commits.keep(touched)
        if touched != known:
            self._sink.send(Touch(touched))
        self._stats.finished(touched.path, FileStatus.UNCHANGED, reused=known.chunks)


def _terms(loaded: LoadedFile, file: SourceFile, chunks: Sequence[Chunk]) -> dict[str, str]:
    """Return the chunks' full-text terms, unless they were made for another language."""
    if language_of(file.given, file.metadata) != language_of(loaded.metadata):
        return {}
    return dict(zip((chunk.id for chunk in chunks), loaded.terms, strict=False))
