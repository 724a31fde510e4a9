"""Questions to hits: by the retriever, or as a flow says; and what is built on that."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import PathNotFoundError, UsageError
from knowledge.files.typed_names import as_on_disk
from knowledge.knowledge_base.flows import Flows
from knowledge.knowledge_base.shared import Shared
from knowledge.requests import SearchRequest, check_known
from knowledge.retrieval.query import Query
from knowledge.retrieval.result import Retrieved
from knowledge.storage.dataset_names import folder_name

if TYPE_CHECKING:
    from knowledge.answering.answer import Answer, Listener
    from knowledge.evaluation.evaluation import Setting
    from knowledge.evaluation.questions import Question
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.model import Flow
    from knowledge.model import Dataset, Hit
    from knowledge.requests import AskRequest, ChunksRequest, SimilarRequest, StrPath
    from knowledge.retrieval.pages import ChunkPage
    from knowledge.settings.reading import Settings

_ASKED = ("query", "datasets", "top_k", "queries", "offset")
WAY_OPTIONS = tuple(name for name, _, _ in SearchRequest.options() if name not in _ASKED)
"""Fields of a search that two ways to retrieve may differ in, besides the dataset."""


def search(shared: Shared, flows: Flows, request: SearchRequest) -> Retrieved:
    """Return the hits of a request, by the flow that counts for its datasets if there is one."""
    started = time.perf_counter()
    if request.datasets is None:
        request = replace(request, datasets=shared.asked_datasets())
    query = Query.of_request(request, shared.settings)
    settings = shared.settings.override(rerank=request.rerank, rerank_depth=request.rerank_depth)
    flow = flows.choose(query.datasets) if flows.is_named else None
    if flow is None:
        query = shared.retriever().resolve(query)
        rerank = shared.reranker(query.rerank, settings)
        hits = shared.retriever().retrieve(query, rerank)
        found = Retrieved(hits, shared.retriever().answered or query, "", query.questions)
    else:
        found = _by_flow(shared, flow, request, query, settings)
    return replace(found, seconds=time.perf_counter() - started)


def _by_flow(
    shared: Shared, flow: Flow, request: SearchRequest, query: Query, settings: Settings
) -> Retrieved:
    from knowledge.flows.answer import answer
    from knowledge.flows.overrides import Overrides
    from knowledge.flows.reading import origin_of_flows
    from knowledge.requests import MAX_TOP_K

    def asked(name: str) -> bool:
        return request.is_set(name, settings)

    offset, query = query.offset, query.as_one()
    overrides = Overrides(
        offset + query.top_k if asked("top_k") else None,
        query.mode if asked("mode") else None,
        asked("datasets"),
    )

    def refine(question: str, hits: Sequence[Hit], steps: object) -> list[Hit]:
        if not hits:
            return []
        shown = replace(query, query=question, top_k=min(len(hits), MAX_TOP_K))
        rerank = shared.reranker(getattr(steps, "rerank", ""), settings)
        return shared.retriever().refined(shown, hits, rerank, steps)

    found = answer(
        flow,
        query,
        overrides,
        settings,
        language_models(shared),
        resolve=shared.retriever().resolve,
        search=lambda one: shared.retriever().retrieve(one.unrefined()),
        refine=refine,
        datasets=lambda: _all_datasets(shared),
        notify=shared.notify,
        origin=origin_of_flows(shared.settings),
    )
    given = min(max(len(found.hits), 1), MAX_TOP_K)
    shown = replace(found.query, top_k=overrides.top_k or given)
    hits: list[Hit] = []
    if found.hits:
        rerank = shared.reranker(shown.rerank, settings)
        hits = shared.retriever().refined(shown, found.hits, rerank)[offset:]
    shown = replace(shown, top_k=query.top_k if overrides.top_k else given)
    return Retrieved(hits, shown, found.flow, found.queries)


def language_models(shared: Shared) -> LanguageModels:
    """Return where the steps of the settings' flows find their chat models."""
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.reading import origin_of_flows

    origin = origin_of_flows(shared.settings)
    models = LanguageModels(shared.settings, origin=origin, notify=shared.notify)
    shared.closing.callback(models.close)
    return models


def _all_datasets(shared: Shared) -> list[Dataset]:
    if not shared.is_there():
        return []
    with shared.catalog() as catalog:
        return catalog.datasets()


def ask(shared: Shared, flows: Flows, request: AskRequest, listen: Listener | None) -> Answer:
    """Answer a request in words."""
    from knowledge.answering.answer import answer
    from knowledge.chat import ChatModel

    if request.datasets is None:
        request = replace(request, datasets=shared.asked_datasets())
    query = Query.of_request(request, shared.settings)  # what does not fit is reported first
    settings = shared.settings.override(chat_model=request.chat_model)
    # Before anything is searched: a missing model is reported at once.
    model = ChatModel.from_settings(settings, temperature=0.0, notify=shared.notify)
    try:
        hits = search(shared, flows, request).hits
        if not hits and request.max_tokens is not None:
            _check_budget(shared, query)
        return answer(query.text, hits, model, listen)
    finally:
        model.close()


def _check_budget(shared: Shared, query: Query) -> None:
    """Raise when there are passages, but none is short enough."""
    if shared.retriever().retrieve(query.unrefined()):
        raise UsageError(
            f"none of the passages is as short as `max_tokens` {query.max_tokens}",
            hint="Raise it, or lower `context`.",
        )


def similar(shared: Shared, request: SimilarRequest) -> Retrieved:
    """Return the hits nearest to a file or a chunk."""
    from knowledge.retrieval.search.similar import similar as nearest

    started = time.perf_counter()
    if request.dataset is None:
        request = replace(request, dataset=shared.only_dataset())
    query = Query.of_request(request.search(), shared.settings)
    with shared.existing(query.datasets[0]):
        pass
    hits = nearest(shared.store, request.target, query, shared.seen)
    return Retrieved(hits, query, "", (query.text,), time.perf_counter() - started)


def list_chunks(shared: Shared, request: ChunksRequest) -> ChunkPage:
    """Return a page of a dataset's chunks."""
    from knowledge.retrieval.search.listing import list_chunks as listed

    request.check()
    name = shared.dataset(request.dataset)
    query = Query.of_request(replace(request, dataset=name).search(), shared.settings)
    with shared.existing(name) as catalog, catalog.snapshot() as snapshot:
        dataset = shared.saw(snapshot.dataset(name))
        return listed(snapshot, dataset, query, request)


def folder_source(path: StrPath) -> str:
    """Return what is ingested of a folder or a URL; one folder by several names is one.

    Raises
    ------
    PathNotFoundError
        Nothing lies at ``path``.
    UsageError
        ``path`` is no folder, and no URL.
    """
    from knowledge.ingestion.sources.addresses import is_address

    text = os.fspath(path)
    if not text:
        raise UsageError("`path` is empty", hint="Is a variable not set? . is this folder.")
    if is_address(text):
        return text
    folder = as_on_disk(path).resolve()
    if not folder.exists():
        raise PathNotFoundError(f"{text} does not exist")
    if not folder.is_dir():
        raise UsageError(f"{text!r} is not a folder")
    return str(folder)


def folder_dataset(source: str) -> str:
    """Return the name of the dataset that belongs to a folder or a URL: its name and a hash."""
    from knowledge.ingestion.sources.addresses import Page, is_address, parse_address

    if not is_address(source):
        return folder_name(Path(source))
    address = parse_address(source)
    return folder_name(Path(address.shown if isinstance(address, Page) else address.name))


def way(shared: Shared, flows: Flows, dataset: str, options: Mapping[str, Any]) -> Setting:
    """Return one way to retrieve, checked before any question is asked.

    Raises
    ------
    UsageError
        An option does not exist, or does not fit.
    DatasetNotFoundError
        There is no such dataset.
    """
    from knowledge.evaluation.evaluation import Setting
    from knowledge.evaluation.judging import FileNames

    check_known(list(options), ("dataset", *WAY_OPTIONS), "option")
    fields = {name: value for name, value in options.items() if name != "dataset"}
    request = SearchRequest("?", str(options.get("dataset", dataset)), 1, **fields)
    query = Query.of_request(request, shared.settings)
    shared.retriever().resolve(query)
    name = query.datasets[0]
    with shared.existing(name) as catalog, catalog.snapshot() as snapshot:
        owner = snapshot.dataset(name)
        files = [file.path for file in snapshot.files(owner)]
    return Setting(
        _name(options),
        name,
        dict(options),
        lambda text, top_k: search(shared, flows, replace(request, query=text, top_k=top_k)).hits,
        lambda text: shared.embed_query(owner, text) if owner.chunks else None,
        FileNames(files),
    )


def _name(options: Mapping[str, Any]) -> str:
    """Return what a way to retrieve is called in tables."""
    if set(options) == {"mode"}:
        return str(options["mode"])
    return ",".join(f"{key}={_shown(value)}" for key, value in options.items()) or "default"


def _shown(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def check_judged(questions: Sequence[Question], ways: Sequence[Setting], source: StrPath) -> None:
    """Raise :class:`UsageError` where no question, or no dataset, has a judged document."""
    if not any(question.judged for question in questions):
        raise UsageError(
            f"no question of {os.fspath(source)} has a judged document or an answer",
            hint="The judgments' query-id must be the questions' _id, and a score above 0.",
        )
    named = [name for q in questions for name, grade in q.grades.items() if grade > 0]
    for one in ways:
        if named and not any(map(one.files.paths, named)):
            raise UsageError(
                f"dataset {one.dataset!r} holds none of the files that answer, such as "
                f"{named[0]!r}",
                hint="A judged document is a file's path, the end of it, its name, or its "
                "name without the suffix.",
            )
