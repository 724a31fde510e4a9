"""What the runs on a dataset did, and which files they could not take in."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from knowledge.storage.relational.rows import Record, dump, now, readable
from knowledge.storage.relational.snapshot import holding

if TYPE_CHECKING:
    from knowledge.model import Dataset
    from knowledge.storage.relational.catalog import SqlCatalog


def begin_run(catalog: SqlCatalog, dataset: Dataset, command: str) -> int:
    """Note that a run begins; the caller holds the dataset's lock. Return the note's number."""
    with catalog.transaction():
        number = _number(catalog, dataset.key)
        # Whoever began and did not end is dead: the lock is ours.
        catalog.change(
            "UPDATE runs SET outcome = ?, ended_at = started_at "
            "WHERE dataset = ? AND ended_at IS NULL",
            (KILLED, number),
        )
        [added] = catalog.records(
            'INSERT INTO runs (dataset, command, started_at) VALUES (?, ?, ?) RETURNING "row"',
            (number, command, now()),
        )
        _forget_old(catalog, number)
    return int(added["row"])


def note_change(catalog: SqlCatalog, key: str, command: str) -> None:
    """Note a change of a dataset that was made at once, within the caller's transaction."""
    moment = now()
    catalog.change(
        "INSERT INTO runs (dataset, command, started_at, ended_at, outcome, generation) "
        "SELECT id, ?, ?, ?, ?, generation FROM datasets WHERE key = ?",
        (command, moment, moment, DONE, key),
    )
    _forget_old(catalog, _number(catalog, key))


def _forget_old(catalog: SqlCatalog, number: int) -> None:
    catalog.change(
        'DELETE FROM runs WHERE dataset = ? AND "row" <= ('
        'SELECT "row" FROM runs WHERE dataset = ? ORDER BY "row" DESC LIMIT 1 OFFSET ?)',
        (number, number, KEPT_RUNS),
    )


def end_run(catalog: SqlCatalog, row: int, outcome: str, report: Mapping[str, Any]) -> None:
    """Note how a run ended, and the generation that it left.

    All that it changed is on the disk when this returns, also what made no generation.
    """
    with catalog.transaction(durable=True):
        catalog.change(
            "UPDATE runs SET ended_at = ?, outcome = ?, report = ?, generation = "
            '(SELECT generation FROM datasets WHERE id = runs.dataset) WHERE "row" = ?',
            (now(), outcome, dump(report), row),
        )


@contextlib.contextmanager
def recorded(
    catalog: SqlCatalog, dataset: Dataset, command: str, report: Callable[[], dict[str, Any]]
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


def runs_of(catalog: SqlCatalog, dataset: Dataset, limit: int = KEPT_RUNS) -> list[Run]:
    """Return a dataset's runs, the last one first."""
    rows = catalog.records(
        'SELECT * FROM runs WHERE dataset = ? ORDER BY "row" DESC LIMIT ?',
        (_number(catalog, dataset.key), limit),
    )
    return [_run_of(row) for row in rows]


def missed_files(catalog: SqlCatalog, dataset: Dataset) -> list[MissedFile]:
    """Return the files that the last run over them could not take in, by path."""
    rows = catalog.records(
        'SELECT file, status, reason, seen_at FROM problems WHERE dataset = ? ORDER BY file, "row"',
        (_number(catalog, dataset.key),),
    )
    return [_missed_of(row) for row in rows]


def missed_page(
    catalog: SqlCatalog,
    dataset: Dataset,
    statuses: Sequence[str],
    part: str,
    offset: int,
    limit: int,
) -> tuple[list[MissedFile], dict[str, int]]:
    """Return some of the files that could not be taken in, by path, and how many there are.

    Parameters
    ----------
    part:
        What their paths must hold, whatever its case; empty is any.

    Returns
    -------
    tuple
        The files, of some statuses, and the number of all of each status.
    """
    holds, held = holding("file", part)
    found = f"FROM problems WHERE dataset = ? AND {holds}"
    values = (_number(catalog, dataset.key), *held)
    counts = catalog.records(f"SELECT status, count(*) AS number {found} GROUP BY status", values)
    marks = ", ".join("?" * len(statuses)) or "NULL"
    rows = catalog.records(
        f"SELECT file, status, reason, seen_at {found} AND status IN ({marks}) "
        'ORDER BY file, "row" LIMIT ? OFFSET ?',
        (*values, *statuses, limit, offset),
    )
    return [_missed_of(row) for row in rows], {one["status"]: one["number"] for one in counts}


def change_missed(
    catalog: SqlCatalog,
    dataset: Dataset,
    gone: Collection[FileProblem],
    new: Collection[FileProblem],
) -> None:
    """Forget some files that could not be taken in, and remember others."""
    if not (gone or new):
        return
    moment = now()
    with catalog.transaction():
        number = _number(catalog, dataset.key)
        catalog.change_many(
            "DELETE FROM problems WHERE dataset = ? AND file = ? AND status = ? AND reason = ?",
            [(number, one.file, one.status, one.reason) for one in gone],
        )
        catalog.change_many(
            "INSERT INTO problems (dataset, file, status, reason, seen_at) VALUES (?, ?, ?, ?, ?)",
            [(number, one.file, one.status, one.reason, moment) for one in new],
        )


def _number(catalog: SqlCatalog, key: str) -> int:
    rows = catalog.records("SELECT id FROM datasets WHERE key = ?", (key,))
    return int(rows[0]["id"]) if rows else -1


@readable
def _run_of(row: Record) -> Run:
    return Run(
        command=row["command"],
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_at=datetime.fromisoformat(row["ended_at"]) if row["ended_at"] else None,
        outcome=row["outcome"],
        generation=row["generation"],
        report=dict(json.loads(row["report"])) if row["report"] else {},
    )


@readable
def _missed_of(row: Record) -> MissedFile:
    problem = FileProblem(row["file"], row["status"], row["reason"])
    return MissedFile(problem, datetime.fromisoformat(row["seen_at"]))
