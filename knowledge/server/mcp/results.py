"""What tools answer: models whose schemas clients see, and the parts that a budget leaves.

Each answer is given twice, as text that stands alone and as the same values by name, since some
clients hand only one of them to their model.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from knowledge.errors import UsageError
from knowledge.text.tokens import TOKENIZER_MODEL, counter_of

Item = TypeVar("Item")

_WORD = re.compile(r"\s*\S+")

MOST_TOKENS = 20_000
"""Of an answer: one client cuts what is longer than 25,000."""


class Found(BaseModel):
    """A passage, as a search lists it."""

    id: str = Field(description="Pass it to fetch for the passage with what stands around it.")
    title: str
    url: str
    text: str
    citation: str = Field(description="Where it stands; name it when you use the passage.")
    dataset: str
    file: str
    relevance: float | None = Field(
        default=None,
        description="From 0 to 1, the same for all questions; low: hardly an answer.",
    )
    score: float | None = Field(default=None, description="Orders the passages of this answer.")


class Page(BaseModel):
    """What every list says of itself."""

    next_cursor: str | None = Field(default=None, description="Pass it as cursor for what follows.")
    note: str | None = None


class FacetValue(BaseModel):
    """A value of metadata, and how many passages have it; null stands for none."""

    value: Any
    count: int


class FacetCounts(BaseModel):
    """The values of one name of metadata."""

    name: str
    values: list[FacetValue]


class ChunkList(Page):
    """Passages of a dataset, in the order of their files."""

    dataset: str
    total: int = Field(description="How many pass the filters.")
    results: list[Found]


class SearchAnswer(Page):
    """Passages, best first."""

    results: list[Found]
    facets: list[FacetCounts] = Field(default_factory=list)
    generations: dict[str, int] = Field(
        default_factory=dict, description="The published state of each dataset that was searched."
    )


class Fetched(Page):
    """A passage, a file, or a part of one."""

    id: str
    title: str
    text: str
    url: str
    metadata: dict[str, Any]


class DatasetRow(BaseModel):
    """A dataset."""

    name: str
    files: int
    chunks: int
    model: str | None
    updated_at: str
    generation: int
    metadata: dict[str, Any] = Field(default_factory=dict)


class DatasetList(Page):
    """All datasets."""

    datasets: list[DatasetRow]


class FileRow(BaseModel):
    """A file of a dataset."""

    id: str
    file: str
    name: str
    chunks: int
    tokens: int
    metadata: dict[str, Any] = Field(default_factory=dict)


class FileList(Page):
    """Files of a dataset by path."""

    dataset: str
    files: list[FileRow]


class Cited(BaseModel):
    """A source of an answer."""

    number: int
    id: str
    citation: str
    url: str


class Answered(Page):
    """An answer in words."""

    answer: str
    citations: list[Cited]


class StatusAnswer(Page):
    """What a dataset holds, and how its last ingest ended."""

    datasets: list[dict[str, Any]]


class Ingested(Page):
    """How an ingest ended."""

    dataset: str
    files: dict[str, int]
    chunks_added: int
    chunks_removed: int
    problems: list[dict[str, str]]


class Deleted(Page):
    """A file that is no longer in a dataset."""

    dataset: str
    file: str
    chunks: int


def answered(text: str, content: BaseModel) -> CallToolResult:
    """Return an answer as text and by name."""
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=content.model_dump(mode="json"),
    )


@dataclass(frozen=True, slots=True)
class Cut(Generic[Item]):
    """The part of a list that an answer has room for."""

    items: Sequence[Item]
    next_cursor: str | None


def cut(
    items: Sequence[Item],
    told: Callable[[Item], str],
    *,
    max_tokens: int,
    offset: int,
    asked: Iterable[object],
    more: bool = False,
) -> Cut[Item]:
    """Return the first items that fit into a budget, one at least, and a cursor for the next.

    Parameters
    ----------
    items:
        From ``offset`` on.
    told:
        What an item adds to the answer's text.
    max_tokens:
        At most; tokens of cl100k_base, estimated.
    asked:
        What makes the question; a cursor fits no other one.
    more:
        True when further ones follow the last.
    """
    count = counter_of(TOKENIZER_MODEL).count
    left, taken = min(max_tokens, MOST_TOKENS), 0
    for item in items:
        left -= count(told(item))
        if taken and left < 0:
            break
        taken += 1
    ends = taken == len(items) and not more
    return Cut(items[:taken], None if ends else cursor_of(offset + taken, asked))


def cut_text(
    text: str, *, max_tokens: int, offset: int, asked: Iterable[object]
) -> tuple[str, str | None]:
    """Return as much of a text as fits into a budget, and a cursor for the rest.

    Parameters
    ----------
    offset:
        In words.
    """
    words = _WORD.findall(text)[offset:]
    part = cut(words, str, max_tokens=max_tokens, offset=offset, asked=asked)
    if part.next_cursor is None and not offset:
        return text, None
    return "".join(part.items).strip(), part.next_cursor


def cursor_of(offset: int, asked: Iterable[object]) -> str:
    """Return the cursor of a place in the answer to a question."""
    said = json.dumps([offset, _mark(asked)]).encode()
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def offset_of(cursor: str | None, asked: Iterable[object]) -> int:
    """Return the place that a cursor stands for; 0 without one.

    Raises
    ------
    UsageError
        It is none, or belongs to another question.
    """
    if not cursor:
        return 0
    try:
        said = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        offset, mark = json.loads(said)
        fits = isinstance(offset, int) and 0 <= offset <= 1_000_000 and mark == _mark(asked)
    except (ValueError, TypeError, RecursionError):  # that of base64 is a ValueError
        fits = False
    if not fits:
        raise UsageError(
            "this `cursor` does not belong to this question",
            hint="Repeat the call with the same arguments and its next_cursor, or without one.",
        )
    return int(offset)


def _mark(asked: Iterable[object]) -> str:
    return hashlib.sha256(repr(list(asked)).encode()).hexdigest()[:12]
