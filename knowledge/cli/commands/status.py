"""``knowledge status`` and ``knowledge history``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowledge.cli.commands.upkeep import mib
from knowledge.cli.render.records import dataset_details, named_note
from knowledge.cli.render.summary import cost_in_words, one_line
from knowledge.cli.render.tables import moment, show_facts, show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.local.catalog.history import Run
    from knowledge.storage.local.upkeep.status import DatasetStatus, Status

_SHOWN_PROBLEMS = 5


def status(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The dataset; default all.")
    ] = None,
) -> None:
    """Show what there is: counts, sizes on the disk, embedders, the last runs and their problems.

    Example:  knowledge status handbook
    """
    with session.open() as kb:
        found = kb.upkeep.status(name)
    if session.json:
        session.print_json("knowledge.status/1", _record(found))
        return
    show_facts(session, _facts(found))
    for one in found.datasets:
        write("\n")
        show_facts(session, [(key, one_line(value)) for key, value in _dataset_facts(one)])


def history(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset.")],
    limit: Annotated[int, typer.Option("--limit", help="Most runs.", metavar="N", min=1)] = 20,
) -> None:
    """List the runs on a dataset, the last one first: when, how they ended, what they changed.

    Example:  knowledge history handbook --limit 5
    """
    with session.open() as kb:
        runs = kb.upkeep.history(name, limit=limit)
    if session.json:
        records = [run_record(run) for run in runs]
        session.print_json("knowledge.history/1", {"dataset": name, "runs": records})
        return
    columns = ("STARTED", "COMMAND", "OUTCOME", "GENERATION", "FILES", "CHUNKS", "TOKENS")
    show_table(session, columns, [_row(session, run) for run in runs], right=(3, 6))


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as ``knowledge.history/1`` lists it."""
    report = run.report
    chunks = report.get("chunks") or {}
    return {
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "outcome": run.outcome,
        "generation": run.generation,
        "files": dict(report.get("files") or {}),
        "chunks": {name: chunks.get(name, 0) for name in ("added", "removed", "reused")},
        "embedded": report.get("embedded", 0),
        "cached": report.get("cached", 0),
        "tokens": report.get("tokens", 0),
        "cost_usd": report.get("cost_usd"),
        "problem_count": report.get("problem_count", 0),
        "problems": list(report.get("problems") or []),
        "error": report.get("error"),
    }


def _row(session: Session, run: Run) -> tuple[str, ...]:
    record = run_record(run)
    files = ", ".join(f"{count} {name}" for name, count in record["files"].items())
    chunks = record["chunks"]
    return (
        moment(session, run.started_at),
        run.command,
        _outcome(run),
        "" if run.generation is None else str(run.generation),
        files,
        f"+{chunks['added']} -{chunks['removed']}",
        str(record["tokens"]),
    )


def _outcome(run: Run) -> str:
    error = run.report.get("error")
    return (run.outcome or "running") + (f" ({error['code']})" if error else "")


def _facts(found: Status) -> list[tuple[str, str]]:
    sizes = found.sizes
    return [
        ("data folder", str(found.root)),
        ("format", str(found.format)),
        ("datasets", str(len(found.datasets))),
        ("catalog", f"{mib(sizes.catalog)} MiB"),
        ("vectors", f"{mib(sizes.vectors)} MiB"),
        ("embedding cache", f"{mib(sizes.cache)} of at most {mib(found.cache_limit)} MiB"),
        ("archives, backups", f"{mib(sizes.archives)} MiB, {mib(sizes.backups)} MiB"),
        ("free on the disk", f"{mib(sizes.free)} MiB"),
    ]


def _dataset_facts(one: DatasetStatus) -> list[tuple[str, str]]:
    dataset, splitter, run = one.dataset, one.dataset.splitter, one.last_run
    rate = one.cache_hit_rate
    texts, tokens = counted(one.embedded, "text"), counted(one.tokens, "token")
    missed = ", ".join(f"{count} {status}" for status, count in one.missed.items())
    facts = [
        ("dataset", dataset.name),
        ("files, chunks", f"{dataset.files:,}, {dataset.chunks:,}"),
        ("vectors", f"{mib(one.vector_bytes)} MiB, {one.dead_share:.0%} dead"),
        ("embedding", str(dataset.embedding or "-") + named_note(dataset.embedding)),
        (
            "chunk size",
            f"{splitter.chunk_size}, overlap {splitter.chunk_overlap}" if splitter else "-",
        ),
        ("not taken in", missed or "none"),
        ("embedded", f"{texts}, {tokens}{cost_in_words(one.cost_usd)}"),
        ("from the cache", "-" if rate is None else f"{counted(one.cached, 'text')}, {rate:.0%}"),
    ]
    if run is not None:
        started = run.started_at.isoformat(timespec="seconds")
        facts.append(("last run", f"{run.command} at {started}: {_outcome(run)}"))
        for problem in (run.report.get("problems") or [])[:_SHOWN_PROBLEMS]:
            told = f"{problem['file']}: {problem['reason']}"
            facts.append((problem["status"], told))
    return facts


def _record(found: Status) -> dict[str, Any]:
    sizes = found.sizes
    return {
        "path": str(found.root),
        "format": found.format,
        "bytes": {
            "catalog": sizes.catalog,
            "vectors": sizes.vectors,
            "cache": sizes.cache,
            "archives": sizes.archives,
            "backups": sizes.backups,
            "total": sizes.total,
            "free": sizes.free,
        },
        "cache_limit": found.cache_limit,
        "datasets": [_dataset_record(one) for one in found.datasets],
    }


def _dataset_record(one: DatasetStatus) -> dict[str, Any]:
    run = one.last_run
    return {
        **dataset_details(one.dataset),
        "vector_bytes": one.vector_bytes,
        "dead": one.dead,
        "dead_share": round(one.dead_share, 4),
        "missed": {name: one.missed.get(name, 0) for name in ("failed", "empty", "unsupported")},
        "runs": len(one.runs),
        "embedded": one.embedded,
        "cached": one.cached,
        "cache_hit_rate": one.cache_hit_rate,
        "tokens": one.tokens,
        "cost_usd": one.cost_usd,
        "last_run": None if run is None else run_record(run),
    }
