"""Options of what is ingested that set settings for one run; several commands share each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.cli.options.places import FlowOptions
from knowledge.requests import READING, Request, SourceRequest, like, one_dataset, option

EMBEDDING = "Embedding"


@dataclass(frozen=True)
class SplittingOptions(Request):
    """How files are split."""

    chunk_size: int | None = option(metavar="N", setting="chunk_size")
    chunk_overlap: int | None = option(metavar="N", setting="chunk_overlap")


@dataclass(frozen=True)
class CrewOptions(Request):
    """Who works beside the command."""

    workers: str | None = option(metavar="URL", setting="workers")


@dataclass(frozen=True)
class WorkerOptions(CrewOptions):
    """The processes that read files, and what one file may take."""

    concurrency: int | None = option(metavar="N", setting="concurrency")
    shared_files: bool | None = option(setting="shared_files")
    file_timeout: float | None = option(metavar="SECONDS", setting="file_timeout")
    file_memory: int | None = option(metavar="MIB", setting="file_memory")


@dataclass(frozen=True)
class ReadingOptions(Request):
    """How documents are read, and who may be asked for them."""

    loader: str | None = option(metavar="FORMAT=ENGINE", panel=READING, setting="loader")
    html: str | None = option(metavar="PART", panel=READING, setting="html")
    ocr: str | None = option(metavar="WHEN", panel=READING, setting="ocr")
    allow_private_hosts: bool | None = option(panel=READING, setting="allow_private_hosts")


@dataclass(frozen=True)
class ModelOptions(Request):
    """Which model embeds."""

    embedding_model_provider: str | None = option(
        metavar="PROVIDER", setting="embedding_model_provider"
    )


@dataclass(frozen=True)
class SparseOptions(Request):
    """Which second model weighs terms."""

    sparse_model: str | None = option(
        "", "--sparse", metavar="MODEL", panel=EMBEDDING, setting="sparse_model"
    )


@dataclass(frozen=True)
class EmbeddingOptions(Request):
    """How texts are embedded."""

    query_instruction: str | None = option(
        metavar="TEXT", panel=EMBEDDING, setting="query_instruction"
    )
    document_instruction: str | None = option(
        metavar="TEXT", panel=EMBEDDING, setting="document_instruction"
    )
    embedding_rpm: int | None = option(
        "", "--rpm", metavar="N", panel=EMBEDDING, setting="embedding_rpm"
    )
    embedding_tpm: int | None = option(
        "", "--tpm", metavar="N", panel=EMBEDDING, setting="embedding_tpm"
    )
    embedding_cache: bool | None = option(
        "",
        "--no-cache",
        panel=EMBEDDING,
        setting="embedding_cache",
        off="Neither use nor fill the embedding cache.",
    )


@dataclass(frozen=True)
class DatasetOptions(Request):
    """The dataset of a command that takes one."""

    dataset: str | None = one_dataset()


@dataclass(frozen=True)
class LockOptions(Request):
    """How long to wait for another writer."""

    lock_timeout: float | None = option(metavar="SECONDS", setting="lock_timeout")


@dataclass(frozen=True)
class IngestOptions(
    LockOptions,
    EmbeddingOptions,
    SparseOptions,
    ModelOptions,
    FlowOptions,
    ReadingOptions,
    WorkerOptions,
    SplittingOptions,
):
    """All that decides how files become chunks; the help lists these groups from the last one."""


@dataclass(frozen=True)
class PasswordOptions(Request):
    """Passwords of a command that reads one document."""

    passwords: Sequence[str] = like(SourceRequest, "passwords")
