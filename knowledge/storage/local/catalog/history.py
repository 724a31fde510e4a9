"""What the runs on a dataset did, and which files they could not take in."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.errors import KnowledgeError
from knowledge.model import FileProblem
from knowledge.settings.reading import without_password
from knowledge.storage.history import (
    DONE,
    FAILED,
    INTERRUPTED,
    KEPT_RUNS,
    KILLED,
    MissedFile,
    Run,
    storable,
)
from knowledge.storage.local.catalog.database import translated
from knowledge.storage.local.catalog.rows import dump, now, readable

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.local.catalog.catalog import Catalog


def begin_run(catalog: Catalog, dataset: Dataset, command: str) -> int:
    """Note that a run begins; the caller holds the dataset's lock. Return the note's number."""
    with catalog.transaction():
        number = _number(catalog, dataset)
        # Whoever began and did not end is dead: the lock is ours.
        catalog.connection.execute(
            "UPDATE runs SET outcome = ?, ended_at = started_at "
            "WHERE dataset = ? AND ended_at IS NULL",
            (KILLED, number),
        )
        added = catalog.connection.execute(
            "INSERT INTO runs (dataset, command, started_at) VALUES (?, ?, ?)",
            (number, command, now()),
        )
        _forget_old(catalog, number)
    return int(added.lastrowid or 0)


def note_change(catalog: Catalog, key: str, command: str) -> None:
    """Note a change of a dataset that was made at once, within the caller's transaction."""
    moment = now()
    catalog.connection.execute(
        "INSERT INTO runs (dataset, command, started_at, ended_at, outcome, generation) "
        "SELECT id, ?, ?, ?, ?, generation FROM datasets WHERE key = ?",
        (command, moment, moment, DONE, key),
    )
    row = catalog.connection.execute("SELECT id FROM datasets WHERE key = ?", (key,)).fetchone()
    _forget_old(catalog, int(row["id"]) if row else -1)


def _forget_old(catalog: Catalog, number: int) -> None:
    catalog.connection.execute(
        "DELETE FROM runs WHERE dataset = ?1 AND row <= ("
        "SELECT row FROM runs WHERE dataset = ?1 ORDER BY row DESC LIMIT 1 OFFSET ?2)",
        (number, KEPT_RUNS),
    )


def end_run(catalog: Catalog, row: int, outcome: str, report: Mapping[str, Any]) -> None:
    """Note how a run ended, and the generation that it left."""
    with catalog.transaction():
        catalog.connection.execute(
            "UPDATE runs SET ended_at = ?, outcome = ?, report = ?, generation = "
            "(SELECT generation FROM datasets WHERE id = runs.dataset) WHERE row = ?",
            (now(), outcome, dump(report), row),
        )


@contextlib.contextmanager
def recorded(
    catalog: Catalog, dataset: Dataset, command: str, report: Callable[[], dict[str, Any]]
) -> Iterator[None]:
    """Remember a run with how it ended; the caller holds the dataset's lock.

    A run that failed is not made to fail otherwise where that can't be written.

    Parameters
    ----------
    report:
        Asked for the run's facts when it has ended, however it did.
    """
    row = begin_run(catalog, dataset, command)
    try:
        yield
    except BaseException as error:
        facts = report()
        outcome = INTERRUPTED
        if isinstance(error, Exception):
            outcome = FAILED
            code = getattr(error, "code", "unexpected")
            facts["error"] = {"code": code, "message": storable(without_password(str(error)))}
        with contextlib.suppress(KnowledgeError):
            end_run(catalog, row, outcome, facts)
        raise
    end_run(catalog, row, DONE, report())


def runs_of(catalog: Catalog, dataset: Dataset, limit: int = KEPT_RUNS) -> list[Run]:
    """Return a dataset's runs, the last one first."""
    with translated(catalog.folder.catalog):
        rows = catalog.connection.execute(
            "SELECT * FROM runs WHERE dataset = ? ORDER BY row DESC LIMIT ?",
            (_number(catalog, dataset), limit),
        ).fetchall()
    return [_run_of(row) for row in rows]


def missed_files(catalog: Catalog, dataset: Dataset) -> list[MissedFile]:
    """Return the files that the last run over them could not take in, by path."""
    with translated(catalog.folder.catalog):
        rows = catalog.connection.execute(
            "SELECT file, status, reason, seen_at FROM problems WHERE dataset = ? "
            "ORDER BY file, row",
            (_number(catalog, dataset),),
        ).fetchall()
    return [_missed_of(row) for row in rows]


def change_missed(
    catalog: Catalog,
    dataset: Dataset,
    gone: Collection[FileProblem],
    new: Collection[FileProblem],
) -> None:
    """Forget some files that could not be taken in, and remember others."""
    if not (gone or new):
        return
    moment = now()
    with catalog.transaction():
        number = _number(catalog, dataset)
        catalog.connection.executemany(
            "DELETE FROM problems WHERE dataset = ? AND file = ? AND status = ? AND reason = ?",
            [(number, one.file, one.status, one.reason) for one in gone],
        )
        catalog.connection.executemany(
            "INSERT INTO problems (dataset, file, status, reason, seen_at) VALUES (?, ?, ?, ?, ?)",
            [(number, one.file, one.status, one.reason, moment) for one in new],
        )


def _number(catalog: Catalog, dataset: Dataset) -> int:
    row = catalog.connection.execute(
        "SELECT id FROM datasets WHERE key = ?", (dataset.key,)
    ).fetchone()
    return int(row["id"]) if row else -1


@readable
def _run_of(row: sqlite3.Row) -> Run:
    return Run(
        command=row["command"],
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        outcome=row["outcome"],
        generation=row["generation"],
        report=dict(json.loads(row["report"])) if row["report"] else {},
    )


@readable
def _missed_of(row: sqlite3.Row) -> MissedFile:
    problem = FileProblem(row["file"], row["status"], row["reason"])
    return MissedFile(problem, datetime.fromisoformat(row["seen_at"]))
