"""What a search gives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from knowledge.retrieval.query import FITS_WELL

if TYPE_CHECKING:
    from knowledge.model import Hit, SourceFile
    from knowledge.retrieval.query import Query
    from knowledge.storage.history import MissedFile


@dataclass(frozen=True, slots=True)
class Facet:
    """The values that hits have of one name of their metadata.

    Parameters
    ----------
    values:
        Each with the number of hits that have it, most first; ``None`` stands for none.
    """

    name: str
    values: tuple[tuple[Any, int], ...]

    @classmethod
    def of(cls, name: str, hits: Sequence[Hit]) -> Facet:
        """Count the values of a name."""
        values: dict[str, Any] = {}
        counts: Counter[str] = Counter()
        for hit in hits:
            own = {"dataset": hit.dataset, "file": hit.file, **hit.metadata}.get(name)
            items = own if isinstance(own, list) and own else [own if own != [] else None]
            by_text = {json.dumps(one, sort_keys=True): one for one in items}
            counts.update(by_text.keys())
            values |= by_text
        ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0] == "null", one[0]))
        return cls(name, tuple((values[text], count) for text, count in ranked))


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


@dataclass(frozen=True, slots=True, eq=False)
class Retrieved(Sequence["Hit"]):
    """Hits, best first, and how they were found; it is used as the list of hits.

    Parameters
    ----------
    hits:
        Best first.
    query:
        What was asked, with the datasets and the mode that it was answered by.
    flow:
        The name of the flow that answered; empty without one.
    queries:
        The questions that were searched for; a flow may make others of the one that was asked.
    seconds:
        How long it took.
    """

    hits: list[Hit]
    query: Query
    flow: str = ""
    queries: tuple[str, ...] = ()
    seconds: float = 0.0
    explanations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """How scores came about, by chunk id, where another place computed them."""

    def facets(self, names: Sequence[str]) -> list[Facet]:
        """Return how often each value of some metadata stands among the hits.

        A list counts for each of its items, a hit without the name as ``None``. ``dataset`` and
        ``file`` are those of the hit where its metadata has no such name.
        """
        return [Facet.of(name, self.hits) for name in dict.fromkeys(names)]

    @property
    def nothing_fits(self) -> bool:
        """True where there are hits, but none of them fits the question well."""
        known = [hit.relevance for hit in self.hits if hit.relevance is not None]
        return bool(known) and max(known) < FITS_WELL

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, at: int) -> Hit: ...
    @overload
    def __getitem__(self, at: slice) -> list[Hit]: ...
    def __getitem__(self, at: int | slice) -> Hit | list[Hit]:
        return self.hits[at]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Retrieved | list):
            return self.hits == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]
