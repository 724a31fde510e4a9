"""The writing half of a run: one thread that waits for vectors and commits."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError
from knowledge.ingestion.run.allocator import give_back
from knowledge.ingestion.run.tally import Tally
from knowledge.model import EmbedderSpec, FileStatus, SourceFile, SplitterSpec
from knowledge.storage.changes import ChunkDiff, FileChange

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.storage.store import WriteRun

WAITING_CHUNKS = 4_000  # of loaded files, that wait for their vectors or for the writer
GIVE_BACK_CHUNKS = 2_500  # written chunks after which memory that is free goes back to the system


@dataclass(frozen=True, slots=True)
class Write:
    """Store a file once its vectors are there."""

    file: SourceFile
    diff: ChunkDiff
    vectors: Future[NDArray[np.float32]] | None
    terms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Touch:
    """Record other facts of a file whose text is the same."""

    file: SourceFile


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file; ``status`` is what it counts as, ``None`` when it was counted already."""

    file: SourceFile
    status: FileStatus | None


class _Waiting(queue.Queue[Write | Touch | Remove | None]):
    """Steps in their order; how many fit is counted in chunks, which take the memory."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._weight = 0

    def _qsize(self) -> int:
        return self._weight

    def _put(self, item: Write | Touch | Remove | None) -> None:
        super()._put(item)
        self._weight += _weight(item)

    def _get(self) -> Write | Touch | Remove | None:
        item = super()._get()
        self._weight -= _weight(item)
        return item


def _weight(item: Write | Touch | Remove | None) -> int:
    return 1 + len(item.diff.added) + len(item.diff.moved) if isinstance(item, Write) else 1


class Writer:
    """Owns the write run while it works.

    Parameters
    ----------
    run:
        Nobody else may use it, or its catalog connection, until :meth:`end` has returned.
    embedding:
        The embedder's identity; its dimensions are learnt from the vectors when unknown.
    checkpoint_seconds:
        Publish what is complete this often.
    """

    def __init__(
        self,
        run: WriteRun,
        pool: EmbeddingPool,
        tally: Tally,
        embedding: EmbedderSpec,
        splitter: SplitterSpec,
        checkpoint_seconds: float,
    ) -> None:
        self._run = run
        self._pool = pool
        self._tally = tally
        self._embedding = embedding
        self._splitter = splitter
        self._checkpoint = checkpoint_seconds
        self._published_at = time.monotonic()
        self._written = 0
        self._steps = _Waiting(WAITING_CHUNKS)
        self._error: BaseException | None = None
        self._ended = False
        self._done = threading.Event()
        self._rejected: tuple[SourceFile, RemoteError] | None = None
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def send(self, step: Write | Touch | Remove) -> None:
        """Hand over a step; waits while too many are waiting.

        Raises
        ------
        KnowledgeError
            What ended the writer.
        """
        if self._error is not None:
            raise self._error
        self._steps.put(step)

    def end(self, *, cancel: bool) -> None:
        """Wait until all that was sent is written and published.

        An interrupt does not cut this short, since nobody may touch the run while the thread
        works; it is raised afterwards.

        Parameters
        ----------
        cancel:
            Write and publish only what has its vectors already.

        Raises
        ------
        KnowledgeError
            What ended the writer.
        """
        interrupt: BaseException | None = None
        told = False
        # Not by join(): interrupted, it takes a running thread for an ended one (CPython 3.11).
        while self._thread.ident is not None and not self._done.is_set():
            try:
                if cancel or interrupt is not None:
                    self._pool.close(cancel=True)
                if not told:
                    self._steps.put(None)
                    told = True
                self._done.wait()
            except BaseException as error:  # noqa: BLE001  raised below
                interrupt = error
        if self._error is not None:
            raise self._error
        if interrupt is not None:
            raise interrupt

    def _loop(self) -> None:
        try:
            self._run_to_the_end()
        finally:
            self._done.set()

    def _run_to_the_end(self) -> None:
        try:
            self._work()
        except RemoteError as error:
            self._error = error
            self._publish_rest()
        except BaseException as error:  # noqa: BLE001  raised again by end()
            self._error = error
        if self._error is not None:
            self._pool.close(cancel=True)
            while self._next() is not None:  # never let the reading thread wait for ever
                pass

    def _next(self) -> Write | Touch | Remove | None:
        if self._ended:
            return None
        step = self._steps.get()
        self._ended = step is None
        return step

    def _work(self) -> None:
        while (step := self._next()) is not None:
            self._apply(step)
            if time.monotonic() - self._published_at > self._checkpoint:
                self._publish()
        self._publish()
        if self._rejected is not None and not self._run.dataset.chunks:
            file, error = self._rejected  # and with it everything that there is
            error.message = f"{file.path}: {error.message}"
            raise error

    def _apply(self, step: Write | Touch | Remove) -> None:
        match step:
            case Write():
                self._write(step)
            case Touch():
                self._run.touch_file(step.file)
            case Remove():
                removed = self._run.remove_file(step.file)
                if step.status is not None:
                    self._tally.finished(step.file.path, step.status, removed=removed)
                else:
                    self._tally.removed += removed

    def _write(self, step: Write) -> None:
        vectors = None
        if step.vectors is not None:
            if not step.vectors.done():
                self._pool.flush()  # it may wait in a batch that is not full
            try:
                error = step.vectors.exception()
            except CancelledError:
                return  # the run is being stopped
            if error is not None:
                self._reject(step.file, error)
                return
            # The first vectors are there, others on their way: the time to load the vector store.
            self._run.prepare()
            vectors = step.vectors.result()
            if self._embedding.dimensions is None:
                self._embedding = replace(self._embedding, dimensions=int(vectors.shape[1]))
        self._run.write_file(FileChange(step.file, step.diff, vectors, step.terms))
        self._give_back(len(step.diff.added))
        self._tally.finished(
            step.file.path,
            FileStatus.INGESTED,
            added=len(step.diff.added),
            removed=len(step.diff.removed),
            reused=step.diff.kept,
        )

    def _give_back(self, written: int) -> None:
        self._written += written
        if self._written >= GIVE_BACK_CHUNKS:
            self._written = 0
            give_back()

    def _reject(self, file: SourceFile, error: BaseException) -> None:
        """Let one file fail when the provider refuses its text; stop when it refuses us.

        What is stored of an earlier version of the file stays.
        """
        if not isinstance(error, RemoteError) or not error.of_one_text:
            raise error
        self._rejected = (file, error)
        self._tally.problem(file.path, FileStatus.FAILED, error.message)
        self._tally.finished(file.path, FileStatus.FAILED)

    def _publish(self) -> None:
        self._run.publish(self._embedding, self._splitter)
        self._published_at = time.monotonic()

    def _publish_rest(self) -> None:
        try:
            self._publish()
        except BaseException as error:  # noqa: BLE001  raised again by end()
            self._error = error
