"""Keeping datasets in step."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from knowledge.errors import DatasetNotFoundError, UsageError
from knowledge.knowledge_base.ingesting import Ingesting
from knowledge.knowledge_base.opened import StrPath
from knowledge.model import IngestReport

if TYPE_CHECKING:
    from knowledge.ingestion.request import IngestRequest, Notify, ProgressListener
    from knowledge.ingestion.watch.events import WatchEvent


class Watching(Ingesting):
    """Folders, files and URLs, and the datasets that follow them."""

    def watch(
        self,
        paths: StrPath | Iterable[StrPath],
        dataset: str = "default",
        *,
        create: bool = True,
        every: float | None = None,
        once: bool = False,
        **options: Any,
    ) -> Iterator[WatchEvent]:
        """Bring a dataset in step, then take in each change as it happens.

        What is deleted below the folders is removed from the dataset. It goes on until the
        iterator is closed or its loop is left.

        Parameters
        ----------
        paths:
            One path or URL, or several. URLs are asked every ten minutes whether they changed.
        create:
            Make the dataset when there is none.
        every:
            Look at everything this often, in seconds, instead of waiting for the operating
            system to tell of changes.
        once:
            Look at everything once, then end.
        options:
            As for :meth:`ingest`, but ``prune`` and ``dry_run``.

        Yields
        ------
        WatchEvent
            A burst of changes with its report; a failure, and when it is tried again; a path that
            vanished or returned.

        Raises
        ------
        KnowledgeError
            At the start whatever ends an ingest, unless it passes; later that the dataset was
            deleted, is damaged, or has another model.
        """
        from knowledge.ingestion.request import IngestRequest

        single = isinstance(paths, str | os.PathLike)
        listed: list[StrPath] = [paths] if single else list(paths)  # type: ignore[list-item, arg-type]
        request = IngestRequest.of(listed, **options)
        return self.run_watch(request, dataset, create=create, every=every, once=once)

    def run_watch(
        self,
        request: IngestRequest,
        dataset: str,
        *,
        create: bool = True,
        every: float | None = None,
        once: bool = False,
        progress: ProgressListener | None = None,
    ) -> Iterator[WatchEvent]:
        """Watch for a request that is put together already; else like :meth:`watch`."""
        from knowledge.ingestion.run.session import ingest
        from knowledge.ingestion.watch.watch import Watch

        if request.dry_run or request.inline:
            raise UsageError("a watch takes files, folders and URLs, and writes what it finds")
        request = self._with_flow(request, dataset)
        self._warn_of_passwords()
        notes = _Notes(self._notify)

        def run(part: IngestRequest, may_create: bool) -> IngestReport:
            report = ingest(
                self.store,
                dataset,
                self._with_flow(part, dataset),
                self.settings,
                create=may_create,
                notify=notes,
                progress=progress,
            )
            notes.first_is_over()
            return report

        watch = Watch(
            request,
            run,
            lambda: self._key_of(dataset),
            [self.store.root],
            self._notify,
            create=create,
            every=every,
            once=once,
        )
        return watch.events()

    def _key_of(self, name: str) -> str | None:
        with contextlib.suppress(DatasetNotFoundError), self._existing(name) as catalog:
            return catalog.dataset(name).key
        return None


class _Notes:
    """Passes notes on; what was said of the first burst is not said of the others again."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._first: set[str] = set()
        self._said: frozenset[str] = frozenset()

    def __call__(self, text: str) -> None:
        if text not in self._said:
            self._first.add(text)
            self._notify(text)

    def first_is_over(self) -> None:
        """Keep quiet about what was said by now."""
        self._said = self._said or frozenset(self._first)
