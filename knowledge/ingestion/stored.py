"""What a dataset holds of its files, as a run finds and changes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from knowledge.ingestion.scan.places import Places
from knowledge.model import Chunk, Dataset, SourceFile
from knowledge.storage.shown_path import real_path

if TYPE_CHECKING:
    from knowledge.storage.store import Catalog


class Stored:
    """The files of a dataset by path and by content.

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
        files: list[SourceFile] = []
        if catalog is not None and dataset is not None:
            with catalog.snapshot() as snapshot:
                files = list(snapshot.files(dataset))
        self.by_path = {file.path: file for file in files}
        self.ids = {file.id for file in files}
        self.moved: set[str] = set()
        self.replaced: set[str] = set()
        """Ids of files that the new commit of their repository does not have."""
        self._by_hash: dict[str, list[SourceFile]] = {}
        for file in files:
            self._by_hash.setdefault(file.content_hash, []).append(file)

    def chunks_of(self, file: SourceFile | None) -> list[Chunk]:
        """Return the stored chunks of a file."""
        if file is None or self._dataset is None or self._catalog is None:
            return []
        with self._catalog.snapshot() as snapshot:
            dataset = snapshot.dataset_by_key(self._dataset.key)
            return snapshot.chunks_of_file(dataset, file.id, proven=False)

    def claim_moved(self, content_hash: str) -> SourceFile | None:
        """Return a stored file with this content whose path is gone: the file has moved here."""
        for file in self._by_hash.get(content_hash, ()):
            if file.id not in self.moved and (file.id in self.replaced or is_gone(file)):
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


def has_recipe(stored: SourceFile, recipe: str) -> bool:
    """Tell whether a stored file was read and cut by recipes of this fingerprint."""
    return bool(stored.remembered.get("recipe", "") == recipe)
