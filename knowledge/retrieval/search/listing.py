"""The chunks of a dataset without a question: filtered, in the order of their files, by pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError
from knowledge.model import Chunk, Dataset, Hit, SourceFile
from knowledge.retrieval.pages import ChunkPage
from knowledge.retrieval.search.filters import allowed
from knowledge.text.wording import nearest

if TYPE_CHECKING:
    from knowledge.requests import ChunksRequest
    from knowledge.retrieval.query import Query
    from knowledge.storage.columns import ChunkColumns
    from knowledge.storage.store import Snapshot

_FACTS: dict[str, Callable[[SourceFile], Any]] = {
    "file": lambda file: file.path,
    "name": lambda file: file.name,
    "modified": lambda file: file.mtime_ns,
    "ingested": lambda file: file.ingested_at.timestamp(),
    "size": lambda file: file.size,
}
"""What files are sorted by, besides their metadata."""


def list_chunks(
    snapshot: Snapshot, dataset: Dataset, query: Query, request: ChunksRequest
) -> ChunkPage:
    """Return a page of the chunks that pass a query's filters.

    Chunks of a file stand together in their order. Only the files that the page shows are read.

    Raises
    ------
    UsageError
        No file has the metadata that is sorted by.
    """
    from knowledge.storage.columns import ChunkColumns

    columns = ChunkColumns(snapshot, dataset)
    files = _counted(snapshot, columns, query)
    hits: list[Hit] = []
    before = 0
    for file, count in _ordered(files, request.sort):
        if before + count > request.offset and len(hits) < request.limit:
            shown = _shown(snapshot, columns, query, file)
            first = max(0, request.offset - before)
            for number, chunk in enumerate(shown[first : first + request.limit - len(hits)], first):
                hits.append(Hit.of(dataset, file, chunk, rank=before + number + 1))
        before += count
    return ChunkPage(dataset.name, hits, before, request.offset)


def _counted(
    snapshot: Snapshot, columns: ChunkColumns, query: Query
) -> list[tuple[SourceFile, int]]:
    """Return the files, each with how many of its chunks pass."""
    mask = allowed(query, columns, snapshot)
    found = []
    for file, rows in snapshot.files_with_rows(columns.dataset):
        at = columns.positions_of_rows(rows)
        at = at[at >= 0]
        found.append((file, len(at) if mask is None else int(mask[at].sum())))
    return found


def _ordered(files: list[tuple[SourceFile, int]], sort: str) -> Iterator[tuple[SourceFile, int]]:
    """Yield files in the requested order; equal ones by path, those without a value last.

    Numbers stand before texts.
    """
    name = sort.removeprefix("-")
    value = _FACTS.get(name) or (lambda file: file.all_metadata.get(name))
    known = [one for one in files if value(one[0]) is not None]
    if files and not known:
        names = {key for file, _ in files for key in file.all_metadata}
        raise UsageError(
            f"`sort` must be one of {', '.join(_FACTS)} or metadata of a file, not {name!r}",
            hint=nearest(name, [*_FACTS, *sorted(names)]) or None,
        )

    def key(one: tuple[SourceFile, int]) -> tuple[bool, float, str]:
        found = value(one[0])
        if isinstance(found, int | float):
            return False, float(found), ""
        return True, 0.0, str(found)

    by_path = sorted(known, key=lambda one: one[0].path)
    yield from sorted(by_path, key=key, reverse=sort.startswith("-"))
    yield from (one for one in files if value(one[0]) is None)


def _shown(
    snapshot: Snapshot, columns: ChunkColumns, query: Query, file: SourceFile
) -> list[Chunk]:
    """Return the chunks of a file that pass, in their order."""
    chunks = snapshot.chunks_of_file(columns.dataset, file.id)
    mask = allowed(query, columns, snapshot)
    if mask is None:
        return chunks
    at = columns.positions_of(snapshot, [chunk.id for chunk in chunks])
    return [chunk for chunk, place in zip(chunks, at.tolist(), strict=True) if mask[place]]
