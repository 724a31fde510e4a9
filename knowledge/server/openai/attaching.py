"""Files that were sent, on their way into a store: those of one request by one job.

What a client calls the file stays with it in the dataset's metadata, so that it is found under
that name when the server has restarted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.model import FileStatus
from knowledge.requests import IngestRequest
from knowledge.server.jobs import Job, Upload

if TYPE_CHECKING:
    from knowledge.server.server import Server

FILE_ID = "openai_file_id"
"""The key in a file's metadata of what clients call it."""


def check_splitting(values: Mapping[str, Any]) -> None:
    """Refuse a size of chunks: a dataset has one, which the server's settings decide.

    Raises
    ------
    UsageError
        Another strategy than ``auto`` is asked for.
    """
    if values.get("chunking_strategy", {"type": "auto"}) != {"type": "auto"}:
        raise UsageError(
            "`chunking_strategy` must be auto", hint="The server's settings decide the sizes."
        )


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that was sent, and what it is to have as metadata in a store."""

    id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


def attach(server: Server, store: str, files: Sequence[Attached]) -> Job:
    """Begin to take files that were sent into a store, all by one job.

    Raises
    ------
    SentFileNotFoundError
        There is no such file.
    UsageError
        The attributes of one are none.
    RefusedError
        Too many jobs wait.
    """
    folder = Path(tempfile.mkdtemp(dir=server.folder))
    try:
        uploads = []
        for one in {one.id: one for one in files}.values():
            metadata = {**one.attributes, FILE_ID: one.id}
            IngestRequest(dataset=store, metadata=metadata).check()
            uploads.append(server.sent_files.lent(one.id, folder, metadata))
        return server.jobs.add(IngestRequest(dataset=store), tuple(uploads), folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def attached(server: Server, store: str) -> list[dict[str, Any]]:
    """Return the files that are on their way into a store, and those that could not be read."""
    found: dict[str, dict[str, Any]] = {}
    for job in server.jobs.list():
        if job.request.dataset == store:
            for row in rows_of(job):
                found.setdefault(row["id"], row)
    return [row for row in found.values() if row["status"] != "completed"]


def rows_of(job: Job) -> list[dict[str, Any]]:
    """Return the files of a job that were sent before, each with how far it is."""
    return [_row(job, one) for one in job.uploads if one.id]


def _row(job: Job, upload: Upload) -> dict[str, Any]:
    status, error = _status(job, upload)
    attributes = {k: v for k, v in upload.metadata.items() if k != FILE_ID}
    return {
        "id": upload.id,
        "object": "vector_store.file",
        "created_at": int(job.made.timestamp()),
        "vector_store_id": job.request.dataset,
        "usage_bytes": upload.size,
        "status": status,
        "last_error": error,
        "attributes": {**attributes, "filename": upload.name},
        "chunking_strategy": {"type": "other"},
    }


_CODES = {"unsupported": "unsupported_file"}


def _status(job: Job, upload: Upload) -> tuple[str, dict[str, str] | None]:
    """Return how far a file is, and why it failed."""
    if not job.over:
        return "in_progress", None
    if job.error is not None:
        return "failed", {"code": "server_error", "message": job.error.in_full}
    if job.report is None:
        return "cancelled", None
    for one in job.report.problems:
        if one.file == upload.name and one.status in tuple(FileStatus):
            code = _CODES.get(one.status, "invalid_file")
            return "failed", {"code": code, "message": one.reason}
    return "completed", None
