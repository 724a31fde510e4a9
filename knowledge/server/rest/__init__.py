"""The REST face below ``/api/v1``: what the command line can do, with its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.server.face import Face
    from knowledge.server.server import Server


def face(server: Server) -> Face:
    """Return the face."""
    from knowledge.server.face import Face
    from knowledge.server.rest.description import routes
    from knowledge.server.rest.operation import route_of
    from knowledge.server.rest.operations import OPERATIONS

    return Face([*(route_of(one, server) for one in OPERATIONS), *routes(OPERATIONS)])
