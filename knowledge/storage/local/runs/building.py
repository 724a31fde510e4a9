"""Datasets that are built under a name nobody can type, and shown when they are whole."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from knowledge.model import Dataset
from knowledge.storage.dataset_names import check_name
from knowledge.storage.local.catalog.history import note_change
from knowledge.storage.local.catalog.rows import dump, now
from knowledge.storage.local.layout import HIDDEN, new_key
from knowledge.storage.local.lock import write_lock
from knowledge.storage.local.runs.removal import sweep_hidden
from knowledge.storage.local.runs.write_run import WriteRun, begun
from knowledge.storage.store import Notify

if TYPE_CHECKING:
    from knowledge.storage.local.catalog.catalog import Catalog


@contextlib.contextmanager
def build_dataset(
    catalog: Catalog, name: str, *, overwrite: bool, lock_timeout: float, notify: Notify
) -> Iterator[tuple[WriteRun, Callable[..., Dataset]]]:
    """Give a run on a new hidden dataset, and a function that shows it as ``name``.

    That function takes the ``command`` that its history begins with, and ``metadata``,
    ``generation``, ``created_at`` and ``updated_at``, each optional; it returns the dataset.
    Without a call of it, nothing of the new dataset stays.

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
    catalog.check_free(name, overwrite=overwrite)
    key = new_key(name)
    with contextlib.ExitStack() as stack:
        stack.callback(sweep_hidden, catalog)  # what was not shown, or was replaced
        # Before there is a row: a row whose lock is free is swept by anybody.
        stack.enter_context(write_lock(catalog.folder.lock(key), name, lock_timeout, notify))
        run = stack.enter_context(begun(catalog, _hidden(catalog, key)))

        def show(*, command: str, **facts: Any) -> Dataset:
            facts["command"] = command
            _show(catalog, key, name, facts, overwrite, lock_timeout, notify)
            return catalog.dataset_by_key(key)

        yield run, show


def _hidden(catalog: Catalog, key: str) -> Dataset:
    moment = now()
    with catalog.transaction():
        catalog.connection.execute(
            "INSERT INTO datasets (key, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
            (key, _hidden_name(), moment, moment),
        )
    return catalog.dataset_by_key(key)


def _hidden_name() -> str:
    return f"{HIDDEN}{uuid.uuid4().hex}"


def _show(
    catalog: Catalog,
    key: str,
    name: str,
    facts: Mapping[str, Any],
    overwrite: bool,
    lock_timeout: float,
    notify: Notify,
) -> None:
    """Give the new dataset its name, under the lock of the one that has it, if there is one."""
    deadline = time.monotonic() + lock_timeout
    while True:
        catalog.check_free(name, overwrite=overwrite)
        old = next((one.key for one in catalog.datasets() if one.name == name), None)
        with contextlib.ExitStack() as stack:
            if old is not None:
                left = max(0.0, deadline - time.monotonic())
                stack.enter_context(write_lock(catalog.folder.lock(old), name, left, notify))
            if _take_name(catalog, old, key, name, facts):
                return


def _take_name(
    catalog: Catalog, old: str | None, new: str, name: str, facts: Mapping[str, Any]
) -> bool:
    """Hide the one dataset and show the other in one transaction; false where the name moved on."""
    sql = catalog.connection
    with catalog.transaction(durable=True):
        named = sql.execute("SELECT key FROM datasets WHERE name = ?", (name,)).fetchone()
        if (named["key"] if named else None) != old:
            return False
        sql.execute("UPDATE datasets SET name = ? WHERE key = ?", (_hidden_name(), old))
        sql.execute(
            "UPDATE datasets SET name = :name, metadata = :metadata, "
            "generation = max(generation, coalesce(:generation, 0)), "
            "created_at = coalesce(:created_at, created_at), "
            "updated_at = coalesce(:updated_at, updated_at) WHERE key = :key",
            {
                "generation": None,
                "created_at": None,
                "updated_at": None,
                **facts,
                "metadata": dump(facts.get("metadata") or {}),
                "name": name,
                "key": new,
            },
        )
        note_change(catalog, new, facts["command"])
    return True
