"""The page at ``/``: HTML, CSS and JavaScript kept as files, which ask the REST face."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.server.face import Face
    from knowledge.server.server import Server


def face(server: Server) -> Face:
    """Return the face."""
    from knowledge.server.face import Face
    from knowledge.server.page.assets import routes

    return Face(routes(server))
