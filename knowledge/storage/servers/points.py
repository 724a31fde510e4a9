"""The points of a version of an index, as its store lists them: their names, and checks of them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
    from knowledge.storage.servers.server import Carried

RUN = 8
"""Characters of the name of a run."""


@dataclass(frozen=True, slots=True)
class Carries:
    """What all points of a version carry beside their vectors, so that it can be asked for.

    Parameters
    ----------
    files:
        Each has the id of its chunk's file.
    sparse:
        Fingerprint of the model of their sparse vectors; empty where not all have theirs.
    """

    files: bool = False
    sparse: str = ""


class Points:
    """The points of a version: for each chunk the run that wrote its vector, and checks.

    A check is a projection of a vector, by which another one in its place is noticed.

    Parameters
    ----------
    rows:
        A structured array of ``id``, ``run``, ``check``, ``file`` (the CRC-32 of the file's id, 0
        for none) and ``sparse`` (the check of the sparse vector, nan for none), by id.
    carries:
        What all of them carry.
    """

    def __init__(
        self, rows: NDArray[np.void] | None = None, carries: Carries | None = None
    ) -> None:
        import numpy as np

        self.rows = np.zeros(0, row_type(1)) if rows is None else rows
        self.carries = carries or Carries()

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def ids(self) -> NDArray[np.bytes_]:
        """The ids of the chunks, in order."""
        import numpy as np

        return np.ascontiguousarray(self.rows["id"])

    def at(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return where some chunks stand; -1 for those that are not there."""
        import numpy as np

        if not len(self) or not len(ids):
            return np.full(len(ids), -1, np.int64)
        asked = np.array([id.encode() for id in ids])
        found = np.searchsorted(self.ids, asked).clip(max=len(self) - 1)
        return np.where(self.ids[found] == asked, found, -1).astype(np.int64)

    def names(self, positions: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """Return the names of the points at some positions."""
        return [f"{row['id'].decode()}.{row['run'].decode()}" for row in self.rows[positions]]

    def all(self, page: int) -> Iterator[list[str]]:
        """Yield the names of all points, so many at a time."""
        for start in range(0, len(self), page):
            yield self.names(range(start, min(start + page, len(self))))

    def changed(self, gone: Collection[str], new: Mapping[str, NewPoint]) -> Points:
        """Return the points without some chunks, and with others."""
        import numpy as np

        at = self.at([*gone, *new])
        kept = np.ones(len(self), bool)
        kept[at[at >= 0]] = False
        length = max((len(id.encode()) for id in new), default=1)
        dtype = row_type(max(length, self.rows.dtype["id"].itemsize))
        added = np.array(
            [(id.encode(), run.encode(), *checked) for id, (run, *checked) in new.items()], dtype
        )
        rows = np.concatenate([self.rows[kept].astype(dtype), added])
        return Points(rows[np.argsort(rows["id"], kind="stable")])

    def without(self, others: Sequence[Points]) -> Points:
        """Return the points that none of the others has."""
        import numpy as np

        kept = np.ones(len(self), bool)
        for other in others:
            if len(other):
                at = np.searchsorted(other.ids, self.ids).clip(max=len(other) - 1)
                same = (other.ids[at] == self.ids) & (other.rows["run"][at] == self.rows["run"])
                kept &= ~same
        return Points(self.rows[kept])

    def wrongly_carried(self, positions: NDArray[np.int64], found: Sequence[Carried]) -> int:
        """Return how many of some points do not carry what was written."""
        import numpy as np

        wrong = np.zeros(len(positions), bool)
        rows = self.rows[positions]
        if self.carries.files:
            wrong |= rows["file"] != np.array([file_check(one.file) for one in found], "<u4")
        if self.carries.sparse:
            checked = np.array([sparse_check(one.sparse) for one in found], "<f4")
            with np.errstate(all="ignore"):
                wrong |= ~(np.abs(checked - rows["sparse"]) < _OFF)
        return int(wrong.sum())

    def right(
        self, positions: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Return which vectors are what was written, by their checks."""
        import numpy as np

        with np.errstate(all="ignore"):
            fits: NDArray[np.bool_] = np.abs(checks(vectors) - self.rows["check"][positions]) < _OFF
        return fits


NewPoint = tuple[str, float, int, float]
"""Run, check of the vector, check of the file, check of the sparse vector."""
NO_SPARSE = float("nan")
_OFF = 1e-3
"""More than rounding changes a projection; two vectors that differ are mostly farther apart."""


def checks(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a projection of each vector, of about unit variance."""
    import numpy as np

    steps = np.arange(1, vectors.shape[1] + 1, dtype=np.float64)
    direction = (np.sqrt(2.0) * np.sin(steps**2)).astype(np.float32)
    projected: NDArray[np.float32] = np.einsum("ij,j->i", vectors, direction).astype(np.float32)
    return projected


def file_check(file: str) -> int:
    """Return the check of a file's id; 0 for none."""
    return zlib.crc32(file.encode())


def sparse_check(vector: SparseBytes | None) -> float:
    """Return a projection of a sparse vector; 0 for one without terms, or for none."""
    import numpy as np

    if vector is None:
        return 0.0
    terms = np.frombuffer(vector[0], "<u4").astype(np.float64)
    weights = np.frombuffer(vector[1], "<f2").astype(np.float64)
    return float((weights * np.sin(terms % 1e6 + 1.0)).sum())


def row_type(length: int) -> np.dtype[np.void]:
    """Return the type of a row of :class:`Points`, with ids of so many bytes."""
    import numpy as np

    return np.dtype(
        [
            ("id", f"S{length}"),
            ("run", f"S{RUN}"),
            ("check", "<f4"),
            ("file", "<u4"),
            ("sparse", "<f4"),
        ]
    )


def packed(rows: NDArray[Any]) -> bytes:
    """Return an array as the bytes of a file of numpy's."""
    import numpy as np

    file = io.BytesIO()
    np.save(file, rows, allow_pickle=False)
    return file.getvalue()


def unpacked(content: bytes, checksum: int) -> NDArray[Any]:
    """Return the array of :func:`packed`.

    Raises
    ------
    ValueError
        The content has another CRC-32, or is no array.
    """
    import numpy as np

    if not content or zlib.crc32(content) != checksum:
        raise ValueError("it is not what was written")
    found: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return found
