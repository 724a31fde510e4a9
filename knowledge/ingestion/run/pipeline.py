"""An ingest run: scan, plan, load, embed and commit, all at once through bounded queues.

The calling thread scans, plans and takes loaded files; worker processes load; the pool's threads
embed; one thread writes. A file is written when all its vectors are there.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowledge.ingestion.request import IngestRequest
from knowledge.ingestion.run.plan import Planned
from knowledge.ingestion.run.reading import Reader
from knowledge.ingestion.run.tally import Tally
from knowledge.ingestion.run.writing import Remove, Touch, Write, Writer
from knowledge.ingestion.workers.loading import LoadedFile
from knowledge.model import Chunk, FileStatus, IngestReport, SourceFile
from knowledge.storage.changes import ChunkDiff, diff_chunks
from knowledge.storage.identity import identify, new_file_id
from knowledge.storage.terms import language_of

if TYPE_CHECKING:
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.ingestion.run.usage import Usage


class IngestRun:
    """Brings what the reader finds to the writer.

    Parameters
    ----------
    reader:
        Finds and loads files.
    pool:
        Embeds; ``None`` in a dry run.
    writer:
        Writes; ``None`` in a dry run.
    """

    def __init__(
        self,
        request: IngestRequest,
        reader: Reader,
        tally: Tally,
        pool: EmbeddingPool | None = None,
        writer: Writer | None = None,
    ) -> None:
        self._request = request
        self._reader = reader
        self._tally = tally
        self._pool = pool
        self._writer = writer

    def run(self) -> None:
        """Do it all, and publish.

        Raises
        ------
        RemoteError
            The provider failed; the files that were complete by then are published.
        KeyboardInterrupt
            Likewise.
        """
        if self._writer is None:
            self._read()
            return
        complete = False
        try:
            self._writer.start()
            self._read()
            complete = True
        finally:
            self._writer.end(cancel=not complete)

    def _read(self) -> None:
        for loaded, planned in self._reader.steps():
            self._take(loaded, planned)
            for file in self._reader.take_touched():
                self._send(Touch(file))
        for file in self._reader.take_touched():
            self._send(Touch(file))
        self._finish_remotes()
        if self._request.prune:
            self._prune()

    def _take(self, loaded: LoadedFile, planned: Planned) -> None:
        if self._request.finish is not None:
            loaded = replace(self._request.finish(loaded), terms=())
        shown = loaded.task.shown
        for warning in loaded.warnings:
            self._tally.problem(shown, "notice", warning)
        for problem in loaded.problems:
            file = f"{shown}!/{problem.file}" if problem.file else shown
            self._tally.problem(file, problem.status, problem.reason)
        if loaded.status is FileStatus.INGESTED:
            self._store(loaded, planned)
        elif loaded.status is FileStatus.UNCHANGED and planned.known is not None:
            self._touch(loaded, planned, planned.known)
        else:
            self._tally.problem(shown, loaded.status, loaded.reason)
            if loaded.status is FileStatus.EMPTY and planned.known is not None:
                self._send(Remove(planned.known, None))
            status = loaded.status
            if status is FileStatus.UNSUPPORTED and self._request.err_on_unsupported:
                status = FileStatus.FAILED
            self._tally.finished(shown, status)

    def _store(self, loaded: LoadedFile, planned: Planned) -> None:
        stored, known = self._reader.stored, planned.known
        file_id = known.id if known else new_file_id(loaded.task.shown, stored.ids)
        stored.ids.add(file_id)
        chunks = identify(file_id, loaded.passages)
        file = self._file(file_id, loaded, planned)
        self._reader.remotes.keep(file)
        if self._request.force:
            old = [chunk.id for chunk in self._reader.stored_chunks(known)]
            diff = ChunkDiff(chunks, (), sorted(set(old) - {chunk.id for chunk in chunks}), 0)
        else:
            diff = diff_chunks(self._reader.stored_chunks(known), chunks)
        self._tally.planned(len(diff.added))
        if self._pool is None:
            self._count(file, diff)
            return
        vectors = None
        if diff.added:
            vectors = self._pool.submit([chunk.passage.embedding_text for chunk in diff.added])
        self._send(Write(file, diff, vectors, _terms(loaded, file, chunks)))

    def _touch(self, loaded: LoadedFile, planned: Planned, known: SourceFile) -> None:
        origin = planned.found.origin
        touched = replace(
            known,
            size=loaded.size,
            mtime_ns=(origin.mtime_ns or known.mtime_ns) if origin else loaded.mtime_ns,
            metadata={**known.metadata, **(origin.metadata if origin else {})},
            **planned.facts(self._request.metadata),
        )
        self._reader.remotes.keep(touched)
        if touched != known:
            self._send(Touch(touched))
        self._tally.finished(touched.path, FileStatus.UNCHANGED, reused=known.chunks)

    def _finish_remotes(self) -> None:
        """Remove what a repository's new commit does not have; mark what is there completely."""
        gone, marked = self._reader.remotes.finish()
        for file in gone:
            self._send(Remove(file, FileStatus.REMOVED))
        for file in marked:
            self._send(Touch(file))

    def _prune(self) -> None:
        scan = self._reader.scan
        for file in self._reader.stored.gone(scan.roots, scan.seen, scan.only):
            self._send(Remove(file, FileStatus.REMOVED))

    def _send(self, step: Write | Touch | Remove) -> None:
        if self._writer is not None:
            self._writer.send(step)
        elif isinstance(step, Remove):
            removed = step.file.chunks
            if step.status is None:
                self._tally.removed += removed
            else:
                self._tally.finished(step.file.path, step.status, removed=removed)

    def _count(self, file: SourceFile, diff: ChunkDiff) -> None:
        for chunk in diff.added:
            # Equal texts are embedded once.
            self._tally.texts[chunk.passage.embedding_text] = chunk.passage.tokens
        self._tally.finished(
            file.path,
            FileStatus.INGESTED,
            added=len(diff.added),
            removed=len(diff.removed),
            reused=diff.kept,
        )

    def _file(self, file_id: str, loaded: LoadedFile, planned: Planned) -> SourceFile:
        origin = planned.found.origin
        return SourceFile(
            id=file_id,
            size=loaded.size,
            mtime_ns=(origin.mtime_ns if origin else 0) or loaded.mtime_ns,
            content_hash=loaded.content_hash,
            chunks=len(loaded.passages),
            tokens=sum(passage.tokens for passage in loaded.passages),
            metadata={**loaded.metadata, **(origin.metadata if origin else {})},
            ingested_at=datetime.now(UTC),
            **planned.facts(self._request.metadata),
        )


def _terms(loaded: LoadedFile, file: SourceFile, chunks: Sequence[Chunk]) -> dict[str, str]:
    """Return the chunks' full-text terms, unless they were made for another language."""
    if language_of(file.given, file.metadata) != language_of(loaded.metadata):
        return {}
    return dict(zip((chunk.id for chunk in chunks), loaded.terms, strict=False))


def report(
    dataset: str, tally: Tally, started: float, usage: Usage, *, dry_run: bool = False
) -> IngestReport:
    """Put the outcome of a run together; ``started`` is of ``time.monotonic()``."""
    return IngestReport(
        dataset=dataset,
        files=dict(tally.files),
        chunks_added=tally.added,
        chunks_removed=tally.removed,
        chunks_reused=tally.reused,
        embedded=usage.embedded,
        tokens=usage.tokens,
        cost_usd=usage.cost_usd,
        seconds=round(time.monotonic() - started, 3),
        problems=tuple(sorted(tally.problems, key=lambda problem: (problem.file, problem.status))),
        dry_run=dry_run,
    )
