"""Which chat model answers and rewrites questions, and how it is called."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_SECONDS, Setting

CHAT: tuple[Setting, ...] = (
    Setting(
        "chat_model",
        ("KNOW_CHAT_MODEL",),
        "",
        "Chat model of ask and of flows; empty is OPENAI_MODEL.",
    ),
    Setting(
        "openai_model",
        ("OPENAI_MODEL",),
        "",
        "Chat model at OPENAI_BASE_URL. Where EMBEDDING_GENERATOR is set too it is the embedding "
        "model instead.",
        not_with={"OPENAI_MODEL": "EMBEDDING_GENERATOR"},
    ),
    Setting(
        "chat_base_url",
        ("KNOW_CHAT_BASE_URL",),
        "",
        "Base URL of the server with the chat model, any that speaks OpenAI's protocol; empty is "
        "OPENAI_BASE_URL, or Azure as for embeddings.",
    ),
    Setting(
        "chat_api_key",
        ("KNOW_CHAT_API_KEY",),
        "",
        "Key for KNOW_CHAT_BASE_URL, which is not shown OPENAI_API_KEY.",
        secret=True,
    ),
    Setting(
        "chat_timeout",
        ("KNOW_CHAT_TIMEOUT",),
        120.0,
        "Seconds a chat model may take to answer, or to go on with an answer.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "chat_retries",
        ("KNOW_CHAT_RETRIES",),
        3,
        "Further tries of a chat request that failed for a passing reason.",
        minimum=0,
        maximum=1_000,
    ),
)
