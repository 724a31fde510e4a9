"""A database looked over: whether it is reachable, and whether its rows fit each other."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    KnowledgeError,
    StoreServerError,
)
from knowledge.model import Dataset
from knowledge.storage.dataset_names import no_dataset
from knowledge.storage.findings import Fault, Finding, Severity
from knowledge.storage.identity import garbled
from knowledge.storage.postgres import postings
from knowledge.storage.postgres.schema import VERSION, stored_version
from knowledge.storage.postgres.upkeep import leftovers
from knowledge.storage.relational.snapshot import VISIBLE
from knowledge.storage.reports import remove_all
from knowledge.storage.shown_path import real_path
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.postgres.catalog import PostgresCatalog
    from knowledge.storage.postgres.store import PostgresStore
    from knowledge.storage.store import Notify

Answer = TypeVar("Answer")

FIX = "Run `knowledge doctor --fix`; make a backup with pg_dump first."
_MOST_NAMED = 3
_READ_AGAIN = "size = -1, mtime_ns = 0, content_hash = ''"
_WITHOUT_FILE = (
    f"dataset = ? AND {VISIBLE} AND file_id NOT IN "
    f"(SELECT id FROM files WHERE dataset = ? AND {VISIBLE})"
)
_OTHER_COUNT = (
    f"dataset = ? AND {VISIBLE} AND size >= 0 AND chunks <> (SELECT count(*) FROM chunks AS c "
    "WHERE c.dataset = files.dataset AND c.file_id = files.id AND c.added <= ? "
    "AND (c.removed IS NULL OR c.removed > ?))"
)


def versions(store: PostgresStore) -> dict[str, str]:
    """Return the versions of the server, of pgvector and of the tables.

    Raises
    ------
    StoreServerError
        The server can't be reached.
    """
    with store.sessions.lent() as session:
        [(server, pgvector)] = session.rows(
            "SELECT current_setting('server_version'), "
            "(SELECT extversion FROM pg_extension WHERE extname = 'vector')"
        )
    return {"format": str(VERSION), "postgres": server, "pgvector": pgvector or "not installed"}


class PostgresCheckup:
    """A :class:`knowledge.storage.store.Checkup` of a database.

    Its pages are Postgres's own business, and so are backups.

    Parameters
    ----------
    lock_timeout:
        Seconds to wait for writers, before a repair.
    """

    def __init__(self, store: PostgresStore, *, lock_timeout: float, notify: Notify) -> None:
        self._store = store
        self._timeout = lock_timeout
        self._notify = notify
        self._told = False
        self._reached = True
        self.writable = self.readable = True
        self.remedy = FIX

    @property
    def exists(self) -> bool:
        """True when the schema is there."""
        return self._reached and self._store.exists()

    def versions(self) -> dict[str, str]:
        """Return the versions of the server, of pgvector and of the tables."""
        if self._reached:
            with contextlib.suppress(KnowledgeError):
                return versions(self._store)
        return {"format": str(VERSION)}

    def back_up(self) -> None:
        """Say once who makes a backup of a database."""
        if not self._told:
            self._told = True
            schema = self._store.address.schema
            self._notify(f"no backup is made of a database; `pg_dump -n {schema}` makes one")

    def place(self) -> Iterator[Fault]:
        """Look whether the server can be reached, and whether it can be written."""
        try:
            with self._store.sessions.lent() as session:
                [standby] = session.one(
                    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"
                )
        except StoreServerError as error:
            self._reached = self.readable = self.writable = False
            yield _fault(
                "store-unreachable",
                self._store.place,
                error.message,
                severity=Severity.WARNING,
                remedy=error.hint,
            )
            return
        if standby:
            self.writable = False
            yield _fault(
                "store-read-only",
                self._store.place,
                "the server can only be read: it is a standby, or set so",
                severity=Severity.WARNING,
                remedy="What is stored can be read; nothing can be changed.",
            )

    def catalog(self) -> Iterator[Fault]:
        """Look whether the tables are there; :attr:`readable` is known afterwards.

        Raises
        ------
        NewerStoreError
            A newer version wrote them.
        """
        self.readable = False
        if not self._reached:
            return
        with self._store.sessions.lent() as session:
            version = stored_version(session)
        if 0 < version < VERSION and self.writable:
            self._store.open().close()  # brings them to this version
        self.readable = version > 0
        yield from ()

    def cache(self) -> Iterator[Fault]:
        """Check what the embedding cache counts."""
        if not self.exists:
            return
        with self._store.open() as catalog:
            wrong = catalog.session.rows(_MISCOUNTED_CACHE)

        def repair() -> str:
            with self._store.open() as catalog:
                catalog.session.change(_RECOUNT_CACHE)
            return "It was counted again."

        if wrong:
            told = "the embedding cache counts other bytes than it holds"
            yield _fault("cache-miscounted", "cache", told, repair)

    def rows(self, name: str | None) -> Iterator[Fault]:
        """Check the rows of one dataset, or of all, and their full-text lists.

        Raises
        ------
        DatasetNotFoundError
            There is no such dataset.
        """
        for dataset in self._chosen(name):
            if told := self._now(dataset, _row_faults):
                yield _fault(
                    "rows-damaged", dataset.name, "; ".join(told), self._repair(dataset, _mend)
                )
            if damage := self._now(dataset, _list_faults):
                told_of = f"the full-text index is damaged: {damage}"
                repair = self._repair(dataset, _rebuild)
                yield _fault("fulltext-damaged", dataset.name, told_of, repair)

    def datasets(self, name: str | None) -> list[Dataset]:
        """Return one dataset, or all, as far as their rows can be read."""
        return self._chosen(name)

    def index(self, dataset: Dataset) -> Iterator[Fault]:  # noqa: ARG002
        """Report nothing: a whole index lacks nothing."""
        yield from ()

    def garbled_chunks(self, dataset: Dataset) -> dict[str, list[str]]:
        """Return the ids of chunks that do not fit their text, by the id of their file."""
        found: dict[str, list[str]] = {}
        with (
            contextlib.suppress(DatasetNotFoundError),  # it was deleted meanwhile
            self._store.open() as catalog,
            catalog.snapshot() as snapshot,
        ):
            now = snapshot.dataset_by_key(dataset.key)
            for file in snapshot.files(now):
                chunks = snapshot.chunks_of_file(now, file.id, proven=False)
                if wrong := [chunk.id for chunk in garbled(chunks)]:
                    found[file.id] = wrong
        return found

    def incomplete_files(self, dataset: Dataset) -> list[str]:
        """Return the ids of files of which something is lost."""
        with self._store.open() as catalog:
            rows = catalog.records(
                "SELECT files.id FROM files JOIN datasets ON datasets.id = dataset "
                "WHERE key = ? AND size < 0 AND added <= generation "
                "AND (removed IS NULL OR removed > generation)",
                (dataset.key,),
            )
        return [row["id"] for row in rows]

    def mark_unread(self, dataset: Dataset, file_ids: Sequence[str]) -> list[Path]:
        """Let the next ingest read those of some files that are still there; return their paths."""
        there: dict[str, Path] = {}

        def mark(catalog: PostgresCatalog, now: Dataset) -> None:
            with catalog.snapshot() as snapshot:
                files = snapshot.files_by_id(now, file_ids)
            for id, file in files.items():
                path = Path(os.fsdecode(real_path(file.path)))
                if path.is_absolute() and path.is_file():
                    there[id] = path
            catalog.change(
                f"UPDATE files SET {_READ_AGAIN} WHERE dataset = ? AND id = ANY(?)",
                (_number(catalog, now), list(there)),
            )

        self._repair(dataset, mark)()
        return list(there.values())

    def leftovers(self) -> Iterator[Fault]:
        """Report what nobody needs any more."""
        with self._store.open() as catalog:
            found = [one for one in leftovers(catalog) if one.kind != "old-generation"]
            if found:
                named = ", ".join(one.name for one in found[:_MOST_NAMED])
                yield _fault(
                    "leftovers",
                    self._store.place,
                    f"{counted(len(found), 'thing')} that nobody needs: {named}"
                    + (", …" if len(found) > _MOST_NAMED else ""),
                    lambda: f"{len(remove_all(found))} removed.",
                    severity=Severity.WARNING,
                    remedy="`knowledge gc` removes them.",
                )

    def room(self, datasets: Sequence[Dataset]) -> Iterator[Fault]:  # noqa: ARG002
        """Report nothing: what room a server has, it does not say."""
        yield from ()

    def _now(
        self, dataset: Dataset, look: Callable[[PostgresCatalog, Dataset], Answer]
    ) -> Answer | None:
        """Look at one state of a dataset, whatever is published meanwhile; not at a deleted one."""
        with (
            contextlib.suppress(DatasetNotFoundError),
            self._store.open() as catalog,
            catalog.snapshot() as snapshot,
        ):
            return look(catalog, snapshot.dataset_by_key(dataset.key))
        return None

    def _chosen(self, name: str | None) -> list[Dataset]:
        with self._store.open() as catalog:
            shown = catalog.datasets()
        if name is None:
            return shown
        if name not in [dataset.name for dataset in shown]:
            raise no_dataset(name, [dataset.name for dataset in shown])
        return [dataset for dataset in shown if dataset.name == name]

    def _repair(
        self, dataset: Dataset, mend: Callable[[PostgresCatalog, Dataset], str | None]
    ) -> Callable[[], str]:
        """Return what mends a dataset, as it is by then, under its lock and in one transaction."""

        def repair() -> str:
            with (
                self._store.open() as catalog,
                catalog.lock(dataset.key, dataset.name, self._timeout, self._notify),
            ):
                now = catalog.dataset_by_key(dataset.key)
                return mend(catalog, now) or ""

        return repair


def _row_faults(catalog: PostgresCatalog, dataset: Dataset) -> list[str]:
    """Return in words what is wrong with a dataset's rows."""
    shown = _shown(catalog, dataset)
    told = []
    for table, counts in (("files", dataset.files), ("chunks", dataset.chunks)):
        [found] = catalog.records(
            "SELECT count(*) AS counted, count(DISTINCT id) AS ids "
            f"FROM {table} WHERE dataset = ? AND {VISIBLE}",
            shown,
        )
        if repeated := found["counted"] - found["ids"]:
            told.append(f"{counted(repeated, 'id')} of {table} there twice")
        if counts != found["counted"]:
            told.append(f"the dataset counts {counts} {table}, and has {found['counted']}")
    lost = catalog.records(f"SELECT 1 FROM chunks WHERE {_WITHOUT_FILE}", (*shown, *shown))
    if lost:
        told.append(f"{counted(len(lost), 'chunk')} without a file")
    wrong = catalog.records(f"SELECT 1 FROM files WHERE {_OTHER_COUNT}", (*shown, *shown[1:]))
    if wrong:
        told.append(f"{counted(len(wrong), 'file')} with more or fewer chunks than stored")
    return told


def _list_faults(catalog: PostgresCatalog, dataset: Dataset) -> str:
    """Return in words what is wrong with a dataset's full-text lists."""
    return postings.damage(catalog.session, _number(catalog, dataset), dataset.generation)


def _mend(catalog: PostgresCatalog, dataset: Dataset) -> str:
    """Make a dataset's rows fit each other; files of which something is lost are read again."""
    shown = _shown(catalog, dataset)
    with catalog.transaction(durable=True):
        for table in ("files", "chunks"):
            catalog.change(
                f'DELETE FROM {table} WHERE dataset = ? AND {VISIBLE} AND "row" NOT IN '
                f'(SELECT max("row") FROM {table} WHERE dataset = ? AND {VISIBLE} GROUP BY id)',
                (*shown, *shown),
            )
        catalog.change(f"DELETE FROM chunks WHERE {_WITHOUT_FILE}", (*shown, *shown))
        catalog.change(
            f"UPDATE files SET {_READ_AGAIN}, chunks = (SELECT count(*) FROM chunks AS c "
            "WHERE c.dataset = files.dataset AND c.file_id = files.id AND c.added <= ? AND "
            f"(c.removed IS NULL OR c.removed > ?)) WHERE {_OTHER_COUNT}",
            (*shown[1:], *shown, *shown[1:]),
        )
        for table in ("files", "chunks"):
            catalog.change(
                f"UPDATE datasets SET {table} = (SELECT count(*) FROM {table} "
                f"WHERE dataset = ? AND {VISIBLE}) WHERE key = ?",
                (*shown, dataset.key),
            )
    return "The rows fit each other again; what is lost of files is to be read again."


def _rebuild(catalog: PostgresCatalog, dataset: Dataset) -> str:
    with catalog.transaction(durable=True):
        postings.rebuild(catalog.session, _number(catalog, dataset), dataset.generation)
    return "It was rebuilt from the chunks."


def _number(catalog: PostgresCatalog, dataset: Dataset) -> int:
    rows = catalog.records("SELECT id FROM datasets WHERE key = ?", (dataset.key,))
    if not rows:
        raise DamagedStoreError(f"dataset {dataset.name!r} was deleted meanwhile")
    return int(rows[0]["id"])


def _shown(catalog: PostgresCatalog, dataset: Dataset) -> tuple[int, int, int]:
    return _number(catalog, dataset), dataset.generation, dataset.generation


_SUMS = (
    "SELECT cache_models.id, bytes, (SELECT coalesce(sum(length(vector) + 64), 0) "
    "FROM cache_vectors WHERE model = cache_models.id)::bigint AS held FROM cache_models"
)
_MISCOUNTED_CACHE = f"SELECT 1 FROM ({_SUMS}) AS sums WHERE bytes <> held"
_RECOUNT_CACHE = (
    f"UPDATE cache_models SET bytes = held FROM ({_SUMS}) AS sums WHERE sums.id = cache_models.id"
)


def _fault(
    code: str,
    subject: str,
    message: str,
    repair: Callable[[], str] | None = None,
    *,
    severity: Severity = Severity.DAMAGE,
    remedy: str = FIX,
) -> Fault:
    return Fault(Finding(code, severity, subject, message, remedy), repair)
