"""What a version's folder holds where a server keeps its vectors: a mark, and its points.

A version is a set of points of one collection. The folder names the place and the collection, and
lists the points; so it is held, published by its name and swept as a folder of vectors is, and a
dataset remembers where its vectors are. Whoever removes such a folder first has the server forget
what no other version has (:func:`retire`).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, VectorServerError
from knowledge.storage.local.holding import GOING
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.changes import SparseBytes
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.servers.server import Carried, VectorServer

MARK = "elsewhere.json"
POINTS = "points.npy"
CARRIED, CARRIED_CHECKS = "carried.json", "carried.npy"
"""What points carry beside their vectors; earlier versions pass over both files."""
RUN = 8
"""Characters of the name of a run."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the vectors of a version, or of a candidate, are.

    Parameters
    ----------
    place:
        The server's address.
    collections:
        The collection; of a candidate, all that its run may have written to.
    run:
        Name of the run that wrote, or writes, to them.
    candidate:
        True where the points are not listed yet.
    dimensions:
        Of the vectors; 0 where there are none.
    vectors:
        How many there are.
    checksum:
        CRC-32 of the file of points.
    """

    place: str
    collections: tuple[str, ...]
    run: str
    candidate: bool = False
    dimensions: int = 0
    vectors: int = 0
    checksum: int = 0

    def write(self, folder: Path) -> None:
        """Write it into a version's folder."""
        (folder / MARK).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Carries:
    """What all points of a version carry beside their vectors, so that it can be asked for.

    Parameters
    ----------
    files:
        Each has the id of its chunk's file.
    sparse:
        Fingerprint of the model of their sparse vectors; empty where not all have theirs.
    checksum:
        CRC-32 of the file of checks.
    """

    files: bool = False
    sparse: str = ""
    checksum: int = 0


def read_mark(folder: Path) -> Mark | None:
    """Return the mark in a version's folder; ``None`` where the vectors lie in the folder.

    Raises
    ------
    DamagedStoreError
        It can't be read.
    """
    try:
        told = json.loads((folder / MARK).read_bytes())
        return Mark(**{**told, "collections": tuple(told["collections"])})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DamagedStoreError(f"{folder / MARK} can't be read", hint=REPAIR_INDEX) from error


def told_elsewhere(key: str, place: str, setting: str = "") -> str:
    """Say that a dataset's vectors are not where the setting says, which may be empty."""
    wanted = f"at {setting}" if setting else "in the data folder"
    return f"the vectors of dataset {key} are {place}, not {wanted}"


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

        self.rows = np.zeros(0, _dtype(1)) if rows is None else rows
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
        dtype = _dtype(max(length, self.rows.dtype["id"].itemsize))
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

    def write(self, folder: Path) -> int:
        """Write them into a version's folder; return the checksum of the file that lists them."""
        import numpy as np

        names = ("id", "run", "check")
        listed = np.zeros(len(self), [(name, self.rows.dtype[name]) for name in names])
        for name in names:
            listed[name] = self.rows[name]
        np.save(folder / POINTS, listed, allow_pickle=False)
        if self.carries != Carries():
            checked = np.stack([self.rows["file"], self.rows["sparse"].view("<u4")])
            np.save(folder / CARRIED_CHECKS, checked, allow_pickle=False)
            checksum = zlib.crc32((folder / CARRIED_CHECKS).read_bytes())
            told = json.dumps(asdict(replace(self.carries, checksum=checksum)))
            (folder / CARRIED).write_text(told + "\n", encoding="utf-8")
        return zlib.crc32((folder / POINTS).read_bytes())


def read_points(folder: Path, mark: Mark) -> Points:
    """Return the points of a version.

    Raises
    ------
    DamagedStoreError
        The file is not what was written.
    """
    import numpy as np

    listed = _read_array(folder / POINTS, mark.checksum)
    rows = np.zeros(len(listed), _dtype(listed.dtype["id"].itemsize))
    for name in ("id", "run", "check"):
        rows[name] = listed[name]
    rows["sparse"] = np.nan
    try:
        carries = Carries(**json.loads((folder / CARRIED).read_bytes()))
    except FileNotFoundError:
        return Points(rows)
    except (OSError, ValueError, TypeError) as error:
        raise DamagedStoreError(f"{folder / CARRIED} can't be read", hint=REPAIR_INDEX) from error
    checked = _read_array(folder / CARRIED_CHECKS, carries.checksum)
    rows["file"], rows["sparse"] = checked[0], checked[1].view("<f4")
    return Points(rows, replace(carries, checksum=0))


def _read_array(path: Path, checksum: int) -> NDArray[Any]:
    import io

    import numpy as np

    try:
        content = path.read_bytes()
        if zlib.crc32(content) == checksum:
            found: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
            return found
    except (OSError, ValueError) as error:
        raise DamagedStoreError(f"{path} can't be read: {error}", hint=REPAIR_INDEX) from error
    raise DamagedStoreError(f"{path} is not what was written", hint=REPAIR_INDEX)


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


def _dtype(length: int) -> np.dtype[np.void]:
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


def retire(folder: Path, servers: Servers) -> None:
    """Have the server forget what no other version of the dataset has; the folder goes next.

    Raises
    ------
    VectorServerError
        The server can't be reached, or fails; nothing that is needed was removed.
    DamagedStoreError
        A version's own list of points can't be read.
    """
    mark = read_mark(folder)
    if mark is None or not mark.collections:
        return
    server = servers.at(mark.place)
    beside = _beside(folder, mark.place)
    for collection in mark.collections:
        users = [(path, one) for path, one in beside if collection in one.collections]
        if not users:
            server.drop(collection)
        elif mark.candidate:
            server.delete_run(collection, mark.run)
        else:
            listed = [read_points(path, one) for path, one in users if not one.candidate]
            _forget(server, collection, read_points(folder, mark).without(listed))


def strays(folder: Path, servers: Servers) -> list[str]:
    """Return the points beside those of a version that no version of the dataset has.

    What a killed run had sent may reach the server after its points were forgotten. The caller
    holds the dataset's lock, so that nobody writes.

    Raises
    ------
    VectorServerError
        The server can't be reached, or fails.
    DamagedStoreError
        A list of points can't be read, or the collection is not there.
    """
    mark = read_mark(folder)
    if mark is None or not mark.collections:
        return []
    [collection] = mark.collections
    beside = _beside(folder, mark.place)
    users = [(path, one) for path, one in beside if collection in one.collections]
    if any(one.candidate for _, one in users):
        return []  # it goes first, with what it wrote
    listed = [read_points(path, one) for path, one in [(folder, mark), *users]]
    server = servers.at(mark.place)
    known = {name for points in listed for page in points.all(_PAGE) for name in page}
    if server.count(collection) == len(known):
        return []
    return [name for page in server.names(collection) for name in page if name not in known]


def forget_strays(folder: Path, servers: Servers) -> None:
    """Have the server forget what :func:`strays` returns; raises as that does."""
    mark = read_mark(folder)
    found = strays(folder, servers)
    if mark is not None and found:
        servers.at(mark.place).delete(mark.collections[0], found)


def retired(folder: Path, servers: Servers | None) -> bool:
    """Retire a folder as far as that is possible; tell whether it may be removed now."""
    try:
        if read_mark(folder) is None:
            return True
        if servers is None:
            return False
        retire(folder, servers)
    except (VectorServerError, DamagedStoreError):
        return False  # it stays, and `gc` comes back to it
    return True


def _beside(folder: Path, place: str) -> list[tuple[Path, Mark]]:
    """Return the dataset's other versions and candidates at a place, each with its mark."""
    paths = (p for p in folder.parent.iterdir() if p != folder and not p.name.startswith(GOING))
    marks = [(path, read_mark(path)) for path in paths]
    return [(path, mark) for path, mark in marks if mark is not None and mark.place == place]


def _forget(server: VectorServer, collection: str, points: Points) -> None:
    for page in points.all(_PAGE):
        server.delete(collection, page)


_PAGE = 5_000
