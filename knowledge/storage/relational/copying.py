"""Datasets made of other datasets: copies and merges; nothing is embedded again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from knowledge.errors import DamagedStoreError, ModelMismatchError, UsageError
from knowledge.model import Chunk, Dataset, EmbedderSpec, SourceFile
from knowledge.storage.changes import ChunkDiff, FileChange
from knowledge.storage.relational.building import build_dataset
from knowledge.storage.store import Notify, open_vectors
from knowledge.text.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.relational.catalog import SqlCatalog
    from knowledge.storage.relational.write_run import WriteRun
    from knowledge.storage.store import Snapshot
    from knowledge.storage.vector_index import VectorReader

PAGE = 200  # files whose chunks and vectors are in memory at once


def merge_datasets(
    catalog: SqlCatalog,
    names: Sequence[str],
    target: str,
    *,
    overwrite: bool,
    lock_timeout: float,
    notify: Notify,
) -> Dataset:
    """Make ``target`` of all files of the datasets; of one alone it is a copy.

    Where several hold a file of one path, the one that was ingested last counts.

    Raises
    ------
    DatasetNotFoundError
        One of them does not exist.
    DatasetExistsError
        ``target`` does, and ``overwrite`` is false.
    ModelMismatchError
        They are embedded with different models.
    """

    def merge(snapshot: Snapshot) -> Dataset:
        building = build_dataset(
            catalog, target, overwrite=overwrite, lock_timeout=lock_timeout, notify=notify
        )
        with building as (run, show):
            return _merge(catalog, snapshot, names, run, show)

    with catalog.another() as reading:
        return reading.read(merge)


def _merge(
    catalog: SqlCatalog,
    snapshot: Snapshot,
    names: Sequence[str],
    run: WriteRun,
    show: Callable[..., Dataset],
) -> Dataset:
    with contextlib.ExitStack() as stack:
        datasets = [snapshot.dataset(name) for name in dict.fromkeys(names)]
        readers: dict[str, VectorReader] = {}
        for dataset in datasets:
            if dataset.vectors:  # held before anything is copied: a large copy takes its time
                reader = readers[dataset.key] = open_vectors(catalog, dataset)
                stack.callback(reader.close)
        filled = [dataset for dataset in datasets if dataset.embedding is not None]
        _check_models(filled)
        sparse = _common_sparse(filled)
        for dataset, files in zip(filled, _newest(snapshot, filled), strict=True):
            for change in _changes(
                snapshot, dataset, readers.get(dataset.key), files, sparse=sparse is not None
            ):
                run.write_file(change)
        if sparse is not None:
            run.write_sparse(sparse, {})
            run.list_sparse()
        if filled and filled[0].embedding and filled[0].splitter:
            run.publish(filled[0].embedding, filled[0].splitter)
        return show(
            command="copy-dataset" if len(datasets) == 1 else "merge-datasets",
            metadata={k: v for one in datasets for k, v in one.metadata.items()},
        )


def _check_models(datasets: Sequence[Dataset]) -> None:
    for dataset in datasets[1:]:
        first = datasets[0].embedding
        assert first is not None
        assert dataset.embedding is not None
        if dataset.embedding.fingerprint != first.fingerprint:
            raise ModelMismatchError(
                f"dataset {datasets[0].name!r} is embedded with {first}, {dataset.name!r} with "
                f"{dataset.embedding}",
                hint="`knowledge reembed` brings one to the other's model.",
            )


def _common_sparse(datasets: Sequence[Dataset]) -> EmbedderSpec | None:
    """Return the sparse model that all datasets have; ``None`` where they differ in that."""
    models = {dataset.sparse.fingerprint if dataset.sparse else "" for dataset in datasets}
    return datasets[0].sparse if len(models) == 1 else None


def _newest(snapshot: Snapshot, datasets: Sequence[Dataset]) -> list[list[SourceFile]]:
    """Return the files to take of each dataset."""
    by_path: dict[str, tuple[SourceFile, str]] = {}
    for dataset in datasets:
        for file in snapshot.files(dataset):
            known = by_path.get(file.path)
            if known is None or file.ingested_at > known[0].ingested_at:
                by_path[file.path] = file, dataset.name
    ids = [file.id for file, _ in by_path.values()]
    if len(set(ids)) != len(ids):
        raise UsageError(
            "two of the datasets hold different files with one id",
            hint="Ingest the documents into one dataset instead.",
        )
    chosen: dict[str, list[SourceFile]] = {dataset.name: [] for dataset in datasets}
    for file, name in by_path.values():
        chosen[name].append(file)
    return list(chosen.values())


def _changes(
    snapshot: Snapshot,
    dataset: Dataset,
    reader: VectorReader | None,
    files: Sequence[SourceFile],
    *,
    sparse: bool,
) -> Iterator[FileChange]:
    """Yield files with their chunks and vectors, as new ones."""
    remaining = iter(files)
    while page := list(islice(remaining, PAGE)):
        chunks = {file.id: snapshot.chunks_of_file(dataset, file.id) for file in page}
        listed = [chunk for own in chunks.values() for chunk in own]
        vectors = _vectors(reader, listed)
        for file in page:
            own = chunks[file.id]
            rows = _stacked([vectors[chunk.id] for chunk in own]) if own else None
            ids = [chunk.id for chunk in own] if sparse else []
            weighed = snapshot.sparse_of_ids(dataset, ids)
            yield FileChange(file, ChunkDiff(own, (), (), 0), rows, sparse=weighed)


def _vectors(
    reader: VectorReader | None, chunks: Sequence[Chunk]
) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    if reader is not None:
        for ids, vectors in reader.vectors([chunk.id for chunk in chunks]):
            found |= dict(zip(ids, vectors, strict=True))
    missing = sum(chunk.id not in found for chunk in chunks)
    if missing:
        raise DamagedStoreError(
            f"the index has no vector for {counted(missing, 'chunk')}",
            hint="`knowledge doctor` finds out what is damaged.",
        )
    return found


def _stacked(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    import numpy as np

    return np.stack(vectors)
