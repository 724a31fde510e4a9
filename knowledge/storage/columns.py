"""What searches need to know of all chunks of a dataset, as columns.

Position i is the same chunk in every column; positions go by the catalog's row. A column is read
from the catalog when it is asked for first, and kept: the chunks that a generation shows never
change, and what changes of their files is known by the revision. Columns are shared by all threads
that ask this generation; arrays are never written to once they are made.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from knowledge.storage.kept import Kept
from knowledge.storage.terms import COUNTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.model import Dataset
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import VectorMatrix

T = TypeVar("T")
Vectors = tuple[list[str], "NDArray[np.float32]"]
"""Chunk ids, and their vectors as rows."""
Holders = tuple["NDArray[np.int32]", "NDArray[np.uint8]"]
"""Positions of what holds a term, in order, and how often each does."""

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
WORTH_KEEPING = 5_000
"""Chunks whose columns take longer to make than to read from a file."""
IDS, ORDER, FILES = "ids", "ids in order", "files"
"""What the columns of all ids, of their order, and of all files are kept under."""


class FileFacts(NamedTuple):
    """What filters look at; ``metadata`` is the document's own, with what the user gave on top."""

    path: str
    name: str
    mtime_ns: int
    metadata: dict[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class StoredColumns:
    """What is the same for all questions to a generation, integers; one of each chunk if not said.

    Parameters
    ----------
    rows, tokens:
        Each chunk's row in the catalog, in order, and its tokens.
    numbers:
        The number of its vector in the version's matrix.
    order:
        The positions of all chunks by their ids.
    files:
        The number of its file.
    file_rows:
        The row of each file, by number.
    """

    rows: NDArray[np.integer[Any]]
    tokens: NDArray[np.integer[Any]]
    numbers: NDArray[np.integer[Any]]
    order: NDArray[np.integer[Any]]
    files: NDArray[np.integer[Any]]
    file_rows: NDArray[np.integer[Any]]

    @property
    def fit(self) -> bool:
        """Whether they can be columns of one dataset."""
        columns = (self.rows, self.tokens, self.numbers, self.order, self.files)
        chunks = len(self.rows)
        below = ((self.files, len(self.file_rows)), (self.order, chunks), (self.numbers, None))
        return (
            all(len(one) == chunks for one in columns)
            and bool((self.rows[1:] > self.rows[:-1]).all())
            and all(
                int(one.min(initial=0)) >= 0 and (most is None or int(one.max(initial=-1)) < most)
                for one, most in below
            )
        )


SumUp = Callable[[Sequence[tuple[FileFacts, int]]], T]
"""Makes something of all files of a dataset, each with the number of its chunks."""


class ChunkColumns:
    """The columns of one generation of a dataset; safe to use from several threads.

    All methods need a snapshot, of any thread, that shows this generation at this revision.

    Parameters
    ----------
    snapshot:
        Where the first columns are read from.
    before:
        Columns of the same generation at an earlier revision, whose chunks are the same.
    """

    def __init__(
        self, snapshot: Snapshot, dataset: Dataset, before: ChunkColumns | None = None
    ) -> None:
        self.dataset = dataset
        if before is not None and before.dataset.generation != dataset.generation:
            before = None
        stored = _stored(snapshot, dataset) if before is None else None
        if before is not None:
            rows, tokens = before.rows, before.tokens
        elif stored is not None:
            rows, tokens = stored.rows.astype(np.int64), stored.tokens.astype(np.int64)
        else:
            rows, tokens = snapshot.chunk_sizes(dataset)
            order = np.argsort(rows)
            rows, tokens = rows[order], tokens[order]
        self.rows: NDArray[np.int64] = rows
        self.tokens: NDArray[np.int64] = tokens
        self._of_chunks: Kept[str, Any] = before._of_chunks if before is not None else Kept()
        self._common: Kept[str, Holders] = (
            before._common if before is not None else Kept(MOST_COMMON, _if_common)
        )
        self._numbers: Kept[int, tuple[VectorMatrix, NDArray[np.int64]]] = (
            before._numbers if before is not None else Kept(1)
        )
        self._stored_numbers: NDArray[np.int64] | None = None
        if before is not None:
            self._stored_numbers = before._stored_numbers
        elif stored is not None:
            self._stored_numbers = stored.numbers.astype(np.int64)
            order, files = stored.order.astype(np.int64), stored.files.astype(np.int32)
            file_rows = stored.file_rows.astype(np.int64)
            self._of_chunks.get(ORDER, lambda: order)
            self._of_chunks.get(FILES, lambda: (files, file_rows))
        self._named: Kept[str, NDArray[np.int64]] = Kept(MOST_NAMED, lambda rows: len(rows) + 50)
        self._files: Kept[str, tuple[list[FileFacts], NDArray[np.int32]]] = Kept()
        self._summaries: Kept[SumUp[Any], Any] = Kept(MASKS)
        self._masks: Kept[Hashable, NDArray[np.bool_]] = Kept(MASKS)
        self._vectors: Kept[int, tuple[NDArray[np.bool_], Vectors]] = Kept(
            MOST_BYTES, lambda found: int(found[1][1].nbytes)
        )

    def __len__(self) -> int:
        return len(self.rows)

    def ids_at(self, snapshot: Snapshot, positions: Sequence[int]) -> list[str]:
        """Return the chunk ids at some positions."""
        if IDS not in self._of_chunks and len(positions) * MANY < len(self):
            rows = [int(self.rows[position]) for position in positions]
            found = snapshot.ids_of_rows(rows)
            return [found[row] for row in rows]
        chosen = self._all_ids(snapshot)[np.asarray(positions, dtype=np.int64)]
        return [id.decode() for id in chosen.tolist()]

    def first_by_id(
        self, snapshot: Snapshot, positions: NDArray[np.int64], count: int
    ) -> NDArray[np.int64]:
        """Return which of some positions have the ``count`` first ids, as indexes, in any order."""
        if ORDER not in self._of_chunks and len(positions) * MANY < len(self):
            ids = self.ids_at(snapshot, positions.tolist())
            return np.argsort(np.array(ids))[:count]
        place = np.empty(len(self), dtype=np.int64)
        place[self._by_id(snapshot)] = np.arange(len(self))
        return np.argpartition(place[positions], count)[:count]

    def positions_of(self, snapshot: Snapshot, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return where chunks with these ids stand; -1 for one that is not there."""
        if not ids or not len(self):
            return np.full(len(ids), -1, dtype=np.int64)
        if IDS not in self._of_chunks and len(ids) * MANY < len(self):
            rows, found = snapshot.rows_of_ids(self.dataset, ids)
            at = self.positions_of_rows(rows)
            known = {id: int(place) for id, place in zip(found, at, strict=True) if place >= 0}
            return np.array([known.get(id, -1) for id in ids], dtype=np.int64)
        every = self._all_ids(snapshot)
        by_id = self._by_id(snapshot)
        wanted = np.array([id.encode() for id in ids], dtype=np.bytes_)
        place = np.minimum(np.searchsorted(every, wanted, sorter=by_id), len(every) - 1)
        placed: NDArray[np.int64] = by_id[place]
        return np.where(every[placed] == wanted, placed, -1)

    def numbers(self, matrix: VectorMatrix, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the number of each chunk's vector; -1 for one that the matrix does not hold."""

        def read() -> tuple[VectorMatrix, NDArray[np.int64]]:
            stored = self._stored_numbers
            if stored is not None and int(stored.max(initial=-1)) < len(matrix):
                return matrix, stored
            rows, ids = snapshot.rows_with_ids(self.dataset)
            at = self.positions_of_rows(rows)
            shown = at >= 0
            numbers = np.full(len(self), -1, dtype=np.int64)
            numbers[at[shown]] = matrix.numbers(ids[shown])
            order = self._of_chunks.get(ORDER, lambda: at[shown][_order(ids[shown])])
            if len(self) >= WORTH_KEEPING and bool((numbers >= 0).all()):
                files = self._numbered(snapshot)
                found = StoredColumns(self.rows, self.tokens, numbers, order, *files)
                snapshot.keep_columns(self.dataset, found)
            return matrix, numbers

        return self._numbers.get(id(matrix), read)[1]

    def positions_of_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where rows of the catalog stand; -1 for those that this generation hides."""
        if not len(self):
            return np.full(len(rows), -1, dtype=np.int64)
        if self.rows[-1] - self.rows[0] == len(self) - 1:  # rows without a gap, as at first ingest
            at = rows - self.rows[0]
            return np.where((at >= 0) & (at < len(self)), at, -1)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self) - 1)
        return np.where(self.rows[at] == rows, at, -1)

    def chunks_with(self, snapshot: Snapshot, term: str) -> NDArray[np.int32]:
        """Return where the chunks stand that hold a full-text term, in order."""
        return self.holders(snapshot, term)[0]

    def holders(self, snapshot: Snapshot, term: str) -> Holders:
        """Return where the chunks stand that hold a full-text term, in order, and how often.

        Each is counted as one of :data:`knowledge.storage.terms.COUNTS`.
        """

        def read() -> Holders:
            times = np.zeros(len(self), dtype=np.uint8)
            for count in COUNTS:
                rows = snapshot.rows_with_term(self.dataset, term, count)
                if not len(rows):
                    break
                at = self.positions_of_rows(rows)
                times[at[at >= 0]] = count
            at = np.flatnonzero(times)
            return at.astype(np.int32), times[at]

        return self._common.get(term, read)

    def file_numbers(self, snapshot: Snapshot) -> NDArray[np.int32]:
        """Return for each chunk the number of its file, from 0 without a gap."""
        return self._numbered(snapshot)[0]

    def files_named(self, snapshot: Snapshot, term: str) -> NDArray[np.int64]:
        """Return the numbers of the files whose name or title holds a full-text term."""

        def read() -> NDArray[np.int64]:
            rows = snapshot.files_named(self.dataset, term)
            if not len(rows):
                return rows
            return np.flatnonzero(np.isin(self._numbered(snapshot)[1], rows))

        return self._named.get(term, read)

    def file_tokens(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return the tokens of each file's chunks together, by the file's number."""

        def add() -> NDArray[np.int64]:
            return np.bincount(self.file_numbers(snapshot), self.tokens).astype(np.int64)

        found: NDArray[np.int64] = self._of_chunks.get("file tokens", add)
        return found

    def _numbered(self, snapshot: Snapshot) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return each chunk's number of its file, and the catalog's row of each file."""

        def read() -> tuple[NDArray[np.int32], NDArray[np.int64]]:
            rows, sizes, files = snapshot.file_sizes(self.dataset)
            at = self.positions_of_rows(rows)
            numbers = np.zeros(len(self), dtype=np.int32)
            numbers[at[at >= 0]] = np.repeat(np.arange(len(sizes)), sizes)[at >= 0]
            shown, found = np.unique(numbers, return_inverse=True)
            return found.astype(np.int32), files[shown]

        found: tuple[NDArray[np.int32], NDArray[np.int64]] = self._of_chunks.get(FILES, read)
        return found

    def vocabulary(self, snapshot: Snapshot, least: int) -> str:
        """Return the words among the terms of at least so many letters, each on a line."""

        def read() -> str:
            words = [term for term in snapshot.vocabulary(self.dataset, least) if term.isalpha()]
            return "\n".join(["", *words, ""])

        found: str = self._of_chunks.get(f"vocabulary {least}", read)
        return found

    def languages(self, snapshot: Snapshot) -> Sequence[str]:
        """Return the languages that the chunks are stemmed in."""
        found: Sequence[str] = self._of_chunks.get(
            "languages", lambda: snapshot.languages(self.dataset)
        )
        return found

    def mask(self, key: Hashable, make: Callable[[], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return which chunks pass a filter, made once for each ``key``."""
        return self._masks.get(key, make)

    def vectors(self, mask: NDArray[np.bool_], read: Callable[[], Vectors]) -> Vectors:
        """Return the vectors of the chunks that a mask lets through, read once while there is room.

        The same filter often stands with many questions.
        """
        return self._vectors.get(id(mask), lambda: (mask, read()))[1]

    def summary(self, snapshot: Snapshot, sum_up: SumUp[T]) -> T:
        """Return what a function makes of all files, each with its chunks; called once and kept."""

        def make() -> T:
            facts, file_of = self._facts(snapshot)
            counts = np.bincount(file_of, minlength=len(facts)).tolist()
            return sum_up(list(zip(facts, counts, strict=True)))

        found: T = self._summaries.get(sum_up, make)
        return found

    def where_file(
        self, snapshot: Snapshot, passes: Callable[[FileFacts], bool]
    ) -> NDArray[np.bool_]:
        """Return the mask of the chunks whose file passes.

        A chunk with metadata of its own is asked for with that on top of its file's.
        """
        facts, file_of = self._facts(snapshot)
        outcome = np.fromiter(map(passes, facts), dtype=np.bool_, count=len(facts))
        mask = outcome[file_of]
        rows, own = snapshot.own_metadata(self.dataset)
        for at, metadata in zip(self.positions_of_rows(rows).tolist(), own, strict=True):
            if at >= 0:
                file = facts[file_of[at]]
                mask[at] = passes(file._replace(metadata={**file.metadata, **metadata}))
        return mask

    def whole_files(self, snapshot: Snapshot, mask: NDArray[np.bool_]) -> list[str] | None:
        """Return the ids of the files whose chunks a mask lets through, and no others.

        ``None`` where it lets some chunks of a file through, and others not; and where nobody has
        asked for the files yet, since what filters by texts alone cuts most of them.
        """
        if FILES not in self._files:
            return None
        facts, file_of = self._facts(snapshot)
        every = np.bincount(file_of, minlength=len(facts))
        inside = np.bincount(file_of[mask], minlength=len(facts))
        if ((inside > 0) & (inside < every)).any():
            return None
        return [facts[number].id for number in np.flatnonzero(inside).tolist()]

    def where_text(self, snapshot: Snapshot, passes: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return the mask of the chunks whose headings and text, on lines of their own, pass."""
        mask = np.zeros(len(self), dtype=np.bool_)
        for row, text in snapshot.texts(self.dataset):
            mask[np.searchsorted(self.rows, row)] = passes(text)
        return mask

    def _by_id(self, snapshot: Snapshot) -> NDArray[np.int64]:
        """Return all positions in the order of their ids."""

        def read() -> NDArray[np.int64]:
            rows, ids = snapshot.rows_with_ids(self.dataset)
            at = self.positions_of_rows(rows)
            found: NDArray[np.int64] = at[at >= 0][_order(ids[at >= 0])]
            return found

        found: NDArray[np.int64] = self._of_chunks.get(ORDER, read)
        return found

    def _all_ids(self, snapshot: Snapshot) -> NDArray[np.bytes_]:

        def read() -> NDArray[np.bytes_]:
            rows, ids = snapshot.rows_with_ids(self.dataset)
            at = self.positions_of_rows(rows)
            shown = at >= 0
            every = np.zeros(len(self), dtype=ids.dtype)
            every[at[shown]] = ids[shown]
            return every

        found: NDArray[np.bytes_] = self._of_chunks.get(IDS, read)
        return found

    def _facts(self, snapshot: Snapshot) -> tuple[list[FileFacts], NDArray[np.int32]]:
        return self._files.get(FILES, lambda: self._read_files(snapshot))

    def _read_files(self, snapshot: Snapshot) -> tuple[list[FileFacts], NDArray[np.int32]]:
        """Return the files, and for each chunk the number of its own."""
        facts = []
        file_of = np.zeros(len(self), dtype=np.int32)
        for number, (file, rows) in enumerate(snapshot.files_with_rows(self.dataset)):
            facts.append(FileFacts(file.path, file.name, file.mtime_ns, file.all_metadata, file.id))
            at = self.positions_of_rows(rows)
            file_of[at[at >= 0]] = number
        return facts, file_of


def _stored(snapshot: Snapshot, dataset: Dataset) -> StoredColumns | None:
    """Return the columns that were kept, where they can be the dataset's."""
    if dataset.chunks < WORTH_KEEPING:
        return None
    stored = snapshot.stored_columns(dataset)
    return stored if stored and len(stored.rows) == dataset.chunks and stored.fit else None


def _order(ids: NDArray[np.bytes_]) -> Any:
    """Return what brings ids into order: a store best gives them so."""
    return slice(None) if bool((ids[:-1] <= ids[1:]).all()) else np.argsort(ids)


def _if_common(holders: Holders) -> int | None:
    return len(holders[0]) if len(holders[0]) >= COMMON else None
