"""What is around a store: versions, settings, documents, providers."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from knowledge.doctor.repairs import Repairs
from knowledge.embeddings.choice import recorded
from knowledge.errors import KnowledgeError
from knowledge.ingestion.stored import is_gone
from knowledge.model import Dataset, SourceFile
from knowledge.settings.reading import Settings
from knowledge.storage.findings import Severity

_MOST_NAMED = 3
_SECONDS = 10.0


def versions() -> dict[str, str]:
    """Return the versions of Python and of this package."""
    try:
        own = version("knowledge")
    except PackageNotFoundError:
        own = "not installed"
    return {"python": platform.python_version(), "knowledge": own}


def check_settings(repairs: Repairs, settings: Settings) -> None:
    """Report what is wrong with the settings, though it stops nothing."""
    for warning in settings.warnings:
        repairs.note("setting", Severity.WARNING, "settings", warning)


def check_sources(repairs: Repairs, dataset: Dataset, files: Sequence[SourceFile]) -> None:
    """Report stored files that are not where they were."""
    gone = [file.path for file in files if is_gone(file.path)]
    if gone:
        named = ", ".join(gone[:_MOST_NAMED]) + (", …" if len(gone) > _MOST_NAMED else "")
        repairs.note(
            "source-missing",
            Severity.NOTE,
            dataset.name,
            f"{len(gone)} of {len(files)} stored files are not where they were: {named}",
            "Nothing is lost. `knowledge ingest FOLDER --prune` removes what is gone.",
        )


def check_providers(
    repairs: Repairs, datasets: Sequence[Dataset], settings: Settings, *, offline: bool
) -> None:
    """Embed one word with each model that is elsewhere, unless ``offline``."""
    tried: set[str] = set()
    quick = settings.override(embedding_timeout=_SECONDS, embedding_retries=0)
    for dataset in datasets:
        if dataset.embedding is None or dataset.embedding.fingerprint in tried:
            continue
        tried.add(dataset.embedding.fingerprint)
        try:
            _try(dataset, quick, offline=offline)
        except KnowledgeError as error:
            repairs.note(
                "provider-failed",
                Severity.WARNING,
                dataset.name,
                f"its model {dataset.embedding} can't be used: {error}",
                error.hint or "Its texts stay; questions need the model.",
            )


def _try(dataset: Dataset, settings: Settings, *, offline: bool) -> None:
    embedder = recorded(dataset, settings).embedder
    try:
        if embedder.endpoint and not offline:
            embedder.embed_query("hello")
    finally:
        if callable(close := getattr(embedder, "close", None)):
            close()
