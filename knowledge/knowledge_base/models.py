"""Embedding models: the group ``kb.models``, and texts to vectors with the model that is set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Self

from knowledge.errors import RemoteError, UsageError
from knowledge.knowledge_base.shared import Shared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.choice import Choice
    from knowledge.embeddings.listing import ProviderInfo
    from knowledge.embeddings.pool.pool import EmbeddingPool, PoolStats
    from knowledge.embeddings.probe import ProbeReport
    from knowledge.embeddings.sparse import SparseInfo
    from knowledge.model import EmbedderSpec

    Providers = list[ProviderInfo]
    SparseModels = list[SparseInfo]

METRICS = ("cosine", "dot", "euclidean")
_PAGE = 1_000

Refused = Callable[[int, str, RemoteError], None]
"""(number from 0, text, why): a text that the provider refuses while it takes others."""


class Models:
    """The group ``kb.models``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def current(self) -> EmbedderSpec:
        """Return the identity of the model that the settings ask for."""
        return _choice(self._shared).embedder.spec

    def list(self) -> Providers:
        """Return all embedding providers and profiles, with what each needs."""
        from knowledge.embeddings.listing import list_providers

        return list_providers(self._shared.settings)

    def sparse(self) -> SparseModels:
        """Return the sparse models that can be named; none without the extra ``sparse``."""
        from knowledge.embeddings.sparse import list_sparse

        return list_sparse()

    def open(self, name: str | None = None, *, dimensions: int | None = None) -> OpenModel:
        """Open a model that stays open, for many calls from several threads.

        Parameters
        ----------
        name:
            A provider, ``provider:model`` or a profile; ``None`` is what the settings ask for.
        dimensions:
            Of its vectors, where the model can be asked for that; ``None`` is its own.

        Raises
        ------
        UsageError
            There is no such model, or it has no vectors of these dimensions.
        """
        from knowledge.embeddings.choice import choose
        from knowledge.ingestion.run.pools import open_pool

        asked = {"embedding_dimensions": dimensions, "openai_embedding_dimensions": dimensions}
        settings = self._shared.settings.override(embedding_model_provider=name, **asked)
        choice = choose(None, settings)
        pool = open_pool(self._shared.store, choice, self._shared.notify)
        return OpenModel(choice, pool)

    def test(self) -> ProbeReport:
        """Try out the model that the settings ask for; costs a few thousand tokens.

        Raises
        ------
        RemoteError
            It does not answer at all.
        """
        from knowledge.embeddings.probe import probe

        choice = _choice(self._shared)
        for note in choice.notes:
            self._shared.notify(note)
        try:
            return probe(choice, notify=self._shared.notify)
        finally:
            if callable(close := getattr(choice.embedder, "close", None)):
                close()


class OpenModel:
    """An embedding model that is open; a context manager, safe to use from several threads.

    Parameters
    ----------
    pool:
        Entered here, and left by :meth:`close`.
    """

    def __init__(self, choice: Choice, pool: AbstractContextManager[EmbeddingPool]) -> None:
        from knowledge.embeddings.pool.batching import token_counter

        self._choice = choice
        self._stack = ExitStack()
        self._pool = self._stack.enter_context(pool)
        self._count = token_counter(choice.embedder)

    @property
    def spec(self) -> EmbedderSpec:
        """Its identity."""
        return self._choice.embedder.spec

    @property
    def stats(self) -> PoolStats:
        """What it has embedded so far, and what the cache had."""
        return self._pool.stats

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (texts, dimensions).

        Raises
        ------
        UsageError
            A text is blank.
        RemoteError
            The provider failed, or refuses a text.
        """
        _refuse_blank(list(texts))
        return self._pool.embed(texts)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Return a question's unit vector, shape (dimensions,).

        Raises
        ------
        UsageError, RemoteError
            As for :meth:`embed`.
        """
        _refuse_blank([text])
        return self._pool.embed_query(text)

    def tokens(self, texts: Sequence[str]) -> int:
        """Return the tokens of texts, estimated where the provider does not count."""
        return sum(map(self._count, texts))

    def close(self) -> None:
        """Close it, when what is asked of it is done."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def embed(
    shared: Shared, texts: Iterable[str], *, query: bool, on_refused: Refused | None
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each text with its unit vector; see :meth:`KnowledgeBase.embed`."""
    with _pool_of_settings(shared) as pool:
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


def similarity(shared: Shared, one: str, other: str, *, metric: str, query: bool) -> float:
    """Compare two texts; see :meth:`KnowledgeBase.similarity`."""
    import numpy as np

    if metric not in METRICS:
        raise UsageError(f"there is no metric {metric!r}", hint=f"One of {', '.join(METRICS)}.")
    _refuse_blank([one, other])
    with _pool_of_settings(shared) as pool:
        first = pool.embed_query(one) if query else pool.embed([one])[0]
        second = pool.embed([other])[0]
    if metric == "euclidean":
        return -float(np.linalg.norm(first - second))
    return float(np.clip(first @ second, -1.0, 1.0))


def _choice(shared: Shared) -> Choice:
    from knowledge.embeddings.choice import choose

    return choose(None, shared.settings)


@contextmanager
def _pool_of_settings(shared: Shared) -> Iterator[EmbeddingPool]:
    from knowledge.ingestion.run.pools import open_pool

    choice = _choice(shared)
    for note in choice.notes:
        shared.notify(note)
    with open_pool(shared.store, choice, shared.notify) as pool:
        yield pool


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
