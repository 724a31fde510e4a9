"""``knowledge export`` and ``knowledge import``."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

from knowledge.cli.options.common import OverwriteOption
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.settings import LockOptions
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Session
from knowledge.errors import UsageError
from knowledge.model import Dataset
from knowledge.records import documents as records
from knowledge.records.nouns import named_note
from knowledge.text.escaping import flat
from knowledge.text.wording import counted

_SUFFIXES = {"archive": "zip", "jsonl": "jsonl", "parquet": "parquet"}


def export(
    session: Session,
    names: Annotated[list[str] | None, Argument(metavar="[NAME...]", help="The datasets.")] = None,
    all_: Annotated[bool, Flag("--all", "-a", help="All datasets.")] = False,
    output: Annotated[
        str,
        Flag(
            "--output",
            "-o",
            help="The file, or a folder (a path that ends with /).",
            metavar="PATH",
        ),
    ] = ".",
    format_: Annotated[
        str,
        Flag(
            "--format",
            help="archive: everything, for `knowledge import`; jsonl, parquet: one row per chunk.",
            metavar="FORMAT",
        ),
    ] = "archive",
    overwrite: Annotated[bool, Flag("--overwrite", help="Replace a file that is there.")] = False,
) -> None:
    """Write datasets to one file: to share, to back up, or for other tools.

    Equal datasets give equal archives. An archive can be searched directly with --archive.

    Example:  knowledge export handbook --output handbook.zip
    """
    if bool(names) is all_:
        raise UsageError("name the datasets to export, or give --all")
    if format_ not in _SUFFIXES:
        raise UsageError(f"--format must be one of {', '.join(_SUFFIXES)}, not {format_!r}")
    target = Path(output)
    if output.endswith(("/", os.sep)):
        target.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H-%M-%S")
        target /= f"knowledge-export-{stamp}.{_SUFFIXES[format_]}"
    with session.open() as kb:
        if format_ == "archive":
            datasets = kb.sharing.export(names or (), target, overwrite=overwrite)
        else:
            datasets = kb.sharing.export_table(
                names or (), target, kind=format_, overwrite=overwrite
            )
    if session.json:
        session.print_json(records.exported(str(target), target.stat().st_size, datasets))
    elif not session.quiet:
        size = counted(target.stat().st_size, "byte")
        names_written = ", ".join(dataset.name for dataset in datasets)
        write(flat(f"{target}: {names_written}, {size}") + "\n")


def import_(
    session: Session,
    *,
    file: Annotated[str, Argument(metavar="FILE", help="What `export` wrote.")],
    names: Annotated[
        list[str] | None,
        Argument(metavar="[NAME...]", help="Datasets to import; default: all."),
    ] = None,
    rename: Annotated[
        str | None,
        Flag("--as", help="New name, for a single dataset.", metavar="NAME"),
    ] = None,
    overwrite: OverwriteOption = False,
    lock: LockOptions,
) -> None:
    """Import the datasets of an exported file.

    The file is checked first; an incomplete or changed one is refused, and nothing is imported.

    Example:  knowledge import handbook.zip --as colleagues-handbook
    """
    with session.open(lock) as kb:
        datasets = kb.sharing.import_archive(file, names or (), rename=rename, overwrite=overwrite)
    if session.json:
        session.print_json(records.imported(datasets))
    elif not session.quiet:
        for dataset in datasets:
            write(f"{_imported(dataset)}\n")
    session.suggest(f"knowledge retrieve -d {datasets[0].name} '...'" if datasets else "")


def _imported(dataset: Dataset) -> str:
    files, chunks = counted(dataset.files, "file"), counted(dataset.chunks, "chunk")
    note = named_note(dataset.embedding)
    model = f"; its model {dataset.embedding}{note}" if note else ""
    return f"imported dataset {dataset.name!r}: {files}, {chunks}{model}"
