"""Read many files in worker processes: a bad, huge or crashing file costs only itself.

Small runs of plain text are read in the main process, which saves the workers' start. Workers
start by forkserver or spawn: forking a process that has loaded native threads hangs.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, TimeoutError
from functools import partial
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from knowledge.ingestion.loading import LoadedFile, LoadTask, failed, load_file

INLINE_FILES = 16
INLINE_BYTES = 1_000_000
INLINE_SUFFIXES = frozenset({".md", ".txt", ".rst", ".py", ".json", ".csv", ".ipynb", ""})
WINDOW = 4  # tasks in flight for each worker
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PRELOAD = ["knowledge.ingestion.loading", "knowledge.documents.loading"]
SECONDS_A_MIB = 5.0  # added to the time limit: large files may take longer


_Done = queue.SimpleQueue[tuple[LoadTask, Future[LoadedFile]]]
_Context: Any = type(multiprocessing.get_context(METHOD))


class WorkerProcess(_Context.Process):  # type: ignore[misc]
    """A worker that does not import the program's main module again.

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


class WorkerContext(_Context):  # type: ignore[misc]
    """The start method, with our own kind of process."""

    Process = WorkerProcess


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
    yield from _load_in_workers(chain(first, remaining), workers or os.cpu_count() or 1, timeout)


def _is_small_text(task: LoadTask) -> bool:
    if PurePath(task.shown).suffix.lower() not in INLINE_SUFFIXES:
        return False
    if task.content is not None:
        return len(task.content) <= INLINE_BYTES
    with contextlib.suppress(OSError):
        return os.path.getsize(task.path) <= INLINE_BYTES
    return True


def _load_in_workers(
    tasks: Iterable[LoadTask], workers: int, timeout: float
) -> Iterator[LoadedFile]:
    from pebble import ProcessPool

    done: _Done = queue.SimpleQueue()
    remaining = iter(tasks)
    in_flight = 0
    pool: Any = ProcessPool(max_workers=workers, initializer=_prepare, context=_context())
    try:
        while True:
            for task in islice(remaining, workers * WINDOW - in_flight):
                limit = timeout + SECONDS_A_MIB * _size(task) / 1_048_576
                future = pool.schedule(load_file, args=[task], timeout=limit)
                future.add_done_callback(partial(_put, done, task))
                in_flight += 1
            if not in_flight:
                break
            yield _outcome(*done.get(), timeout)
            in_flight -= 1
        pool.close()
        pool.join()
    finally:
        if pool.active:
            pool.stop()
            pool.join()


def _put(done: _Done, task: LoadTask, future: Future[LoadedFile]) -> None:
    done.put((task, future))


def _size(task: LoadTask) -> int:
    if task.content is not None:
        return len(task.content)
    with contextlib.suppress(OSError):
        return os.path.getsize(task.path)
    return 0


def _outcome(task: LoadTask, future: Future[LoadedFile], timeout: float) -> LoadedFile:
    from pebble import ProcessExpired

    try:
        return future.result()
    except TimeoutError:
        return failed(task, f"reading it took longer than {timeout:g} seconds (KNOW_FILE_TIMEOUT)")
    except ProcessExpired as error:
        code = error.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return failed(task, f"its reader crashed ({how})")
    except Exception as error:  # noqa: BLE001  the file's fault, not the run's
        return failed(task, f"its reader failed: {type(error).__name__}: {error}")


def _context() -> WorkerContext:
    context = WorkerContext()
    if METHOD == "forkserver":
        context.set_forkserver_preload(PRELOAD)
    return context


def _prepare() -> None:
    """Make a worker end with its parent, and leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
