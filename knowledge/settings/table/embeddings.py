"""Which model embeds, and how it is called."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_MIB, MAX_SECONDS, Setting

EMBEDDINGS: tuple[Setting, ...] = (
    Setting(
        "embedding_model_provider",
        ("KNOW_EMBEDDING_MODEL_PROVIDER", "EMBEDDING_GENERATOR"),
        "",
        "Embedding provider, provider:model, or a profile of knowledge.yaml; empty is openai when "
        "OPENAI_API_KEY or OPENAI_BASE_URL is set, else static, the bundled offline model.",
    ),
    Setting(
        "query_instruction",
        ("KNOW_QUERY_INSTRUCTION",),
        "auto",
        "Put before each question that is embedded; auto is what the model's authors say, "
        "none is nothing.",
    ),
    Setting(
        "document_instruction",
        ("KNOW_DOCUMENT_INSTRUCTION",),
        "auto",
        "Put before each chunk that is embedded; auto is what the model's authors say, "
        "none is nothing.",
    ),
    Setting(
        "embedding_threads",
        ("VS_EMBEDDING_PARALLEL_THREAD", "VS_CHROMEM_EMBEDDING_PARALLEL_THREAD"),
        10,
        "Embedding requests in flight at once; 1 is strictly one after the other. Unless it is "
        "set, a provider may have a default of its own.",
        minimum=1,
        maximum=1_024,
    ),
    Setting(
        "embedding_batch_size",
        ("KNOW_EMBEDDING_BATCH_SIZE", "BATCH_SIZE"),
        10,
        "Texts in one embedding request. Unless it is set, a provider may have a default of its "
        "own.",
        minimum=1,
        maximum=100_000,
    ),
    Setting(
        "embedding_batch_tokens",
        ("KNOW_EMBEDDING_BATCH_TOKENS",),
        300_000,
        "Most tokens in one embedding request, estimated; a single text may have more.",
        minimum=1,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_rpm",
        ("KNOW_EMBEDDING_RPM",),
        0,
        "Most embedding requests a minute, over all threads; 0 is no limit.",
        minimum=0,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_tpm",
        ("KNOW_EMBEDDING_TPM",),
        0,
        "Most tokens a minute that are sent to be embedded, over all threads; 0 is no limit.",
        minimum=0,
        maximum=1_000_000_000,
    ),
    Setting(
        "embedding_retries",
        ("KNOW_EMBEDDING_RETRIES",),
        6,
        "Further tries of an embedding request that failed for a passing reason.",
        minimum=0,
        maximum=1_000,
    ),
    Setting(
        "embedding_timeout",
        ("KNOW_EMBEDDING_TIMEOUT",),
        120.0,
        "Seconds an embedding request may take.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "embedding_cache",
        ("KNOW_EMBEDDING_CACHE",),
        True,
        "Keep vectors that had to be paid or waited for, so that no text is embedded twice.",
    ),
    Setting(
        "embedding_cache_size",
        ("KNOW_EMBEDDING_CACHE_SIZE",),
        2048,
        "Size limit of the embedding cache in MiB; 0 is off.",
        minimum=0,
        maximum=MAX_MIB,
    ),
    Setting(
        "prices_file",
        ("KNOW_PRICES_FILE",),
        "",
        "YAML file with prices of models, which win over those that are shipped.",
    ),
)
