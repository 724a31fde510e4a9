"""What an ingest run is asked to do, and what it says while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.ingestion.ignore import IgnoreOptions
from knowledge.model import FileStatus


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
        Names it in the dataset; its ending tells its kind.
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
    ignore:
        What to leave out below folders.
    recursive:
        Walk into sub-folders.
    prune:
        Remove files from the dataset that are gone from the folders of this run.
    force:
        Read, cut and embed every file again.
    dry_run:
        Say what would be done; write nothing.
    err_on_unsupported:
        Count unsupported files as failed.
    metadata:
        Kept with every file of the run.
    passwords:
        Tried on protected files, before those of the settings' file.
    """

    paths: Sequence[Path]
    inline: Sequence[InlineText] = ()
    ignore: IgnoreOptions = field(default_factory=IgnoreOptions)
    recursive: bool = True
    prune: bool = False
    force: bool = False
    dry_run: bool = False
    err_on_unsupported: bool = False
    metadata: Mapping[str, Any] = field(default_factory=dict)
    passwords: Sequence[str] = field(default=(), repr=False)


FileListener = Callable[[str, FileStatus], None]
ProgressListener = Callable[[Progress], None]
Notify = Callable[[str], None]
