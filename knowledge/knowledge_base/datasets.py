"""Datasets: list, create, change and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.knowledge_base.shared import Shared
from knowledge.model import Dataset

_Datasets = list[Dataset]


class Datasets:
    """The group ``kb.datasets``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def list(self) -> _Datasets:
        """Return all datasets by name."""
        if not self._shared.store.exists():
            return []
        with self._shared.store.open() as catalog:
            return catalog.datasets()

    def get(self, name: str | None = None) -> Dataset:
        """Return one dataset, by default the one of the settings.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        wanted = self._shared.dataset(name)
        with self._shared.existing(wanted) as catalog:
            return self._shared.saw(catalog.dataset(wanted))

    def chosen(self) -> str:
        """Return the dataset that is meant where none is named: the settings' or the only one."""
        return self._shared.dataset(None)

    def asked(self) -> Sequence[str]:
        """Return the datasets that a question goes to which names none."""
        return self._shared.asked_datasets() or [str(self._shared.settings["dataset"])]

    def create(self, name: str, metadata: Mapping[str, Any] | None = None) -> Dataset:
        """Create an empty dataset; its embedder is chosen at the first ingest.

        Raises
        ------
        DatasetExistsError
            The name is taken.
        UsageError
            The name can't be one.
        """
        with self._shared.store.open() as catalog:
            return catalog.create(name, metadata)

    def edit(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        """
        with self._shared.existing(name) as catalog:
            return catalog.set_metadata(name, metadata)

    def rename(self, name: str, new: str) -> Dataset:
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
        with self._shared.existing(name) as catalog:
            return catalog.rename(
                name, new, lock_timeout=self._shared.lock_timeout, notify=self._shared.notify
            )

    def merge(self, names: str | Sequence[str], target: str, *, overwrite: bool = False) -> Dataset:
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
        listed = [names] if isinstance(names, str) else list(names)
        with self._shared.existing(listed[0]) as catalog:
            sources = [catalog.dataset(name) for name in listed]
            made = catalog.merge(
                listed,
                target,
                overwrite=overwrite,
                lock_timeout=self._shared.lock_timeout,
                notify=self._shared.notify,
            )
        self._shared.inherit(sources, made)
        return made

    def delete(self, name: str) -> None:
        """Delete a dataset with all it holds.

        Raises
        ------
        DatasetNotFoundError
            There is none of this name.
        LockedError
            Another process is writing to it.
        """
        with self._shared.existing(name) as catalog:
            self._shared.close_indexes()
            catalog.delete(name, lock_timeout=self._shared.lock_timeout, notify=self._shared.notify)
