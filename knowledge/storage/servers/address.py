"""Addresses of servers of vectors: ``chroma+http://HOST:PORT[/TENANT/DATABASE]``, ``qdrant://HOST``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from knowledge.errors import UsageError

_PORTS = {"chroma": 8000, "qdrant": 6333}
_SCHEMES = {
    "chroma+http": ("chroma", "http"),
    "chroma+https": ("chroma", "https"),
    "qdrant": ("qdrant", "http"),
    "qdrant+http": ("qdrant", "http"),
    "qdrant+https": ("qdrant", "https"),
}
_FORMS = "chroma+http://HOST:8000 or qdrant://HOST:6333"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    Parameters
    ----------
    kind:
        What it is: ``chroma`` or ``qdrant``.
    scheme:
        ``http`` or ``https``.
    path:
        Names what is asked for there, such as a tenant and a database; may be empty.
    """

    kind: str
    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address as HTTP has it, without the path."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """The address as datasets remember it, in one spelling."""
        return f"{self.kind}+{self.url}{self.path}"


def parse_address(text: str) -> Address:
    """Read an address such as ``chroma+http://host:8000``.

    Raises
    ------
    UsageError
        It is none, or it holds a password.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _no_address(text) from error
    if parts.scheme not in _SCHEMES or not host:
        raise _no_address(text)
    kind, scheme = _SCHEMES[parts.scheme]
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "`vectors` holds more than an address",
            hint="A key is given by CHROMA_API_KEY or QDRANT_API_KEY, and not in the address.",
        )
    path = parts.path.rstrip("/")
    if path and not (kind == "chroma" and re.fullmatch(r"/[\w.-]+/[\w.-]+", path)):
        raise _no_address(text)
    host = f"[{host}]" if ":" in host else host
    return Address(kind, scheme, host, port or _PORTS[kind], path)


def _no_address(text: str) -> UsageError:
    shown = text.rpartition("@")[2]
    return UsageError(
        f"`vectors` is {shown!r}, which is not the address of a server of vectors",
        hint=f"Set KNOW_VECTORS to {_FORMS}, or leave it empty for none.",
    )
