"""The catalog: which datasets there are, and what each published generation holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from knowledge.errors import (
    DamagedStoreError,
    DatasetExistsError,
    DatasetNotFoundError,
    KnowledgeError,
    LockedError,
)
from knowledge.model import Dataset
from knowledge.storage.dataset_names import check_name
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
from knowledge.storage.local.catalog.rows import dataset_of, dump, now
from knowledge.storage.local.catalog.snapshot import Snapshot
from knowledge.storage.local.catalog.still import unchanged
from knowledge.storage.local.holding import Hold
from knowledge.storage.local.layout import HIDDEN, DataFolder, new_key
from knowledge.storage.store import ATTEMPTS, Notify

if TYPE_CHECKING:
    from knowledge.model import FileProblem
    from knowledge.storage.history import MissedFile, Run
    from knowledge.storage.local.runs.replacement import Replacement
    from knowledge.storage.local.runs.write_run import WriteRun
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.vector_index import VectorIndex

Answer = TypeVar("Answer")
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
            from knowledge.storage.local.elsewhere.index import ServerVectors

            return ServerVectors(folder, key, servers)
        from knowledge.storage.local.vectors.folders import ChromaFolders

        return ChromaFolders(folder, key, servers)

    return index


class Catalog:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
                yield Snapshot(self.connection)
            finally:
                with contextlib.suppress(*FAILURES):  # a damaged file ended it already
                    self.connection.execute("ROLLBACK")

    def read(self, read: Callable[[Snapshot], Answer]) -> Answer:
        """Return what ``read`` makes of one state of the catalog and the folders that it names.

        A writer may have published twice, or replaced a dataset, and have removed a folder before
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
            return Snapshot(self.connection).dataset(name)

    def dataset_by_key(self, key: str) -> Dataset:
        """Return the dataset with this key, whatever its name is by now.

        Raises
        ------
        DatasetNotFoundError
            It was deleted.
        """
        with translated(self.folder.catalog):
            return Snapshot(self.connection).dataset_by_key(key)

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
        with self.transaction():
            self.connection.execute(
                "UPDATE datasets SET metadata = ?, updated_at = ? WHERE name = ?",
                (dump(metadata), now(), name),
            )
            dataset = self.dataset(name)
            from knowledge.storage.local.catalog import history

            history.note_change(self, dataset.key, "edit-dataset")
            return dataset

    def rename(self, name: str, new: str, *, lock_timeout: float, notify: Notify) -> Dataset:
        """Give a dataset another name; see :func:`ownership.rename_dataset`."""
        from knowledge.storage.local.runs.ownership import rename_dataset

        return rename_dataset(self, name, new, lock_timeout=lock_timeout, notify=notify)

    def delete(self, name: str, *, lock_timeout: float, notify: Notify) -> None:
        """Delete a dataset with all it holds; see :func:`removal.delete_dataset`."""
        from knowledge.storage.local.runs.removal import delete_dataset

        delete_dataset(self, name, lock_timeout=lock_timeout, notify=notify)

    def discard_unpublished(self, key: str) -> None:
        """Delete a new dataset to which nothing was published, unless somebody writes to it."""
        from knowledge.storage.local.runs.removal import discard_unpublished

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
        from knowledge.storage.local.runs.copying import merge_datasets

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
    ) -> contextlib.AbstractContextManager[tuple[WriteRun, Callable[..., Dataset]]]:
        """Give a run on a new hidden dataset; see :func:`building.build_dataset`."""
        from knowledge.storage.local.runs.building import build_dataset

        return build_dataset(
            self, name, overwrite=overwrite, lock_timeout=lock_timeout, notify=notify
        )

    def write_run(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> contextlib.AbstractContextManager[WriteRun]:
        """Take a dataset's lock and give a run; see :func:`write_run.open_write_run`."""
        from knowledge.storage.local.runs.write_run import open_write_run

        return open_write_run(self, name, lock_timeout=lock_timeout, notify=notify)

    def replacement(
        self, name: str, *, lock_timeout: float, notify: Notify
    ) -> contextlib.AbstractContextManager[Replacement]:
        """Take a dataset's lock; see :func:`replacement.open_replacement`."""
        from knowledge.storage.local.runs.replacement import open_replacement

        return open_replacement(self, name, lock_timeout=lock_timeout, notify=notify)

    def recorded(
        self, dataset: Dataset, command: str, report: Callable[[], dict[str, Any]]
    ) -> contextlib.AbstractContextManager[None]:
        """Remember a run with how it ended; see :func:`history.recorded`."""
        from knowledge.storage.local.catalog import history

        return history.recorded(self, dataset, command, report)

    def runs(self, dataset: Dataset, limit: int | None = None) -> list[Run]:
        """Return a dataset's runs, the last one first."""
        from knowledge.storage.history import KEPT_RUNS
        from knowledge.storage.local.catalog import history

        return history.runs_of(self, dataset, limit or KEPT_RUNS)

    def missed_files(self, dataset: Dataset) -> list[MissedFile]:
        """Return the files that the last run over them could not take in, by path."""
        from knowledge.storage.local.catalog import history

        return history.missed_files(self, dataset)

    def change_missed(
        self, dataset: Dataset, gone: Collection[FileProblem], new: Collection[FileProblem]
    ) -> None:
        """Forget some files that could not be taken in, and remember others."""
        from knowledge.storage.local.catalog import history

        history.change_missed(self, dataset, gone, new)
