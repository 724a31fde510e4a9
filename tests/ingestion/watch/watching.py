"""A watch that a test steps through, and what a dataset holds."""

from __future__ import annotations

import contextlib
from pathlib import Path

from knowledge import KnowledgeBase
from knowledge.ingestion.watch.events import WatchEvent
from knowledge.storage.local.catalog.catalog import Catalog


class Steps:
    """The events of a watch, one after the other; a burst that changes something is an event."""

    def __init__(self, kb: KnowledgeBase, *paths: Path | str, **options) -> None:
        self._events = kb.watch(paths, **options)

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()

    def next(self) -> WatchEvent:
        """Wait for the next event."""
        return next(self._events)

    def begin(self) -> WatchEvent:
        """Go through the first look; return its burst."""
        first = self.next()
        assert first.kind == "burst"
        assert self.next().kind == "ready"
        return first

    def counts(self) -> dict[str, int]:
        """Wait for a burst; return how many files came out how, without those that are none."""
        event = self.next()
        assert event.kind == "burst", event
        return {status.value: count for status, count in event.report.files.items() if count}


def held(kb: KnowledgeBase, dataset: str = "default") -> dict[str, list[str]]:
    """Return the texts of a dataset's files, by path, all of one moment."""
    with Catalog(kb._shared.store.folder) as catalog, catalog.snapshot() as snapshot:
        found = snapshot.dataset(dataset)
        return {
            file.path: [chunk.passage.text for chunk in snapshot.chunks_of_file(found, file.id)]
            for file in snapshot.files(found)
        }


def fresh(folder: Path, data: Path, **options) -> dict[str, list[str]]:
    """Return what a first ingest of a folder makes of it."""
    with contextlib.closing(KnowledgeBase.open(data)) as kb:
        kb.ingest(folder, **options)
        return held(kb)
