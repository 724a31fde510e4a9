"""Ingest: uploads, and paths below allowed roots, as jobs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from shutil import rmtree
from typing import Any

from starlette.responses import Response

from knowledge.errors import UsageError
from knowledge.records import jobs as records
from knowledge.requests import IngestRequest
from knowledge.server.arguments import request_of
from knowledge.server.events import KEEP_ALIVE, KEEP_ALIVE_SECONDS, event, stream
from knowledge.server.jobs import Job
from knowledge.server.rest.operation import Call, Operation, answered
from knowledge.server.roots import below_roots
from knowledge.server.uploads import receive

TICK = 0.1
"""Seconds between looks at a job whose events somebody reads."""
_NOT_FROM_OUTSIDE = ("dataset", "inline", "ignore_file", "follow_links")
_OF_PATHS = ("paths", "recursive", "prune", "include", "exclude", "gitignore", "include_hidden",
             "ignore_extensions")  # fmt: skip


async def ingest(call: Call) -> Response:
    """Ingest paths of the server's disk, as a job."""
    asked = await call.request(IngestRequest)
    if not asked.sources:
        raise UsageError("`paths` is empty")
    paths = below_roots(asked.sources, call.server.options.roots or ())
    # A link inside a root may lead out of it.
    request = replace(asked, paths=paths, dataset=call.part("dataset"), follow_links=False)
    request.check()
    return _accepted(call.server.jobs.add(request))


async def upload(call: Call) -> Response:
    """Ingest files that are sent, as a job."""
    received = await receive(call.http, call.server.folder)
    try:
        values = {name: _value(name, text) for name, text in received.fields.items()}
        fields = request_of(IngestRequest, values, (*_NOT_FROM_OUTSIDE, *_OF_PATHS))
        request = replace(fields, dataset=call.part("dataset"))
        job = call.server.jobs.add(request, tuple(received.files), received.folder)
    except BaseException:
        rmtree(received.folder, ignore_errors=True)
        raise
    return _accepted(job)


def _value(name: str, text: str) -> Any:
    """Return what a field of a form stands for."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"`{name}` is no JSON: {error}") from error


def _accepted(job: Job) -> Response:
    reply = answered(records.job(job.record), status=202)
    reply.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return reply


async def list_jobs(call: Call) -> Response:
    """Answer with the jobs, the last one first."""
    return answered(records.jobs([job.record for job in call.server.jobs.list()]))


async def get_job(call: Call) -> Response:
    """Answer with a job."""
    return answered(records.job(call.server.jobs.get(call.part("job")).record))


async def cancel_job(call: Call) -> Response:
    """Ask a job to end: files that are complete stay."""
    return answered(records.job(call.server.jobs.cancel(call.part("job")).record))


async def job_events(call: Call) -> Response:
    """Send a job with each change of it, to its end."""
    job = call.server.jobs.get(call.part("job"))

    async def events() -> AsyncIterator[str]:
        seen, silent = -1, 0.0
        while not call.server.stopping:
            over, version = job.over, job.version
            if version != seen:
                seen, silent = version, 0.0
                yield event("end" if over else "progress", records.job(job.record))
            if over:
                return
            if silent >= KEEP_ALIVE_SECONDS:
                silent = 0.0
                yield KEEP_ALIVE
            await asyncio.sleep(TICK)
            silent += TICK

    return stream(events())


OPERATIONS = (
    Operation("POST", "/datasets/{dataset}/ingest", "Ingest paths below the server's roots, as a "
              "job.", "job", ingest, IngestRequest, without=_NOT_FROM_OUTSIDE, writes=True,
              status=202),
    Operation("POST", "/datasets/{dataset}/files", "Ingest files that are sent: a form with "
              "`files` and fields, or one file as the body with ?name=.", "job", upload,
              takes_files=True, writes=True, status=202),
    Operation("GET", "/jobs", "The jobs, the last one first.", "jobs", list_jobs),
    Operation("GET", "/jobs/{job}", "A job.", "job", get_job),
    Operation("GET", "/jobs/{job}/events", "A job with each change of it, as server-sent events "
              "(progress, end).", "job", job_events, streams=True),
    Operation("DELETE", "/jobs/{job}", "Cancel a job; files that are complete stay.", "job",
              cancel_job, writes=True),
)  # fmt: skip
