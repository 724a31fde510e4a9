"""What a flow is asked for and what it answers; imports nothing that a flow needs to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowledge.model import Hit
    from knowledge.retrieval.query import Query


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for this time, which wins over the flow.

    Parameters
    ----------
    top_k:
        Most hits; ``None`` leaves it to the flow.
    mode:
        How to search instead of the flow's retriever.
    datasets:
        True when the user named the datasets of the query.
    """

    top_k: int | None = None
    mode: str | None = None
    datasets: bool = False

    def at_least(self, most: int) -> int:
        """Return how many hits a step must give so that the user can have his."""
        return max(most, self.top_k or 0)


@dataclass(frozen=True, slots=True)
class FlowAnswer:
    """What a flow makes of a question.

    Parameters
    ----------
    flow:
        The flow's name.
    queries:
        The questions that were searched for.
    hits:
        Best first, as the last step left them.
    query:
        What was asked, with the datasets and the mode that it was answered by.
    """

    flow: str
    queries: tuple[str, ...]
    hits: list[Hit]
    query: Query
