"""Gathering texts of different submits into common requests.

A submit waits by a ticket; each distinct text is a slot, which many tickets may wait for.
"""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embeddings.embedder import Embedder


class Ticket:
    """The rows that one submit waits for. Not thread-safe, but for `settle`.

    Parameters
    ----------
    size:
        Number of texts.
    dimensions:
        Of the empty array that a ticket of size 0 gives.
    """

    def __init__(self, size: int, dimensions: int | None = None) -> None:
        import numpy as np

        self.future: Future[NDArray[np.float32]] = Future()
        self._size = size
        self._missing = size
        self._rows: NDArray[np.float32] | None = None
        self._error: BaseException | None = None
        self._cancelled = False
        if size == 0:
            self._rows = np.empty((0, dimensions or 0), np.float32)

    @property
    def settled(self) -> bool:
        """True when nothing that still arrives can change the outcome."""
        return self._missing == 0 or self._failed or self.future.cancelled()

    @property
    def _failed(self) -> bool:
        return self._cancelled or self._error is not None

    def fill(self, rows: Sequence[int], vector: NDArray[np.float32]) -> None:
        """Put a vector into rows."""
        import numpy as np

        if self._rows is None:
            self._rows = np.empty((self._size, len(vector)), np.float32)
        self._rows[rows] = vector
        self._missing -= len(rows)

    def fail(self, error: BaseException) -> None:
        """Let the future fail; the first error counts."""
        self._error = self._error or error

    def cancel(self) -> None:
        """Let the future be cancelled, unless it failed before."""
        self._cancelled = True

    def settle(self) -> None:
        """Resolve the future when the ticket is settled; call without holding a lock."""
        if not self.settled or self.future.done():
            return
        try:
            if self._error is not None:
                self.future.set_exception(self._error)
            elif self._cancelled:
                self.future.cancel()
            elif self._rows is not None:
                self.future.set_result(self._rows)
        except InvalidStateError:
            pass  # another thread was quicker, or the user cancelled it


@dataclass(eq=False, slots=True)
class Slot:
    """One distinct text, and the rows of tickets that need its vector."""

    key: bytes
    text: str
    needed_by: list[tuple[Ticket, Sequence[int]]] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        """False when every ticket that needed it has failed or was cancelled."""
        return any(not ticket.settled for ticket, _ in self.needed_by)

    def fill(self, vector: NDArray[np.float32]) -> list[Ticket]:
        """Pass the vector to all tickets that need it, and return them."""
        for ticket, rows in self.needed_by:
            ticket.fill(rows, vector)
        return [ticket for ticket, _ in self.needed_by]

    def fail(self, error: BaseException) -> list[Ticket]:
        """Tell all who need it that it failed, and return them."""
        for ticket, _ in self.needed_by:
            ticket.fail(error)
        return [ticket for ticket, _ in self.needed_by]

    def cancel(self) -> list[Ticket]:
        """Cancel all who need it, and return them."""
        for ticket, _ in self.needed_by:
            ticket.cancel()
        return [ticket for ticket, _ in self.needed_by]


REQUEST_TOKENS = 300_000
"""Most tokens in a request, as OpenAI has it."""


def estimate_tokens(text: str) -> int:
    """Estimate a text's tokens as characters / 3, which for most scripts is too many."""
    return len(text) // 3 + 1


def token_counter(embedder: Embedder) -> Callable[[str], int]:
    """Return what counts a text's tokens: the embedder, where it can, else the estimate.

    An embedder may have ``count_tokens(text)``, which gives ``None`` where it does not know.
    """
    count = getattr(embedder, "count_tokens", None)
    if count is None:
        return estimate_tokens
    return lambda text: count(text) or estimate_tokens(text)


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
        Most tokens in a batch; a single text may have more.
    count:
        Counts a text's tokens, or estimates them.
    """

    def __init__(
        self,
        size: int,
        *,
        tokens: int = REQUEST_TOKENS,
        count: Callable[[str], int] = estimate_tokens,
    ) -> None:
        self.size = size
        self._tokens = tokens
        self._count = count
        self._slots: list[Slot] = []
        self._load = 0

    def add(self, slot: Slot) -> list[list[Slot]]:
        """Take a slot in, and return the batches that are full now: none, one or two."""
        full = []
        cost = self._count(slot.text)
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
