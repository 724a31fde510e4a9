"""Files of this machine to a server, in forms of bounded size, each of which is a job there."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from knowledge.client import reading
from knowledge.client.connection import Connection, path_of
from knowledge.errors import KnowledgeError, UsageError
from knowledge.ingestion.request import Progress, ProgressListener, RunRequest
from knowledge.ingestion.scan.scan import Scan, check_paths
from knowledge.model import FileProblem, FileStatus, IngestReport

if TYPE_CHECKING:
    from knowledge.requests import IngestRequest
    from knowledge.settings.reading import Settings

FILES_AT_ONCE = 200
BYTES_AT_ONCE = 64 * 2**20
"""Of a form, unless one file alone is larger."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    path: Path | None = None
    content: bytes = b""

    def open(self, stack: ExitStack) -> BinaryIO | bytes:
        """Return what a form sends."""
        return self.content if self.path is None else stack.enter_context(self.path.open("rb"))


def send(
    connection: Connection,
    request: IngestRequest,
    settings: Settings,
    dataset: str,
    progress: ProgressListener | None,
) -> IngestReport:
    """Send what a request names, and return what the server did with it.

    A file is known there by its path from the folder that was named, that folder's name first.

    Raises
    ------
    UsageError
        The request asks for what only the server's own disk, or its settings, can give.
    PathNotFoundError
        A path does not exist.
    KnowledgeError
        What ended a run on the server.
    """
    run = RunRequest.of(request, settings)
    if run.remote:
        raise UsageError("a URL can't be sent to a server", hint="Ingest it there, or download it.")
    if run.prune:
        raise UsageError(
            "`prune` does not go with `server`, which does not see what is gone here",
            hint="`delete-file` removes a file on the server's machine.",
        )
    check_paths(run.paths)
    fields = {
        "metadata": dict(run.metadata),
        "force": run.force,
        "dry_run": run.dry_run,
        "err_on_unsupported": run.err_on_unsupported,
        "passwords": list(run.passwords),
        "create": request.resolved(settings).create,
    }
    problems: list[FileProblem] = []
    report: IngestReport | None = None
    done = 0
    for batch in _batches(_files(run, problems)):
        part = _send_batch(connection, dataset, batch, fields, done, progress)
        report = reading.together(report, part)
        done += len(batch)
    if report is None:
        counts = dict.fromkeys(FileStatus, 0)
        report = IngestReport(dataset, counts, 0, 0, 0, 0, 0, 0.0, dry_run=run.dry_run)
    return _with_problems(report, problems)


def _files(run: RunRequest, problems: list[FileProblem]) -> Iterator[_File]:
    for inline in run.inline:
        if inline.metadata:
            raise UsageError("`inline` has metadata of its own, which can't be sent to a server")
        if isinstance(inline.content, bytes):
            yield _File(inline.name, len(inline.content), content=inline.content)
        else:
            yield _File(inline.name, inline.content.stat().st_size, inline.content)
    for root in run.paths:
        scan = Scan([root], run.ignore, run.recursive, None)
        above = Path(os.path.abspath(root)).parent  # noqa: PTH100  links in it stay
        for found in scan:
            below = os.path.relpath(found.path, above)
            name = Path(found.path).name if below.startswith("..") else below
            yield _File(name.replace(os.sep, "/"), found.size, Path(found.path))
        problems += scan.problems


def _batches(files: Iterator[_File]) -> Iterator[list[_File]]:
    batch: list[_File] = []
    size = 0
    for file in files:
        if batch and (len(batch) >= FILES_AT_ONCE or size + file.size > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _send_batch(
    connection: Connection,
    dataset: str,
    batch: Sequence[_File],
    fields: dict[str, Any],
    done: int,
    progress: ProgressListener | None,
) -> IngestReport:
    path = path_of("datasets", dataset, "files")
    with ExitStack() as stack:
        files = [("files", (one.name, one.open(stack))) for one in batch]
        data = {name: json.dumps(value) for name, value in fields.items()}
        sent = sum(one.size for one in batch)
        record = connection.ask("POST", path, sent=sent, files=files, data=data)
        job = connection.read(_job, record)
    try:
        for name, record in connection.events("GET", path_of("jobs", job["id"], "events")):
            job = connection.read(_job, record)
            if progress is not None and job["progress"] is not None:
                progress(connection.read(lambda told: _moved(told, done), job["progress"]))
            if name == "end":
                break
    except KeyboardInterrupt:
        with contextlib.suppress(KnowledgeError):
            connection.ask("DELETE", path_of("jobs", job["id"]))
        raise
    return _outcome(connection, job)


def _job(record: dict[str, Any]) -> dict[str, Any]:
    """Return the job of a record, with all that is read of one."""
    job = record["job"]
    named = ("progress", "report", "error")
    return {"id": str(job["id"]), "state": job["state"], **{name: job[name] for name in named}}


def _outcome(connection: Connection, job: dict[str, Any]) -> IngestReport:
    if job["report"] is not None:
        return connection.read(reading.report, job["report"])
    if job["error"] is not None:
        raise connection.read(connection.error, job["error"])
    raise KnowledgeError(
        f"the server ended its job {job['id']} ({job['state']})", hint="Run again to continue."
    )


def _moved(record: dict[str, Any], done: int) -> Progress:
    return Progress(
        record["files_done"] + done,
        record["files_total"] + done,
        record["chunks_done"],
        record["chunks_total"],
        record["scanned"],
    )


def _with_problems(report: IngestReport, problems: Sequence[FileProblem]) -> IngestReport:
    """Add what this machine could not read."""
    from dataclasses import replace

    counts = dict(report.files)
    for one in problems:
        if one.status in tuple(FileStatus):
            counts[FileStatus(one.status)] += 1
    return replace(report, files=counts, problems=(*report.problems, *problems))
