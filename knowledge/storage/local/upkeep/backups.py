"""Copies that are made before anything is repaired."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from knowledge.files.private import private_files
from knowledge.storage.disk import on_disk
from knowledge.storage.local.catalog.database import FAILURES
from knowledge.storage.local.layout import DataFolder

PARTS = ("", "-wal", "-shm")
_STAMP = "%Y-%m-%dT%H-%M-%S-%fZ"


def back_up(folder: DataFolder) -> Path:
    """Copy the catalog, and the names of all that lies beside it; return the copy's folder.

    A catalog that SQLite can't copy is copied as it is, byte by byte.

    Raises
    ------
    KnowledgeError
        There is no room, or the data folder can't be written.
    """
    target = folder.backups / datetime.now(UTC).strftime(_STAMP)
    with private_files(), on_disk(target):
        target.mkdir(parents=True)
        _copy_database(folder.catalog, target / folder.catalog.name)
        names = sorted(
            path.relative_to(folder.root).as_posix()
            for path in (folder.root / "datasets").glob("*/*")
        )
        listed = json.dumps({"datasets": names}, indent=1)
        (target / "folders.json").write_text(listed + "\n", encoding="utf-8")
    return target


def set_aside(path: Path, target: Path) -> None:
    """Move a database, with the files that belong to it, into a backup's folder."""
    with private_files(), on_disk(target):
        target.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            piece = path.with_name(path.name + part)
            if piece.exists():
                shutil.move(piece, target / piece.name)


def backups_of(folder: DataFolder) -> list[Path]:
    """Return all copies of the catalog, the newest first."""
    found = [
        *folder.backups.glob(f"*/{folder.catalog.name}"),
        *folder.root.glob(f"{folder.catalog.name}.v*.bak"),
    ]
    return sorted(
        filter(Path.is_file, found), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )


def _copy_database(source: Path, target: Path) -> None:
    # SQLite throws away the journal of a database that is empty, or is not there.
    if source.is_file() and source.stat().st_size:
        try:
            with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
                old.backup(new)
            return
        except FAILURES:
            target.unlink(missing_ok=True)
    for part in PARTS:
        piece = source.with_name(source.name + part)
        if piece.is_file():
            shutil.copyfile(piece, target.with_name(target.name + part))
