"""An operation of the REST face: a row that makes its route, its checks and its OpenAPI entry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from knowledge.requests import Request
from knowledge.server.access import require_write
from knowledge.server.arguments import json_object, request_of, values_of_query
from knowledge.server.recording import ROUTE
from knowledge.server.replies import JsonReply

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.server.server import Server

R = TypeVar("R", bound=Request)
T = TypeVar("T")
PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    Parameters
    ----------
    path:
        Below the prefix; ``{name}`` stands for a part of it.
    summary:
        One sentence.
    answer:
        The schema of its reply, such as ``retrieve``.
    handle:
        Makes the reply.
    takes:
        The request whose fields it takes, in the query or as a JSON body.
    without:
        Fields of it that are not taken from outside.
    writes:
        It changes something.
    takes_files, takes_body, streams:
        It takes a form with files, or JSON of its own; it answers with events.
    media:
        The type of a reply that is no JSON.
    status:
        Of a reply that is no error.
    """

    method: str
    path: str
    summary: str
    answer: str
    handle: Callable[[Call], Awaitable[Response]]
    takes: type[Request] | None = None
    without: tuple[str, ...] = ()
    writes: bool = False
    takes_files: bool = False
    takes_body: bool = False
    streams: bool = False
    media: str = ""
    status: int = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request for an operation."""

    server: Server
    http: HttpRequest
    operation: Operation

    async def run(self, work: Callable[[KnowledgeBase], T]) -> T:
        """Return what ``work`` makes of a knowledge base."""
        return await self.server.bases.run(work)

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return unquote(self.http.path_params[name])

    async def request(self, kind: type[R], **fixed: Any) -> R:
        """Return the request that the query or the body makes; ``fixed`` are fields of the path.

        Raises
        ------
        UsageError
            A field is unknown, or its value does not fit.
        """
        if self.http.method == "GET":
            values = values_of_query(kind, self.http.query_params.multi_items())
        else:
            values = await json_object(self.http)
        return request_of(kind, {**values, **fixed}, self.operation.without)


def generation_header(generations: Mapping[str, int]) -> dict[str, str]:
    """Return the header that names the generations of a reply: ``handbook=12, other%20one=3``."""
    named = ", ".join(f"{quote(name)}={number}" for name, number in generations.items())
    return {"Knowledge-Generation": named} if named else {}


def answered(
    record: Mapping[str, Any], generations: Mapping[str, int] | None = None, status: int = 200
) -> Response:
    """Return a reply with a record of the contracts, which names the generations it was made of."""
    return JsonReply(record, status, generation_header(generations or {}))


def route_of(operation: Operation, server: Server) -> Route:
    """Return the route of an operation."""
    path = PREFIX + operation.path

    async def endpoint(http: HttpRequest) -> Response:
        http.scope[ROUTE] = path
        if operation.writes:
            require_write(http.scope)
        return await operation.handle(Call(server, http, operation))

    return Route(path, endpoint, methods=[operation.method], name=operation.path)
