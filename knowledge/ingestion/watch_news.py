"""What of a burst's report is worth telling."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from knowledge.model import FileProblem, FileStatus, IngestReport
from knowledge.storage.shown_path import real_path

STILL_CHANGING = 2.0  # seconds since its last change: a file may still be being written
PATIENCE = 30.0  # seconds for which failures of such a file are not told


class News:
    """Knows what was told already."""

    def __init__(self) -> None:
        self._told: set[FileProblem] = set()
        self._changing: dict[str, float] = {}

    def of(
        self, report: IngestReport, *, everything: bool, last_try: bool = False
    ) -> tuple[IngestReport | None, set[str]]:
        """Return what to tell of a burst, if anything, and files to look at once more soon.

        A file that is gone by now did not fail: editors' temporary files come and go. One that
        failed and was changed a moment ago is probably still being written.

        Parameters
        ----------
        everything:
            All was looked at, also files that have not changed; their problems are told once.
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
        fresh = [problem for problem in kept if not everything or problem not in self._told]
        self._told = {*kept, *(() if everything else self._told)}
        files = {**report.files, FileStatus.FAILED: report.files[FileStatus.FAILED] - dropped}
        told = replace(report, files=files, problems=tuple(fresh))
        return (told if _changed_something(told) or fresh else None), again

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
