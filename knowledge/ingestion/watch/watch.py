"""Keep a dataset in step with its sources: an ingest for each burst of changes, or at times."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
    ModelMismatchError,
    RemoteUnavailableError,
)
from knowledge.ingestion.request import Notify, RunRequest
from knowledge.ingestion.scan.places import Places
from knowledge.ingestion.scan.scan import WALKED_ALREADY, check_paths
from knowledge.ingestion.watch.events import WatchEvent, WatchEventKind
from knowledge.ingestion.watch.listening import Listening
from knowledge.ingestion.watch.roots import GRACE, Roots
from knowledge.model import FileProblem, FileStatus, IngestReport
from knowledge.storage.shown_path import real_path

Ingest = Callable[[RunRequest, bool], IngestReport]
"""Runs a request; the second argument is whether the dataset may be made."""
STILL_CHANGING = 2.0  # seconds since its last change: a file may still be being written
PATIENCE = 30.0  # seconds for which failures of such a file are not reported
MANY = 2_000
"""Paths; for more everything is looked at, since the system's queue may have run over."""
RESCAN = 600.0  # seconds: all is looked at this often, also for what the system did not report
REST = 20  # times as long as a look at everything took, the next one is waited for
SETTLE = 2.0  # seconds after which all is looked at when folders were added
LOOK = 1.0  # seconds after which the roots are looked at
DEAF = 10.0  # seconds between looks where the system reports no changes
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds between tries; each pause is twice the last
ENDS_IT = (DatasetNotFoundError, ModelMismatchError, DamagedStoreError)
PASSES = (RemoteUnavailableError, LockedError)
"""Errors that do not end a watch even at its start."""


class Watch:
    """One watch; iterate over :meth:`events` for as long as it shall go on.

    Parameters
    ----------
    request:
        What is kept in step; pruning and the paths of a run are put in.
    ingest:
        Runs a request.
    dataset_key:
        Returns what identifies the dataset behind its name, ``None`` when there is none.
    skipped:
        Folders whose changes mean nothing.
    notify:
        Called when the system cannot report changes.
    create:
        Make the dataset when there is none.
    every:
        Look at everything this often, in seconds, and listen to no notifications.
    once:
        Look at everything once, then end.

    Raises
    ------
    PathNotFoundError
        A path does not exist.
    """

    def __init__(
        self,
        request: RunRequest,
        ingest: Ingest,
        dataset_key: Callable[[], str | None],
        skipped: list[Path],
        notify: Notify,
        *,
        create: bool = True,
        every: float | None = None,
        once: bool = False,
    ) -> None:
        check_paths(request.paths)
        self._request = replace(request, prune=True)
        self._ingest = ingest
        self._dataset_key = dataset_key
        self._create = create
        self._once = once
        self._every = every or RESCAN
        hidden = request.ignore.include_hidden
        self._roots = Roots(request.paths, skipped, include_hidden=hidden)
        listens = every is None and not once and bool(request.paths)
        self._listening = Listening(self._roots, notify) if listens else None
        self._renew = listens
        self._backlog = Backlog(everything=True)
        self._filter = ReportFilter()
        self._key: str | None = None
        self._began = False
        self._linked = False
        self._again: set[str] = set()
        self._again_at = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._next_look = 0.0
        self._scan_seconds = 0.0

    def events(self) -> Iterator[WatchEvent]:
        """Work until it is stopped; yield what happens.

        Raises
        ------
        KnowledgeError
            The first look failed for a reason that does not pass, or the dataset is gone, damaged
            or has another model.
        """
        try:
            while True:
                yield from self._look_at_roots()
                yield from self._burst_if_due()
                if self._once:
                    return
                self._wait()
        finally:
            if self._listening is not None:
                self._listening.close()

    def _burst_if_due(self) -> Iterator[WatchEvent]:
        now = time.monotonic()
        if self._listening is not None and self._listening.try_again():
            self._backlog.add(None)
        if now >= self._next_look:
            self._backlog.add(None)
        if self._again and now >= self._again_at:
            self._backlog.add(self._again)
            self._again = set()
        if not self._backlog or now < self._not_before or not self._has_sources:
            return
        todo, self._backlog = self._backlog, Backlog()
        try:
            event = self._burst(todo)
        except KnowledgeError as error:
            failed = self._failed(error, todo)
            if failed is not None:
                yield failed
            return
        if event is not None:
            yield event
        if not self._began:
            self._began = True
            if not self._once:
                yield WatchEvent(WatchEventKind.READY)

    def _burst(self, todo: Backlog) -> WatchEvent | None:
        everything = todo.everything or self._linked or self._was_replaced()
        started = time.monotonic()
        report = self._run(None if everything else Places(todo.paths))
        self._failures, self._not_before = 0, 0.0
        if not everything and self._was_replaced():
            self._backlog.add(None)  # the one that took its place got these changes alone
        self._key = self._dataset_key()
        if everything:
            self._scan_seconds = time.monotonic() - started
            self._next_look = time.monotonic() + self._interval
            self._linked = any(problem.reason == WALKED_ALREADY for problem in report.problems)
        fresh, again = self._filter.apply(report, everything=everything, last_try=self._once)
        self._again |= again
        self._again_at = time.monotonic() + STILL_CHANGING
        if fresh is None and self._began:
            return None
        return WatchEvent(WatchEventKind.BURST, report=fresh or report)

    def _run(self, only: Places | None) -> IngestReport:
        request = replace(
            self._request,
            paths=self._roots.present,
            remote=self._request.remote if only is None else (),
            only=only,
            force=self._request.force and not self._began,
        )
        try:
            return self._ingest(request, self._create and not self._began)
        except OSError as error:
            named = f"{error.filename}: " if error.filename else ""
            raise KnowledgeError(f"{named}{error.strerror or error}") from error

    def _was_replaced(self) -> bool:
        """Tell whether another dataset stands behind the name since the last burst."""
        return self._key is not None and self._dataset_key() != self._key

    @property
    def _interval(self) -> float:
        """Seconds between looks at everything; they take at most a part of the time."""
        if self._listening is not None and self._listening.deaf:
            return max(DEAF, REST * self._scan_seconds)
        return self._every

    @property
    def _has_sources(self) -> bool:
        """True when there is something to look at: not all paths have vanished."""
        return bool(self._roots.present or self._request.remote)

    def _failed(self, error: KnowledgeError, todo: Backlog) -> WatchEvent | None:
        """Keep what could not be taken in for another try; raise what no try can mend."""
        passes = isinstance(error, PASSES) if not self._began else not isinstance(error, ENDS_IT)
        if self._once or not passes:
            raise error
        self._backlog.add(None if todo.everything else todo.paths)
        if not all(map(os.path.lexists, self._roots.present)):
            return None  # a path has just vanished, which is reported by itself
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        self._not_before = time.monotonic() + pause
        return WatchEvent(WatchEventKind.FAILED, error=error, retry_seconds=pause)

    def _look_at_roots(self) -> Iterator[WatchEvent]:
        """Report which paths vanished and returned; listen again where another thing stands now."""
        now = time.monotonic()
        for root in self._roots.all:
            self._renew |= root.look()
            if not root.is_there:
                if not root.reported and now - root.missing_since >= GRACE:
                    root.reported = True
                    yield WatchEvent(WatchEventKind.VANISHED, path=root.path)
            elif root.reported:
                root.reported = False
                self._renew = True
                yield WatchEvent(WatchEventKind.RETURNED, path=root.path)
        if self._renew:
            self._renew = False
            if self._listening is not None:
                self._listening.begin()
            self._backlog.add(None)

    def _wait(self) -> None:
        """Wait until something changes, or is due."""
        due = self._not_before if self._backlog else self._next_look
        if self._again:
            due = min(due, self._again_at)
        seconds = max(0.0, due - time.monotonic()) if self._has_sources else LOOK
        if self._listening is None:
            time.sleep(seconds if self._roots.is_complete else min(seconds, LOOK))
            return
        changes = self._listening.wait(min(seconds, LOOK))
        if changes is None:
            self._renew = True
        elif changes:
            self._backlog.add(self._roots.places(changes))
            self._renew |= self._roots.needs_renewal(changes)
            if len(changes) > MANY or self._roots.new_folders(changes):
                settle = max(SETTLE, REST * self._scan_seconds)
                self._next_look = min(self._next_look, time.monotonic() + settle)


@dataclass(slots=True)
class Backlog:
    """What a watch must look at: some paths, or everything."""

    paths: set[str] = field(default_factory=set)
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.paths)

    def add(self, paths: set[str] | None) -> None:
        """Add paths; ``None`` is everything."""
        if paths is None:
            self.everything = True
        else:
            self.paths |= paths
        if self.everything or len(self.paths) > MANY:
            self.everything = True
            self.paths.clear()


class ReportFilter:
    """Leaves out of a burst's report what was reported already, or is none of our business."""

    def __init__(self) -> None:
        self._reported: set[FileProblem] = set()
        self._changing: dict[str, float] = {}

    def apply(
        self, report: IngestReport, *, everything: bool, last_try: bool = False
    ) -> tuple[IngestReport | None, set[str]]:
        """Return what to report of a burst, if anything, and files to look at once more soon.

        A file that is gone by now did not fail: editors' temporary files come and go. One that
        failed and was changed a moment ago is probably still being written.

        Parameters
        ----------
        everything:
            All was looked at, also files that have not changed; their problems are reported once.
        last_try:
            Nothing will be looked at again.
        """
        kept, again, dropped = [], set(), 0
        for problem in report.problems:
            failed = problem.status == FileStatus.FAILED
            if _is_gone(problem.file):
                dropped += failed
            elif failed and not last_try and self._is_changing(problem.file):
                again.add(problem.file)
                dropped += 1
            else:
                kept.append(problem)
        self._changing = {path: self._changing.get(path, time.monotonic()) for path in again}
        fresh = [problem for problem in kept if not everything or problem not in self._reported]
        self._reported = {*kept, *(() if everything else self._reported)}
        files = {**report.files, FileStatus.FAILED: report.files[FileStatus.FAILED] - dropped}
        rest = replace(report, files=files, problems=tuple(fresh))
        return (rest if _changed_something(rest) or fresh else None), again

    def _is_changing(self, path: str) -> bool:
        now = time.monotonic()
        if now - self._changing.get(path, now) > PATIENCE:
            return False
        try:
            facts = os.stat(real_path(path))
        except (OSError, ValueError):
            return False
        return time.time() - facts.st_mtime < STILL_CHANGING


def _changed_something(report: IngestReport) -> bool:
    counts = (report.files[FileStatus.INGESTED], report.files[FileStatus.REMOVED])
    return any(counts) or report.chunks_added > 0 or report.chunks_removed > 0


def _is_gone(path: str) -> bool:
    """Tell whether a problem is one of a file that is not there any more."""
    if not os.path.isabs(path):
        return False  # a page, or a file of a repository
    outer = path.partition("!/")[0]  # what a container's member lies in
    return not any(os.path.lexists(real_path(one)) for one in (path, outer))
