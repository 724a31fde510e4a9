"""One ingest run from request to report: which dataset, embedder, splitter and lock."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from knowledge.embeddings.choice import choose_embedder
from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.pool import EmbeddingPool
from knowledge.errors import DatasetNotFoundError, UsageError
from knowledge.ingestion.ignore import IgnoreRules
from knowledge.ingestion.pipeline import IngestRun, report
from knowledge.ingestion.reading import Reader
from knowledge.ingestion.request import FileListener, IngestRequest, Notify, ProgressListener
from knowledge.ingestion.scan import check_paths
from knowledge.ingestion.tally import Tally
from knowledge.ingestion.writing import Writer
from knowledge.model import Dataset, IngestReport, SplitterSpec
from knowledge.settings import Origin, Settings
from knowledge.storage.cache import EmbeddingCache
from knowledge.storage.catalog import Catalog
from knowledge.storage.layout import DataFolder, check_name
from knowledge.storage.write_run import open_write_run

MIB = 1024 * 1024


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
    check_name(name)
    check_paths(request.paths)
    IgnoreRules(Path(), request.ignore)  # a missing file of rules is told before anything is made
    tally = Tally(progress, on_file)
    if request.dry_run:
        texts = _rehearse(folder, name, request, settings, tally, create=create)
        return report(name, tally, started, embedded=texts, tokens=tally.tokens, dry_run=True)
    with Catalog(folder) as writing, Catalog(folder) as reading:
        dataset = _found_or_checked(writing, name, settings, create=create)
        with open_write_run(
            writing, dataset.name, lock_timeout=settings["lock_timeout"], notify=notify
        ) as run:
            splitter = choose_splitter(run.dataset, settings)
            embedder = choose_embedder(run.dataset, settings)
            if run.dataset.embedding is None:
                notify(_announcement(name, embedder))
            with _pool(folder, embedder, settings, notify) as pool:
                reader = Reader(
                    request, reading, run.dataset, splitter, settings, tally, folder.root
                )
                writer = Writer(
                    run, pool, tally, embedder.spec, splitter, settings["checkpoint_seconds"]
                )
                IngestRun(request, reader, tally, pool, writer).run()
                stats = pool.stats
    return report(name, tally, started, embedded=stats.embedded, tokens=stats.tokens, dry_run=False)


def _found_or_checked(catalog: Catalog, name: str, settings: Settings, *, create: bool) -> Dataset:
    """Return the dataset, made when it may be; settings that do not fit it leave nothing behind."""
    dataset = None
    try:
        dataset = catalog.dataset(name)
    except DatasetNotFoundError:
        if not create:
            raise
    choose_splitter(dataset, settings)
    choose_embedder(dataset, settings)
    return dataset or catalog.ensure(name)


def choose_splitter(dataset: Dataset | None, settings: Settings) -> SplitterSpec:
    """Return the dataset's own splitter, or the one the settings ask for when it has none.

    Raises
    ------
    UsageError
        A flag asks for another splitter than the dataset's, or the overlap is too large.
    """
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
                f"--chunk-overlap ({asked.chunk_overlap}) must be less than "
                f"--chunk-size ({asked.chunk_size})"
            )
        return SplitterSpec(asked.chunk_size, asked.chunk_size * 3 // 20)
    return asked


def _announcement(name: str, embedder: Embedder) -> str:
    spec = embedder.spec
    if not embedder.endpoint:
        return f"dataset {name!r} is embedded with {spec}, on this machine"
    return f"dataset {name!r} is embedded with {spec}; texts are sent to {embedder.endpoint}"


@contextlib.contextmanager
def _pool(
    folder: DataFolder, embedder: Embedder, settings: Settings, notify: Notify
) -> Iterator[EmbeddingPool]:
    cache = None
    if embedder.cacheable and settings["embedding_cache_size"]:
        cache = EmbeddingCache(folder.cache, settings["embedding_cache_size"] * MIB)
    try:
        with EmbeddingPool(
            embedder,
            threads=settings["embedding_threads"],
            batch_size=settings["embedding_batch_size"],
            retries=settings["embedding_retries"],
            cache=cache,
            notify=notify,
        ) as pool:
            yield pool
    finally:
        if cache is not None:
            cache.close()


def _rehearse(
    folder: DataFolder,
    name: str,
    request: IngestRequest,
    settings: Settings,
    tally: Tally,
    *,
    create: bool,
) -> int:
    """Do a dry run; return how many texts would be embedded."""
    with contextlib.ExitStack() as stack:
        catalog = dataset = None
        if folder.catalog.exists():
            catalog = stack.enter_context(Catalog(folder))
            with contextlib.suppress(DatasetNotFoundError):
                dataset = catalog.dataset(name)
        if dataset is None and not create:
            raise DatasetNotFoundError(f"there is no dataset {name!r}")
        splitter = choose_splitter(dataset, settings)
        choose_embedder(dataset, settings)
        IngestRun(
            request,
            Reader(request, catalog, dataset, splitter, settings, tally, folder.root),
            tally,
        ).run()
    return len(tally.texts)
