"""What waits for vectors: tickets, one for each submit, and slots, one for each distinct text."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


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
        """Give the vector to all who need it, and return them."""
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
