"""Bringing a dataset of an archive into the data folder."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from knowledge.errors import DamagedArchiveError
from knowledge.model import Chunk, SourceFile
from knowledge.storage.archive.manifest import ArchivedDataset
from knowledge.storage.archive.records import parse_chunk, parse_file
from knowledge.storage.changes import ChunkDiff, FileChange
from knowledge.storage.write_run import WriteRun

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_LINE = 64 * 1024 * 1024


def import_dataset(archive: zipfile.ZipFile, dataset: ArchivedDataset, run: WriteRun) -> None:
    """Write a verified dataset into an empty one, and publish it.

    Raises
    ------
    DamagedArchiveError
        Its files, chunks and vectors do not fit each other; nothing was published.
    """
    try:
        with (
            archive.open(dataset.member("files.jsonl").path) as files,
            archive.open(dataset.member("chunks.jsonl").path) as chunks,
            archive.open(dataset.member("vectors.f32").path) as vectors,
        ):
            for change in _changes(dataset, files, chunks, vectors):  # type: ignore[arg-type]
                run.write_file(change)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedArchiveError(
            f"{archive.filename}: dataset {dataset.name!r} can't be read: {error}"
        ) from error
    if dataset.embedding is not None and dataset.splitter is not None:
        run.publish(dataset.embedding, dataset.splitter)


def _changes(
    dataset: ArchivedDataset, files: BinaryIO, chunks: BinaryIO, vectors: BinaryIO
) -> Iterator[FileChange]:
    dimensions = (dataset.embedding.dimensions if dataset.embedding else None) or 0
    listed = map(parse_chunk, _lines(chunks))
    seen_files: set[str] = set()
    seen_chunks: set[str] = set()
    for file in map(parse_file, _lines(files)):
        own = list(islice(listed, file.chunks))
        _check(file, own, seen_files, seen_chunks)
        rows = _rows(vectors, len(own), dimensions) if own else None
        yield FileChange(file, ChunkDiff(own, (), (), 0), rows)
    if len(seen_files) != dataset.files or len(seen_chunks) != dataset.chunks:
        raise ValueError("it holds another number of files or chunks than its manifest says")
    if next(listed, None) is not None:
        raise ValueError("there are chunks without a file")


def _check(
    file: SourceFile, chunks: list[Chunk], seen_files: set[str], seen_chunks: set[str]
) -> None:
    if file.id in seen_files or len(chunks) != file.chunks:
        raise ValueError(f"file {file.id} stands there twice, or lacks chunks")
    seen_files.add(file.id)
    for chunk in chunks:
        if chunk.file_id != file.id or chunk.id in seen_chunks:
            raise ValueError(f"chunk {chunk.id} belongs elsewhere")
        seen_chunks.add(chunk.id)


def _rows(vectors: BinaryIO, count: int, dimensions: int) -> NDArray[np.float32]:
    import numpy as np

    data = vectors.read(count * dimensions * 4)
    rows = np.frombuffer(data, "<f4").reshape(count, dimensions).astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("a vector holds what is no number")
    return rows


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE):
        if not line.endswith(b"\n"):
            raise ValueError("a line is too long, or cut off")
        yield line
