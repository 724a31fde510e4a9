"""Decide for each found file whether it must be read, by what is stored of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from knowledge.ingestion.scan import FoundFile
from knowledge.model import SourceFile
from knowledge.storage.shown_path import real_path

RACY = timedelta(seconds=2)


@dataclass(slots=True)
class Stored:
    """The files a dataset holds, as a run finds and changes them."""

    by_path: dict[str, SourceFile]
    by_hash: dict[str, list[SourceFile]] = field(init=False)
    ids: set[str] = field(init=False)
    moved: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.ids = {file.id for file in self.by_path.values()}
        self.by_hash = {}
        for file in self.by_path.values():
            self.by_hash.setdefault(file.content_hash, []).append(file)

    @classmethod
    def of(cls, files: Iterable[SourceFile]) -> Stored:
        """Index files by path and content."""
        return cls({file.path: file for file in files})

    def claim_moved(self, content_hash: str) -> SourceFile | None:
        """Return a stored file with this content whose path is gone: the file has moved here."""
        for file in self.by_hash.get(content_hash, ()):
            if file.id not in self.moved and is_gone(file):
                self.moved.add(file.id)
                return file
        return None

    def gone(self, roots: Iterable[str], seen: set[str]) -> list[SourceFile]:
        """Return the files below ``roots`` that were not seen and are not there any more.

        A file that is there but was left out, by an ignore rule or a flag, is not gone.
        """
        prefixes = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        return [
            file
            for path, file in self.by_path.items()
            if path.startswith(prefixes)
            and path not in seen
            and file.id not in self.moved
            and is_gone(file)
        ]


def is_gone(file: SourceFile) -> bool:
    """Tell whether a stored file's path leads nowhere. Standard input never goes."""
    return os.path.isabs(file.path) and not os.path.lexists(real_path(file.path))


def is_unchanged(found: FoundFile, stored: SourceFile) -> bool:
    """Tell whether size and modification time prove that a file is the stored one.

    A file changed within the clock's grain of our reading it could have the same time; such a
    file is compared by its content.
    """
    if (found.size, found.mtime_ns) != (stored.size, stored.mtime_ns):
        return False
    modified = datetime.fromtimestamp(found.mtime_ns / 1e9, tz=stored.ingested_at.tzinfo)
    return modified + RACY < stored.ingested_at


def given_metadata(stored: SourceFile | None, metadata: Mapping[str, object]) -> dict[str, object]:
    """Return the user's metadata for a file: what was given before, and now on top of it."""
    return {**(stored.given if stored else {}), **metadata}
