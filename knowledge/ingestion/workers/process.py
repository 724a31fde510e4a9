"""One worker process: takes tasks through a pipe of its own, gives loaded files back.

Workers start by forkserver or spawn: forking a process that has loaded native threads hangs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any

from knowledge.documents.options import MIB
from knowledge.errors import KnowledgeError
from knowledge.files.private import temporary_prefix
from knowledge.ingestion.workers.embedding import PassageEmbedder
from knowledge.ingestion.workers.loading import (
    Announce,
    LoadedFile,
    LoadTask,
    broken,
    failed,
    load_file,
    with_terms,
)
from knowledge.ingestion.workers.messages import (
    TaskPacker,
    TaskUnpacker,
    pack_answer,
    unpack_answer,
)
from knowledge.settings.reading import environ_without_secrets

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOAD = [
    "knowledge.ingestion.workers.loading",
    "knowledge.documents.containers",
    "knowledge.text.terms",
    "knowledge.ingestion.workers.warm",
]
READER_MEMORY = 192 * MIB
"""What a reader takes by itself, before any file, with a model that embeds where it is read."""

MAX_SKIPPED = 5
"""Members of one container that may each cost a worker, before the container fails as a whole."""

MEMBERS_FACTOR = 20
"""How many times as long as a file a container may take; each member may as long as a file."""

START_SECONDS = 60.0
"""What a process may take to start, on a busy machine, before its first task counts."""

_PLACE_BYTES = 4096
_LONGEST_FOLDER = 55
"""Characters of a temporary folder in which a socket's path, of 107 at most, has room for more."""
_STARTING = b"/"  # no member's path is this
_SAFE_PATH = "PYTHONSAFEPATH"
_KILLED = -9  # the signal that Linux ends processes with when memory runs out

_Context: Any = type(multiprocessing.get_context(METHOD))


class WorkerProcess(_Context.Process):  # type: ignore[misc]
    """A process that does not import the program's main module again.

    It needs nothing from there, and a script without a ``__main__`` guard would run twice.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  multiprocessing's name
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            return _Context.Process._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class Worker:
    """A worker process as its parent sees it.

    ``tasks`` are those it has not answered, oldest first; ``alive`` is false once it has died.

    Parameters
    ----------
    memory:
        Bytes that one file may take; 0 is no limit.
    """

    def __init__(self, memory: int = 0) -> None:
        self.tasks: deque[LoadTask] = deque()
        self.alive = True
        self._memory = memory
        self._used = 0
        self._too_large = False
        self._answered = 0
        self._limits: deque[float] = deque()
        self._packer = TaskPacker()
        self._since = self._member_since = 0.0
        # The member of a container that is being read. No pipe: it may be read after a crash.
        self._place = _Context().RawArray("c", _PLACE_BYTES)
        self._place.value = self._seen = _STARTING
        self._process, self.connection = start_process(serve, self._place, memory)

    @property
    def is_late(self) -> bool:
        """True when the oldest task, or the member it is at, takes longer than it may."""
        if not self.tasks:
            return False
        self._look_at_place()
        now, limit = time.monotonic(), self._limits[0]
        if self._seen == _STARTING:
            limit += START_SECONDS
        return now - self._member_since > limit or now - self._since > MEMBERS_FACTOR * limit

    @property
    def is_tired(self) -> bool:
        """True when the files it has read left it with much memory, which it will not give back."""
        return bool(self._memory) and self._used > self._memory // 2

    def take(self, task: LoadTask, limit: float) -> bool:
        """Send a task that may take ``limit`` seconds; false when the worker has died."""
        try:
            self.connection.send(self._packer.pack(task))
        except OSError:
            return False
        if not self.tasks:
            self._begin()
        self.tasks.append(task)
        self._limits.append(limit)
        return True

    def receive(self) -> LoadedFile | None:
        """Return the answer to the oldest task, or a failure when the worker died over it.

        ``None`` when the task must be tried again; it is the first of ``tasks`` then.
        """
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            how = self._how_it_died()
            if self._place.value == _STARTING and (self._process.exitcode or 0) > 0:
                self.end()
                raise _not_started(how) from None  # no file is to blame
            return self._lost(how)
        self._answered += 1
        return unpack_answer(answer, self._done())

    def give_up(self, timeout: float) -> LoadedFile | None:
        """Kill the worker over its oldest task, which takes too long; return as ``receive``."""
        in_all = time.monotonic() - self._since > MEMBERS_FACTOR * self._limits[0]
        seconds = timeout * MEMBERS_FACTOR if in_all else timeout
        reason = f"reading it took longer than {seconds:g} seconds (KNOW_FILE_TIMEOUT)"
        return self._lost(reason, again=not in_all)

    def watch(self) -> None:
        """Kill the worker when it takes more memory than it may; called by another thread."""
        import psutil

        self._look_at_place()
        with contextlib.suppress(psutil.Error):
            self._used = psutil.Process(self._process.pid).memory_info().rss - READER_MEMORY
        if self._memory and self._used > self._memory and self.alive:
            self._too_large = True
            self._process.kill()

    def end(self) -> None:
        """Kill the process, if it still runs."""
        self.alive = False
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _begin(self) -> None:
        self._since = self._member_since = time.monotonic()

    def _look_at_place(self) -> None:
        place = self._place.value
        if place != self._seen:
            self._seen, self._member_since = place, time.monotonic()

    def _done(self) -> LoadTask:
        self._limits.popleft()
        self._begin()
        return self.tasks.popleft()

    def _lost(self, reason: str, *, again: bool = True) -> LoadedFile | None:
        self.end()
        task = self._done()
        if self._too_large and self._answered:
            self.tasks.appendleft(task)  # what it read before may have left it so large
            return None
        member = self._place.value.decode("utf-8", "ignore")
        skipped = task.options.skip
        hopeless = not again or member in skipped or len(skipped) >= MAX_SKIPPED
        if member in ("", _STARTING.decode()) or hopeless:
            return failed(task, reason)
        options = replace(task.options, skip={**skipped, member: reason})
        self.tasks.appendleft(replace(task, options=options))
        return None

    def _how_it_died(self) -> str:
        self._process.join(timeout=5)
        if self._too_large:
            return f"it needs more than {self._memory // MIB:,} MiB of memory (KNOW_FILE_MEMORY)"
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        perhaps = ": perhaps memory ran out (KNOW_FILE_MEMORY)" if code == _KILLED else ""
        return f"its reader crashed ({how}){perhaps}"


def start_forking() -> None:
    """Start what reading processes are forked from, and do not wait for it.

    It takes as long to load as the rest of the program; whatever keeps it from starting is an
    error of the first process that is needed.
    """
    if METHOD != "forkserver":
        return
    from multiprocessing.forkserver import ensure_running

    _name_own_folder()
    _Context().set_forkserver_preload(PRELOAD)
    with contextlib.suppress(OSError), _without_working_directory():
        ensure_running()


def start_process(target: Callable[..., None], *arguments: Any) -> tuple[Any, Connection]:
    """Start a process that calls ``target`` with its end of a pipe and the arguments.

    Returns
    -------
    The process, and our end of the pipe.

    Raises
    ------
    KnowledgeError
        It could not be started.
    """
    _name_own_folder()
    context = _Context()
    if METHOD == "forkserver":
        context.set_forkserver_preload(PRELOAD)
    ours, theirs = context.Pipe()
    process = WorkerProcess(target=target, args=(theirs, *arguments), daemon=True)
    try:
        with _without_working_directory():
            process.start()
    except (EOFError, OSError) as error:
        ours.close()
        raise _not_started(str(error) or type(error).__name__) from error
    finally:
        theirs.close()
    return process, ours


def _name_own_folder() -> None:
    """Let multiprocessing keep its socket in a folder that a later run knows for ours.

    It makes one called ``pymp-…`` else, which a killed run leaves for ever.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
    if config.get("tempdir") is None and len(tempfile.gettempdir()) <= _LONGEST_FOLDER:
        config["tempdir"] = made = tempfile.mkdtemp(prefix=temporary_prefix())
        # Not at the end of a process that was forked from this one.
        Finalize(None, shutil.rmtree, args=(made, True), exitpriority=-100)


@contextlib.contextmanager
def _without_working_directory() -> Iterator[None]:
    """Let new Python processes import nothing from the working directory.

    They are started by ``python -c``, which looks there first: documents are read where they lie,
    and a ``random.py`` among them would be run.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _not_started(reason: str) -> KnowledgeError:
    return KnowledgeError(
        f"a process that reads files could not be started: {reason}",
        hint="What Python printed above says why; perhaps a package is damaged, or memory ran out.",
    )


def serve(connection: Connection, place: Any, memory: int) -> None:
    """Answer tasks until the parent closes the pipe; runs in the worker."""
    settle(memory)

    def announce(member: str) -> None:
        encoded = member.encode("utf-8", "ignore")
        place.value = encoded if len(encoded) < _PLACE_BYTES else b""

    place.value = b""
    unpacker, embedder = TaskUnpacker(), PassageEmbedder()
    while True:
        try:
            task = unpacker.unpack(connection.recv())
        except (EOFError, OSError):
            return
        place.value = b""
        _answer(connection, task, announce, embedder)


def settle(memory: int) -> None:
    """Make this process one that reads documents: it has no secrets, no voice, and its limits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_memory(memory)
    _forget_secrets()
    _print_nothing()


def _forget_secrets() -> None:
    """Take the keys out of the environment: reading documents needs none."""
    for name in os.environ.keys() - environ_without_secrets(os.environ).keys():
        del os.environ[name]


def _print_nothing() -> None:
    """Send what is printed to nowhere: native engines quote documents, as they are, in panics.

    What went wrong with a file is in its answer, or in how the process ended.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _limit_memory(memory: int) -> None:
    """Let allocations fail that the parent would see too late.

    The parent looks at what is used ten times a second; native engines ask for more than they
    use, hence the distance to its limit.
    """
    if memory and sys.platform == "linux":
        import resource

        most = 2 * memory + 1024 * MIB
        with contextlib.suppress(OSError, ValueError):  # a lower limit is in force already
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _answer(
    connection: Connection, task: LoadTask, announce: Announce, embedder: PassageEmbedder
) -> None:
    try:
        _send(connection, embedder.with_vectors(with_terms(load_file(task, announce))))
    except BaseException as error:  # noqa: BLE001  whatever a document leads a library to raise
        _send(connection, broken(task, error))


def _send(connection: Connection, answer: LoadedFile) -> None:
    try:
        connection.send(pack_answer(answer))
    except OSError:  # the parent is gone, or has given this worker up
        os._exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
