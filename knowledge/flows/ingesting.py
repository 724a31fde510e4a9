"""From a flow to the recipes that an ingest run reads and cuts files by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knowledge.documents import transformers as documents
from knowledge.documents.recipes import Reading, Recipe
from knowledge.errors import FlowsFileError
from knowledge.flows.ingestion_steps import Keywords, OcrOpenAI, Transformer
from knowledge.flows.language_models import LanguageModels
from knowledge.flows.model import Flow, IngestionEntry
from knowledge.flows.model_steps import ModelSteps
from knowledge.ingestion.request import Notify, RunRequest
from knowledge.ingestion.run.session import choose_splitter
from knowledge.model import Dataset, SplitterSpec, TextKind
from knowledge.settings.reading import Origin, Settings
from knowledge.text.tokens import ENCODINGS

_KINDS = {"text": TextKind.TEXT, "markdown": TextKind.MARKDOWN}


def with_flow(
    request: RunRequest,
    flow: Flow,
    settings: Settings,
    dataset: Dataset | None,
    models: LanguageModels,
    notify: Notify,
) -> RunRequest:
    """Return a request that reads and cuts files as a flow says.

    What the flow leaves open is as the dataset, or else the settings have it; ``chunk_size``
    and ``chunk_overlap`` win over the flow.

    Parameters
    ----------
    dataset:
        ``None`` where it does not exist yet.
    models:
        Where steps that ask a chat model find it.

    Raises
    ------
    FlowsFileError
        The flow's sizes do not fit those that it leaves open.
    NoChatModelError
        A step asks a chat model, and none is set.
    """
    if not flow.ingests:
        return request
    own = dataset.splitter if dataset is not None else None
    base = own or choose_splitter(None, settings)
    made = [
        (_recipe(entry, flow, base, settings, models), entry)
        for entry in (*flow.ingestion, IngestionEntry(filetypes=("*",)))
    ]
    steps = ModelSteps(made, models, notify, send=not request.dry_run)
    if not request.dry_run:
        steps.check()
    rest = made[-1][0].splitter
    return replace(
        request,
        recipes=tuple(recipe for recipe, _ in made),
        splitter=SplitterSpec(rest.chunk_size, rest.chunk_overlap),
        finish=steps if steps.are_there else None,
    )


def _recipe(
    entry: IngestionEntry,
    flow: Flow,
    base: SplitterSpec,
    settings: Settings,
    models: LanguageModels,
) -> Recipe:
    loader, splitter = entry.loader, entry.splitter
    note = ""
    if isinstance(loader, OcrOpenAI):
        note = repr((models.name(loader.choice), loader.prompt))
    return Recipe(
        splitter=_splitter(flow, entry, base, settings),
        filetypes=entry.filetypes,
        reading=loader.reading() if loader is not None else Reading(),
        cut_as=_KINDS[splitter.name] if splitter is not None else None,
        transformers=tuple(_transformer(step, models) for step in entry.transformers or ()),
        note=note,
    )


def _splitter(
    flow: Flow, entry: IngestionEntry, base: SplitterSpec, settings: Settings
) -> SplitterSpec:
    given = flow.splitting_of(entry)
    size, overlap = given.get("chunkSize"), given.get("chunkOverlap")
    flag_size, flag_overlap = _flag(settings, "chunk_size"), _flag(settings, "chunk_overlap")
    chosen_size = flag_size or size or base.chunk_size
    chosen_overlap = overlap if flag_overlap is None else flag_overlap
    if chosen_overlap is None:
        chosen_overlap = base.chunk_overlap if chosen_size == base.chunk_size else None
    elif chosen_overlap >= chosen_size and flag_overlap is None and flag_size:
        chosen_overlap = None  # it was for the flow's own size
    if chosen_overlap is None:
        chosen_overlap = chosen_size * 3 // 20
    if chosen_overlap >= chosen_size:
        raise FlowsFileError(
            f"flow {flow.name!r} leads to an overlap of {chosen_overlap} tokens in chunks of "
            f"{chosen_size} for the files {', '.join(entry.filetypes)}",
            hint="Give chunkSize as well as chunkOverlap.",
        )
    return SplitterSpec(chosen_size, chosen_overlap, _tokenizer(given) or base.tokenizer)


def _flag(settings: Settings, name: str) -> int | None:
    return int(settings[name]) if settings.origin(name) is Origin.FLAG else None


def _tokenizer(given: Mapping[str, Any]) -> str:
    encoding = given.get("encodingName")
    return ENCODINGS[encoding] if encoding else str(given.get("modelName") or "")


def _transformer(step: Transformer, models: LanguageModels) -> documents.Transformer:
    if not isinstance(step, Keywords):
        return documents.Transformer(step.name, step.model_dump(by_alias=True))
    # The model decides of the result; its key and address do not, and are not sent around.
    options = {"NumKeywords": step.most, "model": models.name(step.model)}
    return documents.Transformer(step.name, options)
