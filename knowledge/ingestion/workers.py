"""Read many files in worker processes: a bad, huge or crashing file costs only itself.

Small runs of plain text are read in the main process, which saves the workers' start.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from multiprocessing.connection import wait
from pathlib import PurePath
from typing import TYPE_CHECKING

from knowledge.documents.options import MIB
from knowledge.ingestion.loading import LoadedFile, LoadTask, load_file

if TYPE_CHECKING:
    from knowledge.ingestion.worker_process import Worker

INLINE_FILES = 16
INLINE_BYTES = 1_000_000
INLINE_SUFFIXES = frozenset({".md", ".txt", ".rst", ".py", ".json", ".csv", ".ipynb", ""})
AHEAD = 3  # tasks that a worker holds, so that it need not wait for us
SECONDS_A_MIB = 5.0  # added to the time limit: large files may take longer
TICK = 1.0  # seconds after which we look for hanging workers, and for signals


def load_files(tasks: Iterable[LoadTask], *, workers: int, timeout: float) -> Iterator[LoadedFile]:
    """Load files as they come, each with a time limit; the order is that of completion.

    Parameters
    ----------
    workers:
        Processes; 0 is one a core.
    timeout:
        Seconds a file may take, plus 5 for each MiB.
    """
    remaining = iter(tasks)
    first = list(islice(remaining, INLINE_FILES + 1))
    if len(first) <= INLINE_FILES and all(map(_is_small_text, first)):
        yield from map(load_file, first)
        return
    crew = _Crew(chain(first, remaining), workers or os.cpu_count() or 1, timeout)
    try:
        yield from crew.load()
    finally:
        crew.dismiss()


class _Crew:
    """Workers that share one stream of tasks.

    Each has a pipe of its own: with a shared queue, a worker that dies while it holds the queue's
    lock would stop all others.
    """

    def __init__(self, tasks: Iterable[LoadTask], size: int, timeout: float) -> None:
        self._tasks = iter(tasks)
        self._returned: deque[LoadTask] = deque()
        self._size = size
        self._timeout = timeout
        self._workers: list[Worker] = []

    def load(self) -> Iterator[LoadedFile]:
        """Yield what became of each task."""
        while True:
            self._hand_out()
            busy = [worker for worker in self._workers if worker.tasks]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy], TICK)
            for worker in busy:
                if worker.connection in ready:
                    result = worker.receive()
                elif worker.is_late:
                    result = worker.give_up(self._timeout)
                else:
                    continue
                if not worker.alive:
                    self._workers.remove(worker)
                    self._returned += worker.tasks  # it had not begun these
                yield result

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        while self._workers:
            self._workers.pop().end()

    def _hand_out(self) -> None:
        """Give tasks to whoever has fewest, starting workers as they are needed."""
        while True:
            task = self._returned.popleft() if self._returned else next(self._tasks, None)
            if task is None:
                return
            worker = self._worker_for(task)
            limit = self._timeout + SECONDS_A_MIB * _size(task) / MIB
            if worker is not None and worker.take(task, limit):
                continue
            self._returned.appendleft(task)
            if worker is None or worker.tasks:
                return  # when it died over a task, its pipe will tell
            worker.end()
            self._workers.remove(worker)

    def _worker_for(self, task: LoadTask) -> Worker | None:
        """Return a worker that can take one more task; ``None`` when all have enough."""
        from knowledge.ingestion.worker_process import Worker

        freest = min(self._workers, key=lambda worker: len(worker.tasks), default=None)
        if freest is not None and not freest.tasks:
            return freest
        if len(self._workers) < self._size:
            self._workers.append(Worker())
            return self._workers[-1]
        # A task with content may be more than the pipe holds: sent while the worker sends us a
        # result, neither would read.
        has_room = freest is not None and len(freest.tasks) < AHEAD and task.content is None
        return freest if has_room else None


def _is_small_text(task: LoadTask) -> bool:
    return PurePath(task.shown).suffix.lower() in INLINE_SUFFIXES and _size(task) <= INLINE_BYTES


def _size(task: LoadTask) -> int:
    if task.content is not None:
        return len(task.content)
    with contextlib.suppress(OSError):
        return os.path.getsize(task.path)
    return 0
