"""What an ingest run is asked to do, and what it reports while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.files.typed_names import as_on_disk
from knowledge.ingestion.scan.ignore import IgnoreOptions
from knowledge.ingestion.scan.places import Places
from knowledge.ingestion.sources.addresses import is_address, is_page
from knowledge.model import FileStatus
from knowledge.requests import IngestRequest, InlineText, SourceRequest

if TYPE_CHECKING:
    from knowledge.documents.recipes import Recipe
    from knowledge.ingestion.workers.loading import LoadedFile
    from knowledge.model import SplitterSpec
    from knowledge.settings.reading import Settings


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
class RunRequest:
    """One run.

    Parameters
    ----------
    paths:
        Files and folders.
    inline:
        Documents that are not files.
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
    def of(cls, request: SourceRequest, settings: Settings) -> RunRequest:
        """Return the run that a user's request asks for, with the settings where it is open.

        Raises
        ------
        UsageError
            A field does not fit; the message names it.
        """
        asked = request.resolved(settings)
        sources = asked.sources
        if not all(sources):
            raise UsageError("a PATH is empty", hint="Is a variable not set? . is this folder.")
        one_file = len(sources) == 1 and (Path(sources[0]).is_file() or is_page(sources[0]))
        run = cls(
            [as_on_disk(source) for source in sources if not is_address(source)],
            remote=[source for source in sources if is_address(source)],
            ignore=_ignore_options(asked),
            recursive=bool(asked.recursive),
            # Who names one file wants that file.
            err_on_unsupported=bool(asked.err_on_unsupported)
            or (one_file and request.err_on_unsupported is None),
            metadata=dict(asked.metadata or {}),
            passwords=tuple(asked.passwords),
        )
        if not isinstance(asked, IngestRequest):
            return run
        return replace(
            run,
            inline=tuple(asked.inline),
            prune=bool(asked.prune),
            force=asked.force,
            dry_run=asked.dry_run,
        )

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


def _ignore_options(asked: SourceRequest) -> IgnoreOptions:
    extensions = asked.ignore_extensions or ()
    if isinstance(extensions, str):
        extensions = extensions.replace(",", " ").split()
    return IgnoreOptions(
        files=[Path(asked.ignore_file)] if asked.ignore_file else [],
        extensions=extensions,
        include_hidden=bool(asked.include_hidden),
        include_generated=bool(asked.include_generated),
        gitignore=asked.gitignore,
        include=tuple(asked.include),
        exclude=tuple(asked.exclude),
        follow_links=asked.follow_links is not False,
    )
