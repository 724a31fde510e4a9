"""The catalog: which datasets there are, and what each published generation holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from knowledge.errors import (
    DamagedStoreError,
    KnowledgeError,
    LockedError,
)
from knowledge.model import Dataset
from knowledge.storage.disk import cant_read
from knowledge.storage.local.catalog import fulltext, schema
from knowledge.storage.local.catalog.database import (
    BUSY_SECONDS,
    FAILURES,
    connect,
    make_home,
    migrate,
    transaction,
    translated,
)
from knowledge.storage.local.catalog.snapshot import Snapshot
from knowledge.storage.local.catalog.still import unchanged
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.layout import DataFolder
from knowledge.storage.relational.catalog import SqlCatalog
from knowledge.storage.store import ATTEMPTS, Notify

if TYPE_CHECKING:
    from knowledge.storage.local.catalog.staging import LocalStaging
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.vector_index import VectorIndex

Vectors = Callable[[str], "VectorIndex"]


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
            hint="Choose another with `data_dir` or KNOW_DATA_DIR.",
        )
    if not there and _has_indexes(folder):
        raise DamagedStoreError(
            f"{folder.catalog} is missing or empty, though there are datasets beside it",
            hint="Put a backup of it there, or `knowledge doctor --fix` saves what it can.",
        )
    return folder.catalog.exists()


def _has_indexes(folder: DataFolder) -> bool:
    try:
        return any(folder.root.glob("datasets/*/g*"))
    except OSError:  # the folders are being removed at this moment
        return False


def hold_made(folder: DataFolder) -> Hold:
    """Hold a data folder, which is made when missing, so that nobody empties it meanwhile.

    Raises
    ------
    LockedError
        It is being emptied, and that does not end.
    """
    for _ in range(ATTEMPTS):
        if folder.root.is_file():
            check_there(folder)
        make_home(folder.catalog)
        try:
            return Hold(folder.root, BUSY_SECONDS)
        except FileNotFoundError:
            continue  # it was emptied, and has gone with that
    raise LockedError(f"another process empties {folder.root}")


def indexes(folder: DataFolder, servers: Servers | None = None) -> Vectors:
    """Return what gives the index of a dataset, in the data folder or on a server."""

    def index(key: str) -> VectorIndex:
        if servers is not None and servers.place:
            from knowledge.storage.local.elsewhere.versions import FolderMarks
            from knowledge.storage.servers.index import ServerVectors

            return ServerVectors(FolderMarks(folder, key, servers), servers)
        from knowledge.storage.local.vectors.folders import ChromaFolders

        return ChromaFolders(folder, key, servers)

    return index


class Catalog(SqlCatalog):
    """One connection to the catalog; a context manager. Use it from one thread at a time.

    Parameters
    ----------
    folder:
        The data folder; made when missing.
    vectors:
        Gives the index of the dataset with a key; default Chroma folders in the data folder.
    servers:
        Give the servers that keep vectors; none where datasets are not to be found on any.
    """

    def __init__(
        self,
        folder: DataFolder,
        vectors: Vectors | None = None,
        servers: Servers | None = None,
    ) -> None:
        self.folder = folder
        self.servers = servers
        self._vectors = vectors or indexes(folder, servers)
        self._hold = hold_made(folder)
        try:
            check_there(folder)
            self.connection = connect(folder.catalog)
        except BaseException:
            self._hold.release()
            raise
        fulltext.register(self.connection)
        try:
            migrate(self.connection, folder.catalog, schema.MIGRATIONS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
        self._hold.release()

    def index(self, key: str) -> VectorIndex:
        """Return the index of the dataset with this key."""
        return self._vectors(key)

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
                yield Snapshot(self.connection, self.folder)
            finally:
                with contextlib.suppress(*FAILURES):  # a damaged file ended it already
                    self.connection.execute("ROLLBACK")

    def another(self) -> Self:
        """Open another connection, to read while this one writes."""
        return type(self)(self.folder, servers=self.servers)

    def records(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Execute a statement; return all its rows."""
        with translated(self.folder.catalog):
            return self.connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute a statement; return how many rows it changed."""
        with translated(self.folder.catalog):
            return self.connection.execute(statement, values).rowcount

    def change_many(self, statement: str, values: Sequence[Sequence[Any]]) -> None:
        """Execute a statement for each of some values."""
        with translated(self.folder.catalog):
            self.connection.executemany(statement, values)

    def staging(self, dataset: Dataset) -> LocalStaging:
        """Return what writes rows of a dataset's next generation."""
        from knowledge.storage.local.catalog.staging import LocalStaging

        return LocalStaging(self, dataset)

    def lock(
        self, key: str, name: str, timeout: float, notify: Notify
    ) -> contextlib.AbstractContextManager[None]:
        """Hold the write lock of the dataset with this key; see :func:`lock.write_lock`."""
        from knowledge.storage.local import lock

        return lock.write_lock(self.folder.lock(key), name, timeout, notify)

    def forget_lock(self, key: str) -> None:
        """Remove the file of the lock of a dataset that is gone.

        Who still waits for this lock finds the dataset gone; nobody new comes for its key.
        """
        self.folder.lock(key).unlink(missing_ok=True)

    def sweep_orphans(self) -> None:
        """Remove folders of deleted datasets, which a killed deletion or a reader may have left."""
        from knowledge.storage.local.elsewhere.marks import retired
        from knowledge.storage.local.holding import remove_folders

        home = self.folder.root / "datasets"
        if not home.is_dir():
            return
        # Folders are listed before rows are read, and rows are made before folders: a folder
        # without a row is one whose dataset is gone.
        folders = list(home.iterdir())
        keys = {dataset.key for dataset in [*self.datasets(), *self.datasets(hidden=True)]}
        for folder in folders:
            if folder.name not in keys:
                remove_folders(folder, partial(retired, servers=self.servers))
