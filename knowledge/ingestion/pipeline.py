"""An ingest run: scan, plan, load, embed and commit, all at once through bounded queues.

The calling thread scans, plans and takes loaded files; worker processes load; the pool's threads
embed; one thread writes. A file is written when all its vectors are there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from knowledge.ingestion.loading import LoadedFile
from knowledge.ingestion.plan import given_metadata
from knowledge.ingestion.reading import Reader
from knowledge.ingestion.request import IngestRequest
from knowledge.ingestion.tally import Tally
from knowledge.ingestion.writing import Remove, Touch, Write, Writer
from knowledge.model import FileStatus, IngestReport, SourceFile
from knowledge.storage.changes import ChunkDiff, diff_chunks
from knowledge.storage.identity import identify, new_file_id

if TYPE_CHECKING:
    from knowledge.embeddings.pool import EmbeddingPool


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
        EmbeddingError
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
        for loaded, known in self._reader.steps():
            self._take(loaded, known)
            for file in self._reader.take_touched():
                self._send(Touch(file))
        for file in self._reader.take_touched():
            self._send(Touch(file))
        if self._request.prune:
            self._prune()

    def _take(self, loaded: LoadedFile, known: SourceFile | None) -> None:
        shown = loaded.task.shown
        for warning in loaded.warnings:
            self._tally.problem(shown, "notice", warning)
        for problem in loaded.problems:
            self._tally.problem(f"{shown}!/{problem.file}", problem.status, problem.reason)
        if loaded.status is FileStatus.INGESTED:
            self._store(loaded, known)
        elif loaded.status is FileStatus.UNCHANGED and known is not None:
            self._touch(loaded, known)
        else:
            self._tally.problem(shown, loaded.status, loaded.reason)
            if loaded.status is FileStatus.EMPTY and known is not None:
                self._send(Remove(known, None))
            status = loaded.status
            if status is FileStatus.UNSUPPORTED and self._request.err_on_unsupported:
                status = FileStatus.FAILED
            self._tally.finished(shown, status)

    def _store(self, loaded: LoadedFile, known: SourceFile | None) -> None:
        stored = self._reader.stored
        file_id = known.id if known else new_file_id(loaded.task.shown, stored.ids)
        stored.ids.add(file_id)
        chunks = identify(file_id, loaded.passages)
        file = self._file(file_id, loaded, given_metadata(known, self._request.metadata))
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
        self._send(Write(file, diff, vectors))

    def _touch(self, loaded: LoadedFile, known: SourceFile) -> None:
        touched = replace(
            known,
            size=loaded.size,
            mtime_ns=loaded.mtime_ns,
            given=given_metadata(known, self._request.metadata),
        )
        if touched != known:
            self._send(Touch(touched))
        self._tally.finished(known.path, FileStatus.UNCHANGED, reused=known.chunks)

    def _prune(self) -> None:
        scan = self._reader.scan
        for file in self._reader.stored.gone(scan.roots, scan.seen):
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
            text = chunk.passage.embedding_text
            if text not in self._tally.texts:  # equal texts are embedded once
                self._tally.texts.add(text)
                self._tally.tokens += chunk.passage.tokens
        self._tally.finished(
            file.path,
            FileStatus.INGESTED,
            added=len(diff.added),
            removed=len(diff.removed),
            reused=diff.kept,
        )

    @staticmethod
    def _file(file_id: str, loaded: LoadedFile, given: Mapping[str, Any]) -> SourceFile:
        shown = loaded.task.shown
        return SourceFile(
            id=file_id,
            path=shown,
            name=PurePath(shown).name,
            size=loaded.size,
            mtime_ns=loaded.mtime_ns,
            content_hash=loaded.content_hash,
            chunks=len(loaded.passages),
            tokens=sum(passage.tokens for passage in loaded.passages),
            metadata=loaded.metadata,
            given=given,
            ingested_at=datetime.now(UTC),
        )


def report(
    dataset: str, tally: Tally, started: float, *, embedded: int, tokens: int, dry_run: bool
) -> IngestReport:
    """Put the outcome of a run together; ``started`` is of ``time.monotonic()``."""
    return IngestReport(
        dataset=dataset,
        files=dict(tally.files),
        chunks_added=tally.added,
        chunks_removed=tally.removed,
        chunks_reused=tally.reused,
        embedded=embedded,
        tokens=tokens,
        seconds=round(time.monotonic() - started, 3),
        problems=tuple(sorted(tally.problems, key=lambda problem: (problem.file, problem.status))),
        dry_run=dry_run,
    )
