"""Files that clients of OpenAI's API send first, and put into a store by a second request."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowledge.errors import NotFoundError
from knowledge.server.jobs import Upload

PREFIX = "file-"
MOST_FILES = 1_000


class SentFileNotFoundError(NotFoundError):
    """There is no such file, or it had to make room for later ones."""

    code = "file_not_found"
    default_hint = "Send it by POST /v1/files; files wait there as long as the server runs."


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that waits in the private folder.

    Parameters
    ----------
    size:
        In bytes.
    created:
        Seconds since 1970.
    """

    id: str
    name: str
    path: Path
    purpose: str
    size: int
    created: int = field(default_factory=lambda: int(time.time()))


class SentFiles:
    """The files that wait; safe to use from several threads.

    Parameters
    ----------
    most_bytes:
        Of all of them; the one that was sent first makes room.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._files: dict[str, SentFile] = {}

    def add(self, upload: Upload, purpose: str) -> SentFile:
        """Take a file in; its folder is its own."""
        id_ = PREFIX + secrets.token_hex(12)
        size = upload.path.stat().st_size
        made = SentFile(id_, upload.name, upload.path, purpose, size)
        with self._lock:
            self._files[id_] = made
            while len(self._files) > 1 and self._is_full():
                _remove(self._files.pop(next(iter(self._files))))
        return made

    def get(self, id_: str) -> SentFile:
        """Return a file.

        Raises
        ------
        SentFileNotFoundError
            There is none.
        """
        with self._lock:
            if id_ not in self._files:
                raise SentFileNotFoundError(f"there is no file {id_[:100]!r}")
            return self._files[id_]

    def list(self) -> list[SentFile]:
        """Return the files in the order in which they came."""
        with self._lock:
            return [*self._files.values()]

    def delete(self, id_: str) -> None:
        """Remove a file; what was made of it in stores stays.

        Raises
        ------
        SentFileNotFoundError
            There is none.
        """
        self.get(id_)
        with self._lock:
            if (gone := self._files.pop(id_, None)) is not None:
                _remove(gone)

    def lent(self, id_: str, folder: Path, metadata: Mapping[str, Any]) -> Upload:
        """Return a file for one ingest, in a folder that goes with it.

        Parameters
        ----------
        metadata:
            Kept with it.

        Raises
        ------
        SentFileNotFoundError
            There is none.
        """
        found = self.get(id_)
        path = folder / found.id
        try:
            os.link(found.path, path)
        except FileNotFoundError:
            raise SentFileNotFoundError(f"there is no file {id_[:100]!r}") from None
        except OSError:  # a file system without links
            shutil.copyfile(found.path, path)
        return Upload(found.name, path, found.id, metadata, found.size)

    def _is_full(self) -> bool:
        total = sum(one.size for one in self._files.values())
        return total > self._most_bytes or len(self._files) > MOST_FILES


def _remove(file: SentFile) -> None:
    shutil.rmtree(file.path.parent, ignore_errors=True)
