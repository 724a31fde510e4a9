"""Files that are sent first, and then put into a store.

https://platform.openai.com/docs/api-reference/files
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from knowledge.errors import UsageError
from knowledge.server.openai.exchange import page_of, replied, route
from knowledge.server.uploads import receive

if TYPE_CHECKING:
    from knowledge.server.sent_files import SentFile
    from knowledge.server.server import Server

MOST_LISTED = 10_000


def routes(server: Server) -> list[Route]:
    """Return the routes, with and without the version."""
    found = []
    for base in ("/v1/files", "/files"):
        one = f"{base}/{{file}}"
        found += [
            route(server, base, "POST", _create, writes=True),
            route(server, base, "GET", _list),
            route(server, one, "GET", _get),
            route(server, one, "DELETE", _delete, writes=True),
            route(server, f"{one}/content", "GET", _content),
        ]
    return found


async def _create(server: Server, http: Request) -> Response:
    if not http.headers.get("content-type", "").startswith("multipart/form-data"):
        raise UsageError("`file` is missing: the body must be a form")
    received = await receive(http, server.folder)
    try:
        unknown = set(received.fields) - {"purpose"}
        if unknown or len(received.files) != 1:
            raise UsageError("the form must have one `file` and a `purpose`")
        purpose = received.fields.get("purpose", "assistants")
        made = server.sent_files.add(received.files[0], purpose[:64])
    except BaseException:
        shutil.rmtree(received.folder, ignore_errors=True)
        raise
    return replied(_described(made))


async def _list(server: Server, http: Request) -> Response:
    wanted = http.query_params.get("purpose")
    rows = [_described(one) for one in server.sent_files.list()]
    chosen = [row for row in rows if wanted in (None, row["purpose"])]
    return replied(page_of(http, chosen, MOST_LISTED, also=("purpose",)))


async def _get(server: Server, http: Request) -> Response:
    return replied(_described(server.sent_files.get(_id(http))))


async def _delete(server: Server, http: Request) -> Response:
    id_ = _id(http)
    server.sent_files.delete(id_)
    return replied({"id": id_, "object": "file", "deleted": True})


async def _content(server: Server, http: Request) -> Response:
    return FileResponse(
        server.sent_files.get(_id(http)).path, media_type="application/octet-stream"
    )


def _id(http: Request) -> str:
    return unquote(http.path_params["file"])


def _described(file: SentFile) -> dict[str, Any]:
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.created,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }
