"""The operating system's word for what changed below folders, gathered into bursts."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence

from knowledge.errors import KnowledgeError

QUIET_MS = 150  # a burst ends when this long nothing new has changed,
LONGEST_MS = 1_000  # or when it has lasted this long

Keep = Callable[[str], bool]
Changes = set[tuple[int, str]]
ADDED, MODIFIED = 1, 2
"""Kinds of changes, as watchfiles numbers them."""


class Notifications:
    """Listens from the moment it is made; close it in the end.

    Parameters
    ----------
    folders:
        Watched with all below them.
    files:
        Watched by way of their folders, since editors put a new file in an old one's place.
    keep:
        Tells which paths matter.

    Raises
    ------
    KnowledgeError
        The system cannot watch them: they are too many, or one may not be read.
    """

    def __init__(self, folders: Sequence[str], files: Iterable[str], keep: Keep) -> None:
        self._bursts: queue.SimpleQueue[Changes | BaseException] = queue.SimpleQueue()
        self._stops: list[_Stop] = []
        self._threads: list[threading.Thread] = []
        named = frozenset(files)
        try:
            if folders:
                self._start(folders, keep, recursive=True)
            if named:
                beside = sorted({os.path.dirname(path) for path in named})
                self._start(beside, named.__contains__, recursive=False)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop listening; a second call does nothing."""
        for stop in self._stops:
            stop.stopped = True
        while self._threads:
            self._threads.pop().join()

    def wait(self, seconds: float) -> Changes:
        """Return what changed, all bursts that are there; empty when nothing did in time.

        Raises
        ------
        KnowledgeError
            The system has stopped reporting; what it has not reported is lost.
        """
        found: Changes = set()
        try:
            burst = self._bursts.get(timeout=seconds)
            while True:
                if isinstance(burst, BaseException):
                    raise KnowledgeError(f"changes are not reported any more: {burst}") from burst
                found |= burst
                burst = self._bursts.get_nowait()
        except queue.Empty:
            return found

    def _start(self, paths: Sequence[str], keep: Keep, *, recursive: bool) -> None:
        stop = _Stop()
        thread = threading.Thread(
            target=self._listen,
            args=(paths, keep, recursive, stop),
            name="notifications",
            daemon=True,
        )
        thread.start()
        self._stops.append(stop)
        self._threads.append(thread)
        stop.asked.wait()
        if not self._bursts.empty():
            self._raise_failure()

    def _raise_failure(self) -> None:
        first = self._bursts.get()
        if isinstance(first, BaseException):
            raise KnowledgeError(f"the system cannot report changes: {first}") from first
        self._bursts.put(first)

    def _listen(self, paths: Sequence[str], keep: Keep, recursive: bool, stop: _Stop) -> None:
        import watchfiles

        try:
            for changes in watchfiles.watch(
                *paths,
                watch_filter=lambda _, path: keep(path),
                debounce=LONGEST_MS,
                step=QUIET_MS,
                stop_event=stop,
                rust_timeout=0,  # at a time-out, watchfiles drops what it has just received
                recursive=recursive,
                # If true, all errors are ignored, and what comes after one is not watched.
                ignore_permission_denied=False,
            ):
                self._bursts.put({(int(change), path) for change, path in changes})
        except BaseException as error:  # noqa: BLE001  raised where it is waited for
            self._bursts.put(error)
        finally:
            stop.asked.set()


class _Stop:
    """Asked by watchfiles again and again whether to stop; when it is, watchfiles listens."""

    def __init__(self) -> None:
        self.stopped = False
        self.asked = threading.Event()

    def is_set(self) -> bool:
        """Tell whether to stop."""
        self.asked.set()
        return self.stopped
