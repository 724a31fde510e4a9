"""The REST face described: OpenAPI 3.1, and a page of it that needs nothing from elsewhere.

Both are made of the operations and the schemas of the JSON contracts.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from knowledge.records.schema import contract
from knowledge.server.arguments import json_schema
from knowledge.server.recording import ROUTE
from knowledge.server.replies import JsonReply
from knowledge.server.rest.operation import PREFIX, Operation

ERRORS = {
    "400": "A field is unknown, or its value does not fit.",
    "401": "A token is needed.",
    "403": "The sender may not do this here.",
    "404": "There is no such dataset, file, chunk or job.",
    "409": "The name is taken, or the dataset has another model.",
    "413": "The body is too large.",
    "422": "A document cannot be read.",
    "423": "Another process is writing to the dataset.",
    "429": "Too many requests are open; Retry-After says when to try again.",
    "500": "The server failed.",
    "502": "An embedding provider or a chat model failed.",
    "503": "An embedding provider, a chat model, or the store cannot be reached for the moment.",
    "504": "No answer began in time.",
}
_PART = re.compile(r"\{(\w+)\}")


def routes(operations: Sequence[Operation]) -> list[Route]:
    """Return the routes of the description."""

    async def described(request: Request) -> Response:
        request.scope[ROUTE] = "/openapi.json"
        return JsonReply(openapi(tuple(operations)))

    async def page(request: Request) -> Response:
        request.scope[ROUTE] = "/docs"
        digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
        return HTMLResponse(_page(operations), headers={"Content-Security-Policy": policy})

    return [Route("/openapi.json", described), Route("/docs", page)]


@cache
def openapi(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0)."""
    from knowledge import __version__

    components: dict[str, Any] = {}
    for name in sorted({one.answer for one in operations} | {"error"}):
        components.update(_component(name))
    paths: dict[str, Any] = {}
    for one in operations:
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = _entry(one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "knowledge", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _component(name: str) -> Iterator[tuple[str, Any]]:
    """Yield a contract and its parts, with references as they are inside one document."""
    schema = dict(contract(name))
    parts = schema.pop("$defs", {})
    for key in ("$id", "$schema"):
        schema.pop(key, None)
    yield name, _moved(schema, name)
    for part, content in parts.items():
        yield f"{name}.{part}", _moved(content, name)


def _moved(schema: Any, name: str) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: _reference(value, name)
            if key == "$ref" and isinstance(value, str)
            else _moved(value, name)
            for key, value in schema.items()
        }
    return [_moved(one, name) for one in schema] if isinstance(schema, list) else schema


def _reference(text: str, name: str) -> str:
    file, _, pointer = text.partition("#")
    of = re.sub(r"-\d+\.json$", "", file) if file else name
    part = pointer.removeprefix("/$defs/")
    return f"#/components/schemas/{of}.{part}" if part else f"#/components/schemas/{of}"


def _entry(one: Operation) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{one.answer}"}
    media = "text/event-stream" if one.streams else one.media
    content: dict[str, Any] = {media: {}} if media else {"application/json": {"schema": schema}}
    if one.answer == "ask":
        content["text/event-stream"] = {}
    failed = {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}
    entry: dict[str, Any] = {
        "operationId": _identifier(one),
        "summary": one.summary,
        "parameters": [*_path_parameters(one), *_query_parameters(one)],
        "responses": {
            str(one.status): {"description": "Done.", "content": content},
            **{code: {"description": said, "content": failed} for code, said in ERRORS.items()},
        },
    }
    if body := _body(one):
        entry["requestBody"] = body
    return entry


def _identifier(one: Operation) -> str:
    return re.sub(r"\W+", "_", f"{one.method.lower()}{one.path}").strip("_")


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _PART.findall(one.path)
    ]


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    if one.takes_files:
        return [{"name": "name", "in": "query", "schema": {"type": "string"}}]
    if one.takes is None or one.method != "GET":
        return []
    found = []
    for name, schema in json_schema(one.takes, one.without)["properties"].items():
        described = dict(schema)
        said = described.pop("description")
        kinds = described.get("anyOf", [described])
        lists = [kind for kind in kinds if kind.get("type") == "array"]
        plain = lists or [kind for kind in kinds if kind.get("type") != "object"]
        if plain:
            found.append({"name": name, "in": "query", "description": said, "schema": plain[0]})
    return found


def _body(one: Operation) -> dict[str, Any] | None:
    if one.takes_files:
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        files = {"type": "array", "items": file}
        form = {"type": "object", "properties": {"files": files, "metadata": {"type": "object"}}}
        return {
            "content": {"multipart/form-data": {"schema": form}, "application/octet-stream": {}}
        }
    if one.takes_body:
        return {"content": {"application/json": {"schema": {"type": "object"}}}, "required": True}
    if one.takes is None or one.method == "GET":
        return None
    schema = json_schema(one.takes, one.without)
    return {"content": {"application/json": {"schema": schema}}, "required": True}


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, h2 { font-family: ui-monospace, monospace; } h2 { font-size: 1rem; margin-top: 2rem; }
table { border-collapse: collapse; } td { padding: .1rem .8rem .1rem 0; vertical-align: top; }
"""


def _page(operations: Sequence[Operation]) -> str:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>knowledge: REST</title>",
        '<meta name=viewport content="width=device-width">',
        f"<style>{_STYLE}</style><h1>REST</h1>",
        (
            '<p>As OpenAPI 3.1: <a href="/openapi.json">openapi.json</a>. Replies are the JSON '
            "that commands print too.</p>"
        ),
    ]
    for one in operations:
        parts.append(f"<h2>{html.escape(f'{one.method} {PREFIX}{one.path}')}</h2>")
        reply = one.media or f"knowledge.{one.answer}/1"
        parts.append(f"<p>{html.escape(one.summary)} Reply: <code>{reply}</code>")
        if one.takes is not None:
            fields = json_schema(one.takes, one.without)["properties"]
            rows = "".join(
                f"<tr><td><code>{html.escape(name)}</code><td>{html.escape(said['description'])}"
                for name, said in fields.items()
            )
            parts.append(f"<table>{rows}</table>")
    return "\n".join(parts)
