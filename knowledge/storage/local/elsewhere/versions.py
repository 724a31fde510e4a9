"""The versions of a dataset's vectors on a server: a folder with a mark for each."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knowledge.errors import DamagedStoreError
from knowledge.files.private import private_files
from knowledge.storage.disk import on_disk
from knowledge.storage.local.elsewhere.marks import (
    read_mark,
    read_points,
    retire,
    write_mark,
    write_points,
)
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.layout import MARK, DataFolder
from knowledge.storage.local.vectors.folders import FACTS, Versions, stranger_in, sync
from knowledge.storage.servers.connections import Servers
from knowledge.storage.servers.marks import Mark
from knowledge.storage.servers.points import Points
from knowledge.storage.store import REPAIR_INDEX


class FolderMarks(Versions):
    """The marks of one dataset's versions: :class:`knowledge.storage.servers.marks.Marks`."""

    home = "in the data folder"

    def __init__(self, folder: DataFolder, key: str, servers: Servers) -> None:
        super().__init__(folder, key, servers)
        self.key = key
        self._servers = servers

    def is_there(self, version: int) -> bool:
        """Return whether there is the folder of a version."""
        return self._home(version).is_dir()

    def read(self, version: int) -> Mark | None:
        """Return a version's mark; ``None`` where it is not there."""
        return read_mark(self._home(version))

    def stranger(self, version: int) -> str:
        """Return whose version it is, in words; empty where it is the dataset's own."""
        return stranger_in(self._home(version), self.key, version)

    def is_own(self, version: int) -> bool:  # noqa: ARG002
        """Return true: a copy of a folder can't be told from it."""
        return True

    def points(self, version: int, mark: Mark) -> Points:
        """Return the points of a version."""
        return read_points(self._home(version), mark)

    def hold(self, version: int) -> Hold:
        """Hold a version's folder."""
        home = self._home(version)
        try:
            return Hold(home)
        except FileNotFoundError as error:
            raise DamagedStoreError(f"{home} is missing", hint=REPAIR_INDEX) from error

    def begin(self, mark: Mark) -> None:
        """Make the candidate's folder, with its mark on the disk."""
        candidate = self._candidate
        with private_files(), on_disk(candidate):
            self._make_way()
            candidate.mkdir(parents=True)
            write_mark(candidate, mark)
            sync(candidate / MARK)
            sync(candidate)

    def check(self) -> None:
        """Do nothing: a lock in the data folder ends with its process alone."""

    def note(self, mark: Mark, points: Points) -> None:
        """List the candidate's points."""
        with private_files(), on_disk(self._candidate):
            checksum = write_points(self._candidate, points)
            write_mark(self._candidate, replace(mark, checksum=checksum))

    def publish(self, version: int, facts: Mapping[str, Any]) -> None:
        """Bring the candidate to the disk and give it the name of a version."""
        candidate, target = self._candidate, self._home(version)
        if target.exists():  # a killed publish left it
            retire(target, self._servers)
        with private_files(), on_disk(candidate):
            told = json.dumps(facts, ensure_ascii=False)
            (candidate / FACTS).write_text(told + "\n", encoding="utf-8")
            for path in (*candidate.iterdir(), candidate):
                sync(path)
            shutil.rmtree(target, ignore_errors=True)
            candidate.rename(target)
            sync(target.parent)

    def all(self) -> list[Mark]:
        """Return the marks of all versions, as far as they can be read."""
        found = []
        for home in self._folder.dataset(self.key).glob("g*"):
            with contextlib.suppress(DamagedStoreError):
                if (mark := read_mark(home)) is not None:
                    found.append(mark)
        return found
