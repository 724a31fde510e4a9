"""The folders of a dataset's generations: copy to a candidate, publish, sweep."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from knowledge.storage.database import translated
from knowledge.storage.layout import DataFolder

SQLITE = "chroma.sqlite3"


def prepare_candidate(folder: DataFolder, key: str, generation: int) -> Path:
    """Return an empty candidate folder, or a copy of ``generation`` when there is one."""
    candidate = folder.candidate(key)
    shutil.rmtree(candidate, ignore_errors=True)
    if generation:
        copy_index(folder.generation(key, generation), candidate)
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
        if path.is_dir():
            copy.mkdir()
        elif path.name == SQLITE:
            with (
                translated(path),
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


def publish_candidate(folder: DataFolder, key: str, generation: int) -> None:
    """Bring the closed candidate to the disk and give it its name."""
    candidate = folder.candidate(key)
    for path in candidate.rglob("*"):
        _sync(path)
    _sync(candidate)
    target = folder.generation(key, generation)
    shutil.rmtree(target, ignore_errors=True)  # a killed publish may have left it
    candidate.rename(target)
    _sync(target.parent)


def sweep_folders(folder: DataFolder, key: str, published: int) -> None:
    """Remove what no reader needs: all but the published folder and the one before it."""
    home = folder.dataset(key)
    if not home.is_dir():
        return
    current = folder.generation(key, published).name
    names = sorted(path.name for path in home.iterdir())
    before = [name for name in names if name.startswith("g") and name < current]
    for name in names:
        if name not in (current, *before[-1:]):
            shutil.rmtree(home / name, ignore_errors=True)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle for a folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
