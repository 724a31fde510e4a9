"""The datasets' life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.knowledge_base.opened import Opened
from knowledge.model import Dataset


class Datasets(Opened):
    """List, create, change and delete datasets."""

    def datasets(self) -> list[Dataset]:
        """Return all datasets by name."""
        if not self.store.exists():
            return []
        with self.store.open() as catalog:
            return catalog.datasets()

    def dataset(self, name: str) -> Dataset:
        """Return one dataset.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(name) as catalog:
            return catalog.dataset(name)

    def create_dataset(self, name: str, metadata: Mapping[str, Any] | None = None) -> Dataset:
        """Create an empty dataset; its embedder is chosen at the first ingest.

        Raises
        ------
        DatasetExistsError
            The name is taken.
        UsageError
            The name can't be one.
        """
        with self.store.open() as catalog:
            return catalog.create(name, metadata)

    def edit_dataset(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._existing(name) as catalog:
            return catalog.set_metadata(name, metadata)

    def rename_dataset(self, name: str, new: str) -> Dataset:
        """Give a dataset another name.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        DatasetExistsError
            The new name is taken.
        LockedError
            Another process is writing to it.
        """
        with self._existing(name) as catalog:
            return catalog.rename(
                name, new, lock_timeout=self.settings["lock_timeout"], notify=self._notify
            )

    def merge_datasets(
        self, names: str | Sequence[str], target: str, *, overwrite: bool = False
    ) -> Dataset:
        """Make ``target`` of all files of the datasets; of one dataset it is a copy.

        Nothing is embedded again, and the datasets stay as they are. Where several hold a file of
        one path, the one that was ingested last counts.

        Raises
        ------
        DatasetNotFoundError
            One of them does not exist.
        DatasetExistsError
            ``target`` does, and ``overwrite`` is false.
        ModelMismatchError
            They are embedded with different models.
        """
        from knowledge.embeddings.choice import inherit

        listed = [names] if isinstance(names, str) else list(names)
        with self._existing(listed[0]) as catalog:
            sources = [catalog.dataset(name) for name in listed]
            made = catalog.merge(
                listed,
                target,
                overwrite=overwrite,
                lock_timeout=self.settings["lock_timeout"],
                notify=self._notify,
            )
        if note := inherit(sources, made, self.settings):
            self._notify(note)
        return made

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset with all it holds.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        LockedError
            Another process is writing to it.
        """
        with self._existing(name) as catalog:
            if self._retriever is not None:
                self._retriever.close()
            catalog.delete(name, lock_timeout=self.settings["lock_timeout"], notify=self._notify)
