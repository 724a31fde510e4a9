"""A server from its start to its end: the socket, uvicorn, signals."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import uvicorn

from knowledge.errors import UsageError
from knowledge.server.access import Rules, is_loopback
from knowledge.server.connections import Connection
from knowledge.server.options import ServeRequest, check_named_by_user
from knowledge.server.recording import Log
from knowledge.server.server import Server
from knowledge.settings.reading import Settings

BACKLOG = 2048
GRACE_SECONDS = 30
"""Most that requests in flight get to end when the server is asked to end."""
KEEP_ALIVE_SECONDS = 15
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  not bound to, but looked for
"""Addresses to listen on that are no host's name."""


@dataclass(frozen=True, slots=True)
class Started:
    """What a user must know of a server that has started.

    Parameters
    ----------
    url:
        Where it is.
    token:
        A token that was made for this run, since none was set; else empty.
    stop:
        Ends the server as SIGTERM does; from any thread.
    """

    url: str
    token: str
    stop: Callable[[], None]


def serve(
    request: ServeRequest,
    settings: Settings,
    *,
    log: Log,
    ready: Callable[[Started], None],
) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished then.

    Parameters
    ----------
    log:
        Takes lines for stderr, from any thread.
    ready:
        Called once requests are answered.

    Raises
    ------
    UsageError
        An option does not fit, or the port is taken.
    UntrustedEndpointError
        The working directory may not decide who reaches the server.
    """
    check_named_by_user(settings)
    options = request.resolved(settings)
    host, token = str(options.host), ""
    write, read = str(settings["server_token"]), str(settings["server_read_token"])
    if not (is_loopback(host) or write or read):
        token = write = secrets.token_urlsafe(24)
    named = () if host in EVERYWHERE else (host,)
    rules = Rules(
        hosts=(*(options.allow_hosts or ()), *named),
        origins=tuple(options.allow_origins or ()),
        write_token=write,
        read_token=read,
        read_only=bool(options.read_only),
    )
    server = Server(settings, options, rules, log)
    with listening(host, int(options.port or 0)) as bound:
        address = bound.getsockname()
        name = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            server.app(),
            log_config=None,
            access_log=False,
            http=Connection,
            ws="none",
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=BACKLOG,
        )
        _log_warnings(log)
        warm = server.warm if options.warm else None
        running = _Uvicorn(config, lambda: ready(started), server.stop, warm)
        started = Started(f"http://{name}:{address[1]}", token, running.stop)
        running.run([bound])


class _Lines(logging.Handler):
    """Makes lines of the log of what uvicorn warns of."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; what ends a request in an error is logged where it is answered."""
        self._log(record.getMessage().partition("\n")[0])


def _log_warnings(log: Log) -> None:
    logger = logging.getLogger("uvicorn")
    logger.handlers, logger.propagate = [_Lines(log)], False


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that listens.

    Raises
    ------
    UsageError
        The address is none of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host.strip("[]"), port))
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or str(error)
            nowhere = isinstance(error, socket.gaierror) or said == os.strerror(errno.EADDRNOTAVAIL)
            hint = "Another `port` may be free; 0 takes any."
            if nowhere:
                hint = "`host` must be an address of this machine, such as 127.0.0.1."
            raise UsageError(f"cannot listen on {host}:{port}: {said}", hint=hint) from error
        yield bound
    finally:
        bound.close()


class _Uvicorn(uvicorn.Server):
    """Uvicorn, which ends by SIGINT and SIGTERM as by a return."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        stopping: Callable[[], None],
        warm: Callable[[], Awaitable[None]] | None,
    ) -> None:
        super().__init__(config)
        self._warm = warm
        self._ready = ready
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        await super().startup(sockets)
        if self._warm is not None and not self.should_exit:
            await self._warm()
        if not self.should_exit:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at the first signal when requests in flight are done, at the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield  # whoever runs us there handles signals
            return
        before = {
            one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End, at once where it was asked for already."""
        del sig, frame
        self.force_exit = self.should_exit
        self.stop()

    def stop(self) -> None:
        """End when requests in flight are done."""
        self._stopping()
        self.should_exit = True
