"""Small requests for one model that come at the same time, embedded together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.errors import RemoteError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Embedded = tuple["NDArray[np.float32]", Sequence[int]]
"""Unit vectors, shape (texts, dimensions), and how many tokens each text has."""
Embed = Callable[[Sequence[str]], Awaitable[Embedded]]

FEW = 16
"""Texts of a request that waits for others; one with more is embedded by itself."""
MOST = 256
"""Texts that are embedded together."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    texts: Sequence[str]
    answer: asyncio.Future[Embedded]


class Gathering:
    """Embeds the texts of several requests at once, without letting any wait for a fuller batch.

    What comes while texts are being embedded is embedded next, all together: the more clients ask,
    the less each text costs. Use it from one event loop.

    Parameters
    ----------
    embed:
        Embeds texts.
    at_once:
        Batches under way at the same time.
    """

    def __init__(self, embed: Embed, at_once: int) -> None:
        self._embed = embed
        self._at_once = at_once
        self._under_way: set[asyncio.Task[None]] = set()
        self._waiting: deque[_Waiting] = deque()

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Return the vectors of the texts of one request.

        Raises
        ------
        KnowledgeError
            What went wrong with these texts; those of others do them no harm.
        """
        if len(texts) > FEW:
            return await self._embed(texts)
        answer: asyncio.Future[Embedded] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(texts, answer))
        self._begin()
        return await answer

    def _begin(self) -> None:
        while len(self._under_way) < self._at_once and (batch := self._next()):
            task = asyncio.create_task(self._serve(batch))
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._begin()

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and size + len(self._waiting[0].texts) <= MOST:
            one = self._waiting.popleft()
            if not one.answer.done():  # its client has not gone
                batch.append(one)
                size += len(one.texts)
        return batch

    async def _serve(self, batch: list[_Waiting]) -> None:
        try:
            vectors, tokens = await self._embed([text for one in batch for text in one.texts])
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it
            of_one = isinstance(error, RemoteError) and error.of_one_text
            for one in batch:
                if of_one and len(batch) > 1:  # whose text it was is found out by each alone
                    await self._serve([one])
                elif not one.answer.done():
                    one.answer.set_exception(error)
            return
        start = 0
        for one in batch:
            end = start + len(one.texts)
            if not one.answer.done():
                one.answer.set_result((vectors[start:end], tokens[start:end]))
            start = end
