"""Which model embeds, and how it is called."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

EMBEDDINGS: tuple[Setting, ...] = (
    Setting(
        "embedding_model_provider",
        ("KNOW_EMBEDDING_MODEL_PROVIDER", "EMBEDDING_GENERATOR"),
        "",
        "Embedding provider, provider:model, or a profile of knowledge.yaml; default: openai if "
        "OPENAI_API_KEY or OPENAI_BASE_URL is set, else static, the bundled offline model.",
    ),
    Setting(
        "sparse_model",
        ("KNOW_SPARSE_MODEL",),
        "",
        "Sparse model that ingest adds to a dataset, as a third side of hybrid search: a folder, "
        "or one of fastembed's; default: none, or the one that the dataset has.",
    ),
    Setting(
        "query_instruction",
        ("KNOW_QUERY_INSTRUCTION",),
        "auto",
        "Prefix of each question that is embedded; auto is the one that the model's authors give, "
        "none disables it.",
    ),
    Setting(
        "document_instruction",
        ("KNOW_DOCUMENT_INSTRUCTION",),
        "auto",
        "Prefix of each chunk that is embedded; auto is the one that the model's authors give, "
        "none disables it.",
    ),
    Setting(
        "embedding_threads",
        ("VS_EMBEDDING_PARALLEL_THREAD", "VS_CHROMEM_EMBEDDING_PARALLEL_THREAD"),
        10,
        "Concurrent embedding requests; 1 sends them strictly one after the other. Unless it is "
        "set, a provider may use its own default.",
        minimum=1,
        maximum=1_024,
    ),
    Setting(
        "embedding_batch_size",
        ("KNOW_EMBEDDING_BATCH_SIZE", "BATCH_SIZE"),
        10,
        "Texts in one embedding request. Unless it is set, a provider may use its own default.",
        minimum=1,
        maximum=100_000,
        only_with={"BATCH_SIZE": "EMBEDDING_GENERATOR"},
    ),
    Setting(
        "embedding_batch_tokens",
        ("KNOW_EMBEDDING_BATCH_TOKENS",),
        300_000,
        "Maximum tokens in one embedding request, estimated; a single text may have more.",
        minimum=1,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_rpm",
        ("KNOW_EMBEDDING_RPM",),
        0,
        "Maximum embedding requests per minute, over all threads; 0 is no limit.",
        minimum=0,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_tpm",
        ("KNOW_EMBEDDING_TPM",),
        0,
        "Maximum tokens per minute to embed, over all threads; 0 is no limit.",
        minimum=0,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_retries",
        ("KNOW_EMBEDDING_RETRIES",),
        6,
        "Retries of an embedding request after a temporary failure.",
        minimum=0,
        maximum=1_000,
    ),
    Setting(
        "embedding_timeout",
        ("KNOW_EMBEDDING_TIMEOUT",),
        120.0,
        "Time limit for an embedding request, in seconds.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "embedding_cache",
        ("KNOW_EMBEDDING_CACHE",),
        True,
        "Cache vectors of slow or paid models, so that no text is embedded twice.",
    ),
    Setting(
        "embedding_cache_size",
        ("KNOW_EMBEDDING_CACHE_SIZE",),
        2048,
        "Size limit of the embedding cache, in MiB; 0 disables it.",
        minimum=0,
        maximum=MAX_MIB,
    ),
    Setting(
        "prices_file",
        ("KNOW_PRICES_FILE",),
        "",
        "YAML file with prices of models, which override the built-in ones.",
    ),
)
