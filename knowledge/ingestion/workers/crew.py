"""Read many files in worker processes: a bad, huge or crashing file costs only itself.

Small runs of plain text are read in the main process, which saves the workers' start.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from knowledge.documents.detection import detect
from knowledge.documents.formats import Content, names_of
from knowledge.documents.options import MIB
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask, load_file

if TYPE_CHECKING:
    from knowledge.ingestion.workers.process import Worker

INLINE_FILES = 16
INLINE_BYTES = 1_000_000
INLINE_FORMATS = names_of(Content.INLINE)

_HEAD = 8_192
AHEAD = 3  # tasks that a worker holds, so that it need not wait for us
AHEAD_SMALL = 10  # of small files, which it reads faster than we come round
SMALL_BYTES = 65_536
SECONDS_A_MIB = 5.0  # added to the time limit: large files may take longer
TICK = 1.0  # seconds after which we look for hanging workers, and for signals
WATCH = 0.1  # seconds after which we look at the memory that workers take


def load_files(
    tasks: Iterable[LoadTask], *, workers: int, timeout: float, memory: int = 0
) -> Iterator[LoadedFile]:
    """Load files as they come, each with a time limit; the order is that of completion.

    Parameters
    ----------
    workers:
        Processes; 0 is one a core.
    timeout:
        Seconds a file may take, plus 5 for each MiB; each member of a container may take as long.
    memory:
        MiB a file may take; 0 is no limit.
    """
    remaining = iter(tasks)
    first = list(islice(remaining, INLINE_FILES + 1))
    if len(first) <= INLINE_FILES and all(map(_is_small_text, first)):
        yield from map(load_file, first)
        return
    crew = _Crew(chain(first, remaining), workers or os.cpu_count() or 1, timeout, memory * MIB)
    try:
        yield from crew.load()
    finally:
        crew.dismiss()


class _Crew:
    """Workers that share one stream of tasks.

    Each has a pipe of its own: with a shared queue, a worker that dies while it holds the queue's
    lock would stop all others.
    """

    def __init__(self, tasks: Iterable[LoadTask], size: int, timeout: float, memory: int) -> None:
        self._tasks = iter(tasks)
        self._returned: deque[LoadTask] = deque()
        self._size = size
        self._timeout = timeout
        self._memory = memory
        self._workers: list[Worker] = []
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, name="watch", daemon=True)

    def load(self) -> Iterator[LoadedFile]:
        """Yield what became of each task."""
        self._watch.start()
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
                    self._take_back(worker, again=result is None)
                if result is not None:
                    yield result

    def dismiss(self) -> None:
        """End all workers, whatever they do."""
        self._ended.set()
        if self._watch.ident is not None:
            self._watch.join()
        while self._workers:
            self._workers.pop().end()

    def _watch_memory(self) -> None:
        """See to it that no worker takes more than it may, also while nobody takes results."""
        while not self._ended.wait(WATCH):
            for worker in list(self._workers):
                worker.watch()

    def _take_back(self, worker: Worker, *, again: bool) -> None:
        """Take the tasks of a dead worker back; with ``again`` the first needs a worker of its own.

        What was read before it leaves traces in a worker: its memory, for one.
        """
        tasks = deque(worker.tasks)
        if again:
            task = tasks.popleft()
            fresh = self._started()
            if not fresh.take(task, self._limit(task)):
                tasks.appendleft(task)
        self._returned += tasks  # it had not begun these

    def _started(self) -> Worker:
        from knowledge.ingestion.workers.process import Worker

        self._workers.append(Worker(self._memory))
        return self._workers[-1]

    def _limit(self, task: LoadTask) -> float:
        return self._timeout + SECONDS_A_MIB * _size(task) / MIB

    def _hand_out(self) -> None:
        """Give tasks to whoever has fewest, starting workers as they are needed."""
        while True:
            task = self._returned.popleft() if self._returned else next(self._tasks, None)
            if task is None:
                return
            worker = self._worker_for(task)
            if worker is not None and worker.take(task, self._limit(task)):
                continue
            self._returned.appendleft(task)
            if worker is None or worker.tasks:
                return  # when it died over a task, its pipe will tell
            worker.end()
            self._workers.remove(worker)

    def _worker_for(self, task: LoadTask) -> Worker | None:
        """Return a worker that can take one more task; ``None`` when all have enough."""
        for worker in [worker for worker in self._workers if worker.is_tired]:
            if not worker.tasks:
                worker.end()
                self._workers.remove(worker)
        fit = (worker for worker in self._workers if not worker.is_tired)
        freest = min(fit, key=lambda worker: len(worker.tasks), default=None)
        if freest is not None and not freest.tasks:
            return freest
        if len(self._workers) < self._size:
            return self._started()
        # A task with content may be more than the pipe holds: sent while the worker sends us a
        # result, neither would read.
        has_room = freest is not None and _has_room(freest, task) and task.content is None
        return freest if has_room else None


def _has_room(worker: Worker, task: LoadTask) -> bool:
    held = len(worker.tasks)
    if not AHEAD <= held < AHEAD_SMALL:
        return held < AHEAD
    return all(_size(one) <= SMALL_BYTES for one in (task, *worker.tasks))


def _is_small_text(task: LoadTask) -> bool:
    return _size(task) <= INLINE_BYTES and detect(task.kind_name, _head(task)) in INLINE_FORMATS


def _head(task: LoadTask) -> bytes:
    if task.content is not None:
        return task.content[:_HEAD]
    try:
        with open(task.path, "rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""  # whoever reads it says why it can't be read


def _size(task: LoadTask) -> int:
    if task.content is not None:
        return len(task.content)
    if task.size is not None:
        return task.size
    with contextlib.suppress(OSError):
        return os.path.getsize(task.path)
    return 0
