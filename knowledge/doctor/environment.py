"""What is around the data folder: versions, settings, room on the disk, documents, providers."""

from __future__ import annotations

import contextlib
import platform
import sqlite3
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from knowledge.doctor.findings import Severity
from knowledge.doctor.repairs import Treatment
from knowledge.embeddings.choice import recorded
from knowledge.errors import KnowledgeError
from knowledge.files.private import wide_paths
from knowledge.ingestion.stored import is_gone
from knowledge.model import Dataset, SourceFile
from knowledge.settings.reading import Settings
from knowledge.storage.local.catalog import schema
from knowledge.storage.local.disk import Obstacle, cant_write, obstacle
from knowledge.storage.local.layout import OURS, open_root
from knowledge.storage.local.upkeep.sizes import folder_size, free_bytes
from knowledge.storage.local.vectors.native import TESTED

_CODES = {
    Obstacle.FULL: "disk-full",
    Obstacle.READ_ONLY: "disk-read-only",
    Obstacle.NO_PERMISSION: "no-permission",
}
_LEAST_FREE = 100 * 1024 * 1024
_MIB = 1024 * 1024
_MOST_NAMED = 3
_SECONDS = 10.0


def versions() -> dict[str, str]:
    """Return the versions that matter to a data folder."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in ("knowledge", "chromadb"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {**found, "format": str(schema.VERSION)}


def check_versions(treatment: Treatment) -> None:
    """Tell of a version of chromadb that was not tested."""
    found = versions()["chromadb"]
    if found not in TESTED:
        treatment.tell(
            "chromadb-untested",
            Severity.NOTE,
            "chromadb",
            f"chromadb is {found}; {', '.join(sorted(TESTED))} is what was tested",
        )


def check_settings(treatment: Treatment, settings: Settings) -> None:
    """Tell what is wrong with the settings, though it stops nothing."""
    for warning in settings.warnings:
        treatment.tell("setting", Severity.WARNING, "settings", warning)


def check_rights(treatment: Treatment) -> None:
    """Tell of what others than its owner may read or write; opening the data folder ends that."""
    folder = treatment.folder
    wide = wide_paths(folder.root, OURS)
    if not wide:
        return
    with contextlib.suppress(OSError):
        open_root(folder.root)
    left = wide_paths(folder.root, OURS)
    named = ", ".join(path.name for path in (left or wide)[:_MOST_NAMED])
    treatment.tell(
        "rights-wide",
        Severity.WARNING,
        str(folder.root),
        f"others than its owner had rights to what is stored: {named}",
        "Take them away: chmod -R go-rwx." if left else "They were taken away.",
    )


def check_writable(treatment: Treatment) -> bool:
    """Tell whether the data folder can be written, and take a finding where it can't."""
    root = treatment.folder.root
    blocked = [why for path in (root, treatment.folder.catalog) if (why := obstacle(path))]
    if not blocked:
        return True
    treatment.tell(
        _CODES[blocked[0]],
        Severity.WARNING,
        str(root),
        cant_write(root, blocked[0]).message,
        "What is stored can be read; nothing can be changed.",
    )
    return False


def check_room(treatment: Treatment, datasets: Sequence[Dataset]) -> None:
    """Tell when there is too little room to write the largest index once more."""
    folder = treatment.folder
    largest = max((folder_size(folder.dataset(one.key)) for one in datasets), default=0)
    needed, free = max(_LEAST_FREE, 2 * largest), free_bytes(folder.root)
    if free < needed:
        treatment.tell(
            "disk-low",
            Severity.WARNING,
            str(folder.root),
            f"{free // _MIB:,} MiB are free; the next ingest may need {needed // _MIB:,} MiB",
            "Free some space; `knowledge gc` and `knowledge compact` may give some back.",
        )


def check_sources(treatment: Treatment, dataset: Dataset, files: Sequence[SourceFile]) -> None:
    """Tell of stored files that are not where they were."""
    gone = [file.path for file in files if is_gone(file)]
    if gone:
        named = ", ".join(gone[:_MOST_NAMED]) + (", …" if len(gone) > _MOST_NAMED else "")
        treatment.tell(
            "source-missing",
            Severity.NOTE,
            dataset.name,
            f"{len(gone)} of {len(files)} stored files are not where they were: {named}",
            "Nothing is lost. `knowledge ingest FOLDER --prune` removes what is gone.",
        )


def check_providers(
    treatment: Treatment, datasets: Sequence[Dataset], settings: Settings, *, offline: bool
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
            treatment.tell(
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
