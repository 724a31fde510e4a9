"""Let an iterator run ahead of whoever takes its items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_TOGETHER = 256
"""Items handed over at once while nobody waits: each hand-over may wait for the other thread."""


@dataclass(frozen=True, slots=True)
class _End:
    """Stands behind the last item."""

    error: BaseException | None = None


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, which a thread of its own takes as fast as they come.

    For small items, such as found files: all that are not taken yet are held in memory. What
    ``items`` raises is raised here, in its place.
    """
    found: queue.SimpleQueue[list[T] | _End] = queue.SimpleQueue()
    stop = threading.Event()

    def run() -> None:
        batch: list[T] = []
        error = None
        try:
            for item in items:
                if stop.is_set():
                    return
                batch.append(item)
                if len(batch) >= _TOGETHER or found.empty():
                    found.put(batch)
                    batch = []
        except BaseException as raised:  # noqa: BLE001  raised again where the items are taken
            error = raised
        found.put(batch)
        found.put(_End(error))

    thread = threading.Thread(target=run, name="scan", daemon=True)
    thread.start()
    try:
        while not isinstance(batch := found.get(), _End):
            yield from batch
        if batch.error is not None:
            raise batch.error
    finally:
        stop.set()
        thread.join()
