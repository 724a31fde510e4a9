"""From a flow to the recipes that an ingest run reads and cuts files by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from knowledge.documents.options import NotebookOptions, RowOptions
from knowledge.documents.recipes import Reading, Recipe
from knowledge.documents.transformers import Transformer
from knowledge.errors import FlowsFileError
from knowledge.flows.language_models import LanguageModels
from knowledge.flows.model import Flow, IngestionEntry
from knowledge.flows.model_steps import ModelSteps, ocr_model
from knowledge.flows.steps import Step
from knowledge.ingestion.request import IngestRequest, Notify
from knowledge.ingestion.run.session import choose_splitter
from knowledge.model import Dataset, SplitterSpec, TextKind
from knowledge.settings.reading import Origin, Settings
from knowledge.text.tokens import ENCODINGS

_FORMATS = {
    "plaintext": "text",
    "markdown": "markdown",
    "html": "html",
    "structured": "structured",
    "csv": "rows",
    "notebook": "notebook",
}
"""What each loader takes a file for."""

_ENGINES = {"mupdf": "kreuzberg", "pdf": "pypdf", "gopdf": "pypdf"}
_DOCUMENTS = ("docx", "odt", "rtf", "doc")
_KINDS = {"text": TextKind.TEXT, "markdown": TextKind.MARKDOWN}


def with_flow(
    request: IngestRequest,
    flow: Flow,
    settings: Settings,
    dataset: Dataset | None,
    models: LanguageModels,
    notify: Notify,
) -> IngestRequest:
    """Return a request that reads and cuts files as a flow says.

    What the flow leaves open is as the dataset, or else the settings have it; ``--chunk-size``
    and ``--chunk-overlap`` win over the flow.

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
        for entry in (*flow.ingestion, IngestionEntry(("*",)))
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
    given = {**flow.splitting, **(entry.splitter.given if entry.splitter else {})}
    transformers = tuple(_transformer(step, models) for step in entry.transformers or ())
    note = ""
    if entry.loader is not None and entry.loader.name == "ocr_openai":
        note = repr((models.name(ocr_model(entry.loader)), entry.loader["Prompt"]))
    return Recipe(
        splitter=_splitter(given, base, settings, entry.line or flow.line),
        filetypes=entry.filetypes,
        reading=_reading(entry.loader) if entry.loader is not None else Reading(),
        cut_as=_KINDS[entry.splitter.name] if entry.splitter is not None else None,
        transformers=transformers,
        note=note,
    )


def _splitter(
    given: Mapping[str, Any], base: SplitterSpec, settings: Settings, line: int
) -> SplitterSpec:
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
            f"line {line} of the flows file leads to an overlap of {chosen_overlap} tokens in "
            f"chunks of {chosen_size}",
            hint="Give chunkSize as well as chunkOverlap.",
        )
    return SplitterSpec(chosen_size, chosen_overlap, _tokenizer(given) or base.tokenizer)


def _flag(settings: Settings, name: str) -> int | None:
    return int(settings[name]) if settings.origin(name) is Origin.FLAG else None


def _tokenizer(given: Mapping[str, Any]) -> str:
    encoding = given.get("encodingName")
    return ENCODINGS[encoding] if encoding else str(given.get("modelName") or "")


def _reading(loader: Step) -> Reading:
    name = loader.name
    if name in _ENGINES:
        return Reading(
            name,
            format="pdf",
            only=("pdf",),
            engine=_ENGINES[name],
            passwords=_password(loader),
            pages=(loader["StartPage"], loader["MaxPages"]),
            source=loader["Source"],
        )
    if name == "ocr_openai":
        return Reading(name, only=("pdf", "image"), as_images=True)
    if name == "document":
        return Reading(name, only=_DOCUMENTS)
    rows = RowOptions(loader["Separator"], loader["Columns"]) if name == "csv" else None
    notebook = None
    if name == "notebook":
        notebook = NotebookOptions(
            loader["IncludeOutputs"], loader["Traceback"], loader["MaxOutputLength"]
        )
    return Reading(name, format=_FORMATS[name], rows=rows, notebook=notebook)


def _password(loader: Step) -> tuple[str, ...]:
    secret = loader["Password"]
    return (secret.value,) if secret is not None else ()


def _transformer(step: Step, models: LanguageModels) -> Transformer:
    if not step.spec.needs_model:
        return Transformer(step.name, dict(step.given))
    # The model decides of the result; its key and address do not, and are not sent around.
    options = {"NumKeywords": step["NumKeywords"], "model": models.name(step["LLM"])}
    return Transformer(step.name, options)
