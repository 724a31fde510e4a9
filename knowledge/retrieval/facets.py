"""How often hits have each value of some metadata."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowledge.model import Hit


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
