"""Datasets that are built under a name nobody can type, and shown when they are whole."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from knowledge.errors import DatasetExistsError, LockedError
from knowledge.model import Dataset
from knowledge.storage.layout import HIDDEN, check_name, new_key
from knowledge.storage.lock import write_lock
from knowledge.storage.removal import delete_dataset
from knowledge.storage.rows import dump, now
from knowledge.storage.write_run import WriteRun, open_write_run

if TYPE_CHECKING:
    from knowledge.storage.catalog import Catalog

MINUTE = timedelta(seconds=60)

Notify = Callable[[str], None]


@contextlib.contextmanager
def build_dataset(
    catalog: Catalog, name: str, *, overwrite: bool, lock_timeout: float, notify: Notify
) -> Iterator[tuple[WriteRun, Callable[..., Dataset]]]:
    """Give a run on a new hidden dataset, and a function that shows it as ``name``.

    That function takes ``metadata``, ``generation``, ``created_at`` and ``updated_at``, each
    optional, and returns the dataset. Without a call of it, nothing of the new dataset stays.

    Raises
    ------
    UsageError
        ``name`` can't name a dataset.
    DatasetExistsError
        There is one of this name, and ``overwrite`` is false.
    LockedError
        The dataset to be replaced is being written.
    """
    check_name(name)
    sweep_hidden(catalog)
    check_free(catalog, name, overwrite=overwrite)
    hidden = f"{HIDDEN}{uuid.uuid4().hex}"
    moment = now()
    with catalog.transaction():
        catalog.connection.execute(
            "INSERT INTO datasets (key, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
            (new_key(name), hidden, moment, moment),
        )
    shown = False
    try:
        with open_write_run(catalog, hidden, lock_timeout=lock_timeout, notify=notify) as run:

            def show(**facts: Any) -> Dataset:
                nonlocal shown
                with _replacing(catalog, name, overwrite, lock_timeout, notify):
                    _show(catalog, hidden, name, facts, overwrite=overwrite)
                shown = True
                return catalog.dataset(name)

            yield run, show
    finally:
        if not shown:
            delete_dataset(catalog, hidden, lock_timeout=lock_timeout, notify=notify)
    sweep_hidden(catalog)


def sweep_hidden(catalog: Catalog) -> int:
    """Delete hidden datasets that nobody builds any more; return how many."""
    swept = 0
    for dataset in catalog.datasets(hidden=True):
        if dataset.created_at > datetime.now(UTC) - MINUTE:
            continue  # its builder may not have its lock yet
        with contextlib.suppress(LockedError):
            delete_dataset(catalog, dataset.name, lock_timeout=0, notify=lambda _: None)
            swept += 1
    return swept


def check_free(catalog: Catalog, name: str, *, overwrite: bool) -> None:
    """Raise :class:`DatasetExistsError` when the name is taken and is not to be replaced."""
    if not overwrite and any(dataset.name == name for dataset in catalog.datasets()):
        raise DatasetExistsError(
            f"there is a dataset {name!r} already",
            hint="Choose another name with --as, or replace it with --overwrite.",
        )


@contextlib.contextmanager
def _replacing(
    catalog: Catalog, name: str, overwrite: bool, lock_timeout: float, notify: Notify
) -> Iterator[None]:
    """Hold the lock of the dataset that will be replaced, if there is one."""
    old = [dataset for dataset in catalog.datasets() if dataset.name == name]
    if not old or not overwrite:
        yield
        return
    with write_lock(catalog.folder.lock(old[0].key), name, lock_timeout, notify):
        yield


def _show(
    catalog: Catalog, hidden: str, name: str, facts: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Give the new dataset its name, and hide the one that had it, in one transaction."""
    with catalog.transaction(durable=True):
        check_free(catalog, name, overwrite=overwrite)
        sql = catalog.connection
        if not sql.execute("SELECT 1 FROM datasets WHERE name = ?", (hidden,)).fetchone():
            raise LockedError(f"another process removed the new dataset {name!r}")
        sql.execute(
            "UPDATE datasets SET name = ? WHERE name = ?", (f"{HIDDEN}{uuid.uuid4().hex}", name)
        )
        sql.execute(
            "UPDATE datasets SET name = :name, metadata = :metadata, "
            "generation = max(generation, coalesce(:generation, 0)), "
            "created_at = coalesce(:created_at, created_at), "
            "updated_at = coalesce(:updated_at, updated_at) WHERE name = :hidden",
            {
                "generation": None,
                "created_at": None,
                "updated_at": None,
                **facts,
                "metadata": dump(facts.get("metadata") or {}),
                "name": name,
                "hidden": hidden,
            },
        )
