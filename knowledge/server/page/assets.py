"""The files of the page, with the headers that keep everything else out of it.

They hold nothing of any dataset, so they are given without a token: what the page shows, it asks
the REST face for, with the token that the user gave it.
"""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from knowledge.requests import MODES
from knowledge.server.access import PAGE_FILES, PAGE_PATH
from knowledge.server.problems import RefusedError
from knowledge.server.recording import ROUTE
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.server.server import Server

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' blob:",  # pictures of pages are fetched with the token
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",  # no text of a document becomes HTML by a mistake
    "trusted-types 'none'",
)


def routes(server: Server) -> list[Route]:
    """Return the routes of the page and its files."""

    async def page(request: Request) -> Response:
        request.scope[ROUTE] = PAGE_PATH
        policy = {"Content-Security-Policy": "; ".join(_POLICY)}
        return HTMLResponse(_page(server), headers=policy)

    async def asset(request: Request) -> Response:
        request.scope[ROUTE] = PAGE_FILES + "{name}"
        name = request.path_params["name"]
        content = _assets().get(name)
        if content is None:
            raise RefusedError(404, "not-found", "the page has no such file")
        return Response(content, media_type=MEDIA_TYPES[name.rpartition(".")[2]])

    return [Route(PAGE_PATH, page), Route(PAGE_FILES + "{name}", asset)]


@cache
def _assets() -> dict[str, bytes]:
    """Return the files by name; nothing that a request says is ever part of a path."""
    folder = files("knowledge.server.page") / "static"
    return {
        one.name: one.read_bytes()
        for one in folder.iterdir()
        if one.name.rpartition(".")[2] in MEDIA_TYPES
    }


@cache
def _template() -> Template:
    folder = files("knowledge.server.page") / "static"
    return Template((folder / "index.html").read_text(encoding="utf-8"))


def _page(server: Server) -> str:
    settings = server.settings
    usual = str(settings["retrieve_mode"])
    modes = "".join(
        f"<option{' selected' * (mode == usual)}>{html.escape(mode)}</option>" for mode in MODES
    )
    return _template().substitute(
        modes=modes,
        mode=html.escape(usual),
        top_k=int(settings["top_k"]),
        token="yes" if server.rules.needs_token else "no",
        chat="yes" if _answers(settings) else "no",
    )


def _answers(settings: Settings) -> bool:
    """Tell whether a chat model is set, so that questions can be answered in words."""
    from knowledge.chat import ChatModel
    from knowledge.errors import KnowledgeError

    try:
        ChatModel.from_settings(settings).close()
    except KnowledgeError:
        return False
    return True
