"""The catalog: which datasets there are, and what each published generation holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from knowledge.errors import (
    DamagedStoreError,
    DatasetExistsError,
    DatasetNotFoundError,
    KnowledgeError,
)
from knowledge.model import Dataset
from knowledge.storage import fulltext, schema
from knowledge.storage.database import FAILURES, connect, migrate, transaction, translated
from knowledge.storage.disk import cant_read
from knowledge.storage.layout import HIDDEN, DataFolder, check_name, new_key
from knowledge.storage.rows import dataset_of, dump, now
from knowledge.storage.snapshot import Snapshot
from knowledge.storage.still import unchanged


def check_there(folder: DataFolder) -> bool:
    """Tell whether there is a catalog; one is made where there is nothing at all.

    Raises
    ------
    KnowledgeError
        The data folder is a file, or can't be looked into.
    DamagedStoreError
        There are indexes, but no catalog that says whose they are, or an empty one.
    """
    try:
        there = folder.catalog.stat().st_size > 0
    except PermissionError as error:
        raise cant_read(folder.root) from error
    except OSError:
        there = False
    if not there and folder.root.is_file():
        raise KnowledgeError(
            f"the data folder {folder.root} is a file",
            hint="Choose another with --data-dir or KNOW_DATA_DIR.",
        )
    if not there and any(folder.root.glob("datasets/*/g*")):
        raise DamagedStoreError(
            f"{folder.catalog} is missing or empty, though there are datasets beside it",
            hint="Put a backup of it there, or `knowledge doctor --fix` saves what it can.",
        )
    return folder.catalog.exists()


class Catalog:
    """One connection to the catalog; a context manager. Use it from one thread at a time.

    Parameters
    ----------
    folder:
        The data folder; made when missing.
    """

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        check_there(folder)
        self.connection = connect(folder.catalog)
        fulltext.register(self.connection)
        try:
            migrate(self.connection, folder.catalog, schema.MIGRATIONS)
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def transaction(self, *, durable: bool = False) -> contextlib.AbstractContextManager[None]:
        """Return a context manager that runs a write transaction."""
        return transaction(self.connection, self.folder.catalog, durable=durable)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Read from one state of the catalog, whatever writers do meanwhile.

        Raises
        ------
        LockedError
            The catalog can't be locked, and a writer came meanwhile.
        """
        path = self.folder.catalog
        with unchanged(self.connection, path), translated(path):
            self.connection.execute("BEGIN")
            try:
                yield Snapshot(self.connection)
            finally:
                with contextlib.suppress(*FAILURES):  # a damaged file ended it already
                    self.connection.execute("ROLLBACK")

    def datasets(self, *, hidden: bool = False) -> list[Dataset]:
        """Return all datasets by name; or those that are being built, or were replaced."""
        with translated(self.folder.catalog):
            rows = self.connection.execute("SELECT * FROM datasets ORDER BY name").fetchall()
        return [dataset_of(row) for row in rows if row["name"].startswith(HIDDEN) is hidden]

    def dataset(self, name: str) -> Dataset:
        """Return the dataset called ``name``.

        Raises
        ------
        DatasetNotFoundError
            There is none.
        """
        with translated(self.folder.catalog):
            row = self.connection.execute(
                "SELECT * FROM datasets WHERE name = ?", (name,)
            ).fetchone()
        if row is None:
            raise DatasetNotFoundError(f"there is no dataset {name!r}")
        return dataset_of(row)

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
        with self.transaction():
            added = self.connection.execute(
                "INSERT INTO datasets (key, name, metadata, created_at, updated_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
                (new_key(name), name, dump(metadata or {}), moment, moment),
            )
            if not added.rowcount:
                raise DatasetExistsError(f"there is a dataset {name!r} already")
        return self.dataset(name)

    def ensure(self, name: str) -> bool:
        """Make a dataset called ``name`` when there is none; tell whether that was needed."""
        try:
            self.dataset(name)
        except DatasetNotFoundError:
            with contextlib.suppress(DatasetExistsError):  # another process was faster
                self.create(name)
                return True
        return False

    def rename(self, name: str, new: str) -> Dataset:
        """Give a dataset another name; its key and its folder stay.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        DatasetExistsError
            The new name is taken.
        UsageError
            The new name can't be one.
        """
        check_name(new)
        self.dataset(name)
        with self.transaction():
            taken = self.connection.execute("SELECT 1 FROM datasets WHERE name = ?", (new,))
            if taken.fetchone():
                raise DatasetExistsError(f"there is a dataset {new!r} already")
            self.connection.execute(
                "UPDATE datasets SET name = ?, updated_at = ? WHERE name = ?", (new, now(), name)
            )
        return self.dataset(new)

    def set_metadata(self, name: str, metadata: Mapping[str, Any]) -> Dataset:
        """Replace a dataset's metadata.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        with self.transaction():
            self.connection.execute(
                "UPDATE datasets SET metadata = ?, updated_at = ? WHERE name = ?",
                (dump(metadata), now(), name),
            )
        return self.dataset(name)
