"""Fetch several pages at once, in order, with a time limit for each."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from knowledge.errors import FetchError
from knowledge.ingestion.sources.addresses import Page
from knowledge.ingestion.sources.web import FetchedPage, FetchLimits, fetch
from knowledge.model import Metadata

AT_ONCE = 4
_GRACE = 5.0  # seconds more than the limit that a fetch watches itself

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page to fetch, and what is remembered of its stored version."""

    page: Page
    remembered: Metadata


def fetch_pages(
    requests: Iterable[PageRequest], limits: FetchLimits, folder: str
) -> Iterator[tuple[Page, Callable[[], FetchedPage | None]]]:
    """Yield each page with a function that returns it, as :func:`fetch` does, or raises.

    A few are fetched ahead, each in a thread of its own that nobody need wait for: a server can
    keep a connection alive for ever.

    Parameters
    ----------
    folder:
        Where they are kept.
    """
    waiting: deque[tuple[Page, Callable[[], FetchedPage | None]]] = deque()
    for number, request in enumerate(requests):
        if len(waiting) == AT_ONCE:
            yield waiting.popleft()
        waiting.append(
            (request.page, _begin(request, limits, os.path.join(folder, f"page-{number}")))
        )
    yield from waiting


def _begin(
    request: PageRequest, limits: FetchLimits, into: str
) -> Callable[[], FetchedPage | None]:
    future = _in_thread(lambda: fetch(request.page, limits, into, request.remembered))

    def result() -> FetchedPage | None:
        try:
            return future.result(limits.seconds + _GRACE)
        except TimeoutError as error:
            raise FetchError(
                f"{request.page.shown}: it took too long (KNOW_FETCH_TIMEOUT)"
            ) from error

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
