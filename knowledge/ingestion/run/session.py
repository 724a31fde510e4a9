"""One ingest run from request to report: which dataset, embedder, splitter, lock and crew."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.documents.options import LoadOptions
from knowledge.embeddings.choice import choose, remember
from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.portable import PortableModel
from knowledge.embeddings.provider import destination
from knowledge.errors import DatasetNotFoundError, KnowledgeError, UsageError
from knowledge.files.private import sweep_temporary
from knowledge.ingestion.request import FileListener, Notify, ProgressListener, RunRequest
from knowledge.ingestion.run.changes import DryRun
from knowledge.ingestion.run.pipeline import Pipeline
from knowledge.ingestion.run.pools import kept_texts, open_pool
from knowledge.ingestion.run.recording import recorded_ingest
from knowledge.ingestion.run.stats import RunStats
from knowledge.ingestion.run.usage import Usage
from knowledge.ingestion.run.writing import Writer
from knowledge.ingestion.scan.ignore import IgnoreRules
from knowledge.ingestion.scan.scan import check_paths
from knowledge.ingestion.sources.addresses import parse_addresses
from knowledge.ingestion.stored import Stored
from knowledge.ingestion.workers.allocator import share_arenas
from knowledge.ingestion.workers.crew import Crew, EmbeddingCrew, open_crew
from knowledge.model import Dataset, IngestReport, SplitterSpec
from knowledge.settings.reading import Origin, Settings
from knowledge.storage.dataset_names import check_name, no_dataset
from knowledge.storage.store import Catalog, Store, WriteRun

if TYPE_CHECKING:
    from knowledge.embeddings.sparse import SparseEncoder


def ingest(
    store: Store,
    name: str,
    request: RunRequest,
    settings: Settings,
    *,
    create: bool,
    notify: Notify,
    progress: ProgressListener | None = None,
    on_file: FileListener | None = None,
    crew: Crew | None = None,
) -> IngestReport:
    """Bring a dataset in step with the files of a request.

    Parameters
    ----------
    create:
        Make the dataset when there is none.
    notify:
        Gets what is worth a line on the way.
    progress:
        Gets how far the run is, from several threads.
    on_file:
        Gets each file and how it came out, from several threads.
    crew:
        Reads the files; by default the one that the settings ask for.

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
    stats = RunStats(progress, on_file)
    crew = crew or open_crew(settings)
    pipeline = Pipeline(request, settings, crew, stats, store.root, notify)
    run = _dry_run if request.dry_run else _write
    usage = run(store, name, pipeline, create=create)
    return IngestReport(
        dataset=name,
        files=dict(stats.files),
        chunks_added=stats.chunks_added,
        chunks_removed=stats.chunks_removed,
        chunks_reused=stats.chunks_reused,
        embedded=usage.embedded,
        tokens=usage.tokens,
        cost_usd=usage.cost_usd,
        seconds=round(time.monotonic() - started, 3),
        problems=tuple(stats.sorted_problems()),
        dry_run=request.dry_run,
    )


def check_request(request: RunRequest, settings: Settings) -> None:
    """Check what can be checked before anything is made.

    Raises
    ------
    PathNotFoundError
        A path, or a file of ignore rules, does not exist.
    UsageError
        A URL, a glob or a setting is malformed.
    """
    check_paths(request.paths)
    IgnoreRules(request.ignore)
    parse_addresses(request.remote)
    LoadOptions.from_settings(settings, request.passwords)


def _write(store: Store, name: str, pipeline: Pipeline, *, create: bool) -> Usage:
    request, settings, notify = pipeline.request, pipeline.settings, pipeline.notify
    stats, scan = pipeline.stats, pipeline.scan()
    with store.open() as writing, store.open() as reading:
        _check_settings(writing, name, request, settings, create=create)
        with open_for_ingest(
            writing, name, create=create, lock_timeout=settings["lock_timeout"], notify=notify
        ) as run:
            splitter = choose_splitter(run.dataset, settings, request.splitter)
            choice = choose(run.dataset, settings)
            encoder = _sparse(run.dataset, settings, notify)
            for note in filter(None, (*choice.notes, remember(run.dataset, choice))):
                notify(note)
            if run.dataset.embedding is None:
                for note in _announcements(name, choice.embedder, settings):
                    notify(note)
            model = PortableModel.for_readers(choice)
            if isinstance(pipeline.crew, EmbeddingCrew):
                choice = replace(choice, embedder=pipeline.crew.embedder(choice))
            with (
                recorded_ingest(writing, run.dataset, request, scan, stats, choice) as record,
                open_pool(store, choice, notify) as pool,
            ):
                record.pool = pool
                spec, checkpoint = choice.embedder.spec, settings["checkpoint_seconds"]
                stored = Stored(reading, run.dataset)
                writer = Writer(run, pool, stats, spec, splitter, checkpoint, encoder)
                with writer.working():
                    pipeline.run(scan, stored, splitter, writer, pool, model)
                embedded = pool.stats
    return Usage.of(choice, embedded.embedded, embedded.tokens)


OPENAI_HOST = "//api.openai.com/"
OLD_OPENAI_MODEL = "text-embedding-ada-002"


def _sparse(
    dataset: Dataset | None, settings: Settings, notify: Notify | None = None
) -> SparseEncoder | None:
    """Return the encoder of a dataset's sparse model, where it has one or gets one."""
    if not (settings["sparse_model"] or (dataset is not None and dataset.sparse)):
        return None
    from knowledge.embeddings import sparse

    encoder = sparse.choose_sparse(dataset, settings)
    if dataset is not None and encoder is not None and notify is not None:
        for note in filter(None, [sparse.remember(dataset, encoder, settings)]):
            notify(note)
    return encoder


def _dry_run(store: Store, name: str, pipeline: Pipeline, *, create: bool) -> Usage:
    """Go through it all and write nothing; return what would be embedded."""
    request, settings = pipeline.request, pipeline.settings
    with contextlib.ExitStack() as stack:
        catalog = dataset = None
        if store.exists():
            catalog = stack.enter_context(store.open())
            with contextlib.suppress(DatasetNotFoundError):
                dataset = catalog.dataset(name)
        if dataset is None and not create:
            raise no_dataset(name, store.names())
        splitter = choose_splitter(dataset, settings, request.splitter)
        choice = choose(dataset, settings)
        if dataset is None or dataset.embedding is None:
            for note in _announcements(name, choice.embedder, settings):
                pipeline.notify(note)
        dry_run = DryRun(pipeline.stats)
        pipeline.run(pipeline.scan(), Stored(catalog, dataset), splitter, dry_run)
    kept = kept_texts(store, choice, dry_run.texts, pipeline.notify)
    sent = [tokens for text, tokens in dry_run.texts.items() if text not in kept]
    return Usage.of(choice, len(sent), sum(sent))


def _check_settings(
    catalog: Catalog, name: str, request: RunRequest, settings: Settings, *, create: bool
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
    _sparse(dataset, settings)
    Usage.of(choice, 0, 0)  # prices that cannot be read are an error now


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
        Another splitter than the dataset's is asked for, or the overlap is too large.
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
                hint="Leave `chunk_size` and `chunk_overlap` out, or ingest into a new dataset.",
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


@contextlib.contextmanager
def open_for_ingest(
    catalog: Catalog, name: str, *, create: bool, lock_timeout: float, notify: Notify
) -> Iterator[WriteRun]:
    """Yield a write run on the dataset.

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
                opened = catalog.write_run(name, lock_timeout=lock_timeout, notify=notify)
                try:
                    run = stack.enter_context(opened)
                except DatasetNotFoundError:
                    if not create:
                        raise
                    # Whoever made it failed while we waited, and has taken it away.
            yield run
    except BaseException:
        if made is not None:
            with contextlib.suppress(KnowledgeError):  # the first error is the one to report
                catalog.discard_unpublished(made)
        raise


def _announcements(name: str, embedder: Embedder, settings: Settings) -> Iterator[str]:
    """Say which model a new dataset gets, where texts go, and why, before any is sent."""
    spec = embedder.spec
    if not embedder.endpoint:
        where = destination(spec.provider, spec.model, "")
        yield f"dataset {name!r} is embedded with {spec}{where}"
        return
    why = ""
    if not settings.is_set("embedding_model_provider") and spec.provider == "openai":
        cause = "openai_base_url" if settings.is_set("openai_base_url") else "openai_api_key"
        why = (
            f", since {settings.values[cause].source} is set; "
            "KNOW_EMBEDDING_MODEL_PROVIDER=static keeps them on this machine"
        )
    yield f"dataset {name!r} is embedded with {spec}; texts are sent to {embedder.endpoint}{why}"
    if spec.model == OLD_OPENAI_MODEL and OPENAI_HOST in embedder.endpoint:
        yield (
            f"{spec.model} is an old model: OPENAI_EMBEDDING_MODEL=text-embedding-3-small is "
            "better and costs a fifth"
        )
