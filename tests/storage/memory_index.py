"""An index of vectors in memory: a :class:`knowledge.storage.store.VectorIndex` at its smallest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import DamagedStoreError
from knowledge.storage.store import REPAIR_INDEX
from knowledge.storage.unit_vectors import unit_rows

Vectors = dict[str, NDArray[np.float32]]


@dataclass
class Version:
    vectors: Vectors
    facts: Mapping[str, Any]
    readers: int = 0


class MemoryReader:
    by_file = False

    def __init__(self, version: Version) -> None:
        self._version = version
        self._open = True
        version.readers += 1

    def matrix(self) -> None:
        return None

    def search(
        self,
        query: NDArray[np.float32] | Sequence[float],
        top_k: int,
        *,
        among: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
    ) -> list[tuple[str, float]]:
        question = np.asarray(query, np.float32)
        question = question / max(float(np.linalg.norm(question)), 1e-12)
        held = self._version.vectors
        cosines = [(id, float(held[id] @ question)) for id in among or held if id in held]
        return sorted(cosines, key=lambda pair: (-pair[1], pair[0]))[:top_k]

    def sparse(self, model: str) -> None:
        return None

    def vectors(self, ids: Sequence[str]) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        found = [id for id in ids if id in self._version.vectors]
        if found:
            yield found, np.stack([self._version.vectors[id] for id in found])

    def close(self) -> None:
        self._version.readers -= self._open
        self._open = False


class MemoryWriter:
    def __init__(self, vectors: Vectors) -> None:
        self.held = vectors

    def add(self, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        self.held |= dict(zip(ids, np.asarray(vectors, np.float32), strict=True))

    def delete(self, ids: Sequence[str]) -> None:
        for id in ids:
            self.held.pop(id, None)

    def rebuild(self, ids: Sequence[str]) -> None:
        self.held = {id: self.held[id] for id in ids if id in self.held}

    def flush(self) -> int:
        return len(self.held)

    def close(self) -> None:
        pass


@dataclass
class MemoryIndex:
    """The versions of one dataset's vectors; they live as long as this object."""

    key: str
    versions: dict[int, Version] = field(default_factory=dict)
    writer: MemoryWriter | None = None

    def check_place(self, version: int) -> None:
        pass

    def open(self, version: int, dimensions: int | None = None) -> MemoryReader:
        if damage := self._damage(version):
            raise DamagedStoreError(f"the index is damaged: {damage}", hint=REPAIR_INDEX)
        held = self.versions[version]
        lengths = {len(vector) for vector in held.vectors.values()}
        if dimensions and lengths - {dimensions}:
            raise DamagedStoreError(f"vectors of {lengths} dimensions, not {dimensions}")
        return MemoryReader(held)

    def candidate(self, version: int, chunks: object = None) -> MemoryWriter:
        self.writer = MemoryWriter(dict(self.versions[version].vectors) if version else {})
        return self.writer

    def complete(self, version: int, chunks: object) -> bool:
        return True

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        assert self.writer is not None
        self.versions[version] = Version(self.writer.held, facts)
        self.writer = None

    def sweep(self, published: int) -> None:
        self.writer = None
        before = sorted(number for number in self.versions if number < published)[-1:]
        for number in list(self.versions):
            if number not in (published, *before) and not self.versions[number].readers:
                del self.versions[number]

    def remove(self) -> bool:
        self.sweep(0)
        self.versions = {n: one for n, one in self.versions.items() if one.readers}
        return not self.versions

    def size(self, version: int | None = None) -> int:
        chosen = self.versions.values() if version is None else [self.versions[version]]
        return sum(vector.nbytes for one in chosen for vector in one.vectors.values())

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        if damage := self._damage(version):
            return damage
        held = self.versions[version].vectors
        if missing := set(ids) - held.keys():
            return f"{len(missing)} of {len(ids)} chunks have no vector"
        if others := held.keys() - set(ids):
            return f"{len(others)} vectors belong to no chunk"
        broken = sum(not unit_rows(vector[None])[0] for vector in held.values())
        if broken:
            return f"{broken} of {len(ids)} vectors are not numbers, or not of unit length"
        lengths = {len(vector) for vector in held.values()}
        wrong = lengths - {dimensions} if dimensions else set()
        return f"its vectors have {wrong} dimensions, the model's {dimensions}" if wrong else ""

    def proven(self, version: int) -> Callable[[Sequence[str]], Vectors]:
        held = {} if self._damage(version) else self.versions[version].vectors
        return lambda ids: {id: held[id] for id in ids if id in held}

    def _damage(self, version: int) -> str:
        if version not in self.versions:
            return "it is missing"
        facts = self.versions[version].facts
        if (facts["key"], facts["generation"]) != (self.key, version):
            return f"it belongs to {facts['key']!r}, generation {facts['generation']}"
        return ""


class MemoryIndexes:
    """The indexes of a store's datasets: gives that of a key, always the same one."""

    def __init__(self) -> None:
        self.by_key: dict[str, MemoryIndex] = {}

    def __call__(self, key: str) -> MemoryIndex:
        return self.by_key.setdefault(key, MemoryIndex(key))
