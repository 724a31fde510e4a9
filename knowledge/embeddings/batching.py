"""Gathering texts of different submits into common requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from knowledge.embeddings.tickets import Slot

REQUEST_TOKENS = 300_000
"""Most tokens in a request, as OpenAI has it; estimated as characters / 3."""


def estimate_tokens(text: str) -> int:
    """Estimate a text's tokens, rather too many than too few."""
    return len(text) // 3 + 1


def likely_tokens(texts: Sequence[str]) -> int:
    """Guess the tokens of texts where the provider does not count: a token is about 4 bytes."""
    return sum(-(-len(text.encode()) // 4) for text in texts)


class Batcher:
    """The batch that is being filled. Not thread-safe: the pool holds its lock.

    Parameters
    ----------
    size:
        Texts in a full batch; may be lowered at any time.
    tokens:
        Most estimated tokens in a batch; a single text may have more.
    """

    def __init__(self, size: int, *, tokens: int = REQUEST_TOKENS) -> None:
        self.size = size
        self._tokens = tokens
        self._slots: list[Slot] = []
        self._load = 0

    def add(self, slot: Slot) -> list[list[Slot]]:
        """Take a slot in, and return the batches that are full now: none, one or two."""
        full = []
        cost = estimate_tokens(slot.text)
        if self._slots and self._load + cost > self._tokens:
            full.append(self.take())
        self._slots.append(slot)
        self._load += cost
        if len(self._slots) >= self.size or self._load >= self._tokens:
            full.append(self.take())
        return full

    def take(self) -> list[Slot]:
        """Take the batch out as it is; may be empty."""
        slots, self._slots, self._load = self._slots, [], 0
        return slots
