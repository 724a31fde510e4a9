"""What a dataset holds of its files, as a run finds and changes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from knowledge.ingestion.scan.places import Places
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.shown_path import real_path

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog, Snapshot

Found = TypeVar("Found")


class Stored:
    """The files of a dataset by path and by content.

    Of most files a run needs no more than `states`: all else is read when it is asked for.

    Parameters
    ----------
    catalog:
        A connection for reading alone; ``None`` when there is no catalog yet.
    dataset:
        ``None`` in a dry run on a dataset that does not exist.
    """

    def __init__(self, catalog: Catalog | None, dataset: Dataset | None) -> None:
        self._catalog = catalog
        self._dataset = dataset
        self.states = self._read(lambda snapshot, dataset: snapshot.file_states(dataset)) or []
        """What tells of each file whether it has changed."""
        self._paths = {state[0] for state in self.states}
        self.moved: set[str] = set()
        self.replaced: set[str] = set()
        """Ids of files that the new commit of their repository does not have."""

    def at(self, path: str) -> SourceFile | None:
        """Return the file that is stored of a path, as it is shown."""
        if path not in self._paths:
            return None
        return self._read(lambda snapshot, dataset: snapshot.file(dataset, path=path))

    @cached_property
    def by_path(self) -> dict[str, SourceFile]:
        """All files, in the order of their paths."""
        files = self._read(lambda snapshot, dataset: list(snapshot.files(dataset))) or []
        return {file.path: file for file in files}

    @cached_property
    def ids(self) -> set[str]:
        """The ids of the files, and those that the run has given since."""
        return {id for id, _, _ in self._identities}

    @cached_property
    def _by_hash(self) -> dict[str, list[str]]:
        paths: dict[str, list[str]] = {}
        for _, path, content_hash in self._identities:
            paths.setdefault(content_hash, []).append(path)
        return paths

    @cached_property
    def _identities(self) -> list[tuple[str, str, str]]:
        if not self._paths:
            return []
        return self._read(lambda snapshot, dataset: snapshot.file_identities(dataset)) or []

    def _read(self, read: Callable[[Snapshot, Dataset], Found]) -> Found | None:
        """Return what ``read`` finds in the dataset as it is published now, if there is one."""
        if self._dataset is None or self._catalog is None:
            return None
        with self._catalog.snapshot() as snapshot:
            return read(snapshot, snapshot.dataset_by_key(self._dataset.key))

    def chunks_of(self, file: SourceFile | None) -> list[Chunk]:
        """Return the stored chunks of a file."""
        if file is None:
            return []
        id = file.id
        return self._read(lambda found, of: found.chunks_of_file(of, id, proven=False)) or []

    def claim_moved(self, content_hash: str) -> SourceFile | None:
        """Return a stored file with this content whose path is gone: the file has moved here."""
        for path in self._by_hash.get(content_hash, ()):
            file = self.at(path)
            if file is None or file.id in self.moved:
                continue
            if file.id in self.replaced or is_gone(path):
                self.moved.add(file.id)
                return file
        return None

    def gone(
        self, roots: Iterable[str], seen: set[str], only: Places | None = None
    ) -> list[SourceFile]:
        """Return the files below ``roots`` that were not seen and are not there any more.

        A file that is there but was left out, by an ignore rule or an option, is not gone. With
        ``only``, nothing is known of files elsewhere.
        """
        prefixes = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        gone = [
            self.at(path)
            for path in sorted(self._paths - seen)
            if path.startswith(prefixes) and (only is None or only.covers(path)) and is_gone(path)
        ]
        return [file for file in gone if file is not None and file.id not in self.moved]


def is_gone(path: str) -> bool:
    """Tell whether a stored file's path leads nowhere. Standard input never goes."""
    return os.path.isabs(path) and not os.path.lexists(real_path(path))


def has_recipe(stored: SourceFile, recipe: str) -> bool:
    """Tell whether a stored file was read and cut by recipes of this fingerprint."""
    return bool(stored.remembered.get("recipe", "") == recipe)
