"""What searches need to know of all chunks of a dataset, as columns.

Position i is the same chunk in every column; positions go by the catalog's row. A column is read
from the catalog when it is asked for first, and kept: the chunks that a generation shows never
change, and what changes of their files is known by the revision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import VectorMatrix

Vectors = tuple[list[str], "NDArray[np.float32]"]
"""Chunk ids, and their vectors as rows."""

MOST_BYTES = 64 * 2**20
"""Of vectors that are kept with the filters they belong to."""
MASKS = 32
"""Filters whose outcome is kept."""
COMMON = 1_000
MOST_COMMON = 8_000_000
"""Chunks of the terms that are kept: what many chunks hold, many questions hold too."""
MOST_NAMED = 1_000_000
"""Files by the terms of their names that are kept; that a term is in no name counts as 50."""
MANY = 20
"""For more than one in so many chunks, all ids are read at once."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What filters look at; ``metadata`` is the document's own, with what the user gave on top."""

    path: str
    name: str
    mtime_ns: int
    metadata: dict[str, Any]


class ChunkColumns:
    """The columns of one generation of a dataset.

    All methods need a snapshot that shows this generation at this revision.

    Parameters
    ----------
    snapshot:
        Where the first columns are read from.
    """

    def __init__(self, snapshot: Snapshot, dataset: Dataset) -> None:
        self.dataset = dataset
        rows, tokens = snapshot.chunk_sizes(dataset)
        order = np.argsort(rows)
        self.rows: NDArray[np.int64] = rows[order]
        self.tokens: NDArray[np.int64] = tokens[order]
        self._ids: NDArray[np.bytes_] | None = None
        self._by_id: NDArray[np.int64] | None = None
        self._numbers: tuple[VectorMatrix, NDArray[np.int64]] | None = None
        self._file_numbers: tuple[NDArray[np.int32], NDArray[np.int64]] | None = None
        self._file_tokens: NDArray[np.int64] | None = None
        self._named: dict[str, NDArray[np.int64]] = {}
        self._named_size = 0
        self._files: tuple[list[FileFacts], NDArray[np.int32]] | None = None
        self._languages: list[str] | None = None
        self._common: dict[tuple[str, int], NDArray[np.int32]] = {}
        self._common_size = 0
        self._masks: dict[object, NDArray[np.bool_]] = {}
        self._vectors: dict[int, tuple[NDArray[np.bool_], Vectors]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def ids_at(self, snapshot: Snapshot, positions: Sequence[int]) -> list[str]:
        """Return the chunk ids at some positions."""
        if self._ids is None and len(positions) * MANY < len(self):
            rows = [int(self.rows[position]) for position in positions]
            found = snapshot.ids_of_rows(rows)
            return [found[row] for row in rows]
        chosen = self._all_ids(snapshot)[np.asarray(positions, dtype=np.int64)]
        return [id.decode() for id in chosen.tolist()]

    def positions_of(self, snapshot: Snapshot, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return where chunks with these ids stand; -1 for one that is not there."""
        if not ids or not len(self):
            return np.full(len(ids), -1, dtype=np.int64)
        if self._by_id is None and len(ids) * MANY < len(self):
            rows, found = snapshot.rows_of_ids(self.dataset, ids)
            at = self.positions_of_rows(rows)
            known = {id: int(place) for id, place in zip(found, at, strict=True) if place >= 0}
            return np.array([known.get(id, -1) for id in ids], dtype=np.int64)
        every = self._all_ids(snapshot)
        if self._by_id is None:
            self._by_id = np.argsort(every)
        wanted = np.array([id.encode() for id in ids], dtype=np.bytes_)
        place = np.minimum(np.searchsorted(every, wanted, sorter=self._by_id), len(every) - 1)
        at = self._by_id[place]
        return np.where(every[at] == wanted, at, -1)

    def numbers(self, matrix: VectorMatrix, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the number of each chunk's vector; -1 for one that the matrix does not hold."""
        if self._numbers is None or self._numbers[0] is not matrix:
            rows, ids = snapshot.rows_with_ids(self.dataset)
            at = self.positions_of_rows(rows)
            shown = at >= 0
            numbers = np.full(len(self), -1, dtype=np.int64)
            numbers[at[shown]] = matrix.numbers(ids[shown])
            self._numbers = (matrix, numbers)
        return self._numbers[1]

    def positions_of_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where rows of the catalog stand; -1 for those that this generation hides."""
        if not len(self):
            return np.full(len(rows), -1, dtype=np.int64)
        if self.rows[-1] - self.rows[0] == len(self) - 1:  # rows without a gap, as at first ingest
            at = rows - self.rows[0]
            return np.where((at >= 0) & (at < len(self)), at, -1)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self) - 1)
        return np.where(self.rows[at] == rows, at, -1)

    def chunks_with(self, snapshot: Snapshot, term: str, count: int) -> NDArray[np.int32]:
        """Return where the chunks stand that hold a full-text term ``count`` times at least."""
        key = (term, count)
        if key in self._common:
            return self._common[key]
        at = self.positions_of_rows(snapshot.rows_with_term(self.dataset, term, count))
        found = at[at >= 0].astype(np.int32)
        if len(found) >= COMMON and self._common_size + len(found) <= MOST_COMMON:
            self._common[key] = found
            self._common_size += len(found)
        return found

    def file_numbers(self, snapshot: Snapshot) -> NDArray[np.int32]:
        """Return for each chunk the number of its file, from 0 without a gap."""
        return self._numbered(snapshot)[0]

    def files_named(self, snapshot: Snapshot, term: str) -> NDArray[np.int64]:
        """Return the numbers of the files whose name or title holds a full-text term."""
        if term not in self._named:
            rows = snapshot.files_named(self.dataset, term)
            if len(rows):
                rows = np.flatnonzero(np.isin(self._numbered(snapshot)[1], rows))
            self._named_size += len(rows) + 50
            if self._named_size > MOST_NAMED:
                self._named.clear()
                self._named_size = len(rows) + 50
            self._named[term] = rows
        return self._named[term]

    def file_tokens(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the tokens of each file's chunks together, by the file's number."""
        if self._file_tokens is None:
            numbers = self.file_numbers(snapshot)
            self._file_tokens = np.bincount(numbers, self.tokens).astype(np.int64)
        return self._file_tokens

    def _numbered(self, snapshot: Snapshot) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return each chunk's number of its file, and the catalog's row of each file."""
        if self._file_numbers is None:
            rows, sizes, files = snapshot.file_sizes(self.dataset)
            at = self.positions_of_rows(rows)
            numbers = np.zeros(len(self), dtype=np.int32)
            numbers[at[at >= 0]] = np.repeat(np.arange(len(sizes)), sizes)[at >= 0]
            shown, found = np.unique(numbers, return_inverse=True)
            self._file_numbers = (found.astype(np.int32), files[shown])
        return self._file_numbers

    def languages(self, snapshot: Snapshot) -> Sequence[str]:
        """Return the languages that the chunks are stemmed in."""
        if self._languages is None:
            self._languages = snapshot.languages(self.dataset)
        return self._languages

    def mask(self, key: object, make: Callable[[], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return which chunks pass a filter, made once for each ``key``."""
        if key not in self._masks:
            while len(self._masks) >= MASKS:
                del self._masks[next(iter(self._masks))]
            self._masks[key] = make()
        return self._masks[key]

    def vectors(self, mask: NDArray[np.bool_], read: Callable[[], Vectors]) -> Vectors:
        """Return the vectors of the chunks that a mask lets through, read once while there is room.

        The same filter often stands with many questions.
        """
        known = self._vectors.get(id(mask))
        if known is not None and known[0] is mask:
            return known[1]
        found = read()
        self._vectors[id(mask)] = (mask, found)
        while sum(vectors.nbytes for _, (_, vectors) in self._vectors.values()) > MOST_BYTES:
            del self._vectors[next(iter(self._vectors))]
        return found

    def where_file(
        self, snapshot: Snapshot, passes: Callable[[FileFacts], bool]
    ) -> NDArray[np.bool_]:
        """Return the mask of the chunks whose file passes.

        A chunk with metadata of its own is asked for with that on top of its file's.
        """
        if self._files is None:
            self._files = self._read_files(snapshot)
        facts, file_of = self._files
        outcome = np.fromiter(map(passes, facts), dtype=np.bool_, count=len(facts))
        mask = outcome[file_of]
        rows, own = snapshot.own_metadata(self.dataset)
        for at, metadata in zip(self.positions_of_rows(rows).tolist(), own, strict=True):
            if at >= 0:
                file = facts[file_of[at]]
                mask[at] = passes(replace(file, metadata={**file.metadata, **metadata}))
        return mask

    def where_text(self, snapshot: Snapshot, passes: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return the mask of the chunks whose headings and text, on lines of their own, pass."""
        mask = np.zeros(len(self), dtype=np.bool_)
        for row, text in snapshot.texts(self.dataset):
            mask[np.searchsorted(self.rows, row)] = passes(text)
        return mask

    def _all_ids(self, snapshot: Snapshot) -> NDArray[np.bytes_]:
        if self._ids is None:
            rows, ids = snapshot.rows_with_ids(self.dataset)
            at = self.positions_of_rows(rows)
            shown = at >= 0
            self._ids = np.zeros(len(self), dtype=ids.dtype)
            self._ids[at[shown]] = ids[shown]
        return self._ids

    def _read_files(self, snapshot: Snapshot) -> tuple[list[FileFacts], NDArray[np.int32]]:
        """Return the files, and for each chunk the number of its own."""
        facts = []
        file_of = np.zeros(len(self), dtype=np.int32)
        for number, (file, rows) in enumerate(snapshot.files_with_rows(self.dataset)):
            facts.append(FileFacts(file.path, file.name, file.mtime_ns, file.all_metadata))
            at = self.positions_of_rows(rows)
            file_of[at[at >= 0]] = number
        return facts, file_of
