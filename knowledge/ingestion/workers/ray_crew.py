"""Read files on the nodes of a Ray cluster.

Each actor holds one reading process of its own, with the limits that it has on one machine: a file
that crashes, hangs or takes too much memory costs itself. An actor that is gone is a node that was
lost: its files go to others. Contents are sent, so the nodes need not see the files, unless the
user says that they do: then a node reads what it proves to be the same file, and is sent the
others. Results come back as plain values, one object a file, and are not kept.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from knowledge.documents.options import MIB
from knowledge.errors import KnowledgeError
from knowledge.ingestion.workers.loading import (
    LoadedFile,
    LoadTask,
    broken,
    failed,
    read_content,
)
from knowledge.ingestion.workers.process_crew import ProcessCrew, Shift
from knowledge.ingestion.workers.ray_cluster import (
    START_SECONDS,
    TICK,
    RayCluster,
    check_version,
    last_line,
)
from knowledge.model import FileStatus

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embedder

USER = "reading"
AHEAD = 3  # tasks that an actor holds
BYTES_AHEAD = 256 * MIB
"""Contents that are on their way or being read; one that is larger goes alone."""
MOST_TRIES = 3
"""Nodes that a file may be on when they are lost, before it is taken for the reason."""
MOST_ABSENT = 8
"""Files that no node has after which none is looked for there any more."""


@dataclass(slots=True)
class RayCrew:
    """Reads files in actors of a Ray cluster, and embeds; joined when there is a first task.

    Parameters
    ----------
    address:
        ``auto`` or ``ray://host:port``.
    workers:
        Most actors; 0 is one for each CPU of the cluster.
    timeout, memory:
        As for :class:`ProcessCrew`.
    shared_files:
        The nodes have the files at the same paths.
    """

    address: str
    workers: int
    timeout: float
    memory: int = 0
    shared_files: bool = False
    _cluster: RayCluster = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._cluster = RayCluster(self.address)

    def embedder(self, choice: Choice, *, reads: bool = True) -> Embedder:
        """Return an embedder whose model runs in the cluster, where it is a local one."""
        from knowledge.embeddings.portable import PortableModel
        from knowledge.ingestion.workers import ray_embedding

        model = PortableModel.of(choice)
        if model is None:
            return choice.embedder
        if not reads:
            self._cluster.join(ray_embedding.USER)
        return ray_embedding.RayEmbedder(choice.embedder, model, self._cluster, self.workers)

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
        ray = self._cluster.join(USER)
        try:
            shift = _RayShift(ray, self, self.workers or self._cluster.cpus)
            try:
                yield from shift.results(first, remaining)
            finally:
                shift.end()
        finally:
            self._cluster.release(USER)


class Reader:
    """An actor: reads files in a process beside it."""

    def __init__(self, timeout: float, memory: int) -> None:
        self._shift = Shift(ProcessCrew(1, timeout, memory))

    def version(self) -> str:
        """Return the version of this package on the node."""
        return version("knowledge")

    def read(self, task: LoadTask) -> LoadedFile:
        """Return what became of a task, which holds the content."""
        (loaded,) = self._shift.results([task])
        return loaded

    def read_shared(self, task: LoadTask, size: int, mtime_ns: int) -> LoadedFile | None:
        """Return what became of the file at a task's path; ``None`` where it is not the same one.

        It is the same by its number of bytes and its modification time, before and after.
        """
        if _facts(task.path) != (size, mtime_ns):
            return None
        (loaded,) = self._shift.results([task])
        was_read = bool(loaded.content_hash)
        return None if was_read and (loaded.size, loaded.mtime_ns) != (size, mtime_ns) else loaded


@dataclass(slots=True)
class _Sent:
    """A task on its way, with its modification time here and the times that it was lost.

    ``size`` is that of a file that the node is to read by itself, without ``content``.
    """

    task: LoadTask
    content: bytes = field(repr=False)
    mtime_ns: int
    tries: int = 1
    size: int | None = None

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
        self._shares = crew.shared_files
        self._absent = 0
        self._unshared: deque[LoadTask] = deque()
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
            if not (self._is_busy or self._returned or self._unshared or waiting):
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
            ours = bool(self._unshared)
            task = self._unshared.popleft() if ours else self._next(waiting, tasks)
            if task is None:
                return
            if self._shares and not ours and (sent := _shared(task)):
                self._send(member, sent)
                continue
            taken = _content(task)
            if isinstance(taken, LoadedFile):
                yield taken
            else:
                self._send(member, taken)

    def _next(self, waiting: deque[LoadTask], tasks: Iterator[LoadTask]) -> LoadTask | None:
        return waiting.popleft() if waiting else next(tasks, None)

    def _freest(self) -> _Member | None:
        if self._bytes >= BYTES_AHEAD:
            return None
        ready = [one for one in self._members if one.is_ready and len(one.asked) < AHEAD]
        return min(ready, key=lambda one: len(one.asked), default=None)

    def _send(self, member: _Member, sent: _Sent) -> None:
        if sent.size is not None:
            task = replace(sent.task, path=os.path.abspath(sent.task.path))
            ref = member.handle.read_shared.remote(task, sent.size, sent.mtime_ns)
        else:
            ref = member.handle.read.remote(replace(sent.task, path="", content=sent.content))
        member.asked[ref] = sent
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
            if sent.size is not None:
                self._note_shared(is_there=answer is not None)
            if answer is None:
                self._unshared.append(sent.task)
            else:
                yield sent.outcome(answer)

    def _note_shared(self, *, is_there: bool) -> None:
        """Look for no further file on the nodes when none of the first was there."""
        if is_there:
            self._absent = -1
        elif self._absent >= 0:
            self._absent += 1
            self._shares = self._absent < MOST_ABSENT

    def _welcome(self, member: _Member, found: str) -> None:
        check_version(found)
        member.is_ready = True

    def _lost(self, member: _Member, error: Exception) -> Iterator[LoadedFile]:
        """Take the tasks of an actor that is gone to others, and start another one.

        It was lost over the first of them; it had not begun the others.
        """
        self._members.remove(member)
        if not member.is_ready:
            self._unstarted += 1
            if self._unstarted > self._most_unstarted:
                raise _not_started(str(error))
        with contextlib.suppress(Exception):
            self._ray.kill(member.handle)
        held = [sent for sent in member.asked.values() if sent is not None]
        for sent in held:
            self._bytes -= len(sent.content)
            if sent is not held[0]:
                self._returned.append(sent)
            elif sent.tries == MOST_TRIES:
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


def _facts(path: str) -> tuple[int, int] | None:
    """Return a file's size and modification time, if it is there and can be read."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _shared(task: LoadTask) -> _Sent | None:
    """Return a task for a node that reads the file by itself; ``None`` where it can't."""
    if task.content is not None or task.name:  # of a page, a repository, an object: a copy here
        return None
    facts = _facts(task.path)
    if facts is None or facts[0] > task.max_file:
        return None
    return _Sent(task, b"", mtime_ns=facts[1], size=facts[0])


def _content(task: LoadTask) -> _Sent | LoadedFile:
    """Read a file to be sent; or return what became of it, where it needs no reader."""
    content = read_content(task)
    if isinstance(content, LoadedFile):
        return content
    data, size, mtime_ns = content
    digest = sha256(data).hexdigest() if task.known_hash else ""
    if digest and digest == task.known_hash:
        return LoadedFile(task, FileStatus.UNCHANGED, size, mtime_ns, digest)
    return _Sent(task, data, mtime_ns)


def _not_started(reason: str) -> KnowledgeError:
    return KnowledgeError(
        f"no reader could be started on the Ray cluster: {last_line(reason)}",
        hint="Each node needs a free CPU, and knowledge in the same version. `ray status` shows "
        "the cluster.",
    )
