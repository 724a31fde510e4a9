"""Ingests as jobs: each in a thread, with its progress, until it is done or cancelled.

A cancelled run ends as an interrupted one does: files that were complete are published.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from shutil import rmtree
from typing import Any

from knowledge.errors import KnowledgeError, NotFoundError
from knowledge.ingestion.request import Progress
from knowledge.knowledge_base import KnowledgeBase
from knowledge.model import IngestReport
from knowledge.records.jobs import job_record
from knowledge.requests import IngestRequest, InlineText
from knowledge.server.bases import Notify
from knowledge.server.problems import RefusedError, for_clients
from knowledge.settings.reading import Settings

KEPT = 200
"""Jobs that are remembered when they are over."""
WAITING = 100
"""Jobs that may wait; a further one is refused."""
WORKERS = 2
"""Jobs that run at the same time; of one dataset, one waits for the other's lock."""


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobNotFoundError(NotFoundError):
    """There is no such job, or it was over long ago."""

    code = "job-not-found"
    default_hint = "GET /api/v1/jobs lists the jobs."


class _Cancelled(KeyboardInterrupt):
    """Ends an ingest as Ctrl-C does."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a client sent, as it lies in the private folder.

    Parameters
    ----------
    name:
        Names it in the dataset.
    id:
        Names it to the client that sent it; empty where none did.
    metadata:
        Kept with it, besides what the ingest gives to all.
    size:
        In bytes, where that is known.
    """

    name: str
    path: Path
    id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0


@dataclass(slots=True)
class Job:
    """One ingest."""

    id: str
    request: IngestRequest
    uploads: tuple[Upload, ...] = ()
    folder: Path | None = None
    state: State = State.QUEUED
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: datetime | None = None
    ended: datetime | None = None
    progress: Progress | None = None
    report: IngestReport | None = None
    error: KnowledgeError | None = None
    version: int = 0
    """Grows with each change."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def over(self) -> bool:
        """True when nothing changes any more."""
        return self.state not in (State.QUEUED, State.RUNNING)

    @property
    def record(self) -> dict[str, Any]:
        """The job as the contracts have it."""
        return job_record(
            id=self.id,
            dataset=str(self.request.dataset),
            state=self.state.value,
            moments=(self.made, self.began, self.ended),
            progress=self.progress,
            report=self.report,
            error=self.error,
        )


class Jobs:
    """The jobs of a server, in the order in which they were made."""

    def __init__(self, settings: Settings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queue: queue.Queue[Job | None] = queue.Queue()
        self._workers: list[threading.Thread] = []

    def add(
        self, request: IngestRequest, uploads: tuple[Upload, ...] = (), folder: Path | None = None
    ) -> Job:
        """Take a job in, to be run when its turn comes.

        Parameters
        ----------
        folder:
            Removed when the job is over.

        Raises
        ------
        RefusedError
            Too many wait.
        """
        job = Job(secrets.token_hex(8), request, uploads, folder)
        with self._lock:
            if self._queue.qsize() >= WAITING:
                raise RefusedError(
                    429,
                    "busy",
                    f"{WAITING} jobs wait already",
                    hint="Try again later.",
                    headers={"Retry-After": "10"},
                )
            self._jobs[job.id] = job
            over = [one.id for one in self._jobs.values() if one.over]
            for id_ in over[: max(0, len(over) - KEPT)]:
                del self._jobs[id_]
            if len(self._workers) < WORKERS:
                worker = threading.Thread(target=self._work, name="job", daemon=True)
                self._workers.append(worker)
                worker.start()
        self._queue.put(job)
        return job

    def get(self, id_: str) -> Job:
        """Return a job.

        Raises
        ------
        JobNotFoundError
            There is none.
        """
        with self._lock:
            if id_ not in self._jobs:
                raise JobNotFoundError(f"there is no job {id_[:100]!r}")
            return self._jobs[id_]

    def list(self) -> list[Job]:
        """Return the jobs, the last one first."""
        with self._lock:
            return [*reversed(self._jobs.values())]

    def cancel(self, id_: str) -> Job:
        """Ask a job to end; what is over stays as it is.

        Raises
        ------
        JobNotFoundError
            There is none.
        """
        job = self.get(id_)
        job.cancelled.set()
        return job

    def close(self) -> None:
        """Cancel what runs and wait for its end."""
        for job in self.list():
            job.cancelled.set()
        for _ in self._workers:
            self._queue.put(None)
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                self._run(job)
            finally:
                if job.folder is not None:
                    rmtree(job.folder, ignore_errors=True)

    def _run(self, job: Job) -> None:
        if job.cancelled.is_set():
            _end(job, State.CANCELLED)
            return
        job.state, job.began = State.RUNNING, datetime.now(UTC)
        job.version += 1
        try:
            inline = [InlineText(one.name, one.path, one.metadata) for one in job.uploads]
            with KnowledgeBase(self._settings, notify=self._notify) as kb:
                job.report = kb.ingest(job.request, inline=inline, progress=_listener(job))
        except _Cancelled:
            _end(job, State.CANCELLED)
        except KnowledgeError as error:
            job.error = for_clients(error)
            _end(job, State.FAILED)
        except Exception as error:  # noqa: BLE001  reported by the job, and logged
            self._notify(f"job {job.id}: unexpected {type(error).__name__}: {error}")
            job.error = KnowledgeError("the server failed; its log tells more")
            _end(job, State.FAILED)
        else:
            _end(job, State.DONE)


def _end(job: Job, state: State) -> None:
    job.ended = datetime.now(UTC)
    job.state = state
    job.version += 1


def _listener(job: Job) -> Callable[[Progress], None]:
    thread = threading.get_ident()

    def listen(progress: Progress) -> None:
        job.progress = progress
        job.version += 1
        # In the writer's thread it would be an error of the writer.
        if job.cancelled.is_set() and threading.get_ident() == thread:
            raise _Cancelled

    return listen
