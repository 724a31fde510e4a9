"""HTTP connections whose replies end: bounded in bytes, after decompression too, and in time.

httpx bounds each read of a socket, so that a server which sends a byte a second is never given up,
and unpacks as much as it is sent. Here a `Bound` holds for a reply as a whole, from the look-up of
the name to the last byte. Nothing waits where a signal can't interrupt it: names are looked up in
a thread of their own, since ``getaddrinfo`` does not return before it is done.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import threading
import time
import urllib.request
import weakref
import zlib
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

REPLY_BYTES = 8 << 20
"""Most bytes of a reply that holds no vectors."""

LOOK_UP_SECONDS = 15.0
"""Most that is waited for the addresses of a host."""

_PIECE = 1 << 16
_GLANCE = 0.5
"""Seconds after which a thread that waits for a reply looks whether anybody waits for it."""
_OF_HTTPCORE = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


_abandoned: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def abandon(thread: threading.Thread) -> None:
    """Let the requests of a thread wait for no more replies: they end as if out of time."""
    _abandoned.add(thread)


class ReplyTooLargeError(httpx.TransportError):
    """A reply is larger than its request allows."""

    def __init__(self, limit: int) -> None:
        shown = f"{limit / 2**20:.0f} MiB" if limit >= 2**20 else f"{limit:,} bytes"
        super().__init__(f"sent a reply larger than {shown}")


class Bound:
    """What one reply may take, counted from now.

    A request carries it as ``extensions={"bound": ...}``, a response has it under the same name.

    Parameters
    ----------
    seconds:
        Until the reply has ended, or since the last `renew`.
    size:
        Bytes of the body, as sent and as unpacked.
    longest:
        Seconds that it may take in all, however often it is renewed.
    """

    def __init__(self, seconds: float, size: int = REPLY_BYTES, longest: float = 0.0) -> None:
        self.size = size
        self._seconds = seconds
        self._end = time.monotonic() + max(longest, seconds)
        self._next = time.monotonic() + seconds

    def renew(self, came: int = 0) -> None:
        """Note that a part came, so that the next one has as long; ``came`` bytes do not count."""
        self._next = time.monotonic() + self._seconds
        self.size += came

    def left(self) -> float:
        """Return the seconds that are left; not more than 0 when there are none."""
        return min(self._next, self._end) - time.monotonic()

    def check_size(self, size: int) -> None:
        """Raise when so many bytes are too many.

        Raises
        ------
        ReplyTooLargeError
            They are.
        """
        if size > self.size:
            raise ReplyTooLargeError(self.size)


class BoundedTransport(httpx.BaseTransport):
    """Sends requests, by the proxies that the environment names; may be used by several threads.

    Parameters
    ----------
    seconds, size:
        The bound of a request that carries none.
    addresses:
        Gives the addresses of a host and a port, the preferred first; not asked for a proxy's.
    authorities:
        File of the trusted certificates, where it is not the usual one.
    direct:
        Use no proxy.
    connect:
        Most seconds that are waited for a connection, whatever a request says.
    """

    def __init__(
        self,
        seconds: float,
        size: int = REPLY_BYTES,
        addresses: Callable[[str, int], list[str]] | None = None,
        authorities: str | None = None,
        *,
        direct: bool = False,
        connect: float = math.inf,
    ) -> None:
        self._authorities = authorities
        self._direct = direct
        self._connect = connect
        self._seconds = seconds
        self._size = size
        self._addresses = addresses or look_up
        self._pools: dict[str | None, httpcore.ConnectionPool] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; its body is read within the bound.

        Raises
        ------
        httpx.TransportError
            As httpx's own transport.
        """
        bound = request.extensions.get("bound") or Bound(self._seconds, self._size)
        # Only gzip is unpacked piece by piece here.
        request.headers["Accept-Encoding"] = "gzip"
        with _within(bound), _errors_of_httpx():
            answer = self._pool(request.url).handle_request(_for_httpcore(request))
        headers = httpx.Headers(answer.headers)
        coding = headers.pop("content-encoding", "").strip().lower()
        if coding:
            headers.pop("content-length", None)
        return httpx.Response(
            answer.status,
            headers=headers,
            stream=_Body(answer, coding, bound),
            extensions={**answer.extensions, "bound": bound},
        )

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        proxy = None if self._direct else proxy_for(url.scheme, url.host)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pool(proxy)
            return self._pools[proxy]

    def _new_pool(self, proxy: str | None) -> httpcore.ConnectionPool:
        common: dict[str, Any] = {
            "ssl_context": certificates(self._authorities),
            "max_connections": None,  # whoever sends limits the requests in flight
            "max_keepalive_connections": 20,
            "keepalive_expiry": 5.0,
        }
        if proxy is None:
            backend = _Backend(self._addresses, self._connect)
            return httpcore.ConnectionPool(network_backend=backend, **common)
        given = httpx.Proxy(proxy)
        common |= {
            "proxy_url": str(given.url),
            "proxy_auth": given.raw_auth,
            "network_backend": _Backend(look_up, self._connect),
        }
        if given.url.scheme in ("http", "https"):
            return httpcore.HTTPProxy(**common)
        try:
            return httpcore.SOCKSProxy(**common)
        except RuntimeError as error:
            raise httpx.ProxyError("a SOCKS proxy needs the package socksio") from error


@cache
def certificates(file: str | None = None) -> ssl.SSLContext:
    """Return the trusted certificates, whose reading takes longer than all else of a client."""
    if file is None:
        return httpx.create_ssl_context()
    if Path(file).is_dir():
        return ssl.create_default_context(capath=file)
    return ssl.create_default_context(cafile=file)


def proxy_for(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host, if any."""
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host, the preferred first.

    Raises
    ------
    OSError, UnicodeError
        It has none, or none is found in time.
    """
    with contextlib.suppress(ValueError):
        return [str(ip_address(host.strip("[]")))]
    found: list[str] = []
    problem: list[Exception] = []
    done = threading.Event()

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(info[4][0]) for info in infos))
        except (OSError, UnicodeError) as error:
            problem.append(error)
        done.set()

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    if not done.wait(max(0.0, min(LOOK_UP_SECONDS, _left()))):
        raise TimeoutError(f"the address of {host} was not found in time")
    if problem:
        raise problem[0]
    return found


# Below httpx: what httpcore reads and writes in this thread stays within the bound at hand.

_current = threading.local()


@contextlib.contextmanager
def _within(bound: Bound) -> Iterator[None]:
    outer = getattr(_current, "bound", None)
    _current.bound = bound
    try:
        yield
    finally:
        _current.bound = outer


def _left() -> float:
    bound = getattr(_current, "bound", None)
    return math.inf if bound is None else bound.left()


def _time_for(timeout: float | None, error: type[Exception]) -> float | None:
    """Return the seconds that one step may take.

    Raises
    ------
    Exception
        ``error``, when no time is left.
    """
    left = _left()
    if left <= 0:
        raise error("no time is left")
    least = min(left, math.inf if timeout is None else timeout)
    return None if least == math.inf else least


class _Backend(httpcore.NetworkBackend):
    def __init__(self, addresses: Callable[[str, int], list[str]], connect: float) -> None:
        self._addresses = addresses
        self._connect = connect
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = self._addresses(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in found[:-1]:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._connected(address, port, timeout, local_address, socket_options)
        return self._connected(found[-1], port, timeout, local_address, socket_options)

    def _connected(self, address: str, port: int, timeout: float | None, *rest: Any) -> _Stream:
        most = self._connect if timeout is None else min(timeout, self._connect)
        seconds = _time_for(most, httpcore.ConnectTimeout)
        return _Stream(self._sockets.connect_tcp(address, port, seconds, *rest))


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        seconds = _time_for(timeout, httpcore.ReadTimeout)
        end = math.inf if seconds is None else time.monotonic() + seconds
        while True:
            try:
                return self._stream.read(
                    max_bytes, max(0.001, min(_GLANCE, end - time.monotonic()))
                )
            except httpcore.ReadTimeout:
                if time.monotonic() >= end:
                    raise
                if threading.current_thread() in _abandoned:
                    raise httpcore.ReadTimeout("nobody waits for the reply any longer") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        while rest:  # a piece at a time, since the time-out is one for each that is sent
            piece, rest = rest[:_PIECE], rest[_PIECE:]
            self._stream.write(bytes(piece), _time_for(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        seconds = _time_for(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, coding: str, bound: Bound) -> None:
        self._answer = answer
        self._coding = coding
        self._bound = bound

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._unpacked():
            size += len(piece)
            self._bound.check_size(size)
            yield piece

    def close(self) -> None:
        self._answer.close()

    def _raw(self) -> Iterator[bytes]:
        pieces = iter(self._answer.iter_stream())
        size = 0
        while True:
            with _within(self._bound), _errors_of_httpx():
                piece = next(pieces, None)
            if piece is None:
                return
            size += len(piece)
            self._bound.check_size(size)
            if self._bound.left() <= 0:  # enough may have come at once to need no further read
                raise httpx.ReadTimeout("the reply did not end in time")
            yield piece

    def _unpacked(self) -> Iterator[bytes]:
        """Yield the body in small pieces, also when a few bytes of gzip stand for gigabytes."""
        if self._coding in ("", "identity"):
            yield from self._raw()
            return
        if self._coding not in ("gzip", "x-gzip"):
            raise httpx.DecodingError(f"the server sent {self._coding!r}, which was not asked for")
        decoder = zlib.decompressobj(wbits=31)
        for piece in self._raw():
            rest = piece
            while rest and not decoder.eof:
                yield _inflated(decoder, rest)
                rest = decoder.unconsumed_tail
        while not decoder.eof:
            last = _inflated(decoder, b"")
            if not last:
                raise httpx.DecodingError("the answer broke off")
            yield last


def _inflated(decoder: Any, piece: bytes) -> bytes:
    try:
        return bytes(decoder.decompress(piece, _PIECE))
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error


def _for_httpcore(request: httpx.Request) -> httpcore.Request:
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextlib.contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's, which have the same names."""
    try:
        yield
    except _OF_HTTPCORE as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error
