"""Rows that were lost, made again as far as the rest of the data folder can prove them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from knowledge.storage.identity import new_file_id
from knowledge.storage.local.catalog.database import FAILURES
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.upkeep.row_repair import mended
from knowledge.storage.local.vectors.checksums import SQLITE
from knowledge.storage.local.vectors.folders import read_facts
from knowledge.storage.relational.rows import now
from knowledge.storage.shown_path import real_path, shown

_SAMPLE = 50
_MOST_BESIDE = 10_000
"""Files beside those of a dataset that are looked at, to find a lost file's path."""


def add_lost_datasets(connection: sqlite3.Connection, folder: DataFolder) -> int:
    """Make a dataset for the files and chunks whose own was lost; return how many were made.

    Its key and its model come from the folder of vectors that knows its chunks; its name comes
    from there too, or is the folder's.
    """
    lost = connection.execute(
        "SELECT dataset FROM chunks UNION SELECT dataset FROM files "
        "EXCEPT SELECT id FROM datasets ORDER BY 1"
    ).fetchall()
    for (number,) in lost:
        row = _dataset_row(connection, folder, number)
        taken = {one[0] for one in connection.execute("SELECT name FROM datasets")}
        name = row["name"]
        while row["name"] in taken:
            row["name"] = f"{name} {number}"
            name = row["name"]
        columns = ", ".join(row)
        marks = ", ".join(f":{column}" for column in row)
        connection.execute(f"INSERT INTO datasets ({columns}) VALUES ({marks})", row)
    return len(lost)


def add_empty_datasets(connection: sqlite3.Connection, folder: DataFolder) -> int:
    """Make an empty dataset, with its name and its model, for each folder of vectors without one.

    Its texts are lost; but what is ingested again is ingested as before. Return how many were made.
    """
    made = 0
    for generation in sorted((folder.root / "datasets").glob("*/g*"), reverse=True):
        told = read_facts(generation)
        if not (told and generation.name[1:].isdigit()):
            continue
        key, number = generation.parent.name, int(generation.name[1:])
        row = mended(
            "datasets",
            {**told, "id": 0, "key": key, "generation": number, "updated_at": now()},
        )
        del row["id"]
        columns = ", ".join(row)
        marks = ", ".join(f":{column}" for column in row)
        done = connection.execute(
            f"INSERT OR IGNORE INTO datasets ({columns}) VALUES ({marks})", row
        )
        made += done.rowcount
    return made


def add_lost_dimensions(connection: sqlite3.Connection, folder: DataFolder) -> None:
    """Take the dimensions of a model from the folder of vectors, where its row has lost them."""
    rows = connection.execute(
        "SELECT id, key, vectors, provider, model FROM datasets "
        "WHERE dimensions IS NULL AND vectors > 0"
    ).fetchall()
    for number, key, vectors, *model in rows:
        told = read_facts(folder.generation(key, vectors))
        if [told.get("provider"), told.get("model")] == model:
            connection.execute(
                "UPDATE datasets SET dimensions = ? WHERE id = ?", (told.get("dimensions"), number)
            )


def _dataset_row(connection: sqlite3.Connection, folder: DataFolder, number: int) -> dict[str, Any]:
    ids = connection.execute(
        "SELECT id FROM chunks WHERE dataset = ? AND removed IS NULL LIMIT ?", (number, _SAMPLE)
    ).fetchall()
    taken = {row[0] for row in connection.execute("SELECT key FROM datasets")}
    generation = _folder_with(folder, [row[0] for row in ids], taken)
    newest = connection.execute(
        "SELECT max(added), max(coalesce(removed, 0)) FROM ("
        "SELECT added, removed FROM chunks WHERE dataset = ?1 "
        "UNION ALL SELECT added, removed FROM files WHERE dataset = ?1)",
        (number,),
    ).fetchone()
    moment = now()
    facts: dict[str, Any] = {"key": f"recovered-{number:012d}", "name": f"recovered {number}"}
    if generation is not None:
        told = read_facts(generation)
        key = generation.parent.name
        name = told.get("name") or key.rpartition("-")[0] or key
        facts = {**told, "key": key, "name": name, "vectors": int(generation.name[1:])}
    return mended(
        "datasets",
        {
            "created_at": moment,
            **facts,
            "id": number,
            "generation": max(newest[0] or 0, newest[1] or 0),
            "updated_at": moment,
        },
    )


def _folder_with(folder: DataFolder, ids: list[str], taken: set[str]) -> Path | None:
    """Return the newest generation that holds most of some chunks, if there is one."""
    for generation in sorted((folder.root / "datasets").glob("*/g*"), reverse=True):
        if generation.parent.name not in taken and _holds(generation, ids):
            return generation
    return None


def _holds(generation: Path, ids: list[str]) -> bool:
    index = generation / SQLITE
    if not ids or not index.is_file():
        return False
    marks = ", ".join("?" * len(ids))
    try:
        with closing(sqlite3.connect(index)) as connection:
            found = connection.execute(
                f"SELECT count(*) FROM embeddings WHERE embedding_id IN ({marks})", ids
            ).fetchone()[0]
    except FAILURES:
        return False
    return bool(found * 2 > len(ids))


def add_lost_files(connection: sqlite3.Connection, number: int, generation: int) -> int:
    """Make a file for the chunks whose own was lost; return how many were made.

    A file's id is a hash of its path, so a file that stands beside the others can be recognised.
    Where none is, the texts stay under a name of their own.
    """
    shown_here = "added <= ?2 AND (removed IS NULL OR removed > ?2)"
    lost = connection.execute(
        f"SELECT file_id, count(*), sum(tokens), min(added) FROM chunks "
        f"WHERE dataset = ?1 AND {shown_here} AND file_id NOT IN "
        f"(SELECT id FROM files WHERE dataset = ?1 AND {shown_here}) GROUP BY file_id",
        (number, generation),
    ).fetchall()
    if not lost:
        return 0
    known = connection.execute("SELECT path FROM files WHERE dataset = ?", (number,))
    paths = _paths_by_id(row[0] for row in known)
    for file_id, chunks, tokens, added in lost:
        path = paths.get(file_id, f"recovered-{file_id}")
        row = mended(
            "files",
            {
                "row": 0,
                "dataset": number,
                "id": file_id,
                "path": path,
                "name": Path(path).name,
                "size": -1 if file_id in paths else 0,  # what is less than nothing is read again
                "chunks": chunks,
                "tokens": tokens,
                "ingested_at": now(),
                "added": added,
            },
        )
        del row["row"]
        columns = ", ".join(row)
        marks = ", ".join(f":{column}" for column in row)
        connection.execute(f"INSERT INTO files ({columns}) VALUES ({marks})", row)
    return len(lost)


def right_paths(
    connection: sqlite3.Connection, number: int, generation: int, file_ids: Collection[str]
) -> None:
    """Give those of some files that are not there the path that their id was made of."""
    rows = connection.execute(
        "SELECT row, id, path FROM files WHERE dataset = ?1 AND added <= ?2 "
        "AND (removed IS NULL OR removed > ?2)",
        (number, generation),
    ).fetchall()
    asked = [row for row in rows if row["id"] in file_ids]
    lost = [row for row in asked if not os.path.lexists(real_path(row["path"]))]
    known = {row["path"] for row in rows}
    paths = _paths_by_id(known) if lost else {}
    for row in lost:
        path = paths.get(row["id"], row["path"])
        if path not in known:
            connection.execute(
                "UPDATE files SET path = ?, name = ? WHERE row = ?",
                (path, Path(path).name, row["row"]),
            )


def _paths_by_id(paths: Iterable[str]) -> dict[str, str]:
    """Return the paths of the files that stand beside some others, by the id they would have."""
    folders = {os.path.dirname(path) for path in paths if os.path.isabs(path)}  # noqa: PTH117, PTH120
    found: dict[str, str] = {}
    for path in _files_in(sorted(folders)):
        if len(found) >= _MOST_BESIDE:
            break
        found[new_file_id(path, ())] = path
    return found


def _files_in(folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                yield from (shown(entry.path) for entry in entries if entry.is_file())
        except OSError:
            continue
