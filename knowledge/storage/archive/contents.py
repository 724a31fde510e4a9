"""The files of an archived dataset, each with its chunks and vectors, and each proven.

Reading is the check: who reads to the end without an error may write what was read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import DamagedArchiveError
from knowledge.model import Chunk, SourceFile
from knowledge.storage.archive.lines import parse_chunk, parse_file
from knowledge.storage.archive.manifest import ArchivedDataset
from knowledge.storage.changes import ChunkDiff, FileChange, SparseBytes
from knowledge.storage.identity import garbled
from knowledge.storage.unit_vectors import unit_rows

MAX_LINE = 16 * 1024 * 1024
MOST_TERMS = 1 << 20
"""Of a sparse vector; vocabularies have a quarter of that."""


def read_files(archive: zipfile.ZipFile, dataset: ArchivedDataset) -> Iterator[FileChange]:
    """Yield the dataset's files as new ones.

    Raises
    ------
    DamagedArchiveError
        A field is not what it must be, or files, chunks and vectors do not fit each other.
    """
    with ExitStack() as stack:

        def opened(part: str) -> BinaryIO:
            return cast("BinaryIO", stack.enter_context(archive.open(dataset.member(part).path)))

        yield from _Contents(archive, dataset).read(
            opened("files.jsonl"),
            opened("chunks.jsonl"),
            opened("vectors.f32"),
            opened("sparse.bin") if dataset.sparse is not None else None,
        )


class _Contents:
    """Knows what was read of a dataset so far."""

    def __init__(self, archive: zipfile.ZipFile, dataset: ArchivedDataset) -> None:
        self._name = str(archive.filename)
        self._dataset = dataset
        self._dimensions = (dataset.embedding.dimensions if dataset.embedding else None) or 0
        self._seen: dict[str, set[str]] = {"file id": set(), "path": set(), "chunk id": set()}

    def read(
        self, files: BinaryIO, chunks: BinaryIO, vectors: BinaryIO, sparse: BinaryIO | None
    ) -> Iterator[FileChange]:
        listed = (parse_chunk(*line) for line in self._lines(chunks, "chunks.jsonl"))
        for line, place in self._lines(files, "files.jsonl"):
            file = parse_file(line, place)
            own = list(islice(listed, file.chunks))
            self._check(file, own, place)
            rows = self._rows(vectors, own) if own else None
            weighed = {} if sparse is None else self._sparse(sparse, own)
            yield FileChange(file, ChunkDiff(own, (), (), 0), rows, sparse=weighed)
        found = {"files": len(self._seen["file id"]), "chunks": len(self._seen["chunk id"])}
        for what, count in found.items():
            if count != getattr(self._dataset, what):
                raise self._damaged("manifest.json", f"{what} is not {count}, which are there")
        if next(listed, None) is not None:
            raise self._damaged("chunks.jsonl", "there are chunks without a file")
        if sparse is not None and sparse.read(1):
            raise self._damaged("sparse.bin", "it is too long")

    def _check(self, file: SourceFile, chunks: list[Chunk], place: str) -> None:
        self._once("file id", file.id, place)
        self._once("path", file.path, place)
        if len(chunks) != file.chunks:
            raise DamagedArchiveError(f"{place}: chunks is {file.chunks}; there are {len(chunks)}")
        ordinal = -1
        for chunk in chunks:
            self._once("chunk id", chunk.id, place)
            if chunk.file_id != file.id:
                raise self._wrong(chunk, "file_id is not that of its file")
            if chunk.passage.ordinal <= ordinal:
                raise self._wrong(chunk, "ordinal is not greater than that of the chunk before")
            ordinal = chunk.passage.ordinal
        for chunk in garbled(chunks):
            raise self._wrong(chunk, "id is not the hash of text, heading and file_id")

    def _once(self, kind: str, value: str, place: str) -> None:
        if value in self._seen[kind]:
            raise DamagedArchiveError(f"{place}: the {kind} {value!r} is there twice")
        self._seen[kind].add(value)

    def _rows(self, vectors: BinaryIO, chunks: list[Chunk]) -> NDArray[np.float32]:
        data = vectors.read(len(chunks) * self._dimensions * 4)
        if len(data) != len(chunks) * self._dimensions * 4:
            raise self._damaged("vectors.f32", "it is too short")
        rows = np.frombuffer(data, "<f4").reshape(len(chunks), -1).astype(np.float32)
        for row in np.flatnonzero(~unit_rows(rows)):
            raise self._damaged(
                "vectors.f32", f"the vector of chunk {chunks[row].id} is not of length 1"
            )
        return rows

    def _sparse(self, sparse: BinaryIO, chunks: list[Chunk]) -> dict[str, SparseBytes]:
        """Return the sparse vectors of a file's chunks: terms in order, weights above 0."""
        found = {}
        for chunk in chunks:
            head = sparse.read(4)
            count = int.from_bytes(head, "little")
            if count > MOST_TERMS:
                raise self._damaged("sparse.bin", f"chunk {chunk.id} has {count:,} terms")
            terms, weights = sparse.read(4 * count), sparse.read(2 * count)
            if len(head + terms + weights) != 4 + 6 * count:
                raise self._damaged("sparse.bin", "it is too short")
            values = np.frombuffer(weights, "<f2")
            ascending = np.diff(np.frombuffer(terms, "<u4").astype(np.int64)) > 0
            if not (ascending.all() and np.isfinite(values).all() and (values >= 0).all()):
                raise self._damaged("sparse.bin", f"chunk {chunk.id} has no sparse vector")
            found[chunk.id] = terms, weights
        return found

    def _lines(self, member: BinaryIO, name: str) -> Iterator[tuple[bytes, str]]:
        """Yield the lines, each with its place."""
        number = 0
        while line := member.readline(MAX_LINE):
            number += 1
            place = f"{self._place(name)}, line {number}"
            if not line.endswith(b"\n"):
                raise DamagedArchiveError(f"{place} is too long, or cut off")
            yield line, place

    def _place(self, member: str) -> str:
        return f"{self._name}: {self._dataset.name!r}, {member}"

    def _wrong(self, chunk: Chunk, told: str) -> DamagedArchiveError:
        return self._damaged("chunks.jsonl", f"chunk {chunk.id}: {told}")

    def _damaged(self, member: str, told: str) -> DamagedArchiveError:
        return DamagedArchiveError(f"{self._place(member)}: {told}")
