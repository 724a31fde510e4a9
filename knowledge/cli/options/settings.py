"""Options that set settings for one run; each group is shared by several commands."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.requests import READING, Request, SimilarRequest, like, option

EMBEDDING = "Embedding"


@dataclass(frozen=True, slots=True)
class ServerOptions(Request):
    """Which knowledge base is asked."""

    server: str | None = option(
        "Ask this server instead of the data folder [KNOW_SERVER].",
        metavar="URL",
        setting="server",
    )


@dataclass(frozen=True, slots=True)
class FlowOptions(Request):
    """Which flow reads files and answers questions."""

    flows_file: str | None = option(
        "File of flows, or blueprint:NAME [KNOW_FLOWS_FILE; default: none].",
        metavar="FILE",
        setting="flows_file",
    )
    flow: str | None = option(
        "Flow of that file [KNOW_FLOW; default: the dataset's, else the default one].",
        metavar="NAME",
        setting="flow",
    )


@dataclass(frozen=True, slots=True)
class SplittingOptions(Request):
    """How files are split."""

    chunk_size: int | None = option(
        "Maximum tokens in a chunk [KNOW_CHUNK_SIZE; default: 256].",
        metavar="N",
        setting="chunk_size",
    )
    chunk_overlap: int | None = option(
        "Tokens that adjacent chunks share [KNOW_CHUNK_OVERLAP; default: 40].",
        metavar="N",
        setting="chunk_overlap",
    )


@dataclass(frozen=True, slots=True)
class WorkerOptions(Request):
    """The processes that read files, and what one file may take."""

    concurrency: int | None = option(
        "Processes that read files [KNOW_INGEST_CONCURRENCY; default: one per core].",
        metavar="N",
        setting="concurrency",
    )
    workers: str | None = option(
        "Read files on a Ray cluster: ray:auto or ray://host:10001 [KNOW_INGEST_WORKERS].",
        metavar="URL",
        setting="workers",
    )
    file_timeout: float | None = option(
        "Time limit for reading one file, in seconds [KNOW_FILE_TIMEOUT; default: 120].",
        metavar="SECONDS",
        setting="file_timeout",
    )
    file_memory: int | None = option(
        "Memory limit for reading one file, in MiB [KNOW_FILE_MEMORY; default: 2048].",
        metavar="MIB",
        setting="file_memory",
    )


@dataclass(frozen=True, slots=True)
class ReadingOptions(Request):
    """How documents are read, and who may be asked for them."""

    loader: str | None = option(
        "Engine that reads a format, such as pdf=pypdf [KNOW_LOADER].",
        metavar="FORMAT=ENGINE",
        panel=READING,
        setting="loader",
    )
    html: str | None = option(
        "Keep the main part of web pages, or everything: main or full [KNOW_HTML; default: main].",
        metavar="PART",
        panel=READING,
        setting="html",
    )
    ocr: str | None = option(
        "Recognise text in images: off, auto or always [KNOW_OCR; default: auto].",
        metavar="WHEN",
        panel=READING,
        setting="ocr",
    )
    allow_private_hosts: bool | None = option(
        "Allow URLs in private networks [KNOW_ALLOW_PRIVATE_HOSTS].",
        panel=READING,
        setting="allow_private_hosts",
    )


@dataclass(frozen=True, slots=True)
class ModelOptions(Request):
    """Which model embeds."""

    embedding_model_provider: str | None = option(
        "Provider or provider:model [KNOW_EMBEDDING_MODEL_PROVIDER].",
        metavar="PROVIDER",
        setting="embedding_model_provider",
    )


@dataclass(frozen=True, slots=True)
class SparseOptions(Request):
    """Which second model weighs terms."""

    sparse_model: str | None = option(
        "Add a sparse model, a third side of hybrid search: a folder, or one of fastembed's such "
        "as prithivida/Splade_PP_en_v1 [KNOW_SPARSE_MODEL].",
        "--sparse",
        metavar="MODEL",
        panel=EMBEDDING,
        setting="sparse_model",
    )


@dataclass(frozen=True, slots=True)
class EmbeddingOptions(Request):
    """How texts are embedded."""

    query_instruction: str | None = option(
        "Prefix of each question; '' or none disables it [KNOW_QUERY_INSTRUCTION; default: "
        "the model's own].",
        metavar="TEXT",
        panel=EMBEDDING,
        setting="query_instruction",
    )
    document_instruction: str | None = option(
        "Prefix of each chunk; '' or none disables it [KNOW_DOCUMENT_INSTRUCTION; default: "
        "the model's own].",
        metavar="TEXT",
        panel=EMBEDDING,
        setting="document_instruction",
    )
    embedding_rpm: int | None = option(
        "Maximum embedding requests per minute [KNOW_EMBEDDING_RPM; default: no limit].",
        "--rpm",
        metavar="N",
        panel=EMBEDDING,
        setting="embedding_rpm",
    )
    embedding_tpm: int | None = option(
        "Maximum tokens per minute to embed [KNOW_EMBEDDING_TPM; default: no limit].",
        "--tpm",
        metavar="N",
        panel=EMBEDDING,
        setting="embedding_tpm",
    )
    embedding_cache: bool | None = option(
        "Neither use nor fill the embedding cache [KNOW_EMBEDDING_CACHE].",
        "--no-cache",
        panel=EMBEDDING,
        setting="embedding_cache",
        off=True,
    )


@dataclass(frozen=True, slots=True)
class DatasetOptions(Request):
    """The dataset of a command that takes one."""

    dataset: str | None = like(SimilarRequest, "dataset")


@dataclass(frozen=True, slots=True)
class LockOptions(Request):
    """How long to wait for another writer."""

    lock_timeout: float | None = option(
        "Seconds to wait for another writer [KNOW_LOCK_TIMEOUT; default: 60].",
        metavar="SECONDS",
        setting="lock_timeout",
    )
