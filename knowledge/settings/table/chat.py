"""Which chat model answers and rewrites questions, and how it is called."""

from __future__ import annotations

from knowledge.settings.table.setting import MAX_SECONDS, Setting

CHAT: tuple[Setting, ...] = (
    Setting(
        "chat_model",
        ("KNOW_CHAT_MODEL",),
        "",
        "Chat model of ask and of flows; default: OPENAI_MODEL.",
    ),
    Setting(
        "openai_model",
        ("OPENAI_MODEL",),
        "",
        "Chat model at OPENAI_BASE_URL. If EMBEDDING_GENERATOR is set too, it is the embedding "
        "model instead.",
        not_with={"OPENAI_MODEL": "EMBEDDING_GENERATOR"},
    ),
    Setting(
        "chat_base_url",
        ("KNOW_CHAT_BASE_URL",),
        "",
        "Base URL of the chat model's server, which must speak OpenAI's protocol; default: "
        "OPENAI_BASE_URL, or Azure as for embeddings.",
    ),
    Setting(
        "chat_api_key",
        ("KNOW_CHAT_API_KEY",),
        "",
        "Key for KNOW_CHAT_BASE_URL, which never gets OPENAI_API_KEY.",
        secret=True,
    ),
    Setting(
        "chat_timeout",
        ("KNOW_CHAT_TIMEOUT",),
        120.0,
        "Time limit for a chat model to answer, or to continue an answer, in seconds.",
        minimum=0.1,
        maximum=MAX_SECONDS,
    ),
    Setting(
        "chat_retries",
        ("KNOW_CHAT_RETRIES",),
        3,
        "Retries of a chat request after a temporary failure.",
        minimum=0,
        maximum=1_000,
    ),
)
