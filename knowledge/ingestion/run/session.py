"""One ingest run from request to report: which dataset, embedder, splitter and lock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from knowledge.embeddings.choice import Choice, choose, remember
from knowledge.embeddings.embedder import Embedder
from knowledge.errors import DatasetNotFoundError, KnowledgeError, UsageError
from knowledge.files.private import sweep_temporary
from knowledge.ingestion.request import FileListener, IngestRequest, Notify, ProgressListener
from knowledge.ingestion.run.allocator import share_arenas
from knowledge.ingestion.run.pipeline import IngestRun, report
from knowledge.ingestion.run.pools import kept_texts, open_pool
from knowledge.ingestion.run.reading import Reader, check_request
from knowledge.ingestion.run.recording import recorded_ingest
from knowledge.ingestion.run.tally import Tally
from knowledge.ingestion.run.usage import Usage
from knowledge.ingestion.run.writing import Writer
from knowledge.model import Dataset, IngestReport, SplitterSpec
from knowledge.settings.reading import Origin, Settings
from knowledge.storage.local.catalog.catalog import Catalog, check_there
from knowledge.storage.local.layout import DataFolder, check_name
from knowledge.storage.local.runs.removal import discard_unpublished
from knowledge.storage.local.runs.write_run import WriteRun, open_write_run

# The dataset that a run writes to: made when it may be, and gone again when nothing came of it.


@contextlib.contextmanager
def open_target(
    catalog: Catalog, name: str, *, create: bool, lock_timeout: float, notify: Notify
) -> Iterator[WriteRun]:
    """Give a write run on the dataset.

    A dataset that was made for this run is deleted when the run fails before it has published
    anything. A killed run leaves it there, empty; the next run goes on with it.

    Parameters
    ----------
    create:
        Make the dataset when there is none.

    Raises
    ------
    DatasetNotFoundError
        There is none, and it may not be made.
    LockedError
        Another writer held its lock all the time.
    """
    made: str | None = None
    try:
        with contextlib.ExitStack() as stack:
            run = None
            while run is None:
                if create and (new := catalog.ensure(name)) is not None:
                    made = new.key
                opened = open_write_run(catalog, name, lock_timeout=lock_timeout, notify=notify)
                try:
                    run = stack.enter_context(opened)
                except DatasetNotFoundError:
                    if not create:
                        raise
                    # Whoever made it failed while we waited, and has taken it away.
            yield run
    except BaseException:
        if made is not None:
            with contextlib.suppress(KnowledgeError):  # the first error is the one to tell
                discard_unpublished(catalog, made)
        raise


def ingest(
    folder: DataFolder,
    name: str,
    request: IngestRequest,
    settings: Settings,
    *,
    create: bool,
    notify: Notify,
    progress: ProgressListener | None = None,
    on_file: FileListener | None = None,
) -> IngestReport:
    """Bring a dataset in step with the files of a request.

    Parameters
    ----------
    create:
        Make the dataset when there is none.
    notify:
        Told what is worth a line on the way.
    progress:
        Told how far the run is, from several threads.
    on_file:
        Told of each file and how it came out, from several threads.

    Raises
    ------
    KnowledgeError
        Whatever ended the whole run; a file's failure is in the report instead.
    """
    started = time.monotonic()
    share_arenas()
    sweep_temporary()
    check_name(name)
    check_request(request, settings)
    tally = Tally(progress, on_file)
    if request.dry_run:
        choice = _rehearse(folder, name, request, settings, tally, notify, create=create)
        kept = kept_texts(folder, choice, tally.texts, notify)
        sent = {text: tokens for text, tokens in tally.texts.items() if text not in kept}
        usage = Usage.of(choice, len(sent), sum(sent.values()))
        return report(name, tally, started, usage, dry_run=True)
    with Catalog(folder) as writing, Catalog(folder) as reading:
        _check_settings(writing, name, request, settings, create=create)
        with open_target(
            writing, name, create=create, lock_timeout=settings["lock_timeout"], notify=notify
        ) as run:
            splitter = choose_splitter(run.dataset, settings, request.splitter)
            choice = choose(run.dataset, settings)
            for note in filter(None, (*choice.notes, remember(run.dataset, choice))):
                notify(note)
            if run.dataset.embedding is None:
                notify(_announcement(name, choice.embedder))
            with (
                recorded_ingest(writing, run.dataset, request, tally, choice) as record,
                open_pool(folder, choice, notify) as pool,
            ):
                record.pool = pool
                writer = Writer(
                    run, pool, tally, choice.embedder.spec, splitter, settings["checkpoint_seconds"]
                )
                with Reader(
                    request, reading, run.dataset, splitter, settings, tally, folder.root, notify
                ) as reader:
                    record.scan = reader.scan
                    IngestRun(request, reader, tally, pool, writer).run()
                stats = pool.stats
    usage = Usage.of(choice, stats.embedded, stats.tokens)
    return report(name, tally, started, usage)


def _check_settings(
    catalog: Catalog, name: str, request: IngestRequest, settings: Settings, *, create: bool
) -> None:
    """Raise for settings that do not fit the dataset, before one is made or waited for."""
    dataset = None
    try:
        dataset = catalog.dataset(name)
    except DatasetNotFoundError:
        if not create:
            raise
    choose_splitter(dataset, settings, request.splitter)
    choice = choose(dataset, settings)
    Usage.of(choice, 0, 0)  # prices that can't be read are told now


def choose_splitter(
    dataset: Dataset | None, settings: Settings, by_recipe: SplitterSpec | None = None
) -> SplitterSpec:
    """Return the dataset's own splitter, or the one the settings ask for when it has none.

    Parameters
    ----------
    by_recipe:
        What a new dataset records where recipes say how its files are cut. An old one keeps its
        own, which is for files that no recipe cuts.

    Raises
    ------
    UsageError
        A flag asks for another splitter than the dataset's, or the overlap is too large.
    """
    if by_recipe is not None:
        return (dataset.splitter if dataset is not None else None) or by_recipe
    asked = SplitterSpec(settings["chunk_size"], settings["chunk_overlap"])
    if dataset is not None and dataset.splitter is not None:
        own = dataset.splitter
        by_flag = Origin.FLAG in (settings.origin("chunk_size"), settings.origin("chunk_overlap"))
        if by_flag and asked != own:
            raise UsageError(
                f"dataset {dataset.name!r} has chunks of {own.chunk_size} tokens with "
                f"{own.chunk_overlap} overlap, not {asked.chunk_size} with {asked.chunk_overlap}",
                hint="Leave the flags out, or ingest into a new dataset.",
            )
        return own
    if asked.chunk_overlap >= asked.chunk_size:
        if settings.is_set("chunk_overlap"):
            raise UsageError(
                f"`chunk_overlap` ({asked.chunk_overlap}) must be less than "
                f"`chunk_size` ({asked.chunk_size})"
            )
        return SplitterSpec(asked.chunk_size, asked.chunk_size * 3 // 20)
    return asked


def _announcement(name: str, embedder: Embedder) -> str:
    spec = embedder.spec
    if not embedder.endpoint:
        return f"dataset {name!r} is embedded with {spec}, on this machine"
    return f"dataset {name!r} is embedded with {spec}; texts are sent to {embedder.endpoint}"


def _rehearse(
    folder: DataFolder,
    name: str,
    request: IngestRequest,
    settings: Settings,
    tally: Tally,
    notify: Notify,
    *,
    create: bool,
) -> Choice:
    """Do a dry run; return which embedder would embed, and with what settings."""
    with contextlib.ExitStack() as stack:
        catalog = dataset = None
        if check_there(folder):
            catalog = stack.enter_context(Catalog(folder))
            with contextlib.suppress(DatasetNotFoundError):
                dataset = catalog.dataset(name)
        if dataset is None and not create:
            raise DatasetNotFoundError(f"there is no dataset {name!r}")
        splitter = choose_splitter(dataset, settings, request.splitter)
        choice = choose(dataset, settings)
        reader = Reader(request, catalog, dataset, splitter, settings, tally, folder.root, notify)
        with reader:
            IngestRun(request, reader, tally).run()
    return choice
