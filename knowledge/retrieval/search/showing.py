"""One chunk, with what stands around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from knowledge.errors import FileNotInDatasetError
from knowledge.model import Chunk, Dataset, Hit
from knowledge.retrieval.refine.windows import join
from knowledge.retrieval.search.similar import LEAST_PREFIX, find_chunk

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog, Snapshot


def show_chunk(
    catalog: Catalog,
    name: str | None,
    text: str,
    *,
    before: int,
    after: int,
    saw: Callable[[Dataset], object],
) -> Hit:
    """Return the chunk of one dataset, or of any, as a hit.

    Parameters
    ----------
    saw:
        Told the dataset that holds it.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    FileNotInDatasetError
        None has this id, or several begin so.
    """
    with catalog.snapshot() as snapshot:
        found = []
        for one in snapshot.names() if name is None else [name]:
            dataset = snapshot.dataset(one)
            if (chunk := find_chunk(snapshot, dataset, text)) is not None:
                found.append((dataset, chunk))
        if not found or len({chunk.id for _, chunk in found}) > 1:
            raise FileNotInDatasetError(
                f"there is no chunk {text!r}"
                if not found
                else f"several chunks begin with {text!r}",
                hint="Give its id as `knowledge retrieve --json` prints it, "
                f"or {LEAST_PREFIX} or more characters of it that no other has.",
            )
        saw(found[0][0])
        return _as_hit(snapshot, *found[0], before=before, after=after)


def _as_hit(snapshot: Snapshot, dataset: Dataset, chunk: Chunk, *, before: int, after: int) -> Hit:
    file = snapshot.files_by_id(dataset, [chunk.file_id])[chunk.file_id]
    first, last = chunk.passage.ordinal - before, chunk.passage.ordinal + after
    around = [
        other
        for other in snapshot.chunks_of_file(dataset, file.id)
        if first <= other.passage.ordinal <= last and other.passage.member == chunk.passage.member
    ]
    shown = join(around) if len(around) > 1 else None
    return Hit.of(dataset, file, chunk, rank=1, shown=shown)
