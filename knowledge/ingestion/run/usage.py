"""What a run sent to the embedder, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.embeddings.prices import cost_of

if TYPE_CHECKING:
    from knowledge.embeddings.choice import Choice


@dataclass(frozen=True, slots=True)
class Usage:
    """Distinct texts, their tokens, and US dollars; ``None`` where no price is known."""

    embedded: int
    tokens: int
    cost_usd: float | None

    @classmethod
    def of(cls, choice: Choice, embedded: int, tokens: int) -> Usage:
        """Return the usage with its price.

        Raises
        ------
        UsageError
            The file of prices cannot be read.
        """
        cost = cost_of(choice.embedder, tokens, choice.settings)
        return cls(embedded, tokens, cost)
