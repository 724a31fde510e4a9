"""Embedding models for clients: those that the user allows by name, open from their first use.

A model's name may stand for code or for files, so a client can only name what `models list` shows
as ready, the profiles of the settings file, and what the server was started with.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.embeddings.model_name import parse_model
from knowledge.errors import NotFoundError
from knowledge.server.gathering import Embedded, Gathering
from knowledge.server.metrics import Metrics

if TYPE_CHECKING:
    from knowledge.knowledge_base import KnowledgeBase
    from knowledge.knowledge_base.models import OpenModel
    from knowledge.server.bases import Bases
    from knowledge.settings.reading import Settings

RERANKERS = ("bm25", "minilm")
"""Rerankers that clients may name: they cost nothing, read no files and ask nobody."""
AT_ONCE = 4
"""Batches of small requests under way to a model that runs elsewhere; one here takes all cores."""
MOST_GATHERED = 64
"""Models, each with dimensions, whose small requests are gathered."""
KEPT = 8
"""Models that stay open; the one that was used longest ago is closed first."""


def is_reranker(name: object, settings: Settings) -> bool:
    """Tell whether a client may name this reranker: one that costs nothing, or the settings'."""
    return bool(name) and (name in RERANKERS or name == settings["rerank"])


class ModelNotFoundError(NotFoundError):
    """No model of this name may be asked for here."""

    code = "model_not_found"


@dataclass(slots=True)
class _Opened:
    """A model, and how many use it."""

    model: OpenModel
    users: int = 0
    dropped: bool = False


class OpenModels:
    """Models by name and dimensions; safe to use from several threads.

    Parameters
    ----------
    allowed:
        Names besides those of `models list`.
    """

    def __init__(self, bases: Bases, allowed: Sequence[str], metrics: Metrics) -> None:
        self._bases = bases
        self._allowed = tuple(allowed)
        self._metrics = metrics
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._open: OrderedDict[tuple[str, int | None], _Opened] = OrderedDict()
        self._gathering: dict[tuple[str, int | None], Gathering] = {}

    def names(self, kb: KnowledgeBase) -> Mapping[str, str]:
        """Return what clients may name, each with the provider that it means."""
        if not self._names:  # settings and installed packages stay as they are
            self._names = self._find_names(kb)
        return self._names

    def _find_names(self, kb: KnowledgeBase) -> dict[str, str]:
        current = kb.models.current()
        found = {f"{current.provider}:{current.model}": current.provider}
        for info in kb.models.list():
            if info.ready and not info.names:
                found[info.name] = info.kind if info.kind == "profile" else info.name
        found |= {name: parse_model(name)[0] for name in self._allowed}
        return found

    def resolve(self, kb: KnowledgeBase, name: str) -> str:
        """Return the full name of a model that a client names, by its bare name too.

        Raises
        ------
        ModelNotFoundError
            There is none that clients may name so.
        """
        self.names(kb)
        return self._resolved(name)

    def _resolved(self, name: str) -> str:
        known = self._names
        if name in known:
            return name
        by_bare = {parse_model(one)[1]: one for one in known}
        if name and name in by_bare:
            return by_bare[name]
        listed = ", ".join(known)
        raise ModelNotFoundError(
            f"the model {name[:200]!r} does not exist here", hint=f"Choose one of {listed}."
        )

    async def embed(self, name: str, dimensions: int | None, texts: Sequence[str]) -> Embedded:
        """Return unit vectors, shape (texts, dimensions), and how many tokens each text has.

        Small requests that come at the same time are embedded together.

        Raises
        ------
        ModelNotFoundError
            There is none that clients may name so.
        UsageError
            A text is blank, or the model has no such dimensions.
        RemoteError
            The model failed, or refuses a text.
        """
        if not self._names:
            await self._bases.run(self.names)
        full = self._resolved(name)
        key = (full, dimensions)
        if key not in self._gathering:

            async def embed(texts: Sequence[str]) -> Embedded:
                return await self._bases.run(lambda kb: self._embed(kb, full, dimensions, texts))

            if len(self._gathering) >= MOST_GATHERED:  # those who wait in one still hold it
                del self._gathering[next(iter(self._gathering))]
            self._gathering[key] = Gathering(embed, self._at_once(full))
        return await self._gathering[key].embed(texts)

    def _at_once(self, full: str) -> int:
        from knowledge.embeddings.provider import BUILT_IN, Place

        record = BUILT_IN.get(self._names[full])
        return 1 if record is not None and record.place is Place.MACHINE else AT_ONCE

    def _embed(
        self, kb: KnowledgeBase, full: str, dimensions: int | None, texts: Sequence[str]
    ) -> Embedded:
        opened = self._take(kb, full, dimensions)
        try:
            before = opened.model.stats
            vectors = opened.model.embed(texts)
            after, tokens = opened.model.stats, [opened.model.tokens([one]) for one in texts]
            count = self._metrics.count
            # Shares of requests at the same time are counted together: only sums are shown.
            count("knowledge_embedded_texts_total", after.embedded - before.embedded, model=full)
            count("knowledge_embedding_cache_hits_total", after.cached - before.cached, model=full)
            count("knowledge_embedding_tokens_total", sum(tokens), model=full)
            return vectors, tokens
        finally:
            self._give_back(opened)

    def similarity(
        self, kb: KnowledgeBase, name: str, query: str, texts: Sequence[str]
    ) -> list[float]:
        """Return the cosine of a question and each text, from 0 to 1; less than 0 is 0.

        Raises
        ------
        UsageError, RemoteError
            As for :meth:`embed`.
        """
        opened = self._take(kb, self.resolve(kb, name), None)
        try:
            question = opened.model.embed_query(query)
            if not texts:
                return []
            cosines = opened.model.embed(texts) @ question
            return [min(1.0, max(0.0, float(one))) for one in cosines]
        finally:
            self._give_back(opened)

    def warm(self, kb: KnowledgeBase) -> None:
        """Load the model of the settings.

        Raises
        ------
        RemoteError
            It failed.
        """
        current = kb.models.current()
        self._embed(kb, f"{current.provider}:{current.model}", None, ["warm"])

    def close(self) -> None:
        """Close all models."""
        with self._lock:
            opened, self._open = list(self._open.values()), OrderedDict()
        for one in opened:
            one.model.close()

    def _take(self, kb: KnowledgeBase, name: str, dimensions: int | None) -> _Opened:
        key = (name, dimensions)
        with self._lock:  # a model that two ask for is loaded once
            if key not in self._open:
                self._open[key] = _Opened(kb.models.open(name, dimensions=dimensions))
            self._open.move_to_end(key)
            opened = self._open[key]
            opened.users += 1
            idle = []
            while len(self._open) > KEPT:
                _, oldest = self._open.popitem(last=False)
                oldest.dropped = True
                idle += [] if oldest.users else [oldest]
        for one in idle:
            one.model.close()
        return opened

    def _give_back(self, opened: _Opened) -> None:
        with self._lock:
            opened.users -= 1
            closes = opened.dropped and not opened.users
        if closes:
            opened.model.close()
