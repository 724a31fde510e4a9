"""The files of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knowledge.knowledge_base.opened import Opened
from knowledge.model import Chunk, SourceFile


class Files(Opened):
    """List, show and remove files."""

    def files(self, dataset: str = "default") -> list[SourceFile]:
        """Return a dataset's files by path.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return list(snapshot.files(snapshot.dataset(dataset)))

    def file(self, file: str, dataset: str = "default") -> tuple[SourceFile, list[Chunk]]:
        """Return a file and its chunks in order.

        Parameters
        ----------
        file:
            Its id, its absolute path, a path from the working directory, the name given to
            standard input, or the end of its path, such as its bare name, where no other file
            has it.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        UsageError
            Several files have this name.
        """
        from knowledge.storage.file_names import find_file

        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            owner = snapshot.dataset(dataset)
            found = find_file(snapshot, owner, file)
            return found, snapshot.chunks_of_file(owner, found.id)

    def _entry(self, file: str, dataset: str) -> SourceFile:
        """Return a file without its chunks, which may be damaged."""
        from knowledge.storage.file_names import find_file

        with self._existing(dataset) as catalog, catalog.snapshot() as snapshot:
            return find_file(snapshot, snapshot.dataset(dataset), file)

    def edit_file(
        self, file: str, metadata: Mapping[str, Any], dataset: str = "default"
    ) -> SourceFile:
        """Replace what the user says of a file; nothing is embedded again.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        LockedError
            Another process is writing to the dataset.
        """
        with (
            self._existing(dataset) as catalog,
            catalog.write_run(
                dataset, lock_timeout=self.settings["lock_timeout"], notify=self._notify
            ) as run,
        ):
            found = self._entry(file, dataset)
            flags = {"flags": dict(metadata)} if "flags" in found.remembered else {}
            remembered = {**found.remembered, **flags}
            run.touch_file(replace(found, given=dict(metadata), remembered=remembered))
            return self._entry(found.id, dataset)

    def delete_file(self, file: str, dataset: str = "default") -> SourceFile:
        """Remove a file from a dataset; the file itself stays where it is.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        FileNotInDatasetError
            The dataset holds no such file.
        LockedError
            Another process is writing to the dataset.
        """
        self._entry(file, dataset)  # before anybody waits for a lock
        with (
            self._existing(dataset) as catalog,
            catalog.write_run(
                dataset, lock_timeout=self.settings["lock_timeout"], notify=self._notify
            ) as run,
        ):
            found = self._entry(file, dataset)
            run.remove_file(found)
            embedding, splitter = run.dataset.embedding, run.dataset.splitter
            assert embedding is not None
            assert splitter is not None
            run.publish(embedding, splitter)
        return found
