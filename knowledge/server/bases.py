"""Knowledge bases for requests: a few, each used by one request at a time.

A `KnowledgeBase` keeps open what it opened, so the one that was used last is used next. Readers
hold no lock: each question opens the catalog again, and sees what was published by then.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from knowledge.knowledge_base import KnowledgeBase
from knowledge.settings.reading import Settings

R = TypeVar("R")
Notify = Callable[[str], None]

IDLE_SECONDS = 60.0
"""After which what an unused knowledge base holds open is closed."""


class Bases:
    """Runs what requests ask for in threads, with a knowledge base for each.

    Parameters
    ----------
    threads:
        How many may run at the same time; further ones wait in order.
    kept:
        How many of those that were used last stay open, however long nobody asks.
    """

    def __init__(self, settings: Settings, threads: int, notify: Notify, *, kept: int = 0) -> None:
        self._kept = kept
        self.settings = settings
        self._notify = notify
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._lock = threading.Lock()
        self._free: list[tuple[KnowledgeBase, float]] = []

    async def run(self, work: Callable[[KnowledgeBase], R]) -> R:
        """Return what ``work`` makes of a knowledge base, which it has alone meanwhile.

        A caller that is cancelled goes at once; the work ends on its own.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, work)

    def _do(self, work: Callable[[KnowledgeBase], R]) -> R:
        with self._lock:
            kb = self._free.pop()[0] if self._free else None
        kb = kb or KnowledgeBase(self.settings, notify=self._notify)
        try:
            kb.forget_generations()
            return work(kb)
        finally:
            with self._lock:
                self._free.append((kb, time.monotonic()))

    def close_idle(self, seconds: float = IDLE_SECONDS) -> None:
        """Close what was not used for some time; indexes of deleted datasets can go then."""
        limit = time.monotonic() - seconds
        with self._lock:  # in the order in which they were used
            last = len(self._free) - self._kept
            idle = [kb for kb, used in self._free[: max(0, last)] if used <= limit]
            self._free = [one for one in self._free if one[0] not in idle]
        for kb in idle:
            kb.close()

    def close(self) -> None:
        """Wait for what runs, and close everything."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._kept = 0
        self.close_idle(0)
