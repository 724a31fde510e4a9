"""Read files on the nodes of a Ray cluster.

Each actor holds one reading process of its own, with the limits that it has on one machine: a file
that crashes, hangs or takes too much memory costs itself. An actor that is gone is a node that was
lost: its files go to others. Contents are sent, so the nodes need not see the files; results come
back as plain values, one object a file, and are not kept.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from knowledge.documents.options import MIB
from knowledge.errors import KnowledgeError
from knowledge.extras import install_command
from knowledge.ingestion.workers.loading import (
    LoadedFile,
    LoadTask,
    broken,
    failed,
    read_content,
)
from knowledge.ingestion.workers.process_crew import ProcessCrew, Shift
from knowledge.model import FileStatus
from knowledge.text.wording import shortened

AHEAD = 3  # tasks that an actor holds
BYTES_AHEAD = 256 * MIB
"""Contents that are on their way or being read; one that is larger goes alone."""
START_SECONDS = 120.0
"""After which a cluster where no actor could start is given up."""
MOST_TRIES = 3
"""Nodes that a file may be on when they are lost, before it is taken for the reason."""
TICK = 1.0


@dataclass(frozen=True, slots=True)
class RayCrew:
    """Reads files in actors of a Ray cluster; joined when there is a first task.

    Parameters
    ----------
    address:
        ``auto`` or ``ray://host:port``.
    workers:
        Most actors; 0 is one for each CPU of the cluster.
    timeout, memory:
        As for :class:`ProcessCrew`.
    """

    address: str
    workers: int
    timeout: float
    memory: int = 0

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield what became of each task.

        Raises
        ------
        KnowledgeError
            Ray is not installed, there is no such cluster, or none of its nodes can read.
        """
        remaining = iter(tasks)
        first = next(remaining, None)
        if first is None:
            return
        with _joined(self.address) as ray:
            workers = self.workers or int(ray.cluster_resources().get("CPU", 1))
            shift = _RayShift(ray, self, max(1, workers))
            try:
                yield from shift.results(first, remaining)
            finally:
                shift.end()


class Reader:
    """An actor: reads files in a process beside it."""

    def __init__(self, timeout: float, memory: int) -> None:
        self._shift = Shift(ProcessCrew(1, timeout, memory))

    def version(self) -> str:
        """Return the version of this package on the node."""
        from importlib.metadata import version

        return version("knowledge")

    def read(self, task: LoadTask) -> LoadedFile:
        """Return what became of a task, which holds the content."""
        (loaded,) = self._shift.results([task])
        return loaded


@dataclass(slots=True)
class _Sent:
    """A task on its way: with its modification time here and the times that it was lost."""

    task: LoadTask
    content: bytes = field(repr=False)
    mtime_ns: int
    tries: int = 1

    def outcome(self, loaded: LoadedFile) -> LoadedFile:
        """Return the result as if the file had been read here."""
        mtime_ns = self.mtime_ns if loaded.content_hash else loaded.mtime_ns
        return replace(loaded, task=self.task, mtime_ns=mtime_ns)


@dataclass(slots=True)
class _Member:
    """An actor, by what it is asked; ``is_ready`` once it has answered."""

    handle: Any
    asked: dict[Any, _Sent | None] = field(default_factory=dict)
    is_ready: bool = False


class _RayShift:
    """The actors of a run."""

    def __init__(self, ray: Any, crew: RayCrew, workers: int) -> None:
        self._ray = ray
        self._crew = crew
        self._reader = ray.remote(num_cpus=1, max_restarts=0)(Reader)
        self._returned: deque[_Sent] = deque()
        self._bytes = 0
        self._unstarted = 0
        self._most_unstarted = 3 + workers
        self._members: list[_Member] = []
        self._since = time.monotonic()
        for _ in range(workers):
            self._start()

    def results(self, first: LoadTask, tasks: Iterator[LoadTask]) -> Iterator[LoadedFile]:
        """Yield what became of each task, in the order of completion."""
        waiting = deque([first])
        while True:
            yield from self._hand_out(waiting, tasks)
            asked = [ref for member in self._members for ref in member.asked]
            if not self._is_busy and not self._returned and not waiting:
                return
            ready, _ = self._ray.wait(asked, num_returns=1, timeout=TICK)
            for ref in ready:
                yield from self._answer(ref)
            self._check_start()

    def end(self) -> None:
        """End all actors, whatever they do."""
        for member in self._members:
            with contextlib.suppress(Exception):  # it may be gone, with the cluster
                self._ray.kill(member.handle)
        self._members.clear()

    @property
    def _is_busy(self) -> bool:
        return any(sent is not None for one in self._members for sent in one.asked.values())

    def _start(self) -> None:
        member = _Member(self._reader.remote(self._crew.timeout, self._crew.memory))
        member.asked[member.handle.version.remote()] = None
        self._members.append(member)

    def _hand_out(
        self, waiting: deque[LoadTask], tasks: Iterator[LoadTask]
    ) -> Iterator[LoadedFile]:
        """Send tasks to those with room; yield what needs no reader."""
        while member := self._freest():
            if self._returned:
                self._send(member, self._returned.popleft())
                continue
            task = waiting.popleft() if waiting else next(tasks, None)
            if task is None:
                return
            content = read_content(task)
            if isinstance(content, LoadedFile):
                yield content
                continue
            data, size, mtime_ns = content
            digest = sha256(data).hexdigest() if task.known_hash else ""
            if digest and digest == task.known_hash:
                yield LoadedFile(task, FileStatus.UNCHANGED, size, mtime_ns, digest)
                continue
            self._send(member, _Sent(task, data, mtime_ns))

    def _freest(self) -> _Member | None:
        if self._bytes >= BYTES_AHEAD:
            return None
        ready = [one for one in self._members if one.is_ready and len(one.asked) < AHEAD]
        return min(ready, key=lambda one: len(one.asked), default=None)

    def _send(self, member: _Member, sent: _Sent) -> None:
        task = replace(sent.task, path="", content=sent.content)
        member.asked[member.handle.read.remote(task)] = sent
        self._bytes += len(sent.content)

    def _answer(self, ref: Any) -> Iterator[LoadedFile]:
        member = next((one for one in self._members if ref in one.asked), None)
        if member is None:
            return  # of an actor that was lost meanwhile
        sent = member.asked[ref]
        try:
            answer = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:  # the actor lives
            del member.asked[ref]
            if sent is None:
                raise _not_started(str(error)) from error
            self._bytes -= len(sent.content)
            yield broken(sent.task, error.cause or error)
        except self._ray.exceptions.RayError as error:
            yield from self._lost(member, error)
        else:
            del member.asked[ref]
            if sent is None:
                self._welcome(member, answer)
                return
            self._bytes -= len(sent.content)
            yield sent.outcome(answer)

    def _welcome(self, member: _Member, version: str) -> None:
        from importlib.metadata import version as version_of

        own = version_of("knowledge")
        if version != own:
            raise KnowledgeError(
                f"a node of the Ray cluster has version {version} of knowledge, not {own}",
                hint="Install the same version on each node.",
            )
        member.is_ready = True

    def _lost(self, member: _Member, error: Exception) -> Iterator[LoadedFile]:
        """Take the tasks of an actor that is gone to others, and start another one."""
        self._members.remove(member)
        if not member.is_ready:
            self._unstarted += 1
            if self._unstarted > self._most_unstarted:
                raise _not_started(str(error))
        with contextlib.suppress(Exception):
            self._ray.kill(member.handle)
        for sent in member.asked.values():
            if sent is None:
                continue
            self._bytes -= len(sent.content)
            if sent.tries == MOST_TRIES:
                yield failed(sent.task, f"{MOST_TRIES} nodes were lost while they held it")
            else:
                self._returned.append(replace(sent, tries=sent.tries + 1))
        self._since = time.monotonic()
        self._start()

    def _check_start(self) -> None:
        if any(member.is_ready for member in self._members):
            self._since = time.monotonic()
        elif time.monotonic() - self._since > START_SECONDS:
            raise _not_started(f"no CPU was free within {START_SECONDS:g} seconds")


def _not_started(reason: str) -> KnowledgeError:
    lines = [line for line in reason.strip().splitlines() if line.strip()]
    said = shortened(lines[-1].strip(), 300) if lines else "unknown"
    return KnowledgeError(
        f"no reader could be started on the Ray cluster: {said}",
        hint="Each node needs a free CPU, and knowledge in the same version. `ray status` shows "
        "the cluster.",
    )


@contextlib.contextmanager
def _joined(address: str) -> Iterator[Any]:
    """Join a cluster, unless this process has; leave it at the end."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray announces changes of its own
            import ray
    except ImportError as error:
        raise KnowledgeError(
            "`workers` needs the package ray, which is not installed",
            hint=f"Install it: {install_command('ray')}",
        ) from error
    if ray.is_initialized():
        yield ray
        return
    try:
        with warnings.catch_warnings(), _own_signals():
            warnings.simplefilter("ignore")
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        with contextlib.suppress(Exception):  # it may be half joined, which the next try would meet
            ray.shutdown()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise KnowledgeError(
            f"can't join the Ray cluster {address}: {shortened(lines[0], 300)}",
            hint="Is it up? `ray start --head` starts one here; RAY_ADDRESS names another.",
        ) from error
    try:
        yield ray
    finally:
        with _own_signals():
            ray.shutdown()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our handlers of signals, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
