"""What a submit asks for: its distinct texts, fit to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge.embeddings.pool.cache import text_key

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Wish:
    """A distinct text of one submit, and the rows that it stands in."""

    key: bytes
    text: str
    rows: list[int]


def distinct(texts: Sequence[str]) -> list[Wish]:
    """Group equal texts, in the order of their first rows.

    Raises
    ------
    ValueError
        A text is blank.
    """
    wishes: dict[bytes, Wish] = {}
    for row, given in enumerate(texts):
        text = sendable(given)
        key = text_key(text)
        wishes.setdefault(key, Wish(key, text, [])).rows.append(row)
    return list(wishes.values())


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
