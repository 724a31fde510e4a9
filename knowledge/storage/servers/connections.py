"""Which server keeps the vectors, and the connections to it.

``KNOW_VECTORS`` names it: ``chroma+http://HOST:PORT[/TENANT/DATABASE]``, ``qdrant://HOST:PORT``, or
``qdrant`` alone with the address in ``QDRANT_HOST``. A dataset remembers the address without any
key. Only the server of the settings is shown a key: an address that the data folder remembers may
have been written by a stranger.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings
    from knowledge.storage.reports import Place
    from knowledge.storage.servers.address import Address
    from knowledge.storage.servers.server import VectorServer

_PREFIX = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


class Servers:
    """The server that the settings name, if any, and others that datasets remember.

    Nothing is read or connected before it is asked for.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: dict[str, VectorServer] = {}
        self._lock = threading.Lock()

    @property
    def address(self) -> Address:
        """The address that the settings name.

        Raises
        ------
        UsageError
            It is none.
        UntrustedEndpointError
            The folder named it, and the key comes from elsewhere.
        """
        from knowledge.settings.trust import Reach, check_endpoint
        from knowledge.storage.servers.address import parse_address

        text, endpoint = str(self._settings["vectors"]), "vectors"
        if text in _BY_HOST:
            text, endpoint = _of_host(str(self._settings["qdrant_host"])), "qdrant_host"
        address = parse_address(text)
        check_endpoint(self._settings, Reach((endpoint,), (f"{address.kind}_api_key",)))
        return address

    @property
    def place(self) -> str:
        """Where the settings want vectors; empty for the data folder."""
        return self.address.place if self._settings["vectors"] else ""

    def look(self) -> Place | None:
        """Ask whether the server of the settings answers; ``None`` where they name none."""
        from knowledge.errors import KnowledgeError
        from knowledge.storage.reports import Place

        if not self._settings["vectors"]:
            return None
        kind, place = "server", "unknown"
        try:
            address = self.address
            kind, place = address.kind, address.place
            self.at(place).ping()
        except KnowledgeError as error:
            return Place(kind, place, error)
        return Place(kind, place)

    @property
    def prefix(self) -> str:
        """What the names of collections begin with.

        Raises
        ------
        UsageError
            It can't begin one.
        """
        prefix = str(self._settings["collection_prefix"])
        if not re.fullmatch(_PREFIX, prefix):
            raise UsageError(
                f"`collection_prefix` is {prefix!r}: up to 64 letters, digits, - and _ are possible"
            )
        return prefix

    @property
    def sends_sparse(self) -> bool:
        """Whether sparse vectors, which tell words, may be sent."""
        return bool(self._settings["vectors_sparse"])

    def at(self, place: str) -> VectorServer:
        """Return the server at a place that a dataset remembers; ours is shown its key."""
        from knowledge.storage.servers.address import parse_address

        with self._lock:
            if place not in self._open:
                ours = place == self.place
                address = self.address if ours else parse_address(place)
                key = str(self._settings[f"{address.kind}_api_key"]) if ours else ""
                self._open[place] = _connected(address, key)
            return self._open[place]


_BY_HOST = ("qdrant", "qdrant://", "qdrant:")


def _of_host(host: str) -> str:
    """Return the address of the Qdrant server at a host, which may be a URL."""
    if not host:
        raise UsageError(
            "`vectors` is qdrant, but no host is named",
            hint="Set QDRANT_HOST, or qdrant://HOST:6333.",
        )
    return f"qdrant+{host}" if "://" in host else f"qdrant://{host}"


def _connected(address: Address, key: str) -> VectorServer:
    if address.kind == "qdrant":
        from knowledge.storage.servers.qdrant import QdrantServer

        return QdrantServer(address.place, address.url, key)
    from knowledge.storage.servers.chroma import DATABASE, TENANT, ChromaServer

    names = address.path.strip("/").split("/") if address.path else [TENANT, DATABASE]
    return ChromaServer(address.place, address.url, key, *names)
