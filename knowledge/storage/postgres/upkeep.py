"""Looking after the database: what it holds, what can go, and giving room back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import (
    DamagedStoreError,
    DatasetNotFoundError,
    LockedError,
    VectorServerError,
)
from knowledge.storage.postgres import marks, postings
from knowledge.storage.postgres.locks import is_held, store_alone
from knowledge.storage.postgres.schema import TABLES, VERSION, stored_version
from knowledge.storage.postgres.versions import CANDIDATE
from knowledge.storage.relational.compaction import compact_datasets
from knowledge.storage.relational.ownership import locked_dataset
from knowledge.storage.relational.removal import discard_hidden
from knowledge.storage.relational.status import dataset_status
from knowledge.storage.reports import Compacted, Leftover, Sizes, Status
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.postgres.catalog import PostgresCatalog
    from knowledge.storage.postgres.session import Session
    from knowledge.storage.postgres.store import PostgresStore
    from knowledge.storage.servers.connections import Servers
    from knowledge.storage.store import Notify

_CACHE = ("cache_vectors", "cache_models")
_STALE = 1.3
"""Rows in the full-text lists for each row of a chunk, from which the lists are rebuilt."""
_MINUTE = timedelta(seconds=60)


def status_of(store: PostgresStore, name: str | None, cache_limit: int) -> Status:
    """Return the status of a store with one of its datasets, or with all.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    """
    if name is None and not store.exists():
        nothing = Sizes(0, 0, 0, 0, 0, None)
        return Status(store.root, VERSION, nothing, cache_limit, [], store.place)
    with store.open() as catalog:
        with catalog.snapshot():
            chosen = catalog.datasets() if name is None else [catalog.dataset(name)]
            datasets = [dataset_status(catalog, dataset) for dataset in chosen]
        sizes = _sizes(catalog.session, store.root)
    return Status(store.root, VERSION, sizes, cache_limit, datasets, store.place)


def compact_all(
    store: PostgresStore, name: str | None, *, lock_timeout: float, notify: Notify
) -> list[Compacted]:
    """Compact one dataset, or all, then the tables.

    Raises
    ------
    DatasetNotFoundError
        There is no such dataset.
    LockedError
        Another process is writing.
    """
    with store.open() as catalog:
        done = compact_datasets(catalog, name, lock_timeout=lock_timeout, notify=notify)
        for one in done:
            with (
                contextlib.suppress(DatasetNotFoundError),
                locked_dataset(
                    catalog, one.name, lock_timeout=lock_timeout, notify=notify
                ) as dataset,
            ):
                _renew_lists(catalog, dataset)
        for named, tables in (("catalog", set(TABLES) - {*_CACHE}), ("cache", {*_CACHE})):
            before = _bytes(catalog.session, tables)
            for table in sorted(tables):
                catalog.session.change(f"VACUUM (ANALYZE) {table}")
            done.append(Compacted(named, 0, before, _bytes(catalog.session, tables)))
    return done


def leftovers(catalog: PostgresCatalog) -> Iterator[Leftover]:
    """Yield what can go. What is in use, or may be, is none of it."""
    session = catalog.session
    for dataset in catalog.datasets():
        if not is_held(session, dataset.key):
            yield from _of_dataset(catalog, dataset)
    for dataset in catalog.datasets(hidden=True):
        if not is_held(session, dataset.key):
            yield Leftover(
                "hidden-dataset",
                f"an unfinished or replaced dataset ({dataset.key})",
                catalog.index(dataset.key).size(),
                partial(_discard, catalog, dataset.key),
            )
    for key in catalog.orphans():
        yield Leftover(
            "orphan-vectors",
            f"vectors of a deleted dataset ({key})",
            catalog.index(key).size(),
            partial(_remove_vectors, catalog, key),
        )


def empty(store: PostgresStore, patience: float) -> None:
    """Drop all our tables, and the schema where nothing else is in it.

    Raises
    ------
    LockedError
        A dataset is being written, or others are connected all the time; nothing was removed.
    VectorServerError
        A server that keeps vectors can't be reached; no table was dropped.
    """
    with store.sessions.lent() as session:
        if not stored_version(session):
            return
        for (key,) in session.rows("SELECT key FROM datasets ORDER BY key"):
            if is_held(session, key):
                raise LockedError(f"a dataset is being written ({key}); nothing was removed")
        with store_alone(session, patience):
            _retire_all(session, store.servers)
            with session.transaction(durable=True):
                for table in table_names(session):
                    session.script(f'DROP TABLE "{table}"')
            schema = session.address.schema
            [used] = session.one(
                "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(?)) "
                "OR EXISTS (SELECT 1 FROM pg_proc WHERE pronamespace = to_regnamespace(?)) "
                "OR EXISTS (SELECT 1 FROM pg_extension WHERE extnamespace = to_regnamespace(?))",
                (f'"{schema}"',) * 3,
            )
            if not used and schema != "public":
                session.script(f'DROP SCHEMA "{schema}"')


def _retire_all(session: Session, servers: Servers | None) -> None:
    """Have servers forget all vectors that they keep for us."""
    if servers is None:
        return
    rows = session.rows("SELECT key, id FROM versions WHERE mark IS NOT NULL ORDER BY id")
    for key, id in rows:
        marks.retire(session, key, id, servers)
        session.change("DELETE FROM versions WHERE id = ?", (id,))


def table_names(session: Session) -> list[str]:
    """Return our tables in the order in which they can go; none where there is no schema."""
    if not stored_version(session):
        return []
    vectors = session.rows("SELECT 'vectors_' || id FROM vector_tables ORDER BY id")
    return [*(name for (name,) in vectors), *TABLES]


def _of_dataset(catalog: PostgresCatalog, dataset: Dataset) -> Iterator[Leftover]:
    named = f"dataset {dataset.name!r}"
    if catalog.staging(dataset).has_leftovers():
        yield Leftover(
            "staged-rows",
            f"rows of unfinished or old runs on {named}",
            0,
            partial(_locked, catalog, dataset, _sweep),
        )
    others = catalog.versions(dataset.key).others(dataset.vectors)
    # A reader that began before the last publish may still be about to open the one before.
    if _is_young(dataset.updated_at):
        before = max((one for one in others if 0 < one < dataset.vectors), default=None)
        others = [one for one in others if one != before]
    for version in others:
        yield Leftover(
            "candidate" if version <= CANDIDATE or version > dataset.vectors else "old-generation",
            f"{_named(version)} of the vectors of {named}",
            catalog.index(dataset.key).size(version),
            partial(_locked, catalog, dataset, partial(_drop, version)),
        )
    yield from _stray_vectors(catalog, dataset)


def _named(version: int) -> str:
    return f"version {version}" if version > CANDIDATE else "an unfinished version"


def _stray_vectors(catalog: PostgresCatalog, dataset: Dataset) -> list[Leftover]:
    """Return the vectors on a server that no version of a dataset has, unless it is written to."""
    servers, found = catalog.servers, list[Leftover]()
    if servers is None or not catalog.versions(dataset.key).is_on_server(dataset.vectors):
        return found

    def look(catalog: PostgresCatalog, now: Dataset) -> None:
        strays = marks.strays(catalog.session, now.key, now.vectors, servers)
        if strays:
            told = f"{counted(len(strays), 'vector')} of no version of dataset {now.name!r}"
            forget = partial(_locked, catalog, now, partial(_forget_strays, servers))
            found.append(Leftover("orphan-vectors", told, 0, forget))

    # `doctor` reports the last two.
    with contextlib.suppress(LockedError, VectorServerError, DamagedStoreError):
        _locked(catalog, dataset, look)
    return found


def _forget_strays(servers: Servers, catalog: PostgresCatalog, dataset: Dataset) -> None:
    marks.forget_strays(catalog.session, dataset.key, dataset.vectors, servers)


def _locked(
    catalog: PostgresCatalog,
    dataset: Dataset,
    act: Callable[[PostgresCatalog, Dataset], None],
) -> None:
    """Do something to a dataset under its lock, as it is by now; nothing where it is gone."""
    with (
        catalog.lock(dataset.key, dataset.name, 0, lambda _: None),
        contextlib.suppress(DatasetNotFoundError),
    ):
        act(catalog, catalog.dataset_by_key(dataset.key))


def _sweep(catalog: PostgresCatalog, dataset: Dataset) -> None:
    catalog.staging(dataset).sweep()


def _drop(version: int, catalog: PostgresCatalog, dataset: Dataset) -> None:
    unused = version <= CANDIDATE or version != dataset.vectors
    if unused and not catalog.versions(dataset.key).drop(version):
        raise LockedError(
            f"another process uses version {version} of {dataset.name!r}, or its server can't be "
            "asked to forget it"
        )


def _discard(catalog: PostgresCatalog, key: str) -> None:
    if not discard_hidden(catalog, key):
        raise LockedError(f"another process removes {key}")


def _remove_vectors(catalog: PostgresCatalog, key: str) -> None:
    with catalog.lock(key, key, 0, lambda _: None):
        if not catalog.versions(key).remove():
            raise LockedError(
                f"another process uses the vectors of {key}, or their server can't be asked to "
                "forget them"
            )


def _renew_lists(catalog: PostgresCatalog, dataset: Dataset) -> None:
    """Rebuild the full-text lists of a dataset whose lock is ours, where many rows are gone."""
    session = catalog.session
    number, listed, chunks = session.one(
        "SELECT id, (SELECT coalesce(sum(chunks), 0)::bigint FROM segments WHERE dataset = id), "
        "(SELECT count(*) FROM chunks WHERE dataset = datasets.id) FROM datasets WHERE key = ?",
        (dataset.key,),
    )
    if listed > _STALE * chunks:
        with session.transaction():
            postings.rebuild(session, number, dataset.generation)


def _sizes(session: Session, root: Path) -> Sizes:
    from knowledge.storage.local.layout import DataFolder
    from knowledge.storage.local.upkeep.sizes import folder_size

    names = table_names(session)
    vectors = {name for name in names if name.startswith("vectors_")}
    return Sizes(
        catalog=_bytes(session, {*TABLES} - {*_CACHE}),
        cache=_bytes(session, _CACHE),
        vectors=_bytes(session, vectors),
        archives=folder_size(DataFolder(root).archives),
        backups=0,
        free=None,
    )


def _bytes(session: Session, tables: Sequence[str] | set[str]) -> int:
    [size] = session.one(
        "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint "
        "FROM unnest(?::text[]) AS t (name)",
        (sorted(tables),),
    )
    return int(size)


def _is_young(moment: datetime) -> bool:
    return moment > datetime.now(UTC) - _MINUTE
