"""Jobs of a server: what runs longer than a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.records.nouns import report_record
from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.errors import KnowledgeError
    from knowledge.ingestion.request import Progress
    from knowledge.model import IngestReport


def job(record: dict[str, Any]) -> dict[str, Any]:
    """Return a job as ``knowledge.job/1``."""
    return of("job", {"job": record})


def jobs(listed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return jobs, the last one first, as ``knowledge.jobs/1``."""
    return of("jobs", {"jobs": list(listed)})


def job_record(
    *,
    id: str,
    dataset: str,
    state: str,
    moments: tuple[datetime, datetime | None, datetime | None],
    progress: Progress | None,
    report: IngestReport | None,
    error: KnowledgeError | None,
) -> dict[str, Any]:
    """Return a job; ``moments`` are when it was made, when it began and when it ended."""
    made, began, ended = moments
    failed = None
    if error is not None:
        failed = {"code": error.code, "message": error.message, "hint": error.hint}
    return {
        "id": id,
        "dataset": dataset,
        "state": state,
        "created_at": made.isoformat(),
        "started_at": began.isoformat() if began else None,
        "ended_at": ended.isoformat() if ended else None,
        "progress": None
        if progress is None
        else {
            "files_done": progress.files_done,
            "files_total": progress.files_total,
            "chunks_done": progress.chunks_done,
            "chunks_total": progress.chunks_total,
            "scanned": progress.scanned,
        },
        "report": None if report is None else report_record(report),
        "error": failed,
    }
