"""What an ingest run is asked to do, and what it reports while it works."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.scan.places import Places
from knowledge.ingestion.sources.addresses import is_address
from knowledge.model import FileStatus

if TYPE_CHECKING:
    from knowledge.documents.recipes import Recipe
    from knowledge.ingestion.workers.loading import LoadedFile
    from knowledge.model import SplitterSpec


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    ``files_total`` grows until ``scanned`` is true; ``chunks_total`` is a guess by the files that
    are cut already.
    """

    files_done: int
    files_total: int
    chunks_done: int
    chunks_total: int
    scanned: bool


@dataclass(frozen=True, slots=True)
class InlineText:
    """A document that is no file, such as standard input.

    Parameters
    ----------
    name:
        Names it in the dataset; its extension tells its kind.
    content:
        Its bytes.
    """

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """One run.

    Parameters
    ----------
    paths:
        Files and folders.
    inline:
        Documents that are no files.
    remote:
        URLs of pages, files and Git repositories.
    ignore:
        What to leave out below folders.
    recursive:
        Walk into sub-folders.
    only:
        Look only at these places of the folders, where something changed.
    prune:
        Remove files from the dataset that are gone from the folders of this run.
    force:
        Read, cut and embed every file again.
    dry_run:
        Report what would be done; write nothing.
    err_on_unsupported:
        Count unsupported files as failed.
    metadata:
        Kept with every file of the run.
    passwords:
        Tried on protected files, before those of the settings' file.
    recipes:
        How files of some types are read and cut; the first that fits. None is the dataset's way
        for all.
    splitter:
        What a new dataset records as its way to cut, where it is not the settings'.
    finish:
        Called with each loaded file before it is stored, for what must not run in a worker.
    """

    paths: Sequence[Path]
    inline: Sequence[InlineText] = ()
    remote: Sequence[str] = field(default=(), repr=False)
    ignore: IgnoreOptions = field(default_factory=IgnoreOptions)
    recursive: bool = True
    only: Places | None = None
    prune: bool = False
    force: bool = False
    dry_run: bool = False
    err_on_unsupported: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    passwords: Sequence[str] = field(default=(), repr=False)
    recipes: Sequence[Recipe] = ()
    splitter: SplitterSpec | None = None
    finish: Callable[[LoadedFile], LoadedFile] | None = None

    @classmethod
    def of(cls, sources: Iterable[str | os.PathLike[str]], **options: Any) -> IngestRequest:
        """Return a request for paths and URLs; ``options`` are its other fields."""
        remote, paths = [], []
        for source in sources:
            text = os.fspath(source)
            if is_address(text):
                remote.append(text)
            else:
                paths.append(Path(text))
        return cls(paths, remote=remote, **options)

    @property
    def sources(self) -> int:
        """How many sources were named."""
        return len(self.paths) + len(self.inline) + len(self.remote)

    def counted_as(self, status: FileStatus) -> FileStatus:
        """Return the status that a file with this outcome counts as."""
        if status is FileStatus.UNSUPPORTED and self.err_on_unsupported:
            return FileStatus.FAILED
        return status


FileListener = Callable[[str, FileStatus], None]
ProgressListener = Callable[[Progress], None]
Notify = Callable[[str], None]
