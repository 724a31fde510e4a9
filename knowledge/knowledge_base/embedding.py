"""Embedding by itself: texts to vectors, the models, another model for a dataset, the cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError, UsageError
from knowledge.knowledge_base.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.listing import ProviderInfo
    from knowledge.embeddings.pool.pool import EmbeddingPool
    from knowledge.embeddings.probe import ProbeReport
    from knowledge.ingestion.run.reembedding import CountListener
    from knowledge.model import EmbedderSpec, ReembedReport
    from knowledge.storage.reports import CacheStats

METRICS = ("cosine", "dot", "euclidean")
_PAGE = 1_000


class Embedding(Opened):
    """Texts to vectors, with the model that the settings ask for."""

    def embed(
        self,
        texts: Iterable[str],
        *,
        query: bool = False,
        on_refused: Callable[[int, str, RemoteError], None] | None = None,
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield each text with its unit vector, shape (dimensions,), as they come.

        Parameters
        ----------
        query:
            Embed questions, not documents; many models tell them apart.
        on_refused:
            Told of each text that the provider refuses while it takes others: its number from 0,
            the text, and why. It is left out then. Without this the first such text ends all.

        Raises
        ------
        UsageError
            A text is blank.
        RemoteError
            The provider failed, or refuses a text, whose number the message has.
        """
        with self._pool_of_settings() as (_, pool):
            numbered = enumerate(texts)
            while page := list(islice(numbered, _PAGE)):
                _refuse_blank([text for _, text in page])
                for (number, text), vector in zip(page, _each(pool, page, query), strict=True):
                    if not isinstance(vector, RemoteError):
                        yield text, vector
                    elif on_refused is not None:
                        on_refused(number, text, vector)
                    else:
                        vector.message = f"text {number + 1}: {vector.message}"
                        raise vector

    def embedding_model(self) -> EmbedderSpec:
        """Return the identity of the model that the settings ask for."""
        return self._choice().embedder.spec

    def similarity(
        self, one: str, other: str, *, metric: str = "cosine", query: bool = False
    ) -> float:
        """Compare two texts; more is more alike.

        Parameters
        ----------
        metric:
            ``cosine``; ``dot``, which is the same, since vectors have unit length; or
            ``euclidean``, the distance below zero.
        query:
            Embed the first as a question.

        Raises
        ------
        UsageError
            A text is blank, or there is no such metric.
        RemoteError
            The provider failed.
        """
        import numpy as np

        if metric not in METRICS:
            raise UsageError(f"there is no metric {metric!r}", hint=f"One of {', '.join(METRICS)}.")
        _refuse_blank([one, other])
        with self._pool_of_settings() as (_, pool):
            first = pool.embed_query(one) if query else pool.embed([one])[0]
            second = pool.embed([other])[0]
        if metric == "euclidean":
            return -float(np.linalg.norm(first - second))
        return float(np.clip(first @ second, -1.0, 1.0))

    def providers(self) -> list[ProviderInfo]:
        """Return all embedding providers and profiles, with what each needs."""
        from knowledge.embeddings.listing import list_providers

        return list_providers(self.settings)

    def test_model(self) -> ProbeReport:
        """Try out the model that the settings ask for; costs a few thousand tokens.

        Raises
        ------
        RemoteError
            It does not answer at all.
        """
        from knowledge.embeddings.probe import probe

        choice = self._choice()
        try:
            return probe(choice, notify=self._notify)
        finally:
            if callable(close := getattr(choice.embedder, "close", None)):
                close()

    def reembed(
        self,
        dataset: str = "default",
        *,
        force: bool = False,
        progress: CountListener | None = None,
    ) -> ReembedReport:
        """Embed a dataset's stored texts anew, with the model that the settings ask for.

        Readers see the old vectors until all new ones are there.

        Parameters
        ----------
        force:
            Do it even where the dataset has that model already.
        progress:
            Told how many chunks of how many are done.

        Raises
        ------
        KnowledgeError
            What ended the run: no such dataset, no model named, a lock, the provider. Nothing
            was changed then; what was paid for is in the embedding cache.
        """
        from knowledge.ingestion.run.reembedding import reembed

        with self._existing(dataset):
            return reembed(
                self.store,
                dataset,
                self.settings,
                force=force,
                notify=self._notify,
                progress=progress,
            )

    def cache_stats(self) -> CacheStats:
        """Count what the embedding cache keeps."""
        return self.store.cache_stats(self._cache_limit)

    def clear_cache(self) -> CacheStats:
        """Forget all cached vectors; return what there was. Datasets keep theirs."""
        before = self.cache_stats()
        self.store.clear_cache()
        return before

    @property
    def _cache_limit(self) -> int:
        return int(self.settings["embedding_cache_size"]) * 1024 * 1024

    def _choice(self) -> Choice:
        from knowledge.embeddings.choice import choose

        return choose(None, self.settings)

    @contextmanager
    def _pool_of_settings(self) -> Iterator[tuple[Choice, EmbeddingPool]]:
        from knowledge.ingestion.run.pools import open_pool

        choice = self._choice()
        for note in choice.notes:
            self._notify(note)
        with open_pool(self.store, choice, self._notify) as pool:
            yield choice, pool


def _each(
    pool: EmbeddingPool, page: Sequence[tuple[int, str]], query: bool
) -> Iterator[NDArray[np.float32] | RemoteError]:
    """Yield the vector of each text, or why it alone has none."""
    from knowledge.embeddings.pool.each import embed_each

    texts = [text for _, text in page]
    if query:
        yield from (_question(pool, text) for text in texts)
    else:
        yield from embed_each(pool, texts)


def _question(pool: EmbeddingPool, text: str) -> NDArray[np.float32] | RemoteError:
    try:
        return pool.embed_query(text)
    except RemoteError as error:
        if error.text is None:
            raise
        return error


def _refuse_blank(texts: list[str]) -> None:
    if not all(text.strip() for text in texts):
        raise UsageError("a blank text has no vector", hint="Leave it out.")
