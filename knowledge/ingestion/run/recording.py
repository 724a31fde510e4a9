"""What a run leaves in the catalog beside its documents: its report, and the files it missed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError
from knowledge.ingestion.run.usage import Usage
from knowledge.model import FileProblem, FileStatus
from knowledge.storage.history import KEPT_PROBLEMS, storable
from knowledge.storage.shown_path import real_path

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.ingestion.request import RunRequest
    from knowledge.ingestion.run.stats import RunStats
    from knowledge.ingestion.scan.scan import Scan
    from knowledge.model import Dataset
    from knowledge.storage.store import Catalog

MISSED = frozenset(
    status.value for status in (FileStatus.FAILED, FileStatus.EMPTY, FileStatus.UNSUPPORTED)
)


@contextlib.contextmanager
def recorded_ingest(
    catalog: Catalog,
    dataset: Dataset,
    request: RunRequest,
    scan: Scan,
    stats: RunStats,
    choice: Choice,
) -> Iterator[IngestRecord]:
    """Remember an ingest run, and the files that it could not take in."""
    missed = MissedFiles(catalog, dataset, stats)
    record = IngestRecord(stats, choice)
    with catalog.recorded(dataset, "ingest", record.report):
        try:
            yield record
        except BaseException:
            with contextlib.suppress(KnowledgeError):
                missed.settle(catalog, request, scan)
            raise
        missed.settle(catalog, request, scan)


@dataclass(slots=True)
class IngestRecord:
    """What an ingest run will be remembered by; it sets the pool that it uses."""

    stats: RunStats
    choice: Choice
    pool: EmbeddingPool | None = None

    def report(self) -> dict[str, Any]:
        """Return the run's counts and problems, and what was embedded."""
        usage = {} if self.pool is None else facts_of_usage(self.pool, self.choice)
        return {**_facts_of_stats(self.stats), **usage}


def _facts_of_stats(stats: RunStats) -> dict[str, Any]:
    problems = stats.sorted_problems()
    return {
        "files": {status.value: count for status, count in stats.files.items() if count},
        "chunks": {
            "added": stats.chunks_added,
            "removed": stats.chunks_removed,
            "reused": stats.chunks_reused,
        },
        "problem_count": len(problems),
        "problems": [
            {"file": one.file, "status": one.status, "reason": storable(one.reason)}
            for one in problems[:KEPT_PROBLEMS]
        ],
    }


def facts_of_usage(pool: EmbeddingPool, choice: Choice) -> dict[str, Any]:
    """Return what a pool embedded, and what that cost."""
    stats = pool.stats
    usage = Usage.of(choice, stats.embedded, stats.tokens)
    return {
        "embedded": usage.embedded,
        "cached": stats.cached,
        "tokens": usage.tokens,
        "cost_usd": usage.cost_usd,
    }


class MissedFiles:
    """The files that a dataset lacks, as a run finds and changes that list.

    Parameters
    ----------
    stats:
        Keeps how the files of the list come out.
    """

    def __init__(self, catalog: Catalog, dataset: Dataset, stats: RunStats) -> None:
        self._dataset = dataset
        self._stats = stats
        self._known = {missed.problem for missed in catalog.missed_files(dataset)}
        stats.watched = frozenset(_container(problem.file) for problem in self._known)

    def settle(self, catalog: Catalog, request: RunRequest, scan: Scan) -> None:
        """Bring the list in step with a run that has ended, well or not."""
        now = {
            FileProblem(one.file, one.status, storable(one.reason))
            for one in self._stats.problems
            if one.status in MISSED
        }
        named_anew = {one.file for one in now}
        gone = {
            one
            for one in self._known - now
            if one.file in named_anew or self._is_settled(one, request, scan)
        }
        catalog.change_missed(self._dataset, gone, now - self._known)

    def _is_settled(self, problem: FileProblem, request: RunRequest, scan: Scan) -> bool:
        container = _container(problem.file)
        outcome = self._stats.outcomes.get(container)
        if outcome is not None:
            # A container that was not read again still lacks the member.
            return outcome is not FileStatus.UNCHANGED or problem.file == container
        if not os.path.isabs(container):
            return False
        if not os.path.lexists(real_path(container)):
            return True
        return request.recursive and _was_passed(container, scan)


def _was_passed(path: str, scan: Scan) -> bool:
    """Tell whether a walk that was complete has come past a file and left it out."""
    if path in scan.seen or not (scan.only is None or scan.only.covers(path)):
        return False
    return any(path == root or path.startswith(root.rstrip(os.sep) + os.sep) for root in scan.roots)


def _container(file: str) -> str:
    return file.partition("!/")[0]
