"""The way of every file through a run, one step after the other, all at once.

    discovery   finds files                             a thread scans ahead
    plan        drops what is unchanged
    crew        reads and splits files                  worker processes
    updating    compares chunks with the stored ones
    pool        embeds the new texts                    threads
    sink        writes, publishes                       a thread; a file once its vectors are there

Each step takes what the one before it yields; nothing goes back up. What is waiting between two
steps is bounded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.documents.options import LoadOptions
from knowledge.ingestion.request import Notify, RunRequest
from knowledge.ingestion.run.changes import Remove, Sink, Touch
from knowledge.ingestion.run.discovery import Discovery
from knowledge.ingestion.run.plan import Planner
from knowledge.ingestion.run.remote import Remotes, walk_mark
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.run.updating import Updater
from knowledge.ingestion.scan.scan import Scan
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.repositories import Commits
from knowledge.ingestion.stored import Stored
from knowledge.ingestion.workers.crew import INLINE_FILES, Crew
from knowledge.ingestion.workers.loading import LoadTask
from knowledge.model import FileStatus, SplitterSpec
from knowledge.settings.reading import Settings

if TYPE_CHECKING:
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.embeddings.portable import PortableModel


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A run that is ready to begin.

    Parameters
    ----------
    data_folder:
        Never read as documents, also when it stands below a path of the run.
    """

    request: RunRequest
    settings: Settings
    crew: Crew
    stats: RunStats
    data_folder: Path
    notify: Notify

    def scan(self) -> Scan:
        """Return the walk over the request's paths."""
        request = self.request
        return Scan(
            request.paths, request.ignore, request.recursive, self.data_folder, only=request.only
        )

    def run(
        self,
        scan: Scan,
        stored: Stored,
        splitter: SplitterSpec,
        sink: Sink,
        pool: EmbeddingPool | None = None,
        model: PortableModel | None = None,
    ) -> None:
        """Send all that changes to the sink.

        Parameters
        ----------
        pool:
            Embeds; ``None`` in a dry run.
        model:
            Embeds already where files are read, what comes as it is read.

        Raises
        ------
        KnowledgeError
            What ended the run, such as an embedder that fails.
        """
        request, stats, commits = self.request, self.stats, Commits()
        if request.finish is not None:
            model = None  # the texts may become others
        planner = Planner(request, stored, splitter, self.settings, stats, sink, model)
        updater = Updater(request, stored, commits, stats, sink, pool)
        scan.unchanged = planner.unchanged()
        with self._remotes(stored, commits) as remotes:
            files = Discovery(request, scan, remotes, stats).files()
            tasks = _announced(planner.tasks(files), pool, model)
            with contextlib.closing(self.crew.load_files(tasks)) as results:
                for loaded in results:
                    updater.take(loaded, planner.planned(loaded))
                    remotes.release(loaded.task.path)
        gone = commits.gone(stored.moved)
        if request.prune:
            gone += stored.gone(scan.roots, scan.seen, scan.only)
            gone += [file for file in remotes.gone if file.id not in stored.moved]
        for file in gone:
            sink.send(Remove(file, FileStatus.REMOVED))
        for file in commits.marks():
            sink.send(Touch(file))

    def _remotes(self, stored: Stored, commits: Commits) -> Remotes:
        options = LoadOptions.from_settings(self.settings, self.request.passwords)
        walk = walk_mark(self.request, options) if self.request.remote else ""
        limits = FetchLimits.from_settings(self.settings)
        return Remotes(self.request, stored, commits, limits, walk, self.notify)


def _announced(
    tasks: Iterable[LoadTask], pool: EmbeddingPool | None, model: PortableModel | None
) -> Iterator[LoadTask]:
    """Yield tasks; at the first, there will be texts to embed, and time until then.

    Where readers embed, the pool has to only if the tasks are so few that there are no readers.
    """
    number = 0
    for number, task in enumerate(tasks, 1):
        if number == 1 and pool is not None and model is None:
            pool.prepare()
        yield task
    if 0 < number <= INLINE_FILES and pool is not None and model is not None:
        pool.prepare()
