"""An index rebuilt: from vectors that are proven whole, the embedding cache, and the model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.embeddings.choice import Choice, choose, recorded
from knowledge.embeddings.pool.cache import model_name, text_key
from knowledge.embeddings.sendable import sendable
from knowledge.errors import KnowledgeError, RemoteError
from knowledge.ingestion.run.pools import open_cache, open_pool
from knowledge.ingestion.run.reembedding import refusal
from knowledge.text.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.model import Chunk, EmbedderSpec
    from knowledge.settings.reading import Settings
    from knowledge.storage.store import Replacement, Store

PAGE = 500

Notify = Callable[[str], None]
Proven = Callable[[Sequence[str]], Mapping[str, "NDArray[np.float32]"]]
"""Returns the vectors of ids, by id, as far as they are proven whole."""


def rebuild_index(
    store: Store, name: str, settings: Settings, *, offline: bool, notify: Notify
) -> str:
    """Rebuild a dataset's index and publish it; return what was done, in words.

    Readers use the old index until then; nothing is changed where a vector can't be had.

    Parameters
    ----------
    offline:
        Send nothing to a provider; the cache is asked all the same.

    Raises
    ------
    KnowledgeError
        A vector can't be had, or the dataset is being written.
    """
    with (
        store.open() as catalog,
        catalog.replacement(
            name, lock_timeout=settings["lock_timeout"], notify=notify
        ) as replacement,
    ):
        dataset = replacement.dataset
        choice = recorded(dataset, settings) if dataset.embedding else choose(dataset, settings)
        index = store.index(dataset.key)
        # Where the model is not known, it is not known whose the vectors are.
        proven = index.proven(dataset.vectors if dataset.embedding else 0)
        counts = {"kept": 0, "embedded": 0}
        with (
            catalog.recorded(dataset, "repair", lambda: dict(counts)),
            _lost_vectors(store, choice, notify, offline=offline) as lost,
        ):
            spec = _fill(
                replacement, proven, lost, dataset.embedding or choice.embedder.spec, counts
            )
            replacement.publish(spec)
        return (
            f"It was rebuilt: {counted(counts['kept'], 'vector')} from the old one, "
            f"{counts['embedded']:,} from the cache or embedded again."
        )


def _fill(
    replacement: Replacement,
    proven: Proven,
    lost: Callable[[list[str]], NDArray[np.float32]],
    spec: EmbedderSpec,
    counts: dict[str, int],
) -> EmbedderSpec:
    """Write a vector for each chunk; return the model with the dimensions that they have."""
    import numpy as np

    for chunks in replacement.chunks(PAGE):
        found = dict(proven([chunk.id for chunk in chunks]))
        if spec.dimensions:  # another model's vectors may lie there
            found = {id: row for id, row in found.items() if len(row) == spec.dimensions}
        missing: Sequence[Chunk] = [chunk for chunk in chunks if chunk.id not in found]
        counts["kept"] += len(found)
        counts["embedded"] += len(missing)
        if missing:
            vectors = _lost_of(missing, lost, replacement)
            found |= {chunk.id: row for chunk, row in zip(missing, vectors, strict=True)}
        sizes = {len(vector) for vector in found.values()}
        if len(sizes) > 1:
            raise KnowledgeError(
                "the vectors that are left have other dimensions than the model's",
                hint="`knowledge reembed` gives the dataset a model again.",
            )
        spec = replace(spec, dimensions=sizes.pop())
        replacement.add(list(found), np.stack(list(found.values())))
    return spec


def _lost_of(
    chunks: Sequence[Chunk],
    lost: Callable[[list[str]], NDArray[np.float32]],
    replacement: Replacement,
) -> NDArray[np.float32]:
    """Return the vectors of chunks; a refused text is reported with its file."""
    try:
        return lost([chunk.passage.embedding_text for chunk in chunks])
    except RemoteError as error:
        if error.text is None:
            raise
        texts = {sendable(chunk.passage.embedding_text): chunk.file_id for chunk in chunks}
        raise refusal(replacement, {texts[error.text]: error}) from error


@contextlib.contextmanager
def _lost_vectors(
    store: Store, choice: Choice, notify: Notify, *, offline: bool
) -> Iterator[Callable[[list[str]], NDArray[np.float32]]]:
    """Yield a function that returns the vectors of texts, shape (texts, dimensions)."""
    if offline and choice.embedder.endpoint:
        yield lambda texts: _from_cache(store, choice, texts)
        return
    with contextlib.ExitStack() as stack:
        pools: list[EmbeddingPool] = []

        def embed(texts: list[str]) -> NDArray[np.float32]:
            if not pools:  # a model may take its time to load, and may not be needed
                pools.append(stack.enter_context(open_pool(store, choice, notify)))
            return pools[0].embed(texts)

        yield embed


def _from_cache(store: Store, choice: Choice, texts: list[str]) -> NDArray[np.float32]:
    import numpy as np

    keys = [text_key(sendable(text)) for text in texts]
    cache = open_cache(store, choice)
    found = {}
    if cache is not None:
        try:
            found = cache.get_many(model_name(choice.embedder), keys)
        finally:
            cache.close()
    missing = sum(key not in found for key in keys)
    if missing:
        raise KnowledgeError(
            f"{missing} texts would have to be sent to {choice.embedder.endpoint}",
            hint="Run it without `offline`.",
        )
    return np.stack([found[key] for key in keys])
