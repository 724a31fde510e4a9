"""Let an iterator run ahead of whoever takes its items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, which a thread of its own takes as fast as they come.

    For small items, such as found files: all that are not taken yet are held in memory. What
    ``items`` raises is raised here, in its place.
    """
    found: queue.SimpleQueue[tuple[bool, T | BaseException | None]] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        try:
            for item in items:
                if stop.is_set():
                    return
                found.put((True, item))
            found.put((False, None))
        except BaseException as error:  # noqa: BLE001  raised again where the items are taken
            found.put((False, error))

    thread = threading.Thread(target=run, name="scan", daemon=True)
    thread.start()
    try:
        while True:
            more, item = found.get()
            if more:
                yield item  # type: ignore[misc]
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()
