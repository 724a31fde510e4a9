"""The versions of a dataset's vectors as Chroma folders: candidates, published ones, old ones."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import DamagedStoreError, KnowledgeError, VectorsElsewhereError
from knowledge.files.private import private_files
from knowledge.storage.disk import FULL_HINT, on_disk
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.stored_columns import NAME as COLUMNS
from knowledge.storage.local.holding import GOING, Hold, remove_folder, remove_folders
from knowledge.storage.local.layout import MARK, DataFolder
from knowledge.storage.local.vectors.checksums import (
    IDS,
    NAME,
    PERSISTED,
    SQLITE,
    check_whole,
    damaged_files,
    write_checksums,
)
from knowledge.storage.local.vectors.graph_files import (
    DATA,
    HEADER,
    GraphVectors,
    clear_room,
    graph_damage,
    homes_in,
    numbered_ids,
)
from knowledge.storage.local.vectors.reader import open_reader
from knowledge.storage.store import REPAIR_INDEX

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.storage.local.vectors.chroma import ChromaIndex
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.vector_index import ChunkFacts, VectorReader

FACTS = "dataset.json"
"""What a published folder says of its dataset, for the day that the catalog is lost."""
_MANY_PAGES = 256  # of 4 KiB: a copy of a megabyte takes no time
_FREE_SHARE = 0.3


class Versions:
    """The folders of one dataset's versions, whatever is in them.

    Parameters
    ----------
    folder:
        The data folder.
    key:
        The dataset's.
    servers:
        Give the servers on which versions may have their vectors.
    """

    def __init__(self, folder: DataFolder, key: str, servers: Servers | None = None) -> None:
        self._folder = folder
        self._key = key
        self._known_servers = servers

    def sweep(self, published: int, *, previous: bool = True) -> None:
        """Remove what no reader needs: all but ``published``, the one before, and those held.

        Parameters
        ----------
        previous:
            Keep the one before, which a reader in flight may be about to open.
        """
        home = self._folder.dataset(self._key)
        if not home.is_dir():
            return
        current = self._home(published).name
        names = sorted(path.name for path in home.iterdir())
        before = [name for name in names if name.startswith("g") and name < current]
        kept = (current, *before[-1:]) if previous else (current,)
        for name in names:
            if name not in kept:
                remove_folder(home / name, self._retired)

    def _retired(self, path: Path) -> bool:
        from knowledge.storage.local.elsewhere.marks import retired

        return retired(path, self._known_servers)

    def remove(self) -> bool:
        """Remove all versions, but for those that are held; return whether all are gone."""
        return remove_folders(self._folder.dataset(self._key), self._retired)

    def complete(self, version: int, chunks: ChunkFacts) -> bool:  # noqa: ARG002
        """Return true: vectors are all that is kept here."""
        return True

    def size(self, version: int | None = None) -> int:
        """Return the bytes of a version, or of all."""
        from knowledge.storage.local.upkeep.sizes import folder_size

        home = self._folder.dataset(self._key) if version is None else self._home(version)
        return folder_size(home)

    def _make_way(self) -> None:
        """Remove the candidate; what its server can't be asked to forget now, ``gc`` comes to."""
        candidate = self._candidate
        if candidate.exists() and not self._retired(candidate):
            candidate.rename(candidate.with_name(f"{GOING}{uuid.uuid4().hex}"))
        shutil.rmtree(candidate, ignore_errors=True)

    @property
    def _candidate(self) -> Path:
        return self._folder.candidate(self._key)

    def _home(self, version: int) -> Path:
        return self._folder.generation(self._key, version)


class ChromaFolders(Versions):
    """The index of one dataset: a folder for each version; see :class:`Versions`."""

    def check_place(self, version: int) -> None:
        """Raise :class:`VectorsElsewhereError` where a server keeps a version's vectors."""
        if told := self._elsewhere(version):
            raise VectorsElsewhereError(told)

    def open(self, version: int, dimensions: int | None = None) -> VectorReader:
        """Open a published version; nobody removes its folder until it is closed.

        Raises
        ------
        DamagedStoreError
            It is not there, can't be read, or is that of another dataset or version.
        """
        self._check_owner(version)
        return open_reader(self._home(version), dimensions)

    def candidate(self, version: int, chunks: ChunkFacts | None = None) -> ChromaIndex:  # noqa: ARG002
        """Begin the next version: as a copy of a published one, or empty of 0."""
        from knowledge.storage.local.vectors.chroma import ChromaIndex

        try:
            return ChromaIndex(self._prepared(version), create=not version)
        except BaseException:
            shutil.rmtree(self._candidate, ignore_errors=True)
            raise

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Bring the closed candidate to the disk and give it the name of a version."""
        candidate = self._candidate
        if damage := graph_damage(candidate):  # Chroma is silent about a full disk
            raise KnowledgeError(f"the index was not written whole: {damage}", hint=FULL_HINT)
        with private_files(), on_disk(candidate):
            told = json.dumps(facts, ensure_ascii=False)
            (candidate / FACTS).write_text(told + "\n", encoding="utf-8")
            _shrink(candidate / SQLITE)
            clear_room(candidate)
            write_checksums(candidate, chromadb=_write_ids(candidate))
            for path in candidate.rglob("*"):
                sync(path)
            sync(candidate)
            target = self._home(version)
            shutil.rmtree(target, ignore_errors=True)  # a killed publish may have left it
            candidate.rename(target)
            sync(target.parent)

    def check(self, version: int, ids: Sequence[str], dimensions: int | None) -> str:
        """Return what is wrong with a version, in words; empty when it is whole."""
        from knowledge.storage.local.vectors.check import index_damage

        home = self._home(version)
        try:
            with Hold(home):
                stranger = stranger_in(home, self._key, version) or self._elsewhere(version)
                return stranger or index_damage(home, ids, dimensions)
        except FileNotFoundError:
            return "its folder is missing"

    def proven(self, version: int) -> Callable[[Sequence[str]], Mapping[str, NDArray[np.float32]]]:
        """Return what gives the vectors of ids from files that are what was written."""
        home = self._home(version)
        if self._elsewhere(version):
            return lambda _: {}
        damaged = " ".join(damaged_files(home, thorough=True))
        # Chunks of the same ids may have another model's vectors in a stranger's index.
        if stranger_in(home, self._key, version) or any(
            name in damaged for name in (DATA, HEADER, PERSISTED)
        ):
            return lambda _: {}
        return GraphVectors(home).get

    def lacks_checksums(self, version: int) -> bool:
        """Return whether a version has no checksums: an older one wrote it, or they are damaged."""
        from knowledge.storage.local.vectors.check import checksums_missing

        return checksums_missing(self._home(version))

    def add_checksums(self, version: int) -> None:
        """Note the files of a version, of which nothing was noted when it was published."""
        write_checksums(self._home(version))

    def _prepared(self, version: int) -> Path:
        """Return an empty candidate folder, or a copy of a version when there is one."""
        candidate = self._candidate
        with private_files(), on_disk(candidate):
            self._make_way()
            if version:
                published = self._home(version)
                check_whole(published)
                self._check_owner(version)
                copy_index(published, candidate)
            else:
                candidate.mkdir(parents=True)
        return candidate

    def _check_owner(self, version: int) -> None:
        """Raise when a published folder says that it is another's.

        Two datasets of the same documents have chunks of the same ids, so these alone don't tell.
        """
        path = self._home(version)
        if stranger := stranger_in(path, self._key, version):
            raise DamagedStoreError(
                f"the index {path} is not the dataset's: {stranger}", hint=REPAIR_INDEX
            )
        self.check_place(version)

    def _elsewhere(self, version: int) -> str:
        """Return where a server keeps a version's vectors, in words; empty for one in its folder.

        Raises
        ------
        DamagedStoreError
            The mark that names the server can't be read.
        """
        home = self._home(version)
        if not os.path.lexists(home / MARK):
            return ""
        from knowledge.storage.local.elsewhere.marks import read_mark
        from knowledge.storage.servers.marks import told_elsewhere

        mark = read_mark(home)
        if mark is None:
            return ""
        return told_elsewhere(self._key, f"at {mark.place}", "in the data folder")


def copy_index(source: Path, target: Path) -> None:
    """Copy an index folder that readers may have open.

    Opening an index, even to search it, writes a row to its SQLite file, which is therefore
    copied by SQLite; the other files of a published generation never change.
    """
    target.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.name in (NAME, FACTS, IDS, COLUMNS):
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


def _shrink(database: Path) -> None:
    """Return the pages to the disk in which Chroma kept vectors until they were in the graph.

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


def read_facts(generation: Path) -> dict[str, Any]:
    """Return what a published folder says of its dataset; nothing where it can't be read."""
    try:
        facts = json.loads((generation / FACTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def stranger_in(path: Path, key: str, generation: int) -> str:
    """Return whose index lies in a published folder, in words; empty when it is the dataset's own.

    What an older version wrote names no key, and a folder without facts names nothing.
    """
    facts = read_facts(path)
    if facts.get("key", key) != key:
        return f"it belongs to {facts['key']!r}"
    if facts.get("generation", generation) != generation:
        return f"it is generation {facts['generation']}, not {generation}"
    return ""


def _write_ids(candidate: Path) -> str:
    """Note where the vectors of a closed candidate stand; return the version that wrote them.

    Nothing is noted of what Chroma itself must read: another version's files, and changes that are
    not in them yet.
    """
    import numpy as np

    from knowledge.storage.local.vectors import native
    from knowledge.storage.local.vectors.chroma import waiting

    homes = homes_in(candidate)
    version = native.installed_version()
    if not homes or version not in native.TESTED or waiting(candidate):
        return ""
    ids = numbered_ids(homes)
    if ids is None:
        return ""
    np.save(candidate / IDS, ids, allow_pickle=False)
    return version


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle for a folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
