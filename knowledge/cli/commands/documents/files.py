"""The files of a dataset: list, get, edit, delete."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.metadata import MetadataOptions
from knowledge.cli.options.places import ServerOptions
from knowledge.cli.options.settings import DatasetOptions, LockOptions
from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.summary import one_line
from knowledge.cli.render.tables import moment, show_facts, show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.cli.spelling import spelled
from knowledge.errors import UsageError
from knowledge.model import SourceFile
from knowledge.records import documents as records
from knowledge.records.nouns import file_record
from knowledge.storage.history import MissedFile
from knowledge.text.wording import counted, did_you_mean

FileArgument = Annotated[
    str, Argument(metavar="FILE", help="Its path, the end of its path, or its id.")
]


_STATUSES = ("ingested", "failed", "empty", "unsupported")


def list_files(
    session: Session,
    *,
    dataset: DatasetOptions,
    server: ServerOptions,
    status: Annotated[
        list[str] | None,
        Flag(
            "--status",
            help="ingested (the default), or files that it lacks: failed, empty, unsupported.",
            metavar="STATUS",
        ),
    ] = None,
) -> None:
    """List the files of a dataset.

    With --status failed, the files that could not be ingested when they were last read, and why.

    Example:  knowledge list-files -d handbook --status failed
    """
    asked = status or ["ingested"]
    for one in asked:
        if one not in _STATUSES:
            raise UsageError(
                f"--status must be one of {', '.join(_STATUSES)}, not {one!r}",
                hint=did_you_mean(one, _STATUSES) or None,
            )
    with session.open_or_connect(server, dataset=dataset) as kb:
        name = kb.datasets.chosen()
        missed = [one for one in kb.upkeep.missed_files(name) if one.problem.status in asked]
        files = kb.files.list(name) if "ingested" in asked else []
    if session.json:
        session.print_json(records.files(name, files, missed))
        return
    if "ingested" in asked:
        _show_files(session, files)
    if missed or "ingested" not in asked:
        rows = [
            (one.problem.file, one.problem.status, spelled(one.problem.reason)) for one in missed
        ]
        show_table(session, ("FILE", "STATUS", "REASON"), rows)
        _note_members(session, missed)


def _note_members(session: Session, missed: Sequence[MissedFile]) -> None:
    """Say how many of the rows are files: a run counts files, and these are members too."""
    members = {one.problem.file for one in missed if one.is_member}
    if members:
        files = {one.problem.file for one in missed} - members
        session.note(
            f"{counted(len(files), 'file')} and {counted(len(members), 'member')} of files"
        )


def _show_files(session: Session, files: Sequence[SourceFile]) -> None:
    """Print a row for each file; ids are for scripts, and take a person's room for the names."""
    here = os.getcwd() + os.sep if session.on_terminal else ""  # noqa: PTH109
    rows = [
        (
            file.path.removeprefix(here),
            str(file.chunks),
            str(file.size),
            moment(session, file.ingested_at),
            *([] if session.on_terminal else [file.id]),
        )
        for file in files
    ]
    show_table(session, ("FILE", "CHUNKS", "BYTES", "INGESTED"), rows, right=(1, 2))


def get_file(
    session: Session,
    *,
    file: FileArgument,
    dataset: DatasetOptions,
    server: ServerOptions,
    text: Annotated[bool, Flag("--text", help="Print the text of its chunks.")] = False,
) -> None:
    """Show a file that a dataset holds.

    The end of its path is enough, such as its bare name, if it is unique.

    Example:  knowledge get-file docs/guide.md --text
    """
    with session.open_or_connect(server, dataset=dataset) as kb:
        name = kb.datasets.chosen()
        found, chunks = kb.files.get(file, name)
    if session.json:
        session.print_json(records.file(name, found, chunks if text else None))
        return
    if text:
        for chunk in chunks:
            write(f"[{chunk.passage.ordinal}] {chunk.id}\n{chunk.passage.text.strip()}\n\n")
        return
    facts = {**file_record(found), "metadata": json_text(found.all_metadata)}
    show_facts(session, [(key, one_line(str(value))) for key, value in facts.items()])


def edit_file(
    session: Session,
    *,
    file: FileArgument,
    dataset: DatasetOptions,
    change: MetadataOptions,
    lock: LockOptions,
) -> None:
    """Change the metadata of a file; nothing is embedded again.

    Example:  knowledge edit-file docs/guide.md --metadata owner=ana
    """
    with session.open(dataset, lock) as kb:
        name = kb.datasets.chosen()
        given = change.edited(kb.files.get(file, name)[0].given)
        edited = kb.files.edit(file, given, name)
    if session.json:
        session.print_json(records.file(name, edited))
    elif not session.quiet:
        write(f"updated {one_line(edited.path)} in dataset {name!r}\n")


def delete_file(
    session: Session,
    *,
    file: FileArgument,
    dataset: DatasetOptions,
    lock: LockOptions,
) -> None:
    """Remove a file from a dataset; the file itself stays where it is.

    Example:  knowledge delete-file docs/old.md -d handbook
    """
    with session.open(dataset, lock) as kb:
        name = kb.datasets.chosen()
        removed = kb.files.delete(file, name)
    if session.json:
        session.print_json(records.file(name, removed))
    elif not session.quiet:
        write(f"removed {one_line(removed.path)} from dataset {name!r}\n")
