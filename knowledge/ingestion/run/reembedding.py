"""Another model for a dataset: its stored texts are embedded again, no source file needed.

What a model with a price has embedded is kept in the embedding cache as it comes, so that a run
that was killed goes on where it was.

A text that the new model refuses is reported with its file, and nothing is changed: published
without it, the file would be lost, and no source is at hand to read it again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.choice import Choice, remember, replacement_for
from knowledge.embeddings.pool.each import embed_each
from knowledge.embeddings.provider import destination
from knowledge.errors import RemoteError, UsageError
from knowledge.ingestion.run.pools import open_pool
from knowledge.ingestion.run.recording import facts_of_usage
from knowledge.ingestion.run.usage import Usage
from knowledge.ingestion.workers.crew import EmbeddingCrew, open_crew
from knowledge.model import EmbedderSpec, ReembedReport
from knowledge.text.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.ingestion.request import Notify
    from knowledge.model import Chunk, Dataset
    from knowledge.settings.reading import Settings
    from knowledge.storage.store import Replacement, Store

PAGE = 200
PAGES_UNDER_WAY = 5
"""Pages that wait for their vectors: enough for all threads, few enough for the memory."""
NAMED_FILES = 5
"""Refused files that a message names."""

CountListener = Callable[[int, int], None]
"""(chunks done, chunks in all)."""


@dataclass(frozen=True, slots=True)
class _Page:
    chunks: list[Chunk]
    vectors: Future[NDArray[np.float32]]


def reembed(
    store: Store,
    name: str,
    settings: Settings,
    *,
    force: bool,
    notify: Notify,
    progress: CountListener | None = None,
) -> ReembedReport:
    """Embed a dataset's stored texts with the model that the settings ask for.

    Parameters
    ----------
    force:
        Do it even where the dataset has that model already.
    progress:
        Gets how far the run is.

    Raises
    ------
    UsageError
        The dataset was never embedded, or no model is asked for.
    KnowledgeError
        Whatever ended the run: nothing was changed then.
    """
    started = time.monotonic()
    with store.open() as catalog:
        _checked(catalog.dataset(name), settings)  # before anybody waits for a lock
        with catalog.replacement(
            name, lock_timeout=settings["lock_timeout"], notify=notify
        ) as replacement:
            dataset = replacement.dataset
            choice = _checked(dataset, settings)
            before, after = dataset.embedding, choice.embedder.spec
            usage, chunks = Usage.of(choice, 0, 0), 0
            if force or before is None or before.fingerprint != after.fingerprint:
                _announce(dataset, choice, notify)
                facts: dict[str, Any] = {}
                with catalog.recorded(dataset, "reembed", lambda: facts):
                    crew, embedding = open_crew(settings), choice
                    if isinstance(crew, EmbeddingCrew):
                        embedding = replace(choice, embedder=crew.embedder(choice, reads=False))
                    with open_pool(store, embedding, notify) as pool:
                        try:
                            after = _fill(replacement, pool, after, progress)
                        finally:
                            facts |= facts_of_usage(pool, choice)
                        stats = pool.stats
                    dataset = replacement.publish(after)
                usage, chunks = Usage.of(choice, stats.embedded, stats.tokens), dataset.chunks
            if note := remember(dataset, choice):
                notify(note)
    return ReembedReport(
        dataset=name,
        before=before,
        after=dataset.embedding or after,
        chunks=chunks,
        embedded=usage.embedded,
        tokens=usage.tokens,
        cost_usd=usage.cost_usd,
        seconds=round(time.monotonic() - started, 3),
    )


def _checked(dataset: Dataset, settings: Settings) -> Choice:
    if dataset.embedding is None:
        raise UsageError(
            f"dataset {dataset.name!r} holds nothing to embed again",
            hint="Its model is chosen at its first ingest.",
        )
    choice = replacement_for(dataset, settings)
    open_crew(settings)  # and so are workers that can't be
    Usage.of(choice, 0, 0)  # prices that cannot be read are an error now
    return choice


def _announce(dataset: Dataset, choice: Choice, notify: Notify) -> None:
    for note in choice.notes:
        notify(note)
    spec = choice.embedder.spec
    where = destination(spec.provider, spec.model, choice.embedder.endpoint)
    notify(f"dataset {dataset.name!r} is embedded again, with {spec}{where}")


def _fill(
    replacement: Replacement,
    pool: EmbeddingPool,
    spec: EmbedderSpec,
    progress: CountListener | None,
) -> EmbedderSpec:
    """Embed and write all chunks; return the model, whose dimensions are known then."""
    waiting: deque[_Page] = deque()
    refused: dict[str, RemoteError] = {}
    done, total = 0, replacement.dataset.chunks

    def write_oldest() -> None:
        nonlocal done, spec
        page = waiting.popleft()
        vectors = _vectors(pool, page, refused)
        if vectors is not None:
            if spec.dimensions is None:
                spec = replace(spec, dimensions=int(vectors.shape[1]))
            replacement.add([chunk.id for chunk in page.chunks], vectors)
        done += len(page.chunks)
        if progress is not None:
            progress(done, total)

    for chunks in replacement.chunks(PAGE):
        waiting.append(_Page(chunks, pool.submit(_texts(chunks))))
        if len(waiting) > PAGES_UNDER_WAY:
            write_oldest()
    while waiting:
        write_oldest()
    if refused:
        raise refusal(replacement, refused)
    return spec


def _vectors(
    pool: EmbeddingPool, page: _Page, refused: dict[str, RemoteError]
) -> NDArray[np.float32] | None:
    """Wait for a page's vectors; where a chunk is refused, add its file to ``refused``."""
    if not page.vectors.done():
        pool.flush()  # its last texts may wait in a batch that is not full
    try:
        return page.vectors.result()
    except RemoteError as error:
        if error.text is None:
            raise
    for chunk, found in zip(page.chunks, embed_each(pool, _texts(page.chunks)), strict=True):
        if isinstance(found, RemoteError):
            refused[chunk.file_id] = found
    return None


def refusal(replacement: Replacement, refused: Mapping[str, RemoteError]) -> RemoteError:
    """Return the error that names the files, by id, that a model refuses."""
    paths = replacement.paths(refused)
    named = [f"{paths[id]} ({why.message})" for id, why in [*refused.items()][:NAMED_FILES]]
    more = len(refused) - len(named)
    return RemoteError(
        f"the model refuses a text of {counted(len(refused), 'file')}: {'; '.join(named)}"
        + (f"; and {more} more" if more else ""),
        hint="Nothing was changed. Delete what is named from the dataset, or choose another "
        "model; what was embedded is in the embedding cache, where the model is one that it keeps.",
    )


def _texts(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.passage.embedding_text for chunk in chunks]
