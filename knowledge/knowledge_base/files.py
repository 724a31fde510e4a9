"""Files of a dataset: list, show, edit and remove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge import requests
from knowledge.errors import UsageError
from knowledge.knowledge_base.shared import Shared
from knowledge.model import Chunk, SourceFile

if TYPE_CHECKING:
    from knowledge.requests import ChunksRequest
    from knowledge.retrieval.pages import ChunkPage, FilePage
    from knowledge.storage.columns import SumUp

_Files = list[SourceFile]
_Chunks = list[Chunk]
T = TypeVar("T")
FILE_STATUSES = ("ingested", "failed", "empty", "unsupported")
"""What may have become of a file of a dataset, or of one that it could not take in."""
_TAKEN, _MISSED = "f", "m"
"""What the cursor of a page begins with, before a path or a number."""


class Files:
    """The group ``kb.files``; without a dataset it is the one of the settings."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def list(self, dataset: str | None = None) -> _Files:
        """Return a dataset's files by path.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return list(snapshot.files(self._shared.saw(snapshot.dataset(dataset))))

    def page(
        self,
        dataset: str | None = None,
        *,
        statuses: Sequence[str] = FILE_STATUSES,
        part: str = "",
        limit: int = 100,
        cursor: str | None = None,
    ) -> FilePage:
        """Return a page of a dataset's files, and of those that it could not take in.

        Parameters
        ----------
        statuses:
            Which of them: ``ingested``, ``failed``, ``empty``, ``unsupported``.
        part:
            What their paths must hold, whatever its case.
        limit:
            Most files of the page.
        cursor:
            That of the page before.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        UsageError
            The cursor is of no page.
        """
        from knowledge.retrieval.pages import FilePage

        dataset = self._shared.dataset(dataset)
        kind, place = _place_of(cursor)
        files: list[SourceFile] = []
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            owner = self._shared.saw(snapshot.dataset(dataset))
            wanted = limit + 1 if kind == _TAKEN and "ingested" in statuses else 0
            files, count = snapshot.files_page(owner, part, place if wanted else "", wanted)
            offset = int(place) if kind == _MISSED else 0
            left = max(0, limit + 1 - len(files))
            missed, counts = catalog.missed_page(owner, statuses, part, offset, left)
        after = None
        if len(files) > limit:
            after = _TAKEN + files[limit - 1].path
        elif len(files) + len(missed) > limit:
            after = f"{_MISSED}{offset + limit - len(files)}"
        counts = {**dict.fromkeys(FILE_STATUSES, 0), "ingested": count, **counts}
        shown = missed[: max(0, limit - len(files))]
        return FilePage(dataset, files[:limit], shown, counts, after)

    def summary(self, sum_up: SumUp[T], dataset: str | None = None) -> T:
        """Return what a function makes of all files, each with its chunks.

        It is called once for a generation, and what it made is kept: it is not to be changed.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            owner = self._shared.saw(snapshot.dataset(dataset))
            return self._shared.retriever().columns(snapshot, owner).summary(snapshot, sum_up)

    def get(self, file: str, dataset: str | None = None) -> tuple[SourceFile, _Chunks]:
        """Return a file and its chunks in order.

        Parameters
        ----------
        file:
            Its id, its absolute path, a path from the working directory, the name given to
            standard input, or the end of its path, such as its bare name, where no other file
            has it.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        UsageError
            Several files have this name.
        """
        from knowledge.storage.file_names import find_file

        dataset = self._shared.dataset(dataset)
        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            owner = self._shared.saw(snapshot.dataset(dataset))
            found = find_file(snapshot, owner, file)
            return found, snapshot.chunks_of_file(owner, found.id)

    def chunks(
        self,
        dataset: str | ChunksRequest | None = None,
        *,
        limit: int = 100,
        offset: int = 0,
        sort: str = "file",
        keywords: Sequence[str] | None = None,
        where: Mapping[str, Any] | str | Sequence[str] | None = None,
        files: str | Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
    ) -> ChunkPage:
        """Return a page of a dataset's chunks; nothing is asked and nothing embedded.

        Parameters
        ----------
        dataset:
            Its name, or a whole request.
        limit, offset:
            Most chunks, and how many to leave out before them.
        sort:
            Order of their files: ``file`` (the path), ``name``, ``modified``, ``ingested``,
            ``size``, or the name of metadata; ``-`` before it is descending.

        The others are as for :meth:`KnowledgeBase.retrieve`.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        UsageError
            An argument does not fit; the message names it.
        """
        request = requests.ChunksRequest.of(dataset, locals())
        from knowledge.knowledge_base.searching import list_chunks

        return list_chunks(self._shared, request)

    def edit(
        self, file: str, metadata: Mapping[str, Any], dataset: str | None = None
    ) -> SourceFile:
        """Replace what the user says of a file; nothing is embedded again.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        LockedError
            Another process is writing to the dataset.
        """
        dataset = self._shared.dataset(dataset)
        with (
            self._shared.existing(dataset) as catalog,
            catalog.write_run(
                dataset, lock_timeout=self._shared.lock_timeout, notify=self._shared.notify
            ) as run,
        ):
            found = self._find(file, dataset)
            flags = {"flags": dict(metadata)} if "flags" in found.remembered else {}
            remembered = {**found.remembered, **flags}
            with catalog.recorded(run.dataset, "edit-file", dict):
                run.touch_file(replace(found, given=dict(metadata), remembered=remembered))
            return self._find(found.id, dataset)

    def delete(self, file: str, dataset: str | None = None) -> SourceFile:
        """Remove a file from a dataset; the file itself stays where it is.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        LockedError
            Another process is writing to the dataset.
        """
        dataset = self._shared.dataset(dataset)
        self._find(file, dataset)  # before anybody waits for a lock
        with (
            self._shared.existing(dataset) as catalog,
            catalog.write_run(
                dataset, lock_timeout=self._shared.lock_timeout, notify=self._shared.notify
            ) as run,
        ):
            found = self._find(file, dataset)
            embedding, splitter = run.dataset.embedding, run.dataset.splitter
            assert embedding is not None
            assert splitter is not None
            facts = {
                "files": {"removed": 1},
                "chunks": {"removed": found.chunks},
            }
            with catalog.recorded(run.dataset, "delete-file", lambda: facts):
                run.remove_file(found)
                run.publish(embedding, splitter)
            with catalog.snapshot() as snapshot:
                self._shared.saw(snapshot.dataset(dataset))
        return found

    def _find(self, file: str, dataset: str) -> SourceFile:
        """Return a file without its chunks, whose texts may be damaged."""
        from knowledge.storage.file_names import find_file

        with self._shared.existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return find_file(snapshot, self._shared.saw(snapshot.dataset(dataset)), file)


def _place_of(cursor: str | None) -> tuple[str, str]:
    """Return which list a page goes on in, and where."""
    if not cursor:
        return _TAKEN, ""
    kind, place = cursor[0], cursor[1:]
    if kind == _TAKEN or (kind == _MISSED and place.isascii() and place.isdigit()):
        return kind, place[:4_096] if kind == _TAKEN else place[:9]
    raise UsageError("`cursor` is of no page of files", hint="Take it from the reply before.")
