"""Files that were sent, on their way into a store: each by a job of its own.

What a client calls the file stays with it in the dataset's metadata, so that it is found under
that name when the server has restarted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.requests import IngestRequest
from knowledge.server.jobs import Job, State

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


def attach(server: Server, store: str, id_: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Begin to take a file that was sent into a store, and return how far it is.

    Raises
    ------
    SentFileNotFoundError
        There is no such file.
    UsageError
        The attributes are none.
    RefusedError
        Too many jobs wait.
    """
    folder = Path(tempfile.mkdtemp(dir=server.folder))
    try:
        upload = server.sent_files.lent(id_, folder)
        request = IngestRequest(dataset=store, metadata={**attributes, FILE_ID: id_})
        request.check()
        return _row(server.jobs.add(request, (upload,), folder))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def attached(server: Server, store: str) -> list[dict[str, Any]]:
    """Return the files that are on their way into a store, and those that could not be read."""
    found: dict[str, dict[str, Any]] = {}
    for job in server.jobs.list():
        if job.request.dataset == store and job.uploads and job.uploads[0].id:
            found.setdefault(job.uploads[0].id, _row(job))
    return [row for row in found.values() if row["status"] != "completed"]


def _row(job: Job) -> dict[str, Any]:
    (upload,) = job.uploads
    status, why = _status(job)
    attributes = {k: v for k, v in (job.request.metadata or {}).items() if k != FILE_ID}
    return {
        "id": upload.id,
        "object": "vector_store.file",
        "created_at": int(job.made.timestamp()),
        "vector_store_id": job.request.dataset,
        "usage_bytes": 0,
        "status": status,
        "last_error": None if why is None else {"code": "invalid_file", "message": why},
        "attributes": {**attributes, "filename": upload.name},
        "chunking_strategy": {"type": "other"},
    }


def _status(job: Job) -> tuple[str, str | None]:
    """Return how far a file is, and why it failed."""
    if not job.over:
        return "in_progress", None
    if job.state is State.CANCELLED:
        return "cancelled", None
    if job.error is not None:
        return "failed", job.error.in_full
    problems = job.report.problems if job.report else ()
    return ("failed", problems[0].reason) if problems else ("completed", None)
