"""Equal texts made one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.embeddings.pool.cache import text_key
from knowledge.embeddings.sendable import sendable

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class DistinctText:
    """A distinct text of one submit, and the rows that it stands in."""

    key: bytes
    text: str
    rows: list[int]


def distinct_texts(texts: Sequence[str]) -> list[DistinctText]:
    """Group equal texts, in the order of their first rows.

    Raises
    ------
    ValueError
        A text is blank.
    """
    found: dict[bytes, DistinctText] = {}
    for row, given in enumerate(texts):
        text = sendable(given)
        key = text_key(text)
        found.setdefault(key, DistinctText(key, text, [])).rows.append(row)
    return list(found.values())
