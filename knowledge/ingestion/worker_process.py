"""One worker process: takes tasks through a pipe of its own, gives loaded files back.

Workers start by forkserver or spawn: forking a process that has loaded native threads hangs.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections import deque
from multiprocessing.connection import Connection
from typing import Any

from knowledge.ingestion.loading import LoadedFile, LoadTask, failed, load_file

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOAD = ["knowledge.ingestion.loading", "knowledge.documents.loading"]

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
    """

    def __init__(self) -> None:
        context = _Context()
        if METHOD == "forkserver":
            context.set_forkserver_preload(PRELOAD)
        self.connection, theirs = context.Pipe()
        self.tasks: deque[LoadTask] = deque()
        self.alive = True
        self._limits: deque[float] = deque()
        self._since = 0.0
        self._process = WorkerProcess(target=serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def is_late(self) -> bool:
        """True when the oldest task takes longer than it may."""
        return bool(self.tasks) and time.monotonic() - self._since > self._limits[0]

    def take(self, task: LoadTask, limit: float) -> bool:
        """Send a task that may take ``limit`` seconds; false when the worker has died."""
        try:
            self.connection.send(task)
        except OSError:
            return False
        if not self.tasks:
            self._since = time.monotonic()
        self.tasks.append(task)
        self._limits.append(limit)
        return True

    def receive(self) -> LoadedFile:
        """Return the answer to the oldest task; a failure when the worker died over it."""
        try:
            result: LoadedFile = self.connection.recv()
        except (EOFError, OSError):
            return self._lost(self._how_it_died())
        self._done()
        return result

    def give_up(self, timeout: float) -> LoadedFile:
        """Kill the worker over its oldest task, which takes too long."""
        return self._lost(f"reading it took longer than {timeout:g} seconds (KNOW_FILE_TIMEOUT)")

    def end(self) -> None:
        """Kill the process, if it still runs."""
        self.alive = False
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _done(self) -> LoadTask:
        self._limits.popleft()
        self._since = time.monotonic()
        return self.tasks.popleft()

    def _lost(self, reason: str) -> LoadedFile:
        self.end()
        return failed(self._done(), reason)

    def _how_it_died(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return f"its reader crashed ({how})"


def serve(connection: Connection) -> None:
    """Answer tasks until the parent closes the pipe; runs in the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task: LoadTask = connection.recv()
        except (EOFError, OSError):
            return
        _answer(connection, task)


def _answer(connection: Connection, task: LoadTask) -> None:
    try:
        connection.send(load_file(task))
    except BrokenPipeError:
        os._exit(1)
    except BaseException as error:  # noqa: BLE001  whatever a document leads a library to raise
        connection.send(failed(task, f"its reader failed: {type(error).__name__}: {error}"))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
