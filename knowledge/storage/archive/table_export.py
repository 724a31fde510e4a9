"""Datasets as tables for other tools: JSON Lines or Parquet, one row a chunk.

The columns are a contract; ``docs/sharing.md`` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, UsageError
from knowledge.extras import install_command
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.archive.exporting import chosen, written
from knowledge.storage.store import open_vectors

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog, Snapshot
    from knowledge.storage.vector_index import VectorReader

PAGE = 2_000
_TEXTS = ("dataset", "file", "name", "chunk_id", "citation", "heading", "text", "member")
_NUMBERS = ("ordinal", "page_start", "page_end", "line_start", "line_end", "tokens")

Row = dict[str, Any]


def export_table(catalog: Catalog, names: Sequence[str], output: Path, kind: str) -> list[Dataset]:
    """Write a row for each chunk of the datasets, all when none is named, with its vector; atomic.

    Parameters
    ----------
    kind:
        ``jsonl`` or ``parquet``.

    Raises
    ------
    DatasetNotFoundError
        One of the datasets does not exist.
    UsageError
        Parquet is asked for, and pyarrow is not installed.
    """
    write = {"jsonl": _write_jsonl, "parquet": _write_parquet}[kind]
    with written(output) as part:
        return catalog.read(lambda snapshot: _write(catalog, snapshot, names, part, write))


def _write(
    catalog: Catalog,
    snapshot: Snapshot,
    names: Sequence[str],
    part: Path,
    write: Callable[[Path, Iterator[list[Row]]], None],
) -> list[Dataset]:
    datasets = chosen(snapshot, names)
    write(part, (page for one in datasets for page in _pages(catalog, snapshot, one)))
    return datasets


def _pages(catalog: Catalog, snapshot: Snapshot, dataset: Dataset) -> Iterator[list[Row]]:
    if not dataset.chunks:
        return
    reader = open_vectors(catalog, dataset)
    try:
        page: list[tuple[SourceFile, Chunk]] = []
        for file in list(snapshot.files(dataset)):
            page += [(file, chunk) for chunk in snapshot.chunks_of_file(dataset, file.id)]
            if len(page) >= PAGE:
                yield _rows(dataset, page, reader)
                page = []
        if page:
            yield _rows(dataset, page, reader)
    finally:
        reader.close()


def _rows(
    dataset: Dataset, page: list[tuple[SourceFile, Chunk]], reader: VectorReader
) -> list[Row]:
    vectors: dict[str, list[float]] = {}
    for ids, found in reader.vectors([chunk.id for _, chunk in page]):
        vectors |= dict(zip(ids, found.tolist(), strict=True))
    if len(vectors) != len(page):
        raise DamagedStoreError(
            f"dataset {dataset.name!r}: chunks without a vector",
            hint="`knowledge doctor` finds out what is damaged.",
        )
    return [_row(dataset, file, chunk, vectors[chunk.id]) for file, chunk in page]


def _row(dataset: Dataset, file: SourceFile, chunk: Chunk, vector: list[float]) -> Row:
    passage = chunk.passage
    return {
        "dataset": dataset.name,
        "file": file.path,
        "name": file.name,
        "member": passage.member or None,
        "chunk_id": chunk.id,
        "ordinal": passage.ordinal,
        "citation": passage.cite(file.path),
        "heading": " > ".join(passage.heading),
        "text": passage.text,
        "page_start": passage.page_start,
        "page_end": passage.page_end,
        "line_start": passage.line_start,
        "line_end": passage.line_end,
        "tokens": passage.tokens,
        "metadata": {**file.all_metadata, **passage.metadata},
        "embedding": vector,
    }


def _write_jsonl(part: Path, pages: Iterator[list[Row]]) -> None:
    with part.open("w", encoding="utf-8") as file:
        for page in pages:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in page)


def _write_parquet(part: Path, pages: Iterator[list[Row]]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "the format parquet needs pyarrow, which is not installed",
            hint=f"Install it: {install_command('parquet')}",
        ) from error
    schema = pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            *((name, pa.int64()) for name in _NUMBERS),
            ("metadata", pa.string()),
            ("embedding", pa.list_(pa.float32())),
        ]
    )
    with pq.ParquetWriter(part, schema) as writer:
        for page in pages:
            told = [{**row, "metadata": json.dumps(row["metadata"])} for row in page]
            writer.write_table(pa.Table.from_pylist(told, schema=schema))
