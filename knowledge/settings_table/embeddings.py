"""Which model embeds, and how it is called."""

from __future__ import annotations

from knowledge.settings_table.setting import Setting

EMBEDDINGS: tuple[Setting, ...] = (
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
)
