"""How much room things take on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from knowledge.storage.local.layout import DataFolder
from knowledge.storage.reports import Sizes


def measure(folder: DataFolder) -> Sizes:
    """Measure a data folder, which may be missing."""
    return Sizes(
        catalog=_database_size(folder.catalog),
        cache=_database_size(folder.cache),
        vectors=folder_size(folder.root / "datasets"),
        archives=folder_size(folder.archives),
        backups=folder_size(folder.backups)
        + sum(size_of(path) for path in folder.root.glob("*.bak")),
        free=free_bytes(folder.root),
    )


def folder_size(folder: str | os.PathLike[str]) -> int:
    """Return the bytes of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return 0
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            total += folder_size(entry.path)
        else:
            total += size_of(entry.path)
    return total


def size_of(path: str | os.PathLike[str]) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 for nothing."""
    try:
        facts = os.lstat(path)
    except OSError:
        return 0
    return folder_size(path) if os.path.isdir(path) else facts.st_size  # noqa: PTH112


def free_bytes(path: Path) -> int:
    """Return what is left on the file system that holds, or would hold, a folder."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return 0


def _database_size(path: Path) -> int:
    return sum(size_of(path.with_name(path.name + suffix)) for suffix in ("", "-wal"))
