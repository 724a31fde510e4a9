"""Texts made fit to be sent, and equal ones made one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.embeddings.pool.cache import text_key

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


def sendable(text: str) -> str:
    """Return the text without lone surrogates, which no server and no tokenizer takes.

    Raises
    ------
    ValueError
        The text is blank.
    """
    if not text.strip():
        raise ValueError("a blank text can't be embedded")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
