"""The full-text index: for each term the rows of the chunks that hold it.

A list is the rows' numbers, little-endian uint32, in one value for each term and
segment. A run adds segments, and a publish merges small ones into one, so that few have to be read.
Rows of chunks that are gone stay in the lists, and hurt nobody: readers look at the rows that their
generation shows, and no number is given twice. ``compact`` rewrites the lists.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from knowledge.storage.postgres.session import Session
from knowledge.storage.terms import COUNTS, terms_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_SEGMENTS = 8
BUFFERED_POSTINGS = 2_000_000
"""Numbers of rows that wait in memory, of 4 bytes each."""
PAGE = 2_000


class PostingsWriter:
    """Gathers the terms of chunks, and writes them as segments of a dataset's next generation."""

    def __init__(self, session: Session, dataset: int, generation: int) -> None:
        self._session = session
        self._dataset = dataset
        self._generation = generation
        self._lists: dict[str, array[int]] = {}
        self._size = 0
        self._chunks = 0

    def add(self, row: int, terms: str) -> None:
        """Add a chunk's terms, which spaces separate; rows ascend."""
        lists = self._lists
        listed = terms.split()
        for term in listed:
            if (rows := lists.get(term)) is None:
                rows = lists[term] = array("I")
            rows.append(row)
        self._size += len(listed)
        self._chunks += 1

    @property
    def is_full(self) -> bool:
        """True where :meth:`flush` should come, within a transaction."""
        return self._size >= BUFFERED_POSTINGS

    def flush(self) -> None:
        """Write what was gathered as a segment, within the caller's transaction."""
        if not self._chunks:
            return
        segment = _new_segment(self._session, self._dataset, self._generation, self._chunks)
        self._session.copy(
            "postings",
            ("dataset", "term", "segment", "rows"),
            ("int8", "text", "int4", "bytea"),
            (
                (self._dataset, term, segment, _packed(rows))
                for term, rows in sorted(self._lists.items())
            ),
        )
        self._lists, self._size, self._chunks = {}, 0, 0

    def clear(self) -> None:
        """Forget what was gathered."""
        self._lists, self._size, self._chunks = {}, 0, 0


def rows_with(session: Session, dataset: int, term: str) -> dict[int, NDArray[np.int64]]:
    """Return the rows of the chunks that hold a term, by how often they do at least."""
    import numpy as np

    named = {term if count == 1 else f"{term}={count}": count for count in COUNTS}
    found = session.rows(
        "SELECT term, rows FROM postings WHERE dataset = ? AND term = ANY(?) "
        "ORDER BY term, segment",
        (dataset, list(named)),
    )
    parts: dict[int, list[bytes]] = {}
    for listed, rows in found:
        parts.setdefault(named[listed], []).append(rows)
    return {
        count: np.frombuffer(b"".join(listed), "<u4").astype(np.int64)
        for count, listed in parts.items()
    }


def marked(session: Session, dataset: int, marks: Sequence[str]) -> set[str]:
    """Return those of some terms that a chunk, of any generation, holds."""
    import numpy as np

    found = set()
    for term, rows in session.rows(
        "SELECT term, rows FROM postings WHERE dataset = ? AND term = ANY(?)",
        (dataset, list(marks)),
    ):
        listed = np.frombuffer(rows, "<u4").tolist()
        [there] = session.one(
            'SELECT EXISTS (SELECT 1 FROM chunks WHERE "row" = ANY(?))', (listed,)
        )
        if there:
            found.add(term)
    return found


def sweep(session: Session, dataset: int, published: int) -> None:
    """Drop the segments of runs that were not published, within the caller's transaction."""
    staged = session.rows(
        "SELECT segment FROM segments WHERE dataset = ? AND generation > ?", (dataset, published)
    )
    if not staged:
        return
    session.change(
        "DELETE FROM postings WHERE dataset = ? AND segment = ANY(?)",
        (dataset, [segment for (segment,) in staged]),
    )
    session.change(
        "DELETE FROM segments WHERE dataset = ? AND generation > ?", (dataset, published)
    )


def merge(session: Session, dataset: int, generation: int) -> None:
    """Make one segment of the small ones where there are too many, within a transaction.

    Those stay that are larger than all that are smaller together, so that each row is written
    anew a number of times that grows with the logarithm of the dataset.
    """
    sizes = session.rows(
        "SELECT chunks, segment FROM segments WHERE dataset = ? ORDER BY chunks, segment",
        (dataset,),
    )
    if len(sizes) <= MOST_SEGMENTS:
        return
    merged: list[int] = []
    total = 0
    for chunks, segment in sizes:
        if len(merged) > MOST_SEGMENTS // 2 and chunks > total:
            break
        merged.append(segment)
        total += chunks
    new = _new_segment(session, dataset, generation, total)
    session.change(
        "INSERT INTO postings SELECT dataset, term, ?::int, string_agg(rows, ''::bytea ORDER BY "
        "segment) FROM postings WHERE dataset = ? AND segment = ANY(?) GROUP BY dataset, term",
        (new, dataset, merged),
    )
    for table in ("postings", "segments"):
        session.change(
            f"DELETE FROM {table} WHERE dataset = ? AND segment = ANY(?)", (dataset, merged)
        )


def rebuild(session: Session, dataset: int, generation: int) -> None:
    """Rebuild the lists from the chunks' texts, within the caller's transaction."""
    for table in ("postings", "segments"):
        session.change(f"DELETE FROM {table} WHERE dataset = ?", (dataset,))
    writer = PostingsWriter(session, dataset, generation)
    for row, terms in stored_terms(session, dataset):
        writer.add(row, terms)
        if writer.is_full:
            writer.flush()
    writer.flush()


def damage(session: Session, dataset: int, published: int) -> str:
    """Return what is wrong with a dataset's lists, in words; empty where they are right.

    Lists of what a run has staged are written when it publishes, so rows after the generation
    ``published`` do not count. The pairs of terms and rows that the texts have, and those that the
    lists have, are compared by a sum of their hashes, which takes no memory.
    """
    import numpy as np

    expected, rows = 0, array("Q")
    for row, terms in stored_terms(session, dataset, published):
        rows.append(row)
        expected += sum(_hash(term) * row for term in terms.split())
    live = np.frombuffer(rows, np.uint64) if rows else np.zeros(0, np.uint64)
    found = 0
    for term, listed in _lists(session, dataset):
        numbers = np.frombuffer(listed, "<u4").astype(np.uint64)
        found += _hash(term) * int(numbers[np.isin(numbers, live)].sum())
    if expected % 2**64 != found % 2**64:
        return "its lists are not those of the texts"
    return ""


def stored_terms(
    session: Session, dataset: int, published: int | None = None
) -> Iterator[tuple[int, str]]:
    """Yield the row and the terms of each chunk, of any generation up to ``published``, by row."""
    last = -1
    while page := session.rows(
        'SELECT "row", language, heading, text FROM chunks WHERE dataset = ? AND "row" > ? '
        'AND (?::int IS NULL OR added <= ?) ORDER BY "row" LIMIT ?',
        (dataset, last, published, published, PAGE),
    ):
        yield from terms_of_texts(page)
        last = page[-1][0]


def terms_of_texts(
    rows: Iterable[tuple[int, str | None, str, str]],
) -> Iterator[tuple[int, str]]:
    """Yield rows with the terms of their chunks, given language, headings as JSON, and text."""
    import json

    for row, language, heading, text in rows:
        yield row, terms_of(language, json.loads(heading), text)


def _lists(session: Session, dataset: int) -> Iterator[tuple[str, bytes]]:
    last: tuple[str, int] = ("", -1)
    while page := session.rows(
        "SELECT term, rows, segment FROM postings WHERE dataset = ? AND (term, segment) > (?, ?) "
        "ORDER BY term, segment LIMIT ?",
        (dataset, *last, 10 * PAGE),
    ):
        yield from ((term, rows) for term, rows, _ in page)
        last = (page[-1][0], page[-1][2])


def _new_segment(session: Session, dataset: int, generation: int, chunks: int) -> int:
    [segment] = session.one(
        "INSERT INTO segments SELECT ?::bigint, coalesce(max(segment), 0) + 1, ?::int, ?::bigint "
        "FROM segments WHERE dataset = ? RETURNING segment",
        (dataset, generation, chunks, dataset),
    )
    return int(segment)


def _packed(rows: array[int]) -> bytes:
    import numpy as np

    return np.frombuffer(rows, np.uintc).astype("<u4").tobytes()


def _hash(term: str) -> int:
    from zlib import crc32

    return crc32(term.encode()) + 1
