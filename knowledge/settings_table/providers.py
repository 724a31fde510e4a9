"""What each provider needs; the names are the providers' own."""

from __future__ import annotations

from knowledge.settings_table.setting import Setting

PROVIDERS: tuple[Setting, ...] = (
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
)
