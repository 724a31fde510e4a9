"""File batches: several files that were sent, put into a vector store together.

https://platform.openai.com/docs/api-reference/vector-stores-file-batches. A batch is a job of the
server: its files are published together, and it is known as long as the job is remembered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowledge.errors import NotFoundError, UsageError
from knowledge.server.jobs import Job, JobNotFoundError, State
from knowledge.server.openai.attaching import Attached, attach, check_splitting, rows_of
from knowledge.server.openai.exchange import body_of, needed, page_of, replied, route
from knowledge.server.openai.vector_stores import MOST_LISTED, counted

if TYPE_CHECKING:
    from knowledge.server.server import Server

PREFIX = "vsfb_"
MOST_FILES = 2_000


class BatchNotFoundError(NotFoundError):
    """The store has no such batch, or it was over long ago."""

    code = "file_batch_not_found"


def routes(server: Server) -> list[Route]:
    """Return the routes, with and without the version."""
    found = []
    for base in ("/v1/vector_stores", "/vector_stores"):
        batches = f"{base}/{{store}}/file_batches"
        one = f"{batches}/{{batch}}"
        found += [
            route(server, batches, "POST", _create, writes=True),
            route(server, one, "GET", _get),
            route(server, f"{one}/cancel", "POST", _cancel, writes=True),
            route(server, f"{one}/files", "GET", _list_files),
        ]
    return found


_FIELDS = {"file_ids": list, "files": list, "attributes": dict, "chunking_strategy": dict}
_OF_ONE = {"file_id", "attributes", "chunking_strategy"}


async def _create(server: Server, http: Request) -> Response:
    files = _files(await body_of(http, _FIELDS))
    name = _part(http, "store")
    found = await server.bases.run(lambda kb: kb.datasets.get(name))
    return replied(_described(attach(server, name, files)), {name: found.generation})


def _files(values: dict[str, Any]) -> list[Attached]:
    """Return the files that a request names, with the attributes of each.

    Raises
    ------
    UsageError
        It names none, too many, or in a way that it may not.
    """
    if ("files" in values) == ("file_ids" in values):
        raise UsageError("either `file_ids` or `files` is needed")
    if "files" in values:
        given = values["files"]
        if not all(isinstance(one, dict) and not set(one) - _OF_ONE for one in given):
            raise UsageError(f"`files` must be objects with {', '.join(sorted(_OF_ONE))}")
    else:
        given = [{**values, "file_id": one} for one in values["file_ids"]]
    if not 0 < len(given) <= MOST_FILES:
        raise UsageError(f"a batch has 1 to {MOST_FILES:,} files, not {len(given):,}")
    for one in given:
        check_splitting({key: value for key, value in one.items() if value is not None})
        if not isinstance(one.get("attributes") or {}, dict):
            raise UsageError("`attributes` must be an object")
    return [Attached(str(needed(one, "file_id")), one.get("attributes") or {}) for one in given]


async def _get(server: Server, http: Request) -> Response:
    return replied(_described(_found(server, http)))


async def _cancel(server: Server, http: Request) -> Response:
    return replied(_described(server.jobs.cancel(_found(server, http).id)))


async def _list_files(server: Server, http: Request) -> Response:
    wanted = http.query_params.get("filter")
    rows = [row for row in rows_of(_found(server, http)) if wanted in (None, row["status"])]
    return replied(page_of(http, rows, MOST_LISTED, also=("filter",)))


def _found(server: Server, http: Request) -> Job:
    """Return the job of a batch.

    Raises
    ------
    BatchNotFoundError
        The store has no such batch.
    """
    store, id_ = _part(http, "store"), _part(http, "batch")
    try:
        job = server.jobs.get(id_.removeprefix(PREFIX))
    except JobNotFoundError:
        job = None
    if job is None or not id_.startswith(PREFIX) or job.request.dataset != store:
        raise BatchNotFoundError(f"store {store[:100]!r} has no file batch {id_[:100]!r}")
    return job


def _described(job: Job) -> dict[str, Any]:
    counts = counted(row["status"] for row in rows_of(job))
    if not job.over:
        status = "cancelled" if job.cancelled.is_set() else "in_progress"
    elif job.state is State.CANCELLED:
        status = "cancelled"
    else:
        status = "failed" if counts["failed"] == counts["total"] else "completed"
    return {
        "id": PREFIX + job.id,
        "object": "vector_store.files_batch",
        "created_at": int(job.made.timestamp()),
        "vector_store_id": job.request.dataset,
        "status": status,
        "file_counts": counts,
    }


def _part(http: Request, name: str) -> str:
    return unquote(http.path_params[name])
