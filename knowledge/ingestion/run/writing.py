"""The writing half of a run: one thread that waits for vectors and commits."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError
from knowledge.ingestion.run.changes import Change, Remove, Touch, Write
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.workers.allocator import give_back
from knowledge.model import EmbedderSpec, FileStatus, SourceFile, SplitterSpec
from knowledge.storage.changes import FileChange
from knowledge.text.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.embeddings.sparse import SparseEncoder
    from knowledge.storage.store import WriteRun

_GRACE = 5.0  # seconds in which a server takes what is complete when a run is interrupted
WAITING_CHUNKS = 4_000  # of loaded files, that wait for their vectors or for the writer
SPARSE_PAGE = 64  # chunks that a sparse model is given at once
_PATIENCE = 0.02  # seconds after which the vectors are a slow server's
_WHILE_WAITING = 250  # chunks that are worth a transaction while there is nothing else to do
GIVE_BACK_CHUNKS = 2_500  # written chunks after which memory that is free goes back to the system


class _Waiting(queue.Queue[Change | None]):
    """Changes in their order; how many fit is counted in chunks, which take the memory."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._weight = 0

    def _qsize(self) -> int:
        return self._weight

    def _put(self, item: Change | None) -> None:
        super()._put(item)
        self._weight += _weight(item)

    def _get(self) -> Change | None:
        item = super()._get()
        self._weight -= _weight(item)
        return item


def _weight(item: Change | None) -> int:
    return 1 + len(item.diff.added) + len(item.diff.moved) if isinstance(item, Write) else 1


class Writer:
    """Owns the write run while it works.

    Parameters
    ----------
    run:
        Nobody else may use it, or its catalog connection, until :meth:`working` has ended.
    embedding:
        The embedder's identity; its dimensions are learnt from the vectors when unknown.
    checkpoint_seconds:
        Publish what is complete this often.
    sparse:
        Gives each chunk a sparse vector too, before it is published.
    """

    def __init__(
        self,
        run: WriteRun,
        pool: EmbeddingPool,
        stats: RunStats,
        embedding: EmbedderSpec,
        splitter: SplitterSpec,
        checkpoint_seconds: float,
        sparse: SparseEncoder | None = None,
    ) -> None:
        self._run = run
        self._pool = pool
        self._stats = stats
        self._embedding = embedding
        self._splitter = splitter
        self._checkpoint = checkpoint_seconds
        self._sparse = sparse
        self._unencoded: dict[int, tuple[str, RemoteError]] = {}  # by row: the file, and why
        self._stopping = False
        self._published_at = time.monotonic()
        self._written = 0
        self._waiting = _Waiting(WAITING_CHUNKS)
        self._error: BaseException | None = None
        self._ended = False
        self._done = threading.Event()
        self._rejected: tuple[SourceFile, RemoteError] | None = None
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Write while the context lasts, and publish; on an error, what is complete by then."""
        problem: BaseException | None = None
        try:
            self._thread.start()
            yield
        except BaseException as error:
            problem = error
            raise
        finally:
            self._end(problem)

    def send(self, change: Change) -> None:
        """Hand over a change; waits while too many are waiting.

        Raises
        ------
        KnowledgeError
            What ended the writer.
        """
        if self._error is not None:
            raise self._error
        self._waiting.put(change)

    def _end(self, problem: BaseException | None) -> None:
        """Wait until all that was sent is written and published.

        An interrupt does not cut this short, since nobody may touch the run while the thread
        works; it is raised afterwards. But a server of vectors that does not answer is given up:
        after a while, or at once when somebody interrupts again.

        Parameters
        ----------
        problem:
            What ended the reading: only what has its vectors already is written and published.

        Raises
        ------
        KnowledgeError
            What ended the writer.
        """
        interrupt = problem if not isinstance(problem, Exception) else None
        grace = _GRACE
        was_sent = False
        # Not by join(): interrupted, it takes a running thread for an ended one (CPython 3.11).
        while self._thread.ident is not None and not self._done.is_set():
            try:
                if problem is not None or interrupt is not None:
                    self._stopping = True
                    self._pool.close(cancel=True)
                if not was_sent:
                    self._waiting.put(None)
                    was_sent = True
                if interrupt is not None and not self._done.wait(grace):
                    from knowledge.remote.transport import abandon

                    abandon(self._thread)
                self._done.wait()
            except BaseException as error:  # noqa: BLE001  raised below
                grace = _GRACE if interrupt is None else 0.0
                interrupt = error
        if self._error is not None:
            raise self._error
        if interrupt is not None and interrupt is not problem:
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
        except BaseException as error:  # noqa: BLE001  raised again by _end()
            self._error = error
        self._tell_unencoded()
        if self._error is not None:
            self._pool.close(cancel=True)
            while self._next() is not None:  # never let the reading thread wait for ever
                pass

    def _next(self) -> Change | None:
        if self._ended:
            return None
        change = self._waiting.get()
        self._ended = change is None
        return change

    def _work(self) -> None:
        while (change := self._next()) is not None:
            self._apply(change)
            if time.monotonic() - self._published_at > self._checkpoint:
                self._publish()
        self._publish()
        if self._rejected is not None and not self._run.dataset.chunks:
            file, error = self._rejected  # and with it everything that there is
            error.message = f"{file.path}: {error.message}"
            raise error

    def _apply(self, change: Change) -> None:
        match change:
            case Write():
                self._write(change)
            case Touch():
                self._run.touch_file(change.file)
            case Remove():
                chunks = self._run.remove_file(change.file)
                self._stats.removed(change.file, change.status, chunks)

    def _write(self, change: Write) -> None:
        vectors = None
        if change.vectors is not None:
            if not change.vectors.done():
                self._pool.flush()  # it may wait in a batch that is not full
                self._use_wait(change.vectors)
            try:
                error = change.vectors.exception()
            except CancelledError:
                return  # the run is being stopped
            if error is not None:
                self._reject(change.file, error)
                return
            # The first vectors are there, others on their way: the time to load the vector store.
            self._run.prepare()
            vectors = change.vectors.result()
            if self._embedding.dimensions is None:
                self._embedding = replace(self._embedding, dimensions=int(vectors.shape[1]))
        self._run.write_file(FileChange(change.file, change.diff, vectors, change.terms))
        self._give_back(len(change.diff.added))
        self._stats.ingested(change.file, change.diff)

    def _use_wait(self, vectors: Future[NDArray[np.float32]]) -> None:
        """Write what waits where vectors take so long that nothing is lost by it."""
        wait([vectors], _PATIENCE)
        if not vectors.done():
            self._run.write_waiting(_WHILE_WAITING)

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
        self._stats.problem(file.path, FileStatus.FAILED, error.message)
        self._stats.finished(file.path, FileStatus.FAILED)

    def _publish(self) -> None:
        if self._sparse is not None:
            self._fill_sparse(self._sparse)
        self._run.publish(self._embedding, self._splitter)
        self._published_at = time.monotonic()

    def _publish_rest(self) -> None:
        try:
            self._publish()
        except BaseException as error:  # noqa: BLE001  raised again by _end()
            self._error = error

    def _fill_sparse(self, encoder: SparseEncoder) -> None:
        """Encode the chunks that have no vector of the model yet, those of earlier runs included.

        What an interrupt leaves, the next run makes, and it tries again where the model fails.

        Raises
        ------
        RemoteError
            The model can't be loaded, or fails on whatever it is given.
        """
        last = 0
        while not self._stopping and (found := self._run.without_sparse(SPARSE_PAGE, last)):
            last = found[-1].row
            lacking = [one for one in found if one.row not in self._unencoded]
            made = encoder.encode_each([one.text for one in lacking])
            vectors = {}
            for one, vector in zip(lacking, made, strict=True):
                if isinstance(vector, RemoteError):
                    self._unencoded[one.row] = (one.path, vector)
                else:
                    vectors[one.row] = (vector.terms, vector.weights)
            if vectors:
                self._run.write_sparse(encoder.spec, vectors)
        self._run.list_sparse()

    def _tell_unencoded(self) -> None:
        """Report the files of the chunks on which the sparse model failed."""
        failures: dict[str, list[RemoteError]] = {}
        for path, error in self._unencoded.values():
            failures.setdefault(path, []).append(error)
        for path, errors in failures.items():
            passages = counted(len(errors), "passage")
            self._stats.problem(
                path,
                "notice",
                f"{passages} can't be found by the sparse model ({errors[0].message}); "
                "the next ingest tries again",
            )
