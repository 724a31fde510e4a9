"""The folders of a dataset's generations: copy to a candidate, publish, sweep."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from knowledge.errors import DamagedStoreError, KnowledgeError
from knowledge.files.private import private_files
from knowledge.model import Dataset, EmbedderSpec, SplitterSpec
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.rows import dump
from knowledge.storage.local.disk import FULL_HINT, on_disk
from knowledge.storage.local.holding import remove_folder
from knowledge.storage.local.layout import HIDDEN, DataFolder
from knowledge.storage.local.vectors.checksums import NAME, SQLITE, check_whole, write_checksums
from knowledge.storage.local.vectors.failures import REPAIR_INDEX
from knowledge.storage.local.vectors.graph_files import graph_damage

FACTS = "dataset.json"
_MANY_PAGES = 256  # of 4 KiB: a copy of a megabyte takes no time
_FREE_SHARE = 0.3
"""What a published folder says of its dataset, for the day that the catalog is lost."""


def prepare_candidate(folder: DataFolder, key: str, generation: int) -> Path:
    """Return an empty candidate folder, or a copy of ``generation`` when there is one."""
    candidate = folder.candidate(key)
    with private_files(), on_disk(candidate):
        shutil.rmtree(candidate, ignore_errors=True)
        if generation:
            published = folder.generation(key, generation)
            check_whole(published)
            check_owner(folder, key, generation)
            copy_index(published, candidate)
        else:
            candidate.mkdir(parents=True)
    return candidate


def copy_index(source: Path, target: Path) -> None:
    """Copy an index folder that readers may have open.

    Opening an index, even to search it, writes a row to its SQLite file, which is therefore
    copied by SQLite; the other files of a published generation never change.
    """
    target.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.name in (NAME, FACTS):
            continue  # of this generation, not of the next
        if path.is_dir():
            copy.mkdir()
        elif path.name == SQLITE:
            with (
                translated(path, repair=REPAIR_INDEX),
                contextlib.closing(sqlite3.connect(path)) as old,
                contextlib.closing(sqlite3.connect(copy)) as new,
            ):
                old.backup(new)
        elif not path.name.startswith(SQLITE):  # its journal belongs to the copy SQLite made
            _copy_file(path, copy)


def _copy_file(source: Path, target: Path) -> None:
    """Copy by reference where the file system can, which costs neither time nor space."""
    ficlone = 0x40049409  # linux/fs.h
    try:
        import fcntl

        with source.open("rb") as old, target.open("wb") as new:
            fcntl.ioctl(new.fileno(), ficlone, old.fileno())
    except (ImportError, OSError):
        shutil.copyfile(source, target)


def publish_candidate(
    folder: DataFolder, dataset: Dataset, embedding: EmbedderSpec, splitter: SplitterSpec
) -> None:
    """Bring the closed candidate to the disk and give it the next generation's name."""
    key, generation = dataset.key, dataset.generation + 1
    candidate = folder.candidate(key)
    if damage := graph_damage(candidate):  # Chroma is silent about a full disk
        raise KnowledgeError(f"the index was not written whole: {damage}", hint=FULL_HINT)
    with private_files(), on_disk(candidate):
        facts = json.dumps(_facts(dataset, embedding, splitter), ensure_ascii=False)
        (candidate / FACTS).write_text(facts + "\n", encoding="utf-8")
        _shrink(candidate / SQLITE)
        write_checksums(candidate)
        for path in candidate.rglob("*"):
            _sync(path)
        _sync(candidate)
        target = folder.generation(key, generation)
        shutil.rmtree(target, ignore_errors=True)  # a killed publish may have left it
        candidate.rename(target)
        _sync(target.parent)


def _shrink(database: Path) -> None:
    """Give the pages back in which Chroma kept vectors until they were in the graph.

    They are three quarters of the file after a large ingest, and would be copied by each publish.
    """
    with (
        translated(database, repair=REPAIR_INDEX),
        contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection,
    ):
        free, pages = (
            int(connection.execute(f"PRAGMA {count}").fetchone()[0])
            for count in ("freelist_count", "page_count")
        )
        if free >= _MANY_PAGES and free > _FREE_SHARE * pages:
            connection.execute("VACUUM")


def _facts(dataset: Dataset, embedding: EmbedderSpec, splitter: SplitterSpec) -> dict[str, Any]:
    return {
        "key": dataset.key,
        "name": "" if dataset.name.startswith(HIDDEN) else dataset.name,
        "generation": dataset.generation + 1,
        "provider": embedding.provider,
        "model": embedding.model,
        "dimensions": embedding.dimensions,
        "model_options": dump(embedding.options),
        "chunk_size": splitter.chunk_size,
        "chunk_overlap": splitter.chunk_overlap,
        "metadata": dump(dataset.metadata),
        "created_at": dataset.created_at.isoformat(),
    }


def read_facts(generation: Path) -> dict[str, Any]:
    """Return what a published folder says of its dataset; nothing where it can't be read."""
    try:
        facts = json.loads((generation / FACTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def check_owner(folder: DataFolder, key: str, generation: int) -> None:
    """Raise :class:`DamagedStoreError` when a published folder says that it is another's.

    Two datasets of the same documents have chunks of the same ids, so these alone don't tell.
    """
    path = folder.generation(key, generation)
    if stranger := stranger_in(path, key, generation):
        raise DamagedStoreError(
            f"the index {path} is not the dataset's: {stranger}", hint=REPAIR_INDEX
        )


def stranger_in(path: Path, key: str, generation: int) -> str:
    """Return whose index lies in a published folder, in words; empty when it is the dataset's own.

    What an older version wrote tells no key, and a folder without facts tells nothing.
    """
    facts = read_facts(path)
    if facts.get("key", key) != key:
        return f"it belongs to {facts['key']!r}"
    if facts.get("generation", generation) != generation:
        return f"it is generation {facts['generation']}, not {generation}"
    return ""


def sweep_folders(folder: DataFolder, key: str, published: int) -> None:
    """Remove what no reader needs: all but the published folder, the one before, and those held."""
    home = folder.dataset(key)
    if not home.is_dir():
        return
    current = folder.generation(key, published).name
    names = sorted(path.name for path in home.iterdir())
    before = [name for name in names if name.startswith("g") and name < current]
    for name in names:
        if name not in (current, *before[-1:]):
            remove_folder(home / name)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle for a folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
