"""One file from bytes to passages; runs in the main process or in a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import DocumentError, EmptyDocumentError, UnsupportedDocumentError
from knowledge.model import FileProblem, FileStatus, Passage, SplitterSpec

if TYPE_CHECKING:
    from knowledge.documents.loading import Loaded


@dataclass(frozen=True, slots=True)
class LoadTask:
    """A file to be read.

    Parameters
    ----------
    path:
        Opens the file.
    shown:
        Names it in the catalog.
    splitter:
        How to cut it.
    max_file:
        Most bytes a file may have.
    options:
        How it is read.
    known_hash:
        SHA-256 of the stored version; a file that still has it is not parsed again.
    content:
        The bytes themselves, when they came from standard input.
    """

    path: str
    shown: str
    splitter: SplitterSpec
    max_file: int
    options: LoadOptions = field(default_factory=LoadOptions)
    known_hash: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """What became of a task.

    ``status`` is ``ingested`` when there are passages, ``unchanged`` when the bytes are the known
    ones, else why there are none, with a ``reason``. ``problems`` are those of a container's
    members, by their paths inside it.
    """

    task: LoadTask
    status: FileStatus
    size: int = 0
    mtime_ns: int = 0
    content_hash: str = ""
    passages: tuple[Passage, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    reason: str = ""


def load_file(task: LoadTask) -> LoadedFile:
    """Read, parse and split one file; every failure of the file comes back as a status."""
    try:
        data, size, mtime_ns = _read(task)
    except OSError as error:
        reason = "it vanished during the run" if isinstance(error, FileNotFoundError) else ""
        return failed(task, reason or (error.strerror or str(error)).lower())
    except DocumentError as error:
        return failed(task, _sentence(error))
    digest = sha256(data).hexdigest()
    stats: dict[str, Any] = {"size": size, "mtime_ns": mtime_ns, "content_hash": digest}
    if digest == task.known_hash:
        return LoadedFile(task, FileStatus.UNCHANGED, **stats)
    try:
        return _parse(task, data, stats)
    except EmptyDocumentError as error:
        return LoadedFile(task, FileStatus.EMPTY, reason=_sentence(error), **stats)
    except UnsupportedDocumentError as error:
        return LoadedFile(task, FileStatus.UNSUPPORTED, reason=_sentence(error), **stats)
    except DocumentError as error:
        return LoadedFile(task, FileStatus.FAILED, reason=_sentence(error), **stats)
    except MemoryError:
        return LoadedFile(task, FileStatus.FAILED, reason="it needs too much memory", **stats)


def failed(task: LoadTask, reason: str) -> LoadedFile:
    """Return the outcome of a file that could not be read."""
    return LoadedFile(task, FileStatus.FAILED, reason=reason)


def _read(task: LoadTask) -> tuple[bytes, int, int]:
    if task.content is not None:
        return task.content, len(task.content), 0
    with open(task.path, "rb") as file:
        before = os.fstat(file.fileno())
        if before.st_size > task.max_file:
            raise DocumentError(
                f"{before.st_size / MIB:.0f} MiB is more than the limit of "
                f"{task.max_file / MIB:.0f} MiB (KNOW_MAX_FILE_SIZE)"
            )
        data = file.read()
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DocumentError("it changed while it was read; run again")
    return data, before.st_size, before.st_mtime_ns


def _parse(task: LoadTask, data: bytes, stats: dict[str, Any]) -> LoadedFile:
    from knowledge.documents.loading import load

    loaded = load(data, os.path.basename(task.shown), task.options)
    passages = tuple(_passages(loaded, task.splitter))
    if not passages:
        raise _no_passages(loaded)
    return LoadedFile(
        task,
        FileStatus.INGESTED,
        passages=passages,
        metadata=loaded.metadata,
        warnings=tuple(_warnings(loaded)),
        problems=loaded.problems,
        **stats,
    )


def _passages(loaded: Loaded, splitter: SplitterSpec) -> Iterator[Passage]:
    """Cut all documents of a file; number the passages through."""
    from knowledge.documents.splitting import split

    ordinal = 0
    for document in loaded.documents:
        own = {} if document.metadata == loaded.metadata else document.metadata
        for passage in split(document, splitter):
            yield replace(passage, ordinal=ordinal, metadata=own)
            ordinal += 1


def _warnings(loaded: Loaded) -> Iterator[str]:
    for document in loaded.documents:
        where = f"{document.member}: " if document.member else ""
        yield from (f"{where}{warning}" for warning in document.warnings)


def _no_passages(loaded: Loaded) -> DocumentError:
    """Return why nothing was found: what went wrong with a member counts more than emptiness."""
    for problem in loaded.problems:
        if problem.status == FileStatus.FAILED:
            return DocumentError(f"{problem.file}: {problem.reason}")
    if loaded.problems:
        first = loaded.problems[0]
        return EmptyDocumentError(f"no text in its members; {first.file}: {first.reason}")
    return EmptyDocumentError("it holds no text")


def _sentence(error: DocumentError) -> str:
    return f"{error.message}. {error.hint}" if error.hint else error.message
