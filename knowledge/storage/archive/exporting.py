"""Writing datasets to an archive, in memory that does not grow with them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, DatasetNotFoundError
from knowledge.files.private import private_output
from knowledge.model import Chunk, Dataset
from knowledge.storage.archive.lines import chunk_line, file_line
from knowledge.storage.archive.manifest import MANIFEST, ArchivedDataset, Member, dump_manifest
from knowledge.storage.disk import disk_error
from knowledge.storage.store import open_vectors
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog, Snapshot
    from knowledge.storage.vector_index import VectorReader

PAGE = 2_000  # chunks whose vectors are in memory at once
_OUTPUT_HINT = "Name a file in a folder that can be written."
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal datasets give equal archives


def export_datasets(catalog: Catalog, names: Sequence[str], output: Path) -> list[Dataset]:
    """Write datasets, all when none is named, to ``output``, which appears when it is whole.

    Raises
    ------
    DatasetNotFoundError
        One of them does not exist, or there is none at all.
    DamagedStoreError
        An index does not hold the vectors of its chunks.
    KnowledgeError
        The file can't be written.
    """
    with written(output) as part:
        exported = catalog.read(lambda snapshot: _write(catalog, snapshot, names, part))
        with part.open("rb") as file:
            os.fsync(file.fileno())
    return exported


@contextlib.contextmanager
def written(output: Path) -> Iterator[Path]:
    """Yield a file to write, which becomes ``output`` when it is whole; others can't read it.

    Raises
    ------
    KnowledgeError
        It can't be written.
    """
    try:
        with private_output(output) as part:
            yield part
    except OSError as error:
        # Not by the name of the part, which nobody knows.
        named = OSError(error.errno, error.strerror or str(error), os.fspath(output))
        raise disk_error(named, output, doing="write", hint=_OUTPUT_HINT) from error


def _write(catalog: Catalog, snapshot: Snapshot, names: Sequence[str], part: Path) -> list[Dataset]:
    datasets = chosen(snapshot, sorted(names))
    with zipfile.ZipFile(part, "w") as archive:
        described = []
        for number, dataset in enumerate(datasets, 1):
            members = _write_dataset(archive, catalog, snapshot, dataset, f"datasets/{number:04d}")
            described.append(ArchivedDataset.of(dataset, tuple(members)))
        _write_member(archive, MANIFEST, [dump_manifest(described)])
    return datasets


def chosen(snapshot: Snapshot, names: Sequence[str]) -> list[Dataset]:
    """Return the datasets to be exported: those that are named, or all.

    Raises
    ------
    DatasetNotFoundError
        One of them does not exist, or there is none at all.
    """
    datasets = [snapshot.dataset(name) for name in names or snapshot.names()]
    if not datasets:
        raise DatasetNotFoundError("there is no dataset to export")
    return datasets


def _write_dataset(
    archive: zipfile.ZipFile, catalog: Catalog, snapshot: Snapshot, dataset: Dataset, folder: str
) -> Iterator[Member]:
    yield _write_member(archive, f"{folder}/files.jsonl", map(file_line, snapshot.files(dataset)))
    yield _write_member(
        archive, f"{folder}/chunks.jsonl", map(chunk_line, _chunks(snapshot, dataset))
    )
    vectors: Iterable[bytes] = ()
    if dataset.chunks:
        reader = open_vectors(catalog, dataset)
        vectors = _vectors(reader, _chunks(snapshot, dataset))
    yield _write_member(archive, f"{folder}/vectors.f32", vectors, packed=False)
    if dataset.sparse is not None:
        sparse = _sparse(snapshot, dataset, _chunks(snapshot, dataset))
        yield _write_member(archive, f"{folder}/sparse.bin", sparse, packed=False)


def _chunks(snapshot: Snapshot, dataset: Dataset) -> Iterator[Chunk]:
    """Yield all chunks, file after file."""
    # A list of ids, since one connection can't go on with one statement while it runs another.
    ids = [file.id for file in snapshot.files(dataset)]
    return chain.from_iterable(snapshot.chunks_of_file(dataset, id) for id in ids)


def _vectors(reader: VectorReader, chunks: Iterator[Chunk]) -> Iterator[bytes]:
    """Yield the vectors of ``chunks``, float32, in pages; close the reader."""
    import numpy as np

    from knowledge.storage.unit_vectors import exact_unit

    try:
        page: list[str] = []
        for chunk in chain(chunks, [None]):
            if chunk is not None:
                page.append(chunk.id)
            if page and (chunk is None or len(page) == PAGE):
                found = {
                    id: vector
                    for ids, vectors in reader.vectors(page)
                    for id, vector in zip(ids, vectors, strict=True)
                }
                if missing := [id for id in page if id not in found]:
                    raise DamagedStoreError(
                        f"the index has no vector for {counted(len(missing), 'chunk')}",
                        hint="`knowledge doctor` finds out what is damaged.",
                    )
                rows = exact_unit(np.stack([found[id] for id in page]))  # an old index may not be
                yield rows.astype("<f4").tobytes()
                page = []
    finally:
        reader.close()


def _sparse(snapshot: Snapshot, dataset: Dataset, chunks: Iterator[Chunk]) -> Iterator[bytes]:
    """Yield the sparse vectors of ``chunks``: how many terms, the terms and their weights."""
    while page := [chunk.id for chunk in islice(chunks, PAGE)]:
        found = snapshot.sparse_of_ids(dataset, page)
        for id in page:
            terms, weights = found.get(id, (b"", b""))
            if len(terms) != 2 * len(weights) or len(terms) % 4:
                raise DamagedStoreError(
                    f"the sparse vector of chunk {id} is damaged",
                    hint="`ingest` with `force` makes it anew.",
                )
            yield (len(terms) // 4).to_bytes(4, "little") + terms + weights


def _write_member(
    archive: zipfile.ZipFile, path: str, pieces: Iterable[bytes], *, packed: bool = True
) -> Member:
    info = zipfile.ZipInfo(path, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=True) as member:
        for piece in pieces:
            member.write(piece)
            digest.update(piece)
            size += len(piece)
    return Member(path, size, digest.hexdigest())
