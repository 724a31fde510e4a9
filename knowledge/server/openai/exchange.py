"""What the endpoints of this face share: JSON bodies checked, and routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from knowledge.errors import UsageError
from knowledge.server.access import require_write
from knowledge.server.arguments import json_object
from knowledge.server.recording import ROUTE
from knowledge.server.replies import JsonReply
from knowledge.text.wording import brief

if TYPE_CHECKING:
    from knowledge.server.server import Server

Handler = Callable[["Server", Request], Awaitable[Response]]


def route(
    server: Server, path: str, method: str, handle: Handler, *, writes: bool = False
) -> Route:
    """Return a route; it is counted under its own path."""

    async def endpoint(http: Request) -> Response:
        http.scope[ROUTE] = path
        if writes:
            require_write(http.scope)
        return await handle(server, http)

    return Route(path, endpoint, methods=[method], name=f"{method} {path}")


async def body_of(http: Request, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a body, in which each field has one of its types.

    Parameters
    ----------
    known:
        Type, or types, by name. A field that is unknown is refused: nothing is passed over.

    Raises
    ------
    UsageError
        The body is no object, or a field does not fit; the message names it.
    """
    values = await json_object(http)
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"`{name}` is not a field of this request", hint=", ".join(known))
        wrong_bool = isinstance(value, bool) and known[name] not in (bool, object)
        if value is not None and (wrong_bool or not isinstance(value, known[name])):
            raise UsageError(f"`{name}` has the wrong type: {brief(value)}")
    return {name: value for name, value in values.items() if value is not None}


def needed(values: Mapping[str, Any], name: str) -> Any:
    """Return a field that must be there.

    Raises
    ------
    UsageError
        It is not.
    """
    if name not in values:
        raise UsageError(f"`{name}` is missing")
    return values[name]


def whole(values: Mapping[str, Any], name: str, default: int, most: int) -> int:
    """Return a whole number from 1 to ``most``.

    Raises
    ------
    UsageError
        It is another one.
    """
    value = values.get(name, default)
    if not 1 <= value <= most:
        raise UsageError(f"`{name}` must be from 1 to {most:,}, not {value}")
    return int(value)


def page_of(
    http: Request, rows: Sequence[dict[str, Any]], most: int, also: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a page of a list, as ``limit``, ``order``, ``after`` and ``before`` ask for it.

    Parameters
    ----------
    most:
        Rows of a page.
    also:
        Further fields that the query may have.

    Raises
    ------
    UsageError
        The query asks for something else.
    """
    given = http.query_params
    unknown = set(given) - {"limit", "order", "after", "before", *also}
    if unknown:
        raise UsageError(f"`{min(unknown)}` is not a field of this request")
    limit = given.get("limit", "20")
    order = given.get("order", "desc")
    if not limit.isdecimal() or not 1 <= int(limit) <= most:
        raise UsageError(f"`limit` must be from 1 to {most:,}")
    if order not in ("asc", "desc"):
        raise UsageError("`order` must be asc or desc")
    ordered = sorted(rows, key=lambda row: row["created_at"], reverse=order == "desc")
    ids = [row["id"] for row in ordered]
    if (after := given.get("after")) in ids:
        ordered = ordered[ids.index(after) + 1 :]
    elif (before := given.get("before")) in ids:
        ordered = ordered[: ids.index(before)][-int(limit) :]
    shown = ordered[: int(limit)]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(shown) < len(ordered),
    }


def replied(content: Mapping[str, Any], generations: Mapping[str, int] | None = None) -> Response:
    """Return a reply, which names the generations that it was made of."""
    from knowledge.server.rest.operation import generation_header

    return JsonReply(content, headers=generation_header(generations or {}))
