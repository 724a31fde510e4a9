"""``knowledge compact``, ``gc`` and ``reset``: giving room back."""

from __future__ import annotations

import sys
from typing import Annotated

from knowledge.cli.options.common import NameOrAllArgument, YesOption
from knowledge.cli.options.flags import Flag
from knowledge.cli.options.settings import LockOptions
from knowledge.cli.render.tables import show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import KnowledgeError, UsageError
from knowledge.records import upkeep as records
from knowledge.text.escaping import flat
from knowledge.text.wording import counted

_MIB = 1024 * 1024


def compact(
    session: Session,
    *,
    name: NameOrAllArgument = None,
    lock: LockOptions,
) -> None:
    """Rebuild indexes without deleted vectors, and return empty pages to the disk.

    Questions are answered meanwhile. An ingest does this itself when 30 % of an index is deleted.

    Example:  knowledge compact handbook
    """
    with session.open(lock) as kb:
        done = kb.upkeep.compact(name)
    if session.json:
        session.print_json(records.compacted(done))
        return
    rows = [(one.name, str(one.dead), mib(one.before), mib(one.after)) for one in done]
    show_table(session, ("NAME", "DEAD", "MIB BEFORE", "MIB AFTER"), rows, right=(1, 2, 3))


def gc(
    session: Session,
    dry_run: Annotated[
        bool, Flag("--dry-run", help="Show what would be removed; remove nothing.")
    ] = False,
) -> None:
    """Remove what is not needed: leftovers of killed runs, old generations, unpacked archives.

    Nothing that another process uses is removed.

    Example:  knowledge gc --dry-run
    """
    with session.open() as kb:
        gone = kb.upkeep.remove_leftovers(dry_run=dry_run)
    if session.json:
        session.print_json(records.leftovers(gone, dry_run=dry_run))
        return
    rows = [(one.kind, str(one.bytes), one.name) for one in gone]
    show_table(session, ("KIND", "BYTES", "WHAT"), rows, right=(1,))
    verb = "would be removed" if dry_run else "removed"
    size = mib(sum(one.bytes for one in gone))
    found = f"{counted(len(gone), 'thing')} {verb}, {size} MiB" if gone else "nothing to remove"
    session.note(found)


def reset(
    session: Session,
    yes: YesOption = False,
) -> None:
    """Empty the data folder: remove all datasets, the embedding cache and the backups.

    Your documents stay, and so do other files in the folder.

    Example:  knowledge reset --yes
    """
    from knowledge.storage.opening import open_store

    with session.open() as kb:
        place, names = open_store(kb.settings).place, kb.upkeep.contents()
        if names and not yes:
            _ask(session, f"Delete all datasets, the cache and the backups in {flat(place)}?")
        kb.upkeep.reset()
    if session.json:
        session.print_json(records.emptied(place, names))
    elif not session.quiet:
        removed = counted(len(names), "file, folder or table", "files, folders or tables")
        write(f"emptied {flat(place)}: {removed}\n" if names else "nothing there\n")


def _ask(session: Session, question: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "emptying the data folder needs --yes, since there is no terminal to ask on"
        )
    if not session.confirm(question):
        session.note("nothing was deleted")
        raise Exit(KnowledgeError.exit_code)


def mib(size: int) -> str:
    """Return bytes as MiB."""
    return f"{size / _MIB:,.1f}"
