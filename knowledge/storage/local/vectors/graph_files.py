"""The files of Chroma's graph, read without Chroma, which a damaged one would kill.

``header.bin`` says how ``data_level0.bin`` is built: an element for each vector, with its links,
its numbers and its label. ``length.bin`` holds a float32 for each. ``index_metadata.pickle`` holds
a dict of ids and their labels. (chroma-hnswlib's ``saveIndex`` as of chromadb 1.5.9;
a test compares what is read here with what Chroma gives.)
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from knowledge.storage.local.vectors.checksums import BLOCK, PERSISTED
from knowledge.storage.unit_vectors import unit_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA, HEADER, LENGTHS = "data_level0.bin", "header.bin", "length.bin"
_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")
_FORMAT = 1
_MOST_BYTES = 1 << 20  # of one element


class _Layout(NamedTuple):
    elements: int
    size: int
    label_at: int
    data_at: int

    @property
    def dimensions(self) -> int:
        return (self.label_at - self.data_at) // 4


class _PlainUnpickler(pickle.Unpickler):
    """Loads dicts, lists, texts and numbers; nothing that could run."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not a plain value")


def graph_damage(folder: Path) -> str:
    """Return why the files of a graph can't be whole, by their sizes; empty where they may be."""
    for home in homes_in(folder):
        layout = _layout(home)
        if layout is None:
            return f"{HEADER} makes no sense"
        for name, size in ((DATA, layout.size), (LENGTHS, 4)):
            if _size(home / name) < layout.elements * size:  # it may have room for more
                return f"{name} is shorter than {HEADER} says"
        if _labels(home) is None:
            return f"{PERSISTED} can't be read"
    return ""


def clear_room(folder: Path) -> None:
    """Empty the room for more elements in the files of graphs.

    Chroma writes it out as it got the memory from the system's allocator, with whatever this
    process had there before: perhaps a provider's key.
    """
    for home in homes_in(folder):
        layout = _layout(home)
        if layout is None:
            continue
        for name, size in ((DATA, layout.size), (LENGTHS, 4)):
            path = home / name
            whole, used = _size(path), layout.elements * size
            if used < whole:
                os.truncate(path, used)
                os.truncate(path, whole)


class Graph:
    """The vectors in the files of whole graphs, as matrices that are not copied.

    Parameters
    ----------
    homes:
        The folders with the files, as :func:`homes_in` gives them: their vectors are numbered one
        after the other.
    ids:
        Where their ids were noted, as :func:`numbered_ids` gives them; else Chroma's files are
        read.

    Raises
    ------
    ValueError
        The files are not laid out as they should be.
    """

    def __init__(self, homes: Sequence[Path], ids: Path | None = None) -> None:
        import numpy as np

        self.size = 0
        """Bytes of all vectors, with their links."""
        self.parts: list[NDArray[np.float32]] = []
        """Each float32 of shape (elements, dimensions), those of deleted vectors among them."""
        for home in homes:
            self._add(home)
        lengths = {part.shape[1] for part in self.parts}
        if len(lengths) != 1:
            raise ValueError(f"its parts have vectors of {sorted(lengths)} dimensions")
        [self.dimensions] = lengths
        self._starts = np.cumsum([0, *(len(part) for part in self.parts)])
        noted = numbered_ids(homes) if ids is None else np.load(ids, mmap_mode="r")
        if noted is None:
            raise ValueError(f"{PERSISTED} can't be read")
        self._raw = RAW in (noted.dtype.names or ())
        self._ids, self._numbers = noted[RAW if self._raw else "id"], noted["number"]

    def _add(self, home: Path) -> None:
        import numpy as np

        layout = _layout(home)
        if layout is None:
            raise ValueError(f"{HEADER} makes no sense")
        elements = _elements(home, layout)
        if elements is None or len(elements) < layout.elements:
            raise ValueError(f"{DATA} is shorter than {HEADER} says")
        self.size += elements.nbytes
        self.parts.append(
            np.ndarray(
                (len(elements), layout.dimensions),
                dtype="<f4",
                buffer=elements,
                offset=layout.data_at,
                strides=(layout.size, 4),
            )
        )

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return a copy of vectors by their numbers, shape (len(numbers), dimensions)."""
        import numpy as np

        if len(self.parts) == 1:
            return self.parts[0][numbers]
        found = np.empty((len(numbers), self.dimensions), np.float32)
        place = np.searchsorted(self._starts, numbers, side="right") - 1
        for at in np.unique(place).tolist():
            here = place == at
            found[here] = self.parts[at][numbers[here] - self._starts[at]]
        return found

    def ids(self) -> list[str]:
        """Return the ids of all vectors, in order."""
        if not self._raw:
            return [id.decode() for id in self._ids.tolist()]
        return [id.decode() for id in _spelt(self._ids).tolist()]

    def numbers(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the numbers of the vectors of some ids, in UTF-8; -1 for one it does not hold."""
        import numpy as np

        if self._raw:
            raw = _packed(ids)
            ids = _each_packed(ids) if raw is None else raw
        if np.array_equal(ids, self._ids):  # as a catalog gives all of them
            return self._numbers.astype(np.int64)
        if not len(self._ids):
            return np.full(len(ids), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._numbers[at].astype(np.int64), -1)


def homes_in(folder: Path) -> list[Path]:
    """Return the folders of an index's graphs, in the order in which their vectors are numbered."""
    return sorted({path.parent for path in folder.rglob(PERSISTED)})


def numbered_ids(homes: Sequence[Path]) -> NDArray[np.void] | None:
    """Return the ids in graphs and the numbers of their vectors; ``None`` where one can't be read.

    The array has a field ``raw`` with ids as the 16 bytes that 32 hexadecimal digits stand for, or
    ``id`` with UTF-8 where one is anything else, sorted by it; and ``number``, uint32.
    """
    import numpy as np

    ids: list[NDArray[np.bytes_]] = []
    numbers: list[NDArray[np.uint32]] = []
    packed: list[bool] = []
    start = 0
    for home in homes:
        layout, labels = _layout(home), _labels(home)
        held = None if layout is None else _element_labels(home, layout)
        if labels is None or held is None:
            return None
        rows = _rows_of(labels, held)
        told = np.array([id.encode() for id in labels], dtype=np.bytes_)[rows >= 0]
        raw = _packed(told)
        packed.append(raw is not None)
        ids.append(told if raw is None else raw)
        numbers.append((rows[rows >= 0] + start).astype(np.uint32))
        start += len(held)
    if not all(packed):
        ids = [_spelt(part) if raw else part for part, raw in zip(ids, packed, strict=True)]
    name = RAW if all(packed) else "id"
    listed, number = np.concatenate(ids), np.concatenate(numbers)
    del ids, numbers  # a run publishes while it holds all else that it needs
    order = np.argsort(listed, kind="stable")
    found = np.empty(len(order), dtype=[(name, listed.dtype), ("number", np.uint32)])
    for start in range(0, len(order), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        found[name][part], found["number"][part] = listed[order[part]], number[order[part]]
    return found


RAW = "raw"
_TOGETHER = 50_000
_BYTES = 16
_DIGITS = b"0123456789abcdef"
_NO_ID = b"\xff" * (_BYTES + 1)
"""Longer than an id of 16 bytes, so none equals it."""


def _packed(ids: NDArray[np.bytes_]) -> NDArray[np.bytes_] | None:
    """Return ids of 32 hexadecimal digits as 16 bytes each; ``None`` where one is anything else."""
    import numpy as np

    told = ids.tobytes()
    if len(told) != 2 * _BYTES * len(ids) or told.translate(None, _DIGITS):
        return None
    return np.frombuffer(bytes.fromhex(told.decode("ascii")), dtype=f"S{_BYTES}")


def _spelt(raw: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Return the digits of ids of 16 bytes."""
    import numpy as np

    return np.frombuffer(raw.tobytes().hex().encode(), dtype=f"S{2 * _BYTES}")


def _each_packed(ids: NDArray[np.bytes_]) -> NDArray[np.bytes_]:
    """Return ids as :func:`_packed` does, with :data:`_NO_ID` for what is no such id."""
    import numpy as np

    found = [
        _NO_ID
        if len(id) != 2 * _BYTES or id.translate(None, _DIGITS)
        else bytes.fromhex(id.decode())
        for id in ids.tolist()
    ]
    return np.array(found, dtype=f"S{len(_NO_ID)}")


class GraphVectors:
    """The vectors in the files of a graph; those that can't be read are not there.

    Parameters
    ----------
    folder:
        Of the generation.
    """

    def __init__(self, folder: Path) -> None:

        self._parts = []
        for home in homes_in(folder):
            layout, labels = _layout(home), _labels(home)
            elements = None if layout is None else _elements(home, layout)
            held = None if layout is None else _element_labels(home, layout)
            if layout and labels is not None and elements is not None and held is not None:
                rows = _rows_of(labels, held).tolist()
                known = {id: row for id, row in zip(labels, rows, strict=True) if row >= 0}
                self._parts.append((known, elements, layout))

    @property
    def ids(self) -> list[str]:
        """The ids of all vectors."""
        return [id for known, _, _ in self._parts for id in known]

    @property
    def dimensions(self) -> set[int]:
        """The lengths of its vectors; one in a whole graph."""
        return {layout.dimensions for _, _, layout in self._parts}

    def get(self, ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of unit length, shape (dimensions,) each, by id."""
        found: dict[str, NDArray[np.float32]] = {}
        for known, elements, layout in self._parts:
            wanted = [(id, known[id]) for id in ids if id in known]
            if wanted:
                held, vectors = _whole(wanted, elements, layout)
                found |= dict(zip(held, vectors, strict=True))
        return found


def _whole(
    wanted: Sequence[tuple[str, int]], elements: NDArray[np.uint8], layout: _Layout
) -> tuple[list[str], NDArray[np.float32]]:
    import numpy as np

    raw = np.ascontiguousarray(
        elements[[row for _, row in wanted], layout.data_at : layout.label_at]
    )
    vectors = raw.view("<f4").astype(np.float32)
    good = unit_rows(vectors)
    return [id for (id, _), keep in zip(wanted, good, strict=True) if keep], vectors[good]


def layout_known(folder: Path) -> bool:
    """Return whether the files of all graphs say that they are laid out as was tested."""
    homes = homes_in(folder)
    return bool(homes) and all(_layout(home) is not None for home in homes)


def _layout(home: Path) -> _Layout | None:
    """Return how the elements lie: links, numbers, label, one behind the other."""
    try:
        version, start, most, elements, size, label_at, data_at, _, _, _, links, *_ = (
            _HEADER.unpack((home / HEADER).read_bytes())
        )
    except (OSError, struct.error):
        return None
    makes_sense = (
        (version, start) == (_FORMAT, 0)
        and data_at == 4 * (links + 1)
        and data_at < label_at == size - 8 < _MOST_BYTES
        and elements <= most
    )
    if not makes_sense or (label_at - data_at) % 4:
        return None
    return _Layout(elements, size, label_at, data_at)


def _labels(home: Path) -> dict[str, int] | None:
    """Return the label of each id."""
    try:
        with (home / PERSISTED).open("rb") as file:
            labels = _PlainUnpickler(file).load()["id_to_label"]
        whole = all(isinstance(k, str) and isinstance(v, int) for k, v in labels.items())
    except Exception:  # noqa: BLE001  a damaged pickle may raise anything
        return None
    return labels if whole else None


def _elements(home: Path, layout: _Layout) -> NDArray[np.uint8] | None:
    """Return the elements, shape (n, bytes of one), as many as there are whole ones."""
    import numpy as np

    count = min(layout.elements, _size(home / DATA) // layout.size)
    if not count:
        return None
    try:
        return np.memmap(home / DATA, dtype=np.uint8, mode="r", shape=(count, layout.size))
    except OSError:
        return None


def _element_labels(home: Path, layout: _Layout) -> NDArray[np.uint64] | None:
    """Return the labels of the elements; read in blocks, since pages of a map count as memory."""
    import numpy as np

    count = min(layout.elements, _size(home / DATA) // layout.size)
    held = np.empty(count, np.dtype("<u8"))
    block = max(1, BLOCK // layout.size)
    try:
        with (home / DATA).open("rb") as file:
            for start in range(0, count, block):
                rows = min(block, count - start)
                raw = np.frombuffer(file.read(rows * layout.size), np.uint8).reshape(rows, -1)
                labels = np.ascontiguousarray(raw[:, layout.label_at : layout.label_at + 8])
                held[start : start + rows] = labels.view("<u8")[:, 0]
    except OSError:
        return None
    return held if count else None


def _rows_of(labels: Mapping[str, int], held: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where the labels of ids stand among those held; -1 for one that is not there."""
    import numpy as np

    wanted = np.fromiter(labels.values(), np.uint64, len(labels))
    order = np.argsort(held, kind="stable")
    at = np.minimum(np.searchsorted(held, wanted, sorter=order), len(held) - 1)
    rows = order[at]
    return np.where(held[rows] == wanted, rows, -1)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
