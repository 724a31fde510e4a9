"""``knowledge status`` and ``knowledge history``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from knowledge.cli.commands.upkeep.upkeep import mib
from knowledge.cli.options.common import NameArgument, NameOrAllArgument
from knowledge.cli.options.flags import Flag
from knowledge.cli.render.summary import cost_in_words, one_line
from knowledge.cli.render.tables import moment, show_facts, show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.cli.spelling import spelled
from knowledge.records import upkeep as records
from knowledge.records.nouns import named_note
from knowledge.text.wording import counted

if TYPE_CHECKING:
    from knowledge.storage.history import Run
    from knowledge.storage.reports import DatasetStatus, Status

_SHOWN_PROBLEMS = 5


def status(
    session: Session,
    name: NameOrAllArgument = None,
) -> None:
    """Show the state of the data folder: counts, sizes, models, the last runs and their problems.

    Example:  knowledge status handbook
    """
    with session.open() as kb:
        found = kb.upkeep.status(name)
    if session.json:
        session.print_json(records.status(found))
        return
    show_facts(session, _facts(found))
    for one in found.datasets:
        write("\n")
        show_facts(session, [(key, one_line(value)) for key, value in _dataset_facts(one)])


def history(
    session: Session,
    name: NameArgument,
    limit: Annotated[
        int, Flag("--limit", help="Maximum number of runs.", metavar="N", minimum=1)
    ] = 20,
) -> None:
    """List the runs on a dataset, newest first: when, how they ended, what they changed.

    Example:  knowledge history handbook --limit 5
    """
    with session.open() as kb:
        runs = kb.upkeep.history(name, limit=limit)
    if session.json:
        session.print_json(records.history(name, runs))
        return
    columns = ("STARTED", "COMMAND", "OUTCOME", "GENERATION", "FILES", "CHUNKS", "TOKENS")
    show_table(session, columns, [_row(session, run) for run in runs], right=(3, 6))


def _row(session: Session, run: Run) -> tuple[str, ...]:
    record = records.run_record(run)
    files = ", ".join(f"{count} {name}" for name, count in record["files"].items() if count)
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
        *([("store", found.store)] if found.store else []),
        ("data folder", str(found.root)),
        ("format", str(found.format)),
        ("datasets", str(len(found.datasets))),
        ("catalog", f"{mib(sizes.catalog)} MiB"),
        ("vectors", f"{mib(sizes.vectors)} MiB"),
        ("embedding cache", f"{mib(sizes.cache)} of at most {mib(found.cache_limit)} MiB"),
        ("archives, backups", f"{mib(sizes.archives)} MiB, {mib(sizes.backups)} MiB"),
        *([] if sizes.free is None else [("free on the disk", f"{mib(sizes.free)} MiB")]),
    ]


def _dataset_facts(one: DatasetStatus) -> list[tuple[str, str]]:
    dataset, splitter, run = one.dataset, one.dataset.splitter, one.last_run
    rate = one.cache_hit_rate
    texts, tokens = counted(one.embedded, "text"), counted(one.tokens, "token")
    missed = [f"{counted(count, 'file')} {status}" for status, count in one.missed.items()]
    missed += [
        f"{counted(count, 'member')} of files {status}"
        for status, count in one.missed_members.items()
    ]
    facts = [
        ("dataset", dataset.name),
        ("files, chunks", f"{dataset.files:,}, {dataset.chunks:,}"),
        ("vectors", f"{mib(one.vector_bytes)} MiB, {one.dead_share:.0%} dead"),
        ("embedding", str(dataset.embedding or "-") + named_note(dataset.embedding)),
        (
            "chunk size",
            f"{splitter.chunk_size}, overlap {splitter.chunk_overlap}" if splitter else "-",
        ),
        ("not ingested", ", ".join(missed) or "none"),
        ("embedded", f"{texts}, {tokens}{cost_in_words(one.cost_usd)}"),
        ("from the cache", "-" if rate is None else f"{counted(one.cached, 'text')}, {rate:.0%}"),
    ]
    if run is not None:
        started = run.started_at.isoformat(timespec="seconds")
        facts.append(("last run", f"{run.command} at {started}: {_outcome(run)}"))
        for problem in (run.report.get("problems") or [])[:_SHOWN_PROBLEMS]:
            told = f"{problem['file']}: {spelled(problem['reason'])}"
            facts.append((problem["status"], told))
    return facts
