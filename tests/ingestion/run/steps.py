"""What the tests of single steps of a run share: files without a disk, and ends that remember."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.ingestion.run.changes import Change
from knowledge.ingestion.scan.files import FoundFile
from knowledge.ingestion.stored import Stored
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import Chunk, FileStatus, Passage, SourceFile, SplitterSpec
from knowledge.settings.reading import Settings
from knowledge.storage.identity import identify

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR_AGO_NS = int(NOW.timestamp() - 3600) * 1_000_000_000


def settings(folder: Path, **values: Any) -> Settings:
    """Return settings that no file or variable has a say in."""
    return Settings.read(environ={}, folder=folder, **values)


def found(path: str = "/docs/a.md", **changes: Any) -> FoundFile:
    """Return a file of ten bytes, an hour old."""
    facts = {"path": path, "shown": path, "size": 10, "mtime_ns": HOUR_AGO_NS}
    return FoundFile(**{**facts, **changes})


def stored_file(path: str = "/docs/a.md", **changes: Any) -> SourceFile:
    """Return the same file as it is stored."""
    facts: dict[str, Any] = {
        "id": f"id of {path}",
        "path": path,
        "name": Path(path).name,
        "size": 10,
        "mtime_ns": HOUR_AGO_NS,
        "content_hash": f"hash of {path}",
        "chunks": 1,
        "tokens": 2,
        "metadata": {},
        "given": {},
        "ingested_at": NOW,
    }
    return SourceFile(**{**facts, **changes})


class StoredFiles(Stored):
    """Stored files that are in no catalog; each holds the chunks it is given."""

    def __init__(self, *files: SourceFile, texts: dict[str, Sequence[str]] | None = None) -> None:
        super().__init__(None, None)
        self.by_path = {file.path: file for file in files}
        self._paths = set(self.by_path)
        self._identities = [(file.id, file.path, file.content_hash) for file in files]
        self._texts = texts or {}

    def at(self, path: str) -> SourceFile | None:
        """Return the file of a path."""
        return self.by_path.get(path)

    def chunks_of(self, file: SourceFile | None) -> list[Chunk]:
        """Return the chunks that the file was given."""
        return [] if file is None else identify(file.id, passages(*self._texts.get(file.path, ())))


def passages(*texts: str) -> tuple[Passage, ...]:
    """Return passages of one line each."""
    return tuple(
        Passage(text=text, ordinal=number, char_start=0, char_end=len(text), tokens=2)
        for number, text in enumerate(texts)
    )


def loaded(path: str = "/docs/a.md", *texts: str, **changes: Any) -> LoadedFile:
    """Return a file as a crew gives it back; without texts it is empty."""
    task = LoadTask(path, path, SplitterSpec(), 1 << 20)
    status = FileStatus.INGESTED if texts else FileStatus.EMPTY
    facts: dict[str, Any] = {
        "status": status,
        "size": 10,
        "mtime_ns": HOUR_AGO_NS,
        "content_hash": f"new hash of {path}",
        "passages": passages(*texts),
        "reason": "" if texts else "it holds no text",
    }
    return LoadedFile(task, **{**facts, **changes})


class ListSink:
    """Keeps the changes of a run."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def send(self, change: Change) -> None:
        """Keep a change."""
        self.changes.append(change)


class ListPool:
    """Keeps the texts that are to be embedded; each gets its length as its vector."""

    def __init__(self, errors: Iterable[BaseException | None] = ()) -> None:
        self.texts: list[str] = []
        self.closed = self.flushed = False
        self._errors = iter(errors)

    def submit(self, texts: Sequence[str]) -> Future[Any]:
        """Keep texts, and return their vectors, or the next of the errors."""
        self.texts += texts
        future: Future[Any] = Future()
        if error := next(self._errors, None):
            future.set_exception(error)
        else:
            future.set_result(np.array([[len(text), 1.0] for text in texts], np.float32))
        return future

    def flush(self) -> None:
        """Remember that what waits was asked for."""
        self.flushed = True

    def close(self, *, cancel: bool) -> None:
        """Remember the end."""
        self.closed = cancel
