"""What must be true of a data folder, at any moment and after a run that ended well.

The catalog is read with SQLite and the vectors with Chroma, not with the code under test.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.storage.local.catalog import fulltext

SPANS = (
    "ordinal, text, heading, char_start, char_end, line_start, line_end, page_start, page_end, "
    "tokens"
)
SHOWN = "dataset = ? AND added <= ? AND (removed IS NULL OR removed > ?)"

ChunkRow = tuple[Any, ...]
"""(id, file id, ordinal, text, heading, spans, tokens)."""


@dataclass(frozen=True)
class Published:
    """The published state of a dataset."""

    generation: int
    files: dict[str, tuple[ChunkRow, ...]]
    """Chunks in order, by path."""

    @property
    def texts(self) -> set[tuple[str, str]]:
        """(path, text) of each chunk."""
        return {(path, row[3]) for path, rows in self.files.items() for row in rows}


@contextlib.contextmanager
def open_catalog(data: Path) -> Iterator[sqlite3.Connection]:
    """Open the catalog to look at it."""
    with contextlib.closing(sqlite3.connect(data / "catalog.db", timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        fulltext.register(connection)
        yield connection


def published(data: Path, name: str = "default") -> Published:
    """Read the published state of a dataset from the catalog."""
    with open_catalog(data) as sql:
        row = _dataset(sql, name)
        state = (row["id"], row["generation"], row["generation"])
        paths = {
            found["id"]: found["path"]
            for found in sql.execute(f"SELECT id, path FROM files WHERE {SHOWN}", state)
        }
        files: dict[str, list[ChunkRow]] = {path: [] for path in paths.values()}
        chunks = sql.execute(
            f"SELECT id, file_id, {SPANS} FROM chunks WHERE {SHOWN} ORDER BY file_id, ordinal",
            state,
        )
        for chunk in chunks:
            assert chunk["file_id"] in paths, f"chunk {chunk['id']} belongs to no published file"
            files[paths[chunk["file_id"]]].append(tuple(chunk))
    return Published(row["generation"], {path: tuple(rows) for path, rows in files.items()})


def check_readable(data: Path, name: str = "default") -> Published:
    """Check what holds at any moment, also right after a kill: readers find a whole generation."""
    state = published(data, name)
    with open_catalog(data) as sql:
        row = _dataset(sql, name)
    chunks = [chunk for rows in state.files.values() for chunk in rows]
    assert row["files"] == len(state.files), "the dataset counts other files than it shows"
    assert row["chunks"] == len(chunks), "the dataset counts other chunks than it shows"
    _check_vectors(data, row, [chunk[0] for chunk in chunks])
    return state


def check_clean(data: Path, name: str = "default") -> Published:
    """Check what holds after a run that ended well: nothing half-done is left."""
    state = check_readable(data, name)
    with open_catalog(data) as sql:
        row = _dataset(sql, name)
        _check_rows(sql, row)
        live = [
            found["id"]
            for found in sql.execute(
                "SELECT id FROM chunks WHERE dataset = ? AND removed IS NULL", (row["id"],)
            )
        ]
    shown = sorted(chunk[0] for rows in state.files.values() for chunk in rows)
    assert sorted(live) == shown, "chunks that are live are not those that are published"
    _check_folders(data / "datasets" / row["key"], row["vectors"])
    assert not list(data.glob("locks/*.holder")), "a lock has a holder although nobody writes"
    return state


def vector_ids(data: Path, name: str = "default") -> list[str]:
    """Return the ids in the published index, sorted."""
    with open_catalog(data) as sql:
        row = _dataset(sql, name)
    with _collections(_index_folder(data, row)) as parts:
        return sorted(id for part in parts for id in part.get(include=[])["ids"])


def vectors(data: Path, name: str = "default") -> dict[str, list[float]]:
    """Return the vectors in the published index by chunk id."""
    with open_catalog(data) as sql:
        row = _dataset(sql, name)
    with _collections(_index_folder(data, row)) as parts:
        read = [part.get(include=["embeddings"]) for part in parts]
    return {
        id: list(vector)
        for found in read
        for id, vector in zip(found["ids"], found["embeddings"], strict=True)
    }


def same_content(one: Published, other: Published) -> None:
    """Check that two datasets hold the same chunks: id, text and spans."""
    assert sorted(one.files) == sorted(other.files), "they hold other files"
    for path, chunks in one.files.items():
        assert chunks == other.files[path], f"{path} has other chunks"


def _dataset(sql: sqlite3.Connection, name: str) -> sqlite3.Row:
    row = sql.execute("SELECT * FROM datasets WHERE name = ?", (name,)).fetchone()
    assert row is not None, f"there is no dataset {name!r}"
    found: sqlite3.Row = row
    return found


def _check_rows(sql: sqlite3.Connection, row: sqlite3.Row) -> None:
    generation = row["generation"]
    assert row["staged"] == 0, "the dataset is marked as staged"
    for table in ("files", "chunks"):
        for column in ("added", "removed"):
            left = sql.execute(
                f"SELECT count(*) FROM {table} WHERE dataset = ? AND {column} > ?",
                (row["id"], generation),
            ).fetchone()[0]
            assert left == 0, f"{left} {table} have {column} above generation {generation}"
        ids = Counter(
            found["id"]
            for found in sql.execute(
                f"SELECT id FROM {table} WHERE dataset = ? AND removed IS NULL", (row["id"],)
            )
        )
        repeated = [id for id, times in ids.items() if times > 1]
        assert not repeated, f"{len(repeated)} ids stand more than once in {table}"
    assert sql.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert not sql.execute("PRAGMA foreign_key_check").fetchall()
    # Compares the full-text index with the chunks; raises when they differ.
    sql.execute("INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)")
    sql.rollback()


def _check_folders(home: Path, vectors: int) -> None:
    names = sorted(path.name for path in home.iterdir()) if home.is_dir() else []
    strange = [name for name in names if not (name.startswith("g") and name[1:].isdigit())]
    assert not strange, f"left over: {strange}"
    assert len(names) <= 2, f"more than two generations: {names}"
    if vectors:
        assert names[-1] == f"g{vectors:06d}", f"the newest of {names} is not the published one"


def _check_vectors(data: Path, row: sqlite3.Row, ids: Sequence[str]) -> None:
    assert len(set(ids)) == len(ids), "a chunk id stands twice"
    if not row["vectors"]:
        assert not ids, "there are chunks but no index"
        return
    with _collections(_index_folder(data, row)) as parts:
        read = [(part, part.get(include=["embeddings"])) for part in parts]
        counted = Counter(id for _, found in read for id in found["ids"])
        assert max(counted.values(), default=1) == 1, "an id stands twice in the index"
        missing, extra = set(ids) - set(counted), set(counted) - set(ids)
        assert not missing, f"{len(missing)} of {len(ids)} chunks have no vector"
        assert not extra, f"{len(extra)} vectors belong to no chunk"
        assert sum(part.count() for part in parts) == len(ids)
        for part, found in read:
            if found["ids"]:
                _check_searchable(part, found["ids"], np.asarray(found["embeddings"]))


def _check_searchable(collection: Any, ids: Sequence[str], vectors: Any) -> None:
    """Check that each chunk's own vector leads to a chunk with that vector."""
    assert vectors.shape[0] == len(ids)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3), "a vector has no unit length"
    by_id = {id: vectors[row] for row, id in enumerate(ids)}
    for start in range(0, len(ids), 500):
        page = vectors[start : start + 500]
        answer = collection.query(query_embeddings=page, n_results=1, include=["distances"])
        for vector, nearest in zip(page, answer["ids"], strict=True):
            assert nearest, "the index found nothing"
            close = float(np.dot(vector, by_id[nearest[0]]))
            assert close > 0.999, "a chunk is not found by its own vector"


def _index_folder(data: Path, row: sqlite3.Row) -> Path:
    folder = data / "datasets" / row["key"] / f"g{row['vectors']:06d}"
    assert (folder / "chroma.sqlite3").is_file(), f"there is no index at {folder}"
    return folder


@contextlib.contextmanager
def _collections(folder: Path) -> Iterator[list[Any]]:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(
        path=str(folder), settings=Settings(anonymized_telemetry=False)
    )
    try:
        names = [one.name for one in client.list_collections()]
        assert "vectors" in names
        yield [client.get_collection(name, embedding_function=None) for name in names]
    finally:
        client.close()
