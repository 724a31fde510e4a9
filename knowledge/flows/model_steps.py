"""The steps of an ingest that ask a chat model; they run in the main process, file by file."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from knowledge.documents.recipes import Recipe
from knowledge.documents.transformers import Described, transform
from knowledge.errors import (
    DocumentError,
    RemoteAuthError,
    RemoteError,
    RemoteQuotaError,
)
from knowledge.flows import prompts
from knowledge.flows.ingestion_steps import Keywords, OcrOpenAI, Transformer
from knowledge.flows.language_models import ask_each
from knowledge.ingestion.workers.loading import LoadedFile, cut
from knowledge.model import Document, FileStatus, Passage, TextKind

if TYPE_CHECKING:
    from knowledge.flows.language_models import LanguageModels
    from knowledge.flows.model import IngestionEntry
    from knowledge.flows.schema import ModelChoice

_LASTING = (RemoteAuthError, RemoteQuotaError)
"""What every further request would meet as well."""


class ModelSteps:
    """Has a model read pages and describe passages; called with each loaded file.

    Parameters
    ----------
    made:
        The recipes of the run, each with what it was made of.
    send:
        False for a dry run, which sends nothing.
    """

    def __init__(
        self,
        made: Sequence[tuple[Recipe, IngestionEntry]],
        models: LanguageModels,
        notify: Callable[[str], None],
        *,
        send: bool,
    ) -> None:
        self._made = made
        self._models = models
        self._notify = notify
        self._send = send

    @property
    def are_there(self) -> bool:
        """True when a recipe asks a model."""
        return any(True for _ in self._choices())

    def check(self) -> None:
        """Find out before anything is read that a model is missing.

        Raises
        ------
        NoChatModelError, UsageError
            A model cannot be asked.
        """
        for choice in self._choices():
            self._models.get(choice)

    def __call__(self, loaded: LoadedFile) -> LoadedFile:
        """Return a loaded file with what its recipe has models do."""
        recipe = loaded.recipe
        if loaded.status is not FileStatus.INGESTED or recipe is None:
            return loaded
        entry = next(entry for own, entry in self._made if own == recipe)
        if loaded.images:
            loaded = self._read_pages(loaded, recipe, entry)
        if loaded.status is not FileStatus.INGESTED or not entry.transformers:
            return loaded
        try:
            return self._describe(loaded, recipe, entry.transformers)
        except DocumentError as error:
            return replace(loaded, status=FileStatus.FAILED, reason=error.message, passages=())

    def _choices(self) -> list[ModelChoice | None]:
        choices: list[ModelChoice | None] = []
        for _, entry in self._made:
            if isinstance(entry.loader, OcrOpenAI):
                choices.append(entry.loader.choice)
            choices += [
                step.model for step in entry.transformers or () if isinstance(step, Keywords)
            ]
        return choices

    def _read_pages(self, loaded: LoadedFile, recipe: Recipe, entry: IngestionEntry) -> LoadedFile:
        from knowledge.documents.loaders.pdf.pdf import join_pages
        from knowledge.documents.loading import Loaded

        assert isinstance(entry.loader, OcrOpenAI)
        pages = sum(map(bool, loaded.images))
        if not self._send:
            note = f"{pages} page{'s' * (pages != 1)} would be sent to a chat model"
            return replace(loaded, images=(), warnings=(*loaded.warnings, note))
        try:
            texts, warnings = self._texts(loaded.images, entry.loader)
        except RemoteError as error:
            if isinstance(error, _LASTING):
                raise
            return replace(loaded, status=FileStatus.FAILED, reason=error.message, images=())
        text, spans = join_pages(enumerate(texts, 1))
        if not text.strip():
            reason = "the chat model finds no text on its pages"
            return replace(loaded, status=FileStatus.EMPTY, reason=reason, images=())
        document = Document(
            text,
            TextKind.MARKDOWN,
            spans,
            metadata={"pages": len(spans)},
            loader="ocr_openai",
            warnings=warnings,
        )
        stats = {name: getattr(loaded, name) for name in ("size", "mtime_ns", "content_hash")}
        try:
            return cut(loaded.task, Loaded((document,), metadata=document.metadata), recipe, stats)
        except DocumentError as error:
            return replace(loaded, status=FileStatus.FAILED, reason=error.message, images=())

    def _texts(
        self, images: Sequence[bytes], loader: OcrOpenAI
    ) -> tuple[list[str], tuple[str, ...]]:
        """Return the text of each page, and warnings."""
        most = loader.max_tokens
        model = self._models.get(loader.choice, max_tokens=most)
        prompt = loader.prompt or prompts.READ_PAGE

        def read(image: bytes) -> tuple[str, bool]:
            if not image:
                return "", False
            url = "data:image/png;base64," + base64.b64encode(image).decode()
            parts: list[dict[str, Any]] = [
                {"type": "text", "text": prompt},
                {"type": "image_url", "image_url": {"url": url}},
            ]
            answer = model.answer([{"role": "user", "content": parts}])
            text = (
                "" if answer.text.strip().lower().strip("[].") == prompts.NO_TEXT else answer.text
            )
            return text, answer.cut_off

        with ThreadPoolExecutor(loader.concurrency) as threads:
            answers = list(threads.map(read, images))
        cut_off = [str(number) for number, (_, cut_) in enumerate(answers, 1) if cut_]
        warnings = (
            (f"the text of page {', '.join(cut_off)} ends at {most} tokens (MaxTokens)",)
            if cut_off
            else ()
        )
        return [text for text, _ in answers], warnings

    def _describe(
        self, loaded: LoadedFile, recipe: Recipe, steps: Sequence[Transformer]
    ) -> LoadedFile:
        """Apply the transformers from the first that asks a model on."""
        asking = [at for at, step in enumerate(steps) if isinstance(step, Keywords)]
        if not asking or not self._send:
            return loaded
        described = Described(loaded.passages, loaded.metadata)
        for step, plain in list(zip(steps, recipe.transformers, strict=True))[asking[0] :]:
            if not isinstance(step, Keywords):
                described = transform([plain], described)
                continue
            described, warning = self._with_keywords(described, step)
            if warning:
                loaded = replace(loaded, warnings=(*loaded.warnings, warning))
        empty = not described.passages
        return replace(
            loaded,
            status=FileStatus.EMPTY if empty else loaded.status,
            reason="its passages hold nothing but headings" if empty else loaded.reason,
            passages=described.passages,
            metadata=described.metadata,
        )

    def _with_keywords(self, described: Described, step: Keywords) -> tuple[Described, str]:
        def keywords(passage: Passage) -> list[str]:
            return find_keywords(self._models, step.model, step.most, passage.embedding_text)

        none: list[str] = []
        found, failures = ask_each(described.passages, keywords, otherwise=none)
        if failures and isinstance(failures[0], _LASTING):
            raise failures[0]
        passages = tuple(
            replace(one, metadata={**one.metadata, "keywords": words}) if words else one
            for one, words in zip(described.passages, found, strict=True)
        )
        warning = f"not all passages have keywords: {failures[0].message}" if failures else ""
        return Described(passages, described.metadata), warning


def find_keywords(
    models: LanguageModels, choice: ModelChoice | None, most: int, text: str
) -> list[str]:
    """Return at most so many keywords of a text, as a chat model finds them.

    Raises
    ------
    RemoteError, NoChatModelError
        The model cannot be asked, or failed.
    """
    prompt = prompts.KEYWORDS.format(most=most, text=text)
    reply = models.ask(choice, prompt, prompts.KEYWORDS_SCHEMA, name="keywords")
    words = dict.fromkeys(word.strip() for word in reply["keywords"] if word.strip())
    return list(words)[:most]
