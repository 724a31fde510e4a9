"""The Ray cluster of a run: joined at its first file, left when nothing needs it any more."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from knowledge.errors import KnowledgeError
from knowledge.extras import install_command
from knowledge.text.wording import shortened

START_SECONDS = 120.0
"""After which a cluster where no actor could start is given up."""
CONNECT_SECONDS = 30.0
TICK = 1.0


class RayCluster:
    """A cluster, as those parts of a run see it that have work for it. Never started, only joined.

    A process joins one cluster at a time. One that it has joined already is not left.

    Parameters
    ----------
    address:
        ``auto`` or ``ray://host:port``.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._changed = threading.Condition()
        self._users: set[str] = set()
        self._ray: Any = None
        self._leave = False

    def needed_by(self, user: str) -> None:
        """Stay in the cluster, once somebody has joined it, until `release`."""
        with self._changed:
            self._users.add(user)

    def join(self, user: str) -> Any:
        """Return the module ``ray``, connected; joined until each user has called `release`.

        Raises
        ------
        KnowledgeError
            Ray is not installed, or there is no such cluster.
        """
        with self._changed:
            self._users.add(user)
            if self._ray is None:
                ray = _imported()
                self._leave = not ray.is_initialized()
                if self._leave:
                    _join(ray, self._address)
                self._ray = ray
                self._changed.notify_all()
            return self._ray

    def joined(self, seconds: float) -> Any | None:
        """Return ``ray`` once somebody has joined the cluster; ``None`` when that takes longer."""
        with self._changed:
            self._changed.wait_for(lambda: self._ray is not None, seconds)
            return self._ray

    def release(self, user: str) -> None:
        """Leave the cluster, if nobody else needs it; may be called again."""
        with self._changed:
            self._users.discard(user)
            if self._ray is None or self._users:
                return
            ray, self._ray = self._ray, None
            if self._leave:
                with _own_signals():
                    ray.shutdown()

    @property
    def cpus(self) -> int:
        """CPUs of all nodes; at least 1."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))


def check_version(found: str) -> None:
    """Check the version of this package on a node.

    Raises
    ------
    KnowledgeError
        It is not the one here.
    """
    own = version("knowledge")
    if found != own:
        raise KnowledgeError(
            f"a node of the Ray cluster has version {found} of knowledge, not {own}",
            hint="Install the same version on each node.",
        )


def last_line(error: object) -> str:
    """Return the last line of what Ray says, which names the cause."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return shortened(lines[-1].strip(), 300) if lines else "unknown"


def _imported() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray announces changes of its own
            import ray
    except ImportError as error:
        raise KnowledgeError(
            "`workers` needs the package ray, which is not installed",
            hint=f"Install it: {install_command('ray')}",
        ) from error
    return ray


def _join(ray: Any, address: str) -> None:
    try:
        _knock(address)
        with warnings.catch_warnings(), _own_signals():
            warnings.simplefilter("ignore")
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError) as error:
        with contextlib.suppress(Exception):  # it may be half joined, which the next try would meet
            ray.shutdown()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise KnowledgeError(
            f"can't join the Ray cluster {address}: {shortened(lines[0], 300)}",
            hint="Is it up? `ray start --head` starts one here; RAY_ADDRESS names another.",
        ) from error


def _knock(address: str) -> None:
    """See whether anybody listens at a URL: Ray takes half a minute to find out."""
    if "://" in address:
        url = urlsplit(address)
        socket.create_connection((url.hostname or "", url.port or 0), CONNECT_SECONDS).close()


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep our handlers of signals, which Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
