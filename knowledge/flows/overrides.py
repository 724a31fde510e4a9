"""What a user decides for one question, over what the flow says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overrides:
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
        """Return how many hits a step must give so that the user can have as many as asked."""
        return max(most, self.top_k or 0)
