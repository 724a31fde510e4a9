"""A crew of threads: what the seam asks of a crew, without processes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from knowledge.ingestion.workers.embedding import PassageEmbedder
from knowledge.ingestion.workers.loading import (
    LoadedFile,
    LoadTask,
    broken,
    load_file,
    with_terms,
)

AHEAD = 2


@dataclass(frozen=True)
class ThreadCrew:
    """Reads files in threads; what hangs or takes too much memory, it cannot end.

    With ``embeds`` it does as processes do: it embeds where the tasks name a model.
    """

    workers: int
    embeds: bool = False

    def load_files(self, tasks: Iterable[LoadTask]) -> Generator[LoadedFile, None, None]:
        """Yield what became of each task."""
        remaining = iter(tasks)
        pool = ThreadPoolExecutor(self.workers, "crew")
        try:
            running = set()
            while True:
                free = AHEAD * self.workers - len(running)
                running |= {pool.submit(self._outcome, task) for task in islice(remaining, free)}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _outcome(self, task: LoadTask) -> LoadedFile:
        try:
            loaded = with_terms(load_file(task))
            return PassageEmbedder().with_vectors(loaded) if self.embeds else loaded
        except BaseException as error:
            return broken(task, error)
