"""HTTP connections to addresses that were checked before."""

from __future__ import annotations

import httpx

from knowledge.errors import FetchError, PrivateHostError
from knowledge.ingestion.sources.private_hosts import checked_addresses
from knowledge.remote.transport import BoundedTransport, proxy_for

__all__ = ["CheckedTransport", "check_behind_proxy", "proxy_for"]

_PORTS = {"http": 80, "https": 443}


class CheckedTransport(BoundedTransport):
    """Sends each request, redirected ones too, to an address that was checked.

    The name is resolved once; TLS and the ``Host`` header still go by the name. A proxy that the
    environment names resolves names itself; then ours are checked as far as we know them.
    """

    def __init__(self, seconds: float, size: int, *, allow_private: bool) -> None:
        super().__init__(
            seconds,
            size,
            lambda host, port: checked_addresses(host, port, allow_private=allow_private),
        )
        self._allow_private = allow_private

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises
        ------
        FetchError
            There is no such host, or it may not be asked.
        httpx.TransportError
            It does not answer.
        """
        url = request.url
        if proxy_for(url.scheme, url.host) is not None:
            port = url.port or _PORTS.get(url.scheme, 443)
            check_behind_proxy(url.host, port, allow_private=self._allow_private)
        return super().handle_request(request)


def check_behind_proxy(host: str, port: int, *, allow_private: bool) -> None:
    """Check a host that a proxy will resolve; a name that only the proxy knows passes.

    Raises
    ------
    PrivateHostError
        Its addresses are known here, and one is private.
    """
    try:
        checked_addresses(host, port, allow_private=allow_private)
    except PrivateHostError:
        raise
    except FetchError:
        return
