"""Fetch things in order, a few of them ahead, with a time limit for each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from knowledge.errors import FetchError

_GRACE = 5.0  # seconds more than the limit that a fetch watches itself

K = TypeVar("K")
T = TypeVar("T")


def ahead(
    things: Iterable[K],
    fetch: Callable[[K], T],
    at_once: int,
    seconds: float,
    shown: Callable[[K], str],
) -> Iterator[tuple[K, Callable[[], T]]]:
    """Yield each thing with a function that returns what ``fetch`` returns for it, or raises.

    Each is fetched in a thread of its own that nobody need wait for: a server can keep a
    connection alive for ever.

    Parameters
    ----------
    at_once:
        How many are fetched before the first of them is taken.
    seconds:
        Time for each, after which its function raises a ``FetchError``.
    shown:
        Names a thing in that error.
    """
    waiting: deque[tuple[K, Callable[[], T]]] = deque()
    for thing in things:
        if len(waiting) == at_once:
            yield waiting.popleft()
        waiting.append((thing, _begin(thing, fetch, seconds, shown)))
    yield from waiting


def _begin(
    thing: K, fetch: Callable[[K], T], seconds: float, shown: Callable[[K], str]
) -> Callable[[], T]:
    future = _in_thread(lambda: fetch(thing))

    def result() -> T:
        try:
            return future.result(seconds + _GRACE)
        except TimeoutError as error:
            raise FetchError(f"{shown(thing)}: it took too long (KNOW_FETCH_TIMEOUT)") from error

    return result


def _in_thread(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  raised again where the result is taken
            future.set_exception(error)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return future
