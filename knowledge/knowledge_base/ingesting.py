"""Documents into datasets: one run, or runs as files change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError, UsageError
from knowledge.ingestion.request import RunRequest
from knowledge.knowledge_base.flows import Flows
from knowledge.knowledge_base.shared import Shared
from knowledge.model import Dataset, IngestReport

if TYPE_CHECKING:
    from knowledge.ingestion.request import FileListener, Notify, ProgressListener
    from knowledge.ingestion.watch.events import WatchEvent
    from knowledge.requests import IngestRequest, SourceRequest, WatchRequest

_FOLDERS_LOOKED_AT = 8
_ENTRIES_LOOKED_AT = 64
"""Of each folder."""


def ingest(
    shared: Shared,
    flows: Flows,
    request: IngestRequest,
    progress: ProgressListener | None,
    on_file: FileListener | None,
) -> IngestReport:
    """Bring a dataset in step with the documents of a request."""
    name, create = _target(shared, request)
    run = RunRequest.of(request, shared.settings)
    if _needs_readers(shared, run):
        from knowledge.ingestion.workers.process import start_forking

        start_forking()  # while the rest is loaded and the store is opened
    from knowledge.ingestion.run.session import ingest

    shared.warn_of_passwords()
    return ingest(
        shared.store,
        name,
        _with_flow(shared, flows, run, name),
        shared.settings,
        create=create,
        notify=shared.notify,
        progress=progress,
        on_file=on_file,
    )


def watch(
    shared: Shared, flows: Flows, request: WatchRequest, progress: ProgressListener | None
) -> Iterator[WatchEvent]:
    """Bring a dataset in step with the documents of a request, again with each change."""
    from knowledge.ingestion.run.session import ingest
    from knowledge.ingestion.watch.watch import Watch

    if request.once and request.every is not None:
        raise UsageError("`once` and `every` exclude each other")
    name, create = _target(shared, request)
    run = _with_flow(shared, flows, RunRequest.of(request, shared.settings), name)
    shared.warn_of_passwords()
    notes = _Notes(shared.notify)

    def take_in(part: RunRequest, may_create: bool) -> IngestReport:
        report = ingest(
            shared.store,
            name,
            _with_flow(shared, flows, part, name),
            shared.settings,
            create=may_create,
            notify=notes,
            progress=progress,
        )
        notes.first_is_over()
        return report

    def key() -> str | None:
        dataset = _dataset(shared, name)
        return dataset.key if dataset is not None else None

    watching = Watch(
        run,
        take_in,
        key,
        [shared.store.root],
        shared.notify,
        create=create,
        every=request.every,
        once=request.once,
    )
    return watching.events()


def _needs_readers(shared: Shared, run: RunRequest) -> bool:
    """Tell whether a run will surely read more files than one process does by itself.

    That is where nothing is stored yet, and enough files lie in the first folders.
    """
    settings = shared.settings
    if settings["workers"] or settings.is_set("store") or _has_entries(shared.store.root):
        return False
    from knowledge.ingestion.workers.crew import INLINE_FILES

    files = (file for path in run.paths for file in _files_in(path, run.recursive))
    return next(islice(files, INLINE_FILES, None), None) is not None


def _has_entries(folder: Path) -> bool:
    try:
        return next(folder.iterdir(), None) is not None
    except OSError:
        return False


def _files_in(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield files of a folder and of those below, as far as the first few folders go."""
    folders = [folder]
    for number, each in enumerate(folders):
        if number == _FOLDERS_LOOKED_AT:
            return
        with contextlib.suppress(OSError):
            for path in islice(each.iterdir(), _ENTRIES_LOOKED_AT):
                if path.is_dir():
                    folders += [path] * recursive
                elif not path.name.startswith("."):
                    yield path


def _target(shared: Shared, request: SourceRequest) -> tuple[str, bool]:
    """Return the dataset's name, and whether it may be made."""
    asked = request.resolved(shared.settings)
    return str(asked.dataset), bool(asked.create)


def _with_flow(shared: Shared, flows: Flows, run: RunRequest, dataset: str) -> RunRequest:
    """Return a run that reads and cuts files as the dataset's flow says."""
    if not flows.is_named:
        return run
    from knowledge.flows.ingesting import with_flow
    from knowledge.knowledge_base.searching import language_models

    flow = flows.choose([dataset])
    assert flow is not None
    models = language_models(shared)
    return with_flow(run, flow, shared.settings, _dataset(shared, dataset), models, shared.notify)


def _dataset(shared: Shared, name: str) -> Dataset | None:
    with contextlib.suppress(DatasetNotFoundError), shared.existing(name) as catalog:
        return catalog.dataset(name)
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
