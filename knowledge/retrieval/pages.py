"""Pages of what a dataset holds, without a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.model import Hit, SourceFile
    from knowledge.storage.history import MissedFile


@dataclass(frozen=True, slots=True)
class ChunkPage:
    """A page of a dataset's chunks, and how many there are in all.

    Parameters
    ----------
    hits:
        The chunks, without scores; their rank is their place among all.
    total:
        How many pass the filters.
    offset:
        How many of them stand before this page.
    """

    dataset: str
    hits: list[Hit]
    total: int
    offset: int

    @property
    def next_offset(self) -> int | None:
        """The offset of the page that follows; ``None`` behind the last one."""
        end = self.offset + len(self.hits)
        return end if self.hits and end < self.total else None


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of a dataset's files by path, and behind them of those that it could not take in.

    Parameters
    ----------
    counts:
        How many files of the dataset have each status, whatever the page shows.
    cursor:
        What the next page is asked with; ``None`` behind the last one.
    """

    dataset: str
    files: list[SourceFile]
    missed: list[MissedFile]
    counts: Mapping[str, int]
    cursor: str | None
