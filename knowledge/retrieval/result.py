"""What a search gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

from knowledge.retrieval.query import FITS_WELL

if TYPE_CHECKING:
    from knowledge.model import Hit
    from knowledge.retrieval.facets import Facet
    from knowledge.retrieval.query import Query


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
        if not names:
            return []
        from knowledge.retrieval.facets import Facet

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
