"""How a question is answered."""

from __future__ import annotations

from knowledge.settings.table.setting import Setting

RETRIEVAL: tuple[Setting, ...] = (
    Setting("top_k", ("KNOW_TOP_K",), 10, "Maximum number of passages.", minimum=1, maximum=10_000),
    Setting(
        "retrieve_mode",
        ("KNOW_RETRIEVE_MODE",),
        "auto",
        "How passages are found and ranked: dense, keyword, hybrid, or auto: hybrid for datasets "
        "embedded by a model on this machine, else dense.",
    ),
    Setting(
        "retrieve_keywords",
        ("KNOW_RETRIEVE_KEYWORDS",),
        "",
        "Words, separated by commas, of which a passage must contain one; -WORD excludes passages.",
    ),
    Setting(
        "retrieve_candidates",
        ("KNOW_RETRIEVE_CANDIDATES",),
        0,
        "Passages that reranking and other steps choose from; 0 is 50.",
        minimum=0,
        maximum=10_000,
    ),
    Setting(
        "retrieve_fusion",
        ("KNOW_RETRIEVE_FUSION",),
        "weighted",
        "How hybrid fuses two rankings: weighted (scores) or rrf (ranks).",
    ),
    Setting(
        "retrieve_weight",
        ("KNOW_RETRIEVE_WEIGHT",),
        0.35,
        "Share of dense search in hybrid, from 0 to 1.",
        minimum=0,
        maximum=1,
    ),
    Setting(
        "retrieve_file_weight",
        ("KNOW_RETRIEVE_FILE_WEIGHT",),
        0.25,
        "Weight of the whole file's BM25 in hybrid's keyword score, from 0 to 1.",
        minimum=0,
        maximum=1,
    ),
    Setting(
        "retrieve_sparse_weight",
        ("KNOW_RETRIEVE_SPARSE_WEIGHT",),
        0.5,
        "Weight of the sparse model in hybrid, beside 1 for the other two together; 0 is without.",
        minimum=0,
        maximum=10,
    ),
    Setting(
        "fallback",
        ("KNOW_FALLBACK",),
        "none",
        "What mode auto does when the embedding provider fails: none, or keyword: answer by "
        "keyword search alone, with a notice.",
    ),
    Setting(
        "min_relevance",
        ("KNOW_MIN_RELEVANCE",),
        0.0,
        "Minimum relevance of a passage, from 0 to 1.",
        minimum=0,
        maximum=1,
    ),
    Setting(
        "rerank",
        ("KNOW_RERANK",),
        "",
        "Reranker: bm25, minilm, cohere, jina, voyage, cross-encoder, or the address of a "
        "/v1/rerank server; optionally with a model after a colon, or after # in an address.",
    ),
    Setting(
        "rerank_depth",
        ("KNOW_RERANK_DEPTH",),
        0,
        "How many of the best hits are reranked; 0 is all candidates, and 20 with minilm.",
        minimum=0,
        maximum=10_000,
    ),
    Setting(
        "rerank_api_key",
        ("KNOW_RERANK_API_KEY",),
        "",
        "Key for a rerank server given by its address.",
        secret=True,
    ),
)
