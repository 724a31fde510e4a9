"""Read files in worker processes: a bad, huge or crashing file costs only itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait

from knowledge.documents.options import MIB
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.ingestion.workers.process import Worker

AHEAD = 3  # tasks that a worker holds, so that it need not wait for us
AHEAD_SMALL = 10  # of small files, which it reads faster than we come round
SMALL_BYTES = 65_536
SECONDS_A_MIB = 5.0  # added to the time limit: large files may take longer
TICK = 1.0  # seconds after which we look for hanging workers, and for signals
WATCH = 0.1  # seconds after which we look at the memory that workers take


@dataclass(frozen=True, slots=True)
class ProcessCrew:
    """Reads each file in a worker process, within limits of time and memory.

    Parameters
    ----------
    workers:
        Most processes; they are started as they are needed.
    timeout:
        Seconds a file may take, plus 5 for each MiB; each member of a container may take as long.
    memory:
        Bytes a file may take; 0 is no limit.
    """

    workers: int
    timeout: float
    memory: int = 0

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield what became of each task.

        Raises
        ------
        KnowledgeError
            A worker process could not be started.
        """
        shift = Shift(self)
        try:
            yield from shift.results(tasks)
        finally:
            shift.end()


class Shift:
    """Workers that share a stream of tasks, or several, one after the other.

    Each has a pipe of its own: with a shared queue, a worker that dies while it holds the queue's
    lock would stop all others.
    """

    def __init__(self, crew: ProcessCrew) -> None:
        self._tasks: Iterator[LoadTask] = iter(())
        self._returned: deque[LoadTask] = deque()
        self._crew = crew
        self._workers: list[Worker] = []
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watch_memory, name="watch", daemon=True)

    def results(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield what became of each task."""
        self._tasks = iter(tasks)
        if self._watch.ident is None:
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
                    result = worker.give_up(self._crew.timeout)
                else:
                    continue
                if not worker.alive:
                    self._workers.remove(worker)
                    self._take_back(worker, again=result is None)
                if result is not None:
                    yield result

    def end(self) -> None:
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
        self._workers.append(Worker(self._crew.memory))
        return self._workers[-1]

    def _limit(self, task: LoadTask) -> float:
        return self._crew.timeout + SECONDS_A_MIB * task.bytes_to_read() / MIB

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
                return  # when it died over a task, its pipe will show it
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
        if len(self._workers) < self._crew.workers:
            return self._started()
        # A task with content may be more than the pipe holds: sent while the worker sends us a
        # result, neither would read.
        has_room = freest is not None and _has_room(freest, task) and task.content is None
        return freest if has_room else None


def _has_room(worker: Worker, task: LoadTask) -> bool:
    held = len(worker.tasks)
    if not AHEAD <= held < AHEAD_SMALL:
        return held < AHEAD
    return all(one.bytes_to_read() <= SMALL_BYTES for one in (task, *worker.tasks))
