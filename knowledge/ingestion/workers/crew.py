"""The seam between a run and whoever reads its files: local processes, threads, or a cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from knowledge.documents.detection import detect
from knowledge.documents.format_row import Content
from knowledge.documents.formats import names_of
from knowledge.documents.options import MIB
from knowledge.errors import UsageError
from knowledge.ingestion.workers.loading import LoadedFile, LoadTask, broken, load_file
from knowledge.settings.reading import Origin, Settings
from knowledge.text.wording import brief

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.embedder import Embedder

INLINE_FILES = 16
INLINE_BYTES = 1_000_000
INLINE_FORMATS = names_of(Content.INLINE)

_HEAD = 8_192
_AUTO = "ray:auto"
_RAY_URL = re.compile(r"ray://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")


class Crew(Protocol):
    """Reads the files of a run."""

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield what became of each task, in the order of completion, each exactly once.

        - Tasks and results are plain values: they can be pickled and sent to another process or
          machine.
        - ``tasks`` is advanced in the thread that takes the results, a bounded number of tasks
          ahead of them. What it raises is raised here.
        - Whatever a file does to its reader is a failed :class:`LoadedFile` of that file, or a
          problem of one member; no other file is affected.
        - Closing the generator ends all work at once.
        """
        ...


@runtime_checkable
class EmbeddingCrew(Crew, Protocol):
    """A crew that embeds too, where the model is one that can run there."""

    def embedder(self, choice: Choice, *, reads: bool = True) -> Embedder:
        """Return what embeds the texts of a run; the choice's own embedder is this process.

        Its vectors are those of the choice's own. Closing it ends what it started.

        Parameters
        ----------
        reads:
            The crew reads the run's files too, and nothing starts before the first of them.

        Raises
        ------
        KnowledgeError
            It reads none, and can't start.
        """
        ...


def open_crew(settings: Settings) -> Crew:
    """Return the crew that the settings ask for.

    Raises
    ------
    UsageError
        ``workers`` names no crew, or comes from a folder that is not trusted; or there is none
        to share files with.
    """
    if not settings["workers"] and settings.origin("shared_files") is Origin.FLAG:
        raise UsageError(
            "`shared_files` is for the nodes of a Ray cluster, and `workers` names none",
            hint="Name one, such as `workers` ray:auto",
        )
    if settings["workers"]:
        from knowledge.ingestion.workers.ray_crew import RayCrew

        return RayCrew(
            ray_address(settings),
            settings["concurrency"],
            settings["file_timeout"],
            settings["file_memory"] * MIB,
            settings["shared_files"],
        )
    return LocalCrew(
        settings["concurrency"] or os.cpu_count() or 1,
        settings["file_timeout"],
        settings["file_memory"] * MIB,
    )


def ray_address(settings: Settings) -> str:
    """Return the address of the Ray cluster that ``workers`` names, as Ray takes it.

    Raises
    ------
    UsageError
        It names none, or a folder's own settings do, which is not trusted: a cluster gets the
        documents, and what it returns is unpickled.
    """
    from knowledge.settings.trust import is_trusted

    named = settings["workers"]
    if named != _AUTO and not _RAY_URL.fullmatch(named):
        raise UsageError(
            f"`workers` is ray:auto or ray://host:port, not {brief(named)}",
            hint="Without it files are read by processes on this machine.",
        )
    if settings.origin("workers").of_folder and not is_trusted(settings):
        raise UsageError(
            "this folder's settings name a Ray cluster as `workers`",
            hint="If this is intended, run `knowledge trust .`, or name it yourself.",
        )
    return "auto" if named == _AUTO else named


@dataclass(frozen=True, slots=True)
class LocalCrew:
    """Reads files as a ``ProcessCrew`` of the same fields does, but a few small texts by itself."""

    workers: int
    timeout: float
    memory: int = 0

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Read the tasks here when they are few and small, which saves the workers' start."""
        remaining = iter(tasks)
        first = list(islice(remaining, INLINE_FILES + 1))
        if len(first) <= INLINE_FILES and all(map(_is_small_text, first)):
            yield from map(_load_here, first)
            return
        from knowledge.ingestion.workers.process_crew import ProcessCrew

        processes = ProcessCrew(self.workers, self.timeout, self.memory)
        yield from processes.load_files(chain(first, remaining))


def _load_here(task: LoadTask) -> LoadedFile:
    try:
        return load_file(task)
    except Exception as error:  # noqa: BLE001  whatever a document leads a library to raise
        return broken(task, error)


def _is_small_text(task: LoadTask) -> bool:
    return (
        task.bytes_to_read() <= INLINE_BYTES
        and detect(task.kind_name, _head(task)) in INLINE_FORMATS
    )


def _head(task: LoadTask) -> bytes:
    if task.content is not None:
        return task.content[:_HEAD]
    try:
        with open(task.path, "rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b""  # whoever reads it says why it cannot be read
