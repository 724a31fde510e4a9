"""The text of one source, in parts, as an ingest would read it; nothing is stored."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import (
    DocumentError,
    EmptyDocumentError,
    PathNotFoundError,
    UnsupportedDocumentError,
    UsageError,
)
from knowledge.files.private import sweep_temporary, temporary_folder
from knowledge.ingestion.sources.addresses import Objects, Repository, is_address, parse_address
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.object_store import ObjectStore
from knowledge.ingestion.sources.pages import PageRequest, fetch_pages
from knowledge.ingestion.workers.crew import open_crew
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask
from knowledge.model import Document, FileProblem, FileStatus, Metadata, PageUnit
from knowledge.settings.reading import Settings
from knowledge.storage.shown_path import shown

_OWN_DOCUMENTS = frozenset(
    {
        PageUnit.PAGE,
        PageUnit.SLIDE,
        PageUnit.SHEET,
        PageUnit.CHAPTER,
        PageUnit.MESSAGE,
        PageUnit.PART,
    }
)
"""Parts that are documents of their own; cells and cues are too small to be."""

_ERRORS = {
    FileStatus.EMPTY: EmptyDocumentError,
    FileStatus.UNSUPPORTED: UnsupportedDocumentError,
}


@dataclass(frozen=True, slots=True)
class Part:
    """A page, slide, sheet or member, or the whole document where it has none."""

    content: str
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class SourceText:
    """What a loader gives.

    Parameters
    ----------
    source:
        The path or URL, or the name given to standard input.
    metadata:
        What holds for all parts.
    parts:
        In order; those without text are left out.
    problems:
        Members that could not be read, and notices about what was lost.
    """

    source: str
    metadata: Metadata
    parts: tuple[Part, ...]
    problems: tuple[FileProblem, ...] = ()


def load_source(
    source: str,
    settings: Settings,
    *,
    content: bytes | None = None,
    passwords: tuple[str, ...] = (),
) -> SourceText:
    """Read a file or a page, in a worker process when it is not plain text.

    Parameters
    ----------
    source:
        A path or a URL; a name when there is ``content``.
    content:
        The bytes, when they came from standard input.

    Raises
    ------
    PathNotFoundError
        There is no such file or page.
    UsageError
        It is a folder or a repository.
    FetchError
        The page cannot be fetched.
    DocumentError
        It cannot be read, is of no known kind, or holds no text.
    """
    options = LoadOptions.from_settings(settings, passwords)
    most = settings["max_file_size"] * MIB
    with contextlib.ExitStack() as stack:
        if content is not None:
            task = LoadTask(source, source, None, most, options, content=content)
        elif is_address(source):
            limits = FetchLimits.from_settings(settings)
            task = stack.enter_context(_fetched(source, limits, most, options))
        else:
            _check_file(source)
            task = LoadTask(source, shown(source), None, most, options)
        (loaded,) = open_crew(settings).load_files([task])
    return _text(loaded)


@contextlib.contextmanager
def _fetched(
    source: str, limits: FetchLimits, most: int, options: LoadOptions
) -> Iterator[LoadTask]:
    address = parse_address(source)
    if isinstance(address, Repository):
        raise UsageError(
            f"{address.name} is a repository, not one document", hint="ingest takes repositories."
        )
    sweep_temporary()
    with temporary_folder() as folder:
        if isinstance(address, Objects):
            yield _fetched_object(address, limits, most, options, os.path.join(folder, "object"))
            return
        ((_, result),) = fetch_pages([PageRequest(address, {})], limits, folder)
        page = result()
        assert page is not None
        yield LoadTask(page.path, address.shown, None, most, options, name=page.load_as)


def _fetched_object(
    objects: Objects, limits: FetchLimits, most: int, options: LoadOptions, path: str
) -> LoadTask:
    store = ObjectStore(objects, limits)
    entry = store.root()
    if entry.is_folder:
        raise UsageError(f"{objects.name} is a folder", hint="load takes one object.")
    store.fetch("", entry, path)
    return LoadTask(path, objects.name, None, most, options, name=entry.name)


def _check_file(path: str) -> None:
    if os.path.isdir(path):
        raise UsageError(f"{shown(path)} is a folder", hint="load takes one file.")
    if not os.path.lexists(path):
        raise PathNotFoundError(f"{shown(path)} does not exist")


def _text(loaded: LoadedFile) -> SourceText:
    source = loaded.task.shown
    if loaded.status is not FileStatus.INGESTED:
        error = _ERRORS.get(loaded.status, DocumentError)
        raise error(f"{source}: {loaded.reason}")
    notices = tuple(FileProblem("", "notice", warning) for warning in loaded.warnings)
    parts = [part for one in loaded.documents for part in _parts(one, loaded.metadata)]
    kept = tuple(part for part in parts if part.content.strip())
    return SourceText(source, dict(loaded.metadata), kept, (*loaded.problems, *notices))


def _parts(document: Document, common: Metadata) -> Iterator[Part]:
    about: dict[str, Any] = {} if document.metadata == common else dict(document.metadata)
    if document.member:
        about["member"] = document.member
    if document.heading:
        about["heading"] = list(document.heading)
    if not document.pages or document.page_unit not in _OWN_DOCUMENTS:
        yield Part(document.text, about)
        return
    # Text before the first page or between two belongs to the page before, so nothing is lost.
    starts = [0, *(page.char_start for page in document.pages[1:])]
    ends = [*starts[1:], len(document.text)]
    for page, start, end in zip(document.pages, starts, ends, strict=True):
        place: Mapping[str, Any] = {document.page_unit.value: page.number}
        named = {f"{document.page_unit.value}_name": page.name} if page.name else {}
        yield Part(document.text[start:end].strip("\n"), {**about, **place, **named})
