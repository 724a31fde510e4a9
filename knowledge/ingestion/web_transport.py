"""HTTP connections to addresses that were checked before."""

from __future__ import annotations

import contextlib
import urllib.request

import httpx

from knowledge.errors import FetchError, PrivateHostError
from knowledge.ingestion.private_hosts import checked_addresses

_PORTS = {"http": 80, "https": 443}
# Connections are not kept: two names may share an address, but not a certificate.
_LIMITS = httpx.Limits(max_keepalive_connections=0)


class CheckedTransport(httpx.BaseTransport):
    """Sends each request, redirected ones too, to an address that was checked.

    The name is resolved once, here; TLS and the ``Host`` header still go by the name. A proxy that
    the environment names resolves names itself; then ours are checked as far as we know them.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._direct = httpx.HTTPTransport(limits=_LIMITS)
        self._proxied: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises
        ------
        FetchError
            There is no such host, or it may not be asked.
        """
        host, port = request.url.host, request.url.port or _PORTS.get(request.url.scheme, 443)
        proxy = proxy_for(request.url.scheme, host)
        if proxy is None:
            return self._send(
                request, checked_addresses(host, port, allow_private=self._allow_private)
            )
        check_behind_proxy(host, port, allow_private=self._allow_private)
        if proxy not in self._proxied:
            self._proxied[proxy] = httpx.HTTPTransport(proxy=proxy, limits=_LIMITS)
        return self._proxied[proxy].handle_request(request)

    def close(self) -> None:
        """Close what is open."""
        for transport in (self._direct, *self._proxied.values()):
            transport.close()

    def _send(self, request: httpx.Request, addresses: list[str]) -> httpx.Response:
        for address in addresses[:-1]:
            with contextlib.suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return self._direct.handle_request(_to(request, address))
        return self._direct.handle_request(_to(request, addresses[-1]))


def _to(request: httpx.Request, address: str) -> httpx.Request:
    """Return the request for one address; the original one stays, redirects are relative to it."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host, if any."""
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


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
