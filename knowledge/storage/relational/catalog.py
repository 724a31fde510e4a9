"""A catalog in SQL: which datasets there are, and what each published generation holds.

What the kinds of SQL share is written here once: statements in the part of the language that all of
them understand, with ``?`` for values. A kind of store adds how it connects, locks and copies.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from knowledge.errors import DamagedStoreError, DatasetExistsError, DatasetNotFoundError
from knowledge.model import Dataset
from knowledge.storage.dataset_names import HIDDEN, check_name, new_key, no_dataset
from knowledge.storage.relational.rows import Record, dataset_of, dump, now
from knowledge.storage.store import ATTEMPTS, Notify

if TYPE_CHECKING:
    from knowledge.model import FileProblem
    from knowledge.storage.history import MissedFile, Run
    from knowledge.storage.relational.replacement import Replacement
    from knowledge.storage.relational.snapshot import SqlSnapshot
    from knowledge.storage.relational.staging import Staging
    from knowledge.storage.relational.write_run import WriteRun
    from knowledge.storage.vector_index import VectorIndex

Answer = TypeVar("Answer")


class SqlCatalog:
    """One connection to a catalog; a context manager. Use it from one thread at a time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def another(self) -> Self:
        """Open another connection, to read while this one writes."""

    @abstractmethod
    def records(self, statement: str, values: Sequence[Any] = ()) -> list[Record]:
        """Execute a statement; return all its rows."""

    @abstractmethod
    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; return how many rows it changed."""

    @abstractmethod
    def change_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Execute a statement for each of some values."""

    @abstractmethod
    def transaction(self, *, durable: bool = False) -> AbstractContextManager[None]:
        """Return a context manager that runs a write transaction; ``durable`` is on the disk."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[SqlSnapshot]:
        """Read from one state, whatever writers do meanwhile."""

    @abstractmethod
    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""

    @abstractmethod
    def staging(self, dataset: Dataset) -> Staging:
        """Return what writes rows of a dataset's next generation."""

    @abstractmethod
    def lock(
        self, key: str, name: str, timeout: float, notify: Notify
    ) -> AbstractContextManager[None]:
        """Hold the write lock of the dataset with this key.

        Parameters
        ----------
        name:
            Its name, for messages.
        timeout:
            Seconds to wait; 0 is one try.

        Raises
        ------
        LockedError
            Another writer held it for all of ``timeout``; the message names the holder.
        """

    @abstractmethod
    def forget_lock(self, key: str) -> None:
        """Remove what is left of the lock of a dataset that is gone."""

    @abstractmethod
    def sweep_orphans(self) -> None:
        """Remove the vectors of deleted datasets, which a kill or a reader may have left."""

    def read(self, read: Callable[[Any], Answer]) -> Answer:
        """Return what ``read`` makes of one state of the catalog and the versions that it names.

        A writer may have published twice, or replaced a dataset, and have removed a version before
        it was opened. Then all is read again, in the state that is there now.

        Raises
        ------
        DamagedStoreError
            As ``read`` raised it on a state that is still there.
        """
        for _ in range(ATTEMPTS):
            with self.snapshot() as snapshot:
                state = snapshot.state()
                try:
                    return read(snapshot)
                except DamagedStoreError as error:
                    damage = error
            with self.snapshot() as snapshot:
                if snapshot.state() == state:
                    break
        raise damage

    def datasets(self, *, hidden: bool = False) -> list[Dataset]:
        """Return all datasets by name; or those that are being built, or were replaced."""
        rows = self.records("SELECT * FROM datasets ORDER BY name")
        return [dataset_of(row) for row in rows if row["name"].startswith(HIDDEN) is hidden]

    def dataset(self, name: str) -> Dataset:
        """Return the dataset called ``name``.

        Raises
        ------
        DatasetNotFoundError
            There is none.
        """
        rows = self.records("SELECT * FROM datasets WHERE name = ?", (name,))
        if not rows:
            raise no_dataset(name, [dataset.name for dataset in self.datasets()])
        return dataset_of(rows[0])

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, whatever its name is by now.

        Raises
        ------
        DatasetNotFoundError
            It was deleted.
        """
        rows = self.records("SELECT * FROM datasets WHERE key = ?", (key,))
        if not rows:
            raise DatasetNotFoundError(f"the dataset {key!r} was deleted by another process")
        return dataset_of(rows[0])

    def create(self, name: str, metadata: Mapping[str, Any] | None = None) -> Dataset:
        """Create an empty dataset.

        Raises
        ------
        DatasetExistsError
            The name is taken.
        UsageError
            The name can't be one.
        """
        check_name(name)
        moment = now()
        with self.transaction(durable=True):
            added = self.change(
                "INSERT INTO datasets (key, name, metadata, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
                (new_key(name), name, dump(metadata or {}), moment, moment),
            )
            if not added:
                raise DatasetExistsError(f"there is a dataset {name!r} already")
            return self.dataset(name)

    def ensure(self, name: str) -> Dataset | None:
        """Make a dataset called ``name`` when there is none; return it where it was made."""
        try:
            self.dataset(name)
        except DatasetNotFoundError:
            with contextlib.suppress(DatasetExistsError):  # another process was faster
                return self.create(name)
        return None

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        with self.transaction(durable=True):
            self.change(
                "UPDATE datasets SET metadata = ?, updated_at = ? WHERE name = ?",
                (dump(metadata), now(), name),
            )
            dataset = self.dataset(name)
            from knowledge.storage.relational import history

            history.note_change(self, dataset.key, "edit-dataset")
            return dataset

    def rename(self, name: str, new: str, *, lock_timeout: float, notify: Notify) -> Dataset:
        """Give a dataset another name; see :func:`ownership.rename_dataset`."""
        from knowledge.storage.relational.ownership import rename_dataset

        return rename_dataset(self, name, new, lock_timeout=lock_timeout, notify=notify)

    def delete(self, name: str, *, lock_timeout: float, notify: Notify) -> None:
        """Delete a dataset with all it holds; see :func:`removal.delete_dataset`."""
        from knowledge.storage.relational.removal import delete_dataset

        delete_dataset(self, name, lock_timeout=lock_timeout, notify=notify)

    def discard_unpublished(self, key: str) -> None:
        """Delete a new dataset to which nothing was published, unless somebody writes to it."""
        from knowledge.storage.relational.removal import discard_unpublished

        discard_unpublished(self, key)

    def merge(
        self,
        names: Sequence[str],
        target: str,
        *,
        overwrite: bool,
        lock_timeout: float,
        notify: Notify,
    ) -> Dataset:
        """Make ``target`` of all files of the datasets; see :func:`copying.merge_datasets`."""
        from knowledge.storage.relational.copying import merge_datasets

        return merge_datasets(
            self, names, target, overwrite=overwrite, lock_timeout=lock_timeout, notify=notify
        )

    def check_free(self, name: str, *, overwrite: bool) -> None:
        """Raise :class:`DatasetExistsError` when the name is taken and is not to be replaced."""
        if not overwrite and any(dataset.name == name for dataset in self.datasets()):
            raise DatasetExistsError(
                f"there is a dataset {name!r} already",
                hint="Choose another name, or replace it with `overwrite`.",
            )

    def build(
        self, name: str, *, overwrite: bool, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[tuple[WriteRun, Callable[..., Dataset]]]:
        """Yield a run on a new hidden dataset; see :func:`building.build_dataset`."""
        from knowledge.storage.relational.building import build_dataset

        return build_dataset(
            self, name, overwrite=overwrite, lock_timeout=lock_timeout, notify=notify
        )

    def write_run(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[WriteRun]:
        """Take a dataset's lock and give a run; see :func:`write_run.open_write_run`."""
        from knowledge.storage.relational.write_run import open_write_run

        return open_write_run(self, name, lock_timeout=lock_timeout, notify=notify)

    def replacement(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> AbstractContextManager[Replacement]:
        """Take a dataset's lock; see :func:`replacement.open_replacement`."""
        from knowledge.storage.relational.replacement import open_replacement

        return open_replacement(self, name, lock_timeout=lock_timeout, notify=notify)

    def recorded(
        self, dataset: Dataset, command: str, report: Callable[[], dict[str, Any]]
    ) -> AbstractContextManager[None]:
        """Remember a run with how it ended; see :func:`history.recorded`."""
        from knowledge.storage.relational import history

        return history.recorded(self, dataset, command, report)

    def runs(self, dataset: Dataset, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first."""
        from knowledge.storage.history import KEPT_RUNS
        from knowledge.storage.relational import history

        return history.runs_of(self, dataset, limit or KEPT_RUNS)

    def missed_files(self, dataset: Dataset) -> list[MissedFile]:
        """Return the files that the last run over them could not take in, by path."""
        from knowledge.storage.relational import history

        return history.missed_files(self, dataset)

    def missed_page(
        self, dataset: Dataset, statuses: Sequence[str], part: str, offset: int, limit: int
    ) -> tuple[list[MissedFile], dict[str, int]]:
        """Return some of the files that could not be taken in; see :func:`history.missed_page`."""
        from knowledge.storage.relational import history

        return history.missed_page(self, dataset, statuses, part, offset, limit)

    def change_missed(
        self, dataset: Dataset, gone: Collection[FileProblem], new: Collection[FileProblem]
    ) -> None:
        """Forget some files that could not be taken in, and remember others."""
        from knowledge.storage.relational import history

        history.change_missed(self, dataset, gone, new)
