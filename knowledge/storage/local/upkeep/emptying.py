"""Removing all that is ours from a data folder, and nothing else."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import LockedError
from knowledge.storage.disk import on_disk
from knowledge.storage.local.elsewhere.marks import read_mark, retire
from knowledge.storage.local.holding import GOING, held_alone
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.local.lock import is_held
from knowledge.storage.local.upkeep.leftovers import remove_path

if TYPE_CHECKING:
    from knowledge.storage.servers.connections import Servers

_OURS = {
    "datasets/*": rf"g\d{{6,}}|candidate(-fresh)?|salvage|{GOING}.+",
    "archives": rf"[0-9a-f]{{24}}(\.\d+\.part)?|{GOING}.+",
    "backups": r"\d{4}-\d\d-\d\dT[-0-9]+Z",
    "locks": r".+\.(lock|holder|holder\.new)",
    ".": r"(catalog|embeddings)\.db(-wal|-shm|\.new|\.v\d+\.bak|\.salvaged(-wal|-shm|\.new)?)?",
}
"""Patterns of the names that we give, by the folder they stand in.

The catalog goes last: without it, what is left of the folders is taken for damage.
"""
_FOLDERS = ("datasets/*", "datasets", "locks", "archives", "backups", ".")


def contents(folder: DataFolder) -> list[Path]:
    """Return what is ours, by name: a folder that was named by mistake keeps what it holds."""
    return [
        path
        for place, pattern in _OURS.items()
        for home in _homes(folder.root, place)
        for path in sorted(home.iterdir())
        if re.fullmatch(pattern, path.name)
    ]


def empty(folder: DataFolder, patience: float, servers: Servers | None = None) -> None:
    """Remove all that is ours; the data folder itself too, when nothing else is in it.

    Parameters
    ----------
    patience:
        Seconds to wait for those who read.
    servers:
        Give the servers that keep vectors, which go too.

    Raises
    ------
    LockedError
        A dataset is being written, or others read all the time; nothing was removed.
    KnowledgeError
        Something can't be removed.
    VectorServerError
        A server that keeps vectors can't be reached; nothing was removed from the data folder.
    """
    for lock in sorted((folder.root / "locks").glob("*.lock")):
        if lock.is_file() and is_held(lock):
            raise LockedError(f"a dataset is being written ({lock.stem}); nothing was removed")
    with contextlib.suppress(FileNotFoundError), held_alone(folder.root, patience):
        with on_disk(folder.root):
            for home in folder.root.glob("datasets/*/*"):
                if read_mark(home) is not None and servers is not None:
                    retire(home, servers)
            for path in contents(folder):
                remove_path(path)
        for place in _FOLDERS:
            for home in _homes(folder.root, place):
                with contextlib.suppress(OSError):  # something else is in it
                    home.rmdir()


def _homes(root: Path, place: str) -> list[Path]:
    found = [root] if place == "." else sorted(root.glob(place))
    return [path for path in found if path.is_dir()]
