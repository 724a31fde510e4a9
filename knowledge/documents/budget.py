"""What the members of one file may take together: unpacked bytes, text, number, ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Protocol

from knowledge.documents.options import MIB, LoadOptions
from knowledge.errors import DocumentError

MAX_MEMBERS = 10_000
MAX_MEMBER = 512 * MIB
"""Bytes that one member may unpack to."""

MAX_RATIO = 250
"""Unpacked bytes for each packed one. Logs reach 50; a bomb needs 1,000."""

FREE = 16 * MIB
"""A member that unpacks to less may do so at any ratio."""

PIECE = 1 * MIB


class BudgetError(DocumentError):
    """A bound that all members share is reached: the rest of the container is not read."""


@dataclass(slots=True)
class _Left:
    """What all members below one file may still take."""

    unpacked: int
    members: int
    text: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the members of a container may still take; ``depth`` counts the containers around them.

    ``inside`` is the path of the container in the outermost file, with ``!/`` at its end.
    """

    options: LoadOptions
    left: _Left
    depth: int = 0
    inside: str = ""

    @classmethod
    def of(cls, options: LoadOptions) -> Budget:
        """Return the budget of a file."""
        text = float("inf") if options.max_text is None else options.max_text
        return cls(options, _Left(options.max_unpacked, MAX_MEMBERS, text))

    def take_member(self) -> None:
        """Count a member.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.members -= 1
        if self.left.members < 0:
            raise BudgetError(f"it holds more than {MAX_MEMBERS:,} files, the limit")

    def take_bytes(self, size: int) -> None:
        """Count unpacked bytes.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.unpacked -= size
        if self.left.unpacked < 0:
            raise BudgetError(
                f"it unpacks to more than {self.options.max_unpacked / MIB:,.0f} MiB, the limit",
                hint="KNOW_MAX_UNPACKED_SIZE raises it",
            )

    def take_text(self, size: int) -> None:
        """Count bytes of text.

        Raises
        ------
        BudgetError
            There are too many.
        """
        self.left.text -= size
        if self.left.text < 0:
            raise BudgetError(
                f"it holds more than {(self.options.max_text or 0) / MIB:,.0f} MiB of text, "
                "the limit",
                hint="KNOW_MAX_TEXT_SIZE raises it",
            )


class Stream(Protocol):
    """What unpacked bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...


class BoundedStream:
    """Passes a stream's bytes on, and raises when they become too many.

    Parameters
    ----------
    stream:
        Unpacks as it is read.
    packed:
        Bytes that it is unpacked from.
    limit:
        Most bytes that may come.
    """

    def __init__(
        self, stream: Stream | IO[bytes], packed: int, budget: Budget, limit: float
    ) -> None:
        self._stream = stream
        self._packed = packed
        self._budget = budget
        self._limit = limit
        self._size = 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes.

        Raises
        ------
        DocumentError
            The ratio is that of a bomb, or the limit is passed.
        BudgetError
            All that the file's members may unpack to is taken.
        """
        piece = self._stream.read(min(size, PIECE))
        self._size += len(piece)
        if self._size > FREE and self._size > MAX_RATIO * self._packed:
            raise DocumentError(
                f"it unpacks to more than {MAX_RATIO} times its size, as a ZIP bomb does"
            )
        if self._size > self._limit:
            raise DocumentError(f"it unpacks to more than {self._limit / MIB:,.0f} MiB, the limit")
        self._budget.take_bytes(len(piece))
        return piece


def read_all(stream: Stream | IO[bytes], packed: int, budget: Budget) -> bytes:
    """Unpack one member.

    Raises
    ------
    DocumentError
        As `BoundedStream` gives them.
    """
    bounded = BoundedStream(stream, packed, budget, MAX_MEMBER)
    pieces = []
    while piece := bounded.read(PIECE):
        pieces.append(piece)
    return b"".join(pieces)
