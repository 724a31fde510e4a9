"""The counts and problems of a run, and how far it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from knowledge.ingestion.request import FileListener, Progress, ProgressListener
from knowledge.model import FileProblem, FileStatus, SourceFile
from knowledge.storage.changes import ChunkDiff


@dataclass(slots=True)
class RunStats:
    """Counts files and chunks; may be called from the reading and the writing thread."""

    listener: ProgressListener | None = None
    on_file: FileListener | None = None
    files: dict[FileStatus, int] = field(default_factory=lambda: dict.fromkeys(FileStatus, 0))
    problems: list[FileProblem] = field(default_factory=list)
    chunks_added: int = 0
    chunks_removed: int = 0
    chunks_reused: int = 0
    watched: frozenset[str] = frozenset()
    """Files whose outcome is kept in ``outcomes``."""
    outcomes: dict[str, FileStatus] = field(default_factory=dict)
    _found: int = 0
    _finished: int = 0
    _planned_files: int = 0
    _planned_chunks: int = 0
    _scanned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def found(self, files: int = 1) -> None:
        """A file was found, or several."""
        with self._lock:
            self._found += files
        self._report_progress()

    def unchanged(self, files: int, chunks: int) -> None:
        """Some files were found and came out unchanged, with so many chunks."""
        with self._lock:
            self._found += files
            self._finished += files
            self.files[FileStatus.UNCHANGED] += files
            self.chunks_reused += chunks
        self._report_progress()

    def scanned(self) -> None:
        """All files are found."""
        self._scanned = True
        self._report_progress()

    def planned(self, chunks: int) -> None:
        """Chunks of a file wait to be embedded and written."""
        with self._lock:
            self._planned_files += 1
            self._planned_chunks += chunks
        self._report_progress()

    def finished(
        self, file: str, status: FileStatus, *, added: int = 0, removed: int = 0, reused: int = 0
    ) -> None:
        """A file came out of the run."""
        if self.on_file is not None:
            self.on_file(file, status)
        with self._lock:
            self.files[status] += 1
            if file in self.watched:
                self.outcomes[file] = status
            self.chunks_added += added
            self.chunks_removed += removed
            self.chunks_reused += reused
            if status is not FileStatus.REMOVED:
                self._finished += 1
        self._report_progress()

    def ingested(self, file: SourceFile, diff: ChunkDiff) -> None:
        """A file was stored, by these changes of its chunks."""
        self.finished(
            file.path,
            FileStatus.INGESTED,
            added=len(diff.added),
            removed=len(diff.removed),
            reused=diff.kept,
        )

    def removed(self, file: SourceFile, status: FileStatus | None, chunks: int) -> None:
        """A file was removed, with its chunks; with no status it was counted already."""
        if status is not None:
            self.finished(file.path, status, removed=chunks)
            return
        with self._lock:
            self.chunks_removed += chunks

    def problem(self, file: str, status: FileStatus | str, reason: str) -> None:
        """Something about a file is worth reporting."""
        with self._lock:
            self.problems.append(FileProblem(file, str(status), reason))

    def sorted_problems(self) -> list[FileProblem]:
        """Return the problems by file."""
        return sorted(self.problems, key=lambda problem: (problem.file, problem.status))

    def _report_progress(self) -> None:
        if self.listener is not None:
            self.listener(
                Progress(
                    self._finished,
                    self._found,
                    self.chunks_added,
                    self._expected_chunks(),
                    self._scanned,
                )
            )

    def _expected_chunks(self) -> int:
        """Guess the chunks of all files by those of the files that are cut already."""
        if not self._planned_files:
            return 0
        others = self._finished - self.files[FileStatus.INGESTED]  # unchanged, failed, …
        files = max(self._planned_files, self._found - others)
        return round(self._planned_chunks * files / self._planned_files)
