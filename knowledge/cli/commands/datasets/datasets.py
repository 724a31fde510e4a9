"""List, create, show, edit, rename, copy, merge and delete datasets."""

from __future__ import annotations

import sys
from typing import Annotated

from knowledge.cli.options.common import ArchiveOption, NameArgument, OverwriteOption, YesOption
from knowledge.cli.options.flags import Argument, Flag
from knowledge.cli.options.metadata import MetadataOptions
from knowledge.cli.options.places import ServerOptions
from knowledge.cli.options.settings import LockOptions
from knowledge.cli.render.json_output import json_text
from knowledge.cli.render.tables import moment, show_facts, show_table
from knowledge.cli.render.terminal import write
from knowledge.cli.session import Exit, Session
from knowledge.errors import KnowledgeError, UsageError
from knowledge.model import Dataset
from knowledge.records import documents as records
from knowledge.records.nouns import named_note
from knowledge.settings.pairs import metadata_pairs
from knowledge.text.escaping import flat
from knowledge.text.masking import masked_urls
from knowledge.text.wording import counted

_COLUMNS = ("NAME", "FILES", "CHUNKS", "EMBEDDING", "UPDATED")


def list_datasets(
    session: Session, *, server: ServerOptions, archive: ArchiveOption = None
) -> None:
    """List the datasets.

    Example:  knowledge list-datasets --json
    """
    with session.open_or_connect(server, archive=archive) as kb:
        datasets = kb.datasets.list()
    if session.json:
        session.print_json(records.datasets(datasets))
        return
    show_table(session, _COLUMNS, [_row(session, dataset) for dataset in datasets], right=(1, 2))
    if not datasets:
        session.note("no datasets yet; `knowledge ingest PATH` creates one")


def create_dataset(
    session: Session,
    name: NameArgument,
    metadata: Annotated[
        list[str] | None,
        Flag("--metadata", help="Metadata of the dataset.", metavar="NAME=VALUE"),
    ] = None,
) -> None:
    """Create an empty dataset; the first ingest chooses its embedder.

    Example:  knowledge create-dataset handbook --metadata team=support
    """
    with session.open() as kb:
        dataset = kb.datasets.create(name, metadata_pairs(metadata or [], "--metadata"))
    _show(session, dataset, f"created dataset {name!r}")


def get_dataset(
    session: Session,
    name: NameArgument,
    no_docs: Annotated[bool, Flag("--no-docs", help="Do not list the files.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Show a dataset and its files.

    Example:  knowledge get-dataset handbook --no-docs
    """
    with session.open(archive=archive) as kb:
        dataset = kb.datasets.get(name)
        files = [] if no_docs else kb.files.list(name)
    if session.json:
        session.print_json(records.dataset(dataset, None if no_docs else files))
        return
    show_facts(session, _facts(dataset))
    if not no_docs:
        write("\n")
        rows = [(file.path, str(file.chunks), str(file.size)) for file in files]
        show_table(session, ("FILE", "CHUNKS", "BYTES"), rows, right=(1, 2))


def edit_dataset(session: Session, *, name: NameArgument, change: MetadataOptions) -> None:
    """Change a dataset's metadata.

    Example:  knowledge edit-dataset handbook --update-metadata owner=ana
    """
    with session.open() as kb:
        metadata = change.edited(kb.datasets.get(name).metadata)
        dataset = kb.datasets.edit(name, metadata)
    _show(session, dataset, f"updated dataset {name!r}: {json_text(metadata)}")


def rename_dataset(
    session: Session,
    *,
    name: NameArgument,
    new: Annotated[str, Argument(metavar="NEW", help="Its new name.")],
    lock: LockOptions,
) -> None:
    """Give a dataset another name.

    Example:  knowledge rename-dataset handbook handbook-2024
    """
    with session.open(lock) as kb:
        dataset = kb.datasets.rename(name, new)
    _show(session, dataset, f"renamed dataset {name!r} to {new!r}")


def copy_dataset(
    session: Session,
    *,
    name: NameArgument,
    new: Annotated[
        str | None,
        Argument(metavar="[NEW]", help="Name of the copy; with --to-store optional."),
    ] = None,
    to_store: Annotated[
        str | None,
        Flag(
            "--to-store",
            help="Copy into another store: postgresql://HOST/DATABASE, the path of a data folder, "
            "or local for yours. A comma and qdrant://HOST or chroma+http://HOST behind it keep "
            "the vectors there; that alone is yours with the vectors there.",
            metavar="STORE",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    lock: LockOptions,
) -> None:
    """Copy a dataset under another name, or into another store; nothing is embedded again.

    Example:  knowledge copy-dataset handbook --to-store postgresql://me@db.example/library
    """
    if new is None and to_store is None:
        raise UsageError("the copy needs a name, or --to-store")
    with session.open(lock) as kb:
        if to_store is not None:
            dataset = kb.sharing.copy_to(to_store, name, new, overwrite=overwrite)
        else:
            dataset = kb.datasets.merge(name, str(new), overwrite=overwrite)
    where = "" if to_store is None else f" in {masked_urls(to_store)}"
    _show(session, dataset, f"copied dataset {name!r} to {new or name!r}{where}")


def merge_datasets(
    session: Session,
    *,
    names: Annotated[list[str], Argument(metavar="NAME...", help="The datasets.")],
    into: Annotated[str, Flag("--into", help="The new dataset.", metavar="NAME")],
    overwrite: OverwriteOption = False,
    lock: LockOptions,
) -> None:
    """Merge datasets with the same model into one; nothing is embedded again.

    The datasets stay as they are. If several contain the same file, the latest one is kept.

    Example:  knowledge merge-datasets handbook contracts --into everything
    """
    with session.open(lock) as kb:
        dataset = kb.datasets.merge(names, into, overwrite=overwrite)
    _show(session, dataset, f"merged {counted(len(names), 'dataset')} into {into!r}")


def delete_dataset(
    session: Session,
    *,
    name: NameArgument,
    yes: YesOption = False,
    lock: LockOptions,
) -> None:
    """Delete a dataset and its contents; the documents themselves stay.

    Example:  knowledge delete-dataset handbook --yes
    """
    with session.open(lock) as kb:
        dataset = kb.datasets.get(name)
        if not yes:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise UsageError(
                    f"deleting dataset {name!r} needs --yes, since there is no terminal to ask on"
                )
            question = f"Delete dataset {name!r} with {counted(dataset.files, 'file')}?"
            if not session.confirm(question):
                session.note("nothing was deleted")
                raise Exit(KnowledgeError.exit_code)
        kb.datasets.delete(name)
    _show(session, dataset, f"deleted dataset {name!r}")


def _show(session: Session, dataset: Dataset, sentence: str) -> None:
    if session.json:
        session.print_json(records.dataset(dataset))
    elif not session.quiet:
        write(flat(sentence) + "\n")


def _row(session: Session, dataset: Dataset) -> tuple[str, ...]:
    embedding = (
        f"{dataset.embedding.provider}:{dataset.embedding.model}" if dataset.embedding else "-"
    ) + named_note(dataset.embedding)
    return (
        dataset.name,
        str(dataset.files),
        str(dataset.chunks),
        embedding,
        moment(session, dataset.updated_at),
    )


def _facts(dataset: Dataset) -> list[tuple[str, str]]:
    splitter = dataset.splitter
    return [
        ("name", dataset.name),
        ("files", str(dataset.files)),
        ("chunks", str(dataset.chunks)),
        ("embedding", str(dataset.embedding or "-") + named_note(dataset.embedding)),
        (
            "chunk size",
            f"{splitter.chunk_size} tokens, {splitter.chunk_overlap} overlap" if splitter else "-",
        ),
        ("generation", str(dataset.generation)),
        ("metadata", json_text(dict(dataset.metadata))),
        ("created", dataset.created_at.isoformat(timespec="seconds")),
        ("updated", dataset.updated_at.isoformat(timespec="seconds")),
    ]
