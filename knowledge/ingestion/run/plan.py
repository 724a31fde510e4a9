"""Decide for each found file whether it must be read, by what is stored of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from knowledge.ingestion.scan.files import FoundFile
from knowledge.ingestion.scan.places import Places
from knowledge.model import Metadata, SourceFile
from knowledge.storage.shown_path import real_path

RACY = timedelta(seconds=2)


@dataclass(slots=True)
class Stored:
    """The files a dataset holds, as a run finds and changes them."""

    by_path: dict[str, SourceFile]
    by_hash: dict[str, list[SourceFile]] = field(init=False)
    ids: set[str] = field(init=False)
    moved: set[str] = field(init=False, default_factory=set)
    replaced: set[str] = field(init=False, default_factory=set)
    """Ids of files that the new commit of their repository does not have."""

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
            if file.id not in self.moved and (file.id in self.replaced or is_gone(file)):
                self.moved.add(file.id)
                return file
        return None

    def gone(
        self, roots: Iterable[str], seen: set[str], only: Places | None = None
    ) -> list[SourceFile]:
        """Return the files below ``roots`` that were not seen and are not there any more.

        A file that is there but was left out, by an ignore rule or a flag, is not gone. With
        ``only``, nothing is known of files elsewhere.
        """
        prefixes = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        return [
            file
            for path, file in self.by_path.items()
            if path.startswith(prefixes)
            and path not in seen
            and (only is None or only.covers(path))
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


def has_recipe(stored: SourceFile, recipe: str) -> bool:
    """Tell whether a stored file was read and cut by recipes of this fingerprint."""
    return bool(stored.remembered.get("recipe", "") == recipe)


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that is read, beside the stored file that it is, if any."""

    found: FoundFile
    known: SourceFile | None = None
    recipe: str = ""
    """Fingerprint of the recipes of the run."""

    def facts(self, metadata: Metadata) -> dict[str, Any]:
        """Return the fields of a :class:`SourceFile` that do not depend on its bytes.

        Parameters
        ----------
        metadata:
            What the run's flags give to every file.
        """
        origin = self.found.origin
        given, flags = given_metadata(self.known, self.found.folder_metadata, metadata)
        return {
            "path": self.found.shown,
            "name": origin.name if origin else PurePath(self.found.shown).name,
            "given": given,
            "remembered": {
                **(origin.remembered if origin else {}),
                **flags,
                **({"recipe": self.recipe} if self.recipe else {}),
            },
        }


def given_metadata(
    known: SourceFile | None, folder: Metadata | None, metadata: Metadata
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the user's metadata for a file, and what must be remembered of it.

    Parameters
    ----------
    folder:
        What ``.knowledge.json`` files say, all of it; ``None`` keeps what they said before.
    metadata:
        What flags say, on top of what flags said before.
    """
    before = known.given if known else {}
    old_flags = known.remembered.get("flags") if known else None
    flags = {**(before if old_flags is None else old_flags), **metadata}
    if folder is None:
        return {**before, **metadata}, {} if old_flags is None else {"flags": flags}
    return {**folder, **flags}, {"flags": flags} if folder else {}


def described(stored: SourceFile, folder: Metadata | None, metadata: Metadata) -> SourceFile:
    """Return an unchanged file with the metadata that the user gives it now."""
    given, flags = given_metadata(stored, folder, metadata)
    kept = {key: value for key, value in stored.remembered.items() if key != "flags"}
    remembered = {**kept, **flags}
    if given == stored.given and remembered == stored.remembered:
        return stored
    return replace(stored, given=given, remembered=remembered)
