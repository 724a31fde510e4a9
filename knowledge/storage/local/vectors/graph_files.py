"""The files of Chroma's graph, read without Chroma, which a damaged one would kill.

``header.bin`` says how ``data_level0.bin`` is built: an element for each vector, with its links,
its numbers and its label. ``length.bin`` holds a float32 for each. ``index_metadata.pickle`` holds
a dict of ids and their labels. (chroma-hnswlib's ``saveIndex`` as of chromadb 1.5.9;
a test compares what is read here with what Chroma gives.)
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.storage.local.vectors.checksums import PERSISTED
from knowledge.storage.unit_vectors import unit_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DATA, HEADER, LENGTHS = "data_level0.bin", "header.bin", "length.bin"
_HEADER = struct.Struct("<iQQQQQQiIQQQdQ")
_FORMAT = 1
_MOST_BYTES = 1 << 20  # of one element


@dataclass(frozen=True, slots=True)
class _Layout:
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
    for home in {path.parent for path in folder.rglob(PERSISTED)}:
        layout = _layout(home)
        if layout is None:
            return f"{HEADER} makes no sense"
        for name, size in ((DATA, layout.size), (LENGTHS, 4)):
            if _size(home / name) < layout.elements * size:  # it may have room for more
                return f"{name} is shorter than {HEADER} says"
        if _labels(home) is None:
            return f"{PERSISTED} can't be read"
    return ""


class Graph:
    """The vectors in the files of a whole graph, as a matrix that is not copied.

    Parameters
    ----------
    home:
        The folder with the files.
    ids:
        Where its ids were noted, as :func:`numbered_ids` gives them; else Chroma's file is read.

    Raises
    ------
    ValueError
        The files are not laid out as they should be.
    """

    def __init__(self, home: Path, ids: Path | None = None) -> None:
        import numpy as np

        layout = _layout(home)
        if layout is None:
            raise ValueError(f"{HEADER} makes no sense")
        elements = _elements(home, layout)
        if elements is None or len(elements) < layout.elements:
            raise ValueError(f"{DATA} is shorter than {HEADER} says")
        self.size = elements.nbytes
        self.matrix: NDArray[np.float32] = np.ndarray(
            (len(elements), layout.dimensions),
            dtype="<f4",
            buffer=elements,
            offset=layout.data_at,
            strides=(layout.size, 4),
        )
        """float32 of shape (elements, dimensions), those of deleted vectors among them."""
        noted = numbered_ids(home) if ids is None else np.load(ids, mmap_mode="r")
        if noted is None:
            raise ValueError(f"{PERSISTED} can't be read")
        self._ids, self._numbers = noted["id"], noted["number"]

    @property
    def dimensions(self) -> int:
        """The length of its vectors."""
        return int(self.matrix.shape[1])

    def ids(self) -> list[str]:
        """Return the ids of all vectors, in order."""
        return [id.decode() for id in self._ids.tolist()]

    def numbers(self, ids: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return where the vectors of some ids stand in the matrix; -1 for one it does not hold."""
        import numpy as np

        if np.array_equal(ids, self._ids):  # as a catalog gives all of them
            return self._numbers.astype(np.int64)
        if not len(self._ids):
            return np.full(len(ids), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return np.where(self._ids[at] == ids, self._numbers[at], -1).astype(np.int64)


def numbered_ids(home: Path) -> NDArray[np.void] | None:
    """Return the ids in a graph and where their vectors stand; ``None`` where that can't be read.

    The array has fields ``id``, bytes of UTF-8, by which it is sorted, and ``number``, int64.
    """
    import numpy as np

    layout, labels = _layout(home), _labels(home)
    elements = None if layout is None else _elements(home, layout)
    if layout is None or labels is None or elements is None:
        return None
    at = _rows_by_label(elements, layout)
    ids = np.array([id.encode() for id in labels], dtype=np.bytes_)
    found = np.zeros(len(ids), dtype=[("id", ids.dtype), ("number", np.int64)])
    found["id"] = ids
    found["number"] = [at.get(label, -1) for label in labels.values()]
    return np.sort(found[found["number"] >= 0], order="id")


class GraphVectors:
    """The vectors in the files of a graph; those that can't be read are not there.

    Parameters
    ----------
    folder:
        Of the generation.
    """

    def __init__(self, folder: Path) -> None:
        self._parts = []
        for home in sorted({path.parent for path in folder.rglob(PERSISTED)}):
            layout, labels = _layout(home), _labels(home)
            elements = None if layout is None else _elements(home, layout)
            if layout is not None and labels is not None and elements is not None:
                rows = _rows_by_label(elements, layout)
                known = {id: rows[label] for id, label in labels.items() if label in rows}
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
    """Return whether the files of a graph say that they are laid out as was tested."""
    homes = [path.parent for path in folder.rglob(PERSISTED)]
    return len(homes) == 1 and _layout(homes[0]) is not None


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


def _rows_by_label(elements: NDArray[np.uint8], layout: _Layout) -> dict[int, int]:
    import numpy as np

    raw = np.ascontiguousarray(elements[:, layout.label_at : layout.label_at + 8])
    return {int(label): row for row, label in enumerate(raw.view("<u8")[:, 0])}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
