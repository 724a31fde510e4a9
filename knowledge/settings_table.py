"""The table of all settings: names, variables, defaults, help."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Parameters
    ----------
    name:
        The key in ``knowledge.yaml`` and in ``KnowledgeBase.open(**settings)``.
    variables:
        Environment names, the documented one first.
    default:
        The default; its type is the setting's type (``str``, ``int``, ``float`` or ``bool``).
    help:
        One sentence.
    minimum:
        Least value of a number.
    choices:
        Allowed values of a text, compared without case.
    secret:
        True for values that are never printed or stored.
    """

    name: str
    variables: tuple[str, ...]
    default: str | int | float | bool
    help: str
    minimum: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False


TABLE: tuple[Setting, ...] = (
    Setting("data_dir", ("KNOW_DATA_DIR",), "", "Data folder; empty is the platform's own."),
    Setting("dataset", ("KNOW_DATASET",), "default", "Dataset of commands that take one."),
    Setting(
        "chunk_size",
        ("KNOW_CHUNK_SIZE",),
        256,
        "Most tokens in a chunk; the average is about half of it.",
        minimum=1,
    ),
    Setting(
        "chunk_overlap", ("KNOW_CHUNK_OVERLAP",), 40, "Tokens that neighbours share.", minimum=0
    ),
    Setting(
        "ignore_file",
        ("KNOW_INGEST_IGNORE_FILE",),
        "",
        "File of gitignore lines: what ingest leaves out.",
    ),
    Setting(
        "ignore_extensions",
        ("KNOW_INGEST_IGNORE_EXTENSIONS",),
        "",
        "Extensions that ingest leaves out, with commas between.",
    ),
    Setting(
        "include_hidden",
        ("KNOW_INGEST_INCLUDE_HIDDEN",),
        False,
        "Take hidden files and folders too.",
    ),
    Setting("no_recursive", ("KNOW_NO_INGEST_RECURSIVE",), False, "Leave out sub-folders."),
    Setting(
        "prune",
        ("KNOW_INGEST_PRUNE",),
        False,
        "Remove from the dataset what is gone from the folders of an ingest.",
    ),
    Setting(
        "no_create_dataset",
        ("KNOW_INGEST_NO_CREATE_DATASET",),
        False,
        "Let ingest fail when the dataset does not exist.",
    ),
    Setting(
        "err_on_unsupported_file",
        ("KNOW_INGEST_ERR_ON_UNSUPPORTED_FILE",),
        False,
        "Count unsupported files as failed.",
    ),
    Setting(
        "concurrency",
        ("KNOW_INGEST_CONCURRENCY",),
        0,
        "Processes that read files; 0 is one a core.",
        minimum=0,
    ),
    Setting(
        "file_timeout", ("KNOW_FILE_TIMEOUT",), 120.0, "Seconds one file may take.", minimum=0.1
    ),
    Setting(
        "max_file_size",
        ("KNOW_MAX_FILE_SIZE",),
        512,
        "Largest file that is read, in MiB.",
        minimum=1,
    ),
    Setting(
        "max_text_size",
        ("KNOW_MAX_TEXT_SIZE",),
        64,
        "Most text that is taken from one file, in MiB.",
        minimum=1,
    ),
    Setting(
        "lock_timeout",
        ("KNOW_LOCK_TIMEOUT",),
        60.0,
        "Seconds to wait for another writer.",
        minimum=0,
    ),
    Setting(
        "checkpoint_seconds",
        ("KNOW_CHECKPOINT_SECONDS",),
        180.0,
        "Seconds after which a long ingest publishes what it has.",
        minimum=1,
    ),
    Setting("top_k", ("KNOW_TOP_K",), 10, "Passages that retrieve returns.", minimum=1),
    Setting(
        "embedding_model_provider",
        ("KNOW_EMBEDDING_MODEL_PROVIDER",),
        "",
        "Embedding provider; empty is openai when OPENAI_API_KEY or OPENAI_BASE_URL is set, "
        "else static, the bundled offline model.",
    ),
    Setting(
        "embedding_threads",
        ("VS_EMBEDDING_PARALLEL_THREAD", "VS_CHROMEM_EMBEDDING_PARALLEL_THREAD"),
        10,
        "Embedding requests in flight at once; 1 is strictly one after the other.",
        minimum=1,
    ),
    Setting(
        "embedding_batch_size",
        ("KNOW_EMBEDDING_BATCH_SIZE",),
        10,
        "Texts in one embedding request.",
        minimum=1,
    ),
    Setting(
        "embedding_retries",
        ("KNOW_EMBEDDING_RETRIES",),
        6,
        "Further tries of an embedding request that failed for a passing reason.",
        minimum=0,
    ),
    Setting(
        "embedding_timeout",
        ("KNOW_EMBEDDING_TIMEOUT",),
        120.0,
        "Seconds an embedding request may take.",
        minimum=0.1,
    ),
    Setting(
        "embedding_cache_size",
        ("KNOW_EMBEDDING_CACHE_SIZE",),
        2048,
        "Size limit of the embedding cache in MiB; 0 is off.",
        minimum=0,
    ),
    Setting(
        "openai_base_url",
        ("OPENAI_BASE_URL",),
        "https://api.openai.com/v1",
        "Base URL of OpenAI, Azure or any compatible server.",
    ),
    Setting("openai_api_key", ("OPENAI_API_KEY",), "sk-foo", "Key for it.", secret=True),
    Setting(
        "openai_embedding_model",
        ("OPENAI_EMBEDDING_MODEL",),
        "text-embedding-ada-002",
        "Embedding model.",
    ),
    Setting(
        "openai_embedding_dimensions",
        ("OPENAI_EMBEDDING_DIMENSIONS",),
        0,
        "Dimensions to ask for; 0 is the model's own.",
        minimum=0,
    ),
    Setting("openai_api_version", ("OPENAI_API_VERSION",), "2024-02-01", "Azure's API version."),
    Setting(
        "openai_api_type",
        ("OPENAI_API_TYPE",),
        "OPEN_AI",
        "OPEN_AI, AZURE (key) or AZURE_AD (token in OPENAI_API_KEY).",
        choices=("OPEN_AI", "AZURE", "AZURE_AD"),
    ),
    Setting(
        "openai_azure_deployment",
        ("OPENAI_AZURE_DEPLOYMENT",),
        "",
        "Azure deployment; empty is the model's name.",
    ),
    Setting(
        "openai_organization", ("OPENAI_ORG_ID",), "", "Organisation that requests are billed to."
    ),
    Setting(
        "trust_project",
        ("KNOW_TRUST_PROJECT",),
        False,
        "Trust the working directory's .env and knowledge.yaml with endpoints.",
    ),
)
