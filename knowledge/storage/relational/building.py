"""Datasets that are built under a name nobody can type, and shown when they are whole."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from knowledge.model import Dataset
from knowledge.storage.dataset_names import HIDDEN, check_name, new_key
from knowledge.storage.relational.history import note_change
from knowledge.storage.relational.removal import sweep_hidden
from knowledge.storage.relational.rows import dump, now
from knowledge.storage.relational.write_run import WriteRun, begun
from knowledge.storage.store import Notify

if TYPE_CHECKING:
    from knowledge.storage.relational.catalog import SqlCatalog


@contextlib.contextmanager
def build_dataset(
    catalog: SqlCatalog, name: str, *, overwrite: bool, lock_timeout: float, notify: Notify
) -> Iterator[tuple[WriteRun, Callable[..., Dataset]]]:
    """Yield a run on a new hidden dataset, and a function that shows it as ``name``.

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
        stack.enter_context(catalog.lock(key, name, lock_timeout, notify))
        run = stack.enter_context(begun(catalog, _hidden(catalog, key)))

        def show(*, command: str, **facts: Any) -> Dataset:
            facts["command"] = command
            _show(catalog, key, name, facts, overwrite, lock_timeout, notify)
            return catalog.dataset_by_key(key)

        yield run, show


def _hidden(catalog: SqlCatalog, key: str) -> Dataset:
    moment = now()
    with catalog.transaction():
        catalog.change(
            "INSERT INTO datasets (key, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
            (key, _hidden_name(), moment, moment),
        )
    return catalog.dataset_by_key(key)


def _hidden_name() -> str:
    return f"{HIDDEN}{uuid.uuid4().hex}"


def _show(
    catalog: SqlCatalog,
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
                stack.enter_context(catalog.lock(old, name, left, notify))
            if _take_name(catalog, old, key, name, facts):
                return


def _take_name(
    catalog: SqlCatalog, old: str | None, new: str, name: str, facts: Mapping[str, Any]
) -> bool:
    """Hide the one dataset and show the other in one transaction; false where the name moved on."""
    with catalog.transaction(durable=True):
        named = catalog.records("SELECT key FROM datasets WHERE name = ?", (name,))
        if (named[0]["key"] if named else None) != old:
            return False
        catalog.change("UPDATE datasets SET name = ? WHERE key = ?", (_hidden_name(), old))
        built = catalog.dataset_by_key(new)
        catalog.change(
            "UPDATE datasets SET name = ?, metadata = ?, generation = ?, created_at = ?, "
            "updated_at = ? WHERE key = ?",
            (
                name,
                dump(facts.get("metadata") or {}),
                max(built.generation, facts.get("generation") or 0),
                facts.get("created_at") or built.created_at.isoformat(),
                facts.get("updated_at") or built.updated_at.isoformat(),
                new,
            ),
        )
        note_change(catalog, new, facts["command"])
    return True
