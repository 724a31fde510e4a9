"""The files of a dataset: list, get, delete."""

from __future__ import annotations

from typing import Annotated

import typer

from knowledge.cli import options
from knowledge.cli.pairs import edited_metadata
from knowledge.cli.records import chunk_record, file_record
from knowledge.cli.session import Session
from knowledge.cli.summary import one_line
from knowledge.cli.tables import show_table
from knowledge.cli.terminal import write

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="Its id, or an absolute or relative path.")
]


def list_files(session: Session, dataset: options.DatasetOption = None) -> None:
    """List the files of a dataset.

    Example:  knowledge list-files -d handbook
    """
    with session.open(dataset=dataset) as kb:
        name = kb.settings["dataset"]
        files = kb.files(name)
    if session.json:
        records = [file_record(file) for file in files]
        session.print_json("knowledge.files/1", {"dataset": name, "files": records})
        return
    rows = [
        (
            file.path,
            str(file.chunks),
            str(file.size),
            file.ingested_at.isoformat(timespec="seconds"),
            file.id,
        )
        for file in files
    ]
    show_table(session, ("FILE", "CHUNKS", "BYTES", "INGESTED", "ID"), rows, right=(1, 2))


def get_file(
    session: Session,
    file: FileArgument,
    dataset: options.DatasetOption = None,
    text: Annotated[bool, typer.Option("--text", help="Print the text of its chunks.")] = False,
) -> None:
    """Show a file that a dataset holds.

    Example:  knowledge get-file docs/guide.md --text
    """
    with session.open(dataset=dataset) as kb:
        name = kb.settings["dataset"]
        found, chunks = kb.file(file, name)
    if session.json:
        record = file_record(found)
        if text:
            record["passages"] = [chunk_record(chunk) for chunk in chunks]
        session.print_json("knowledge.file/1", {"dataset": name, "file": record})
        return
    if text:
        for chunk in chunks:
            write(f"[{chunk.passage.ordinal}] {chunk.id}\n{chunk.passage.text.strip()}\n\n")
        return
    for key, value in file_record(found).items():
        write(f"{key}\t{one_line(str(value))}\n")


def edit_file(
    session: Session,
    file: FileArgument,
    dataset: options.DatasetOption = None,
    update: options.UpdateMetadataOption = None,
    replace: options.ReplaceMetadataOption = None,
    reset: options.ResetMetadataOption = False,
    lock_timeout: options.LockTimeoutOption = None,
) -> None:
    """Change what you say of a file; nothing is embedded again.

    Example:  knowledge edit-file docs/guide.md --update-metadata owner=ana
    """
    with session.open(dataset=dataset, lock_timeout=lock_timeout) as kb:
        name = kb.settings["dataset"]
        given = edited_metadata(kb.file(file, name)[0].given, update, replace, reset)
        edited = kb.edit_file(file, given, name)
    if session.json:
        session.print_json("knowledge.file/1", {"dataset": name, "file": file_record(edited)})
    elif not session.quiet:
        write(f"updated {one_line(edited.path)} in dataset {name!r}\n")


def delete_file(
    session: Session,
    file: FileArgument,
    dataset: options.DatasetOption = None,
    lock_timeout: options.LockTimeoutOption = None,
) -> None:
    """Remove a file from a dataset; the file itself stays where it is.

    Example:  knowledge delete-file docs/old.md -d handbook
    """
    with session.open(dataset=dataset, lock_timeout=lock_timeout) as kb:
        name = kb.settings["dataset"]
        removed = kb.delete_file(file, name)
    if session.json:
        session.print_json("knowledge.file/1", {"dataset": name, "file": file_record(removed)})
    elif not session.quiet:
        write(f"removed {one_line(removed.path)} from dataset {name!r}\n")
