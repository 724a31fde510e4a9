"""Settings of the providers, under the names that the providers use."""

from __future__ import annotations

from knowledge.settings.table.hosted import HOSTED
from knowledge.settings.table.setting import Setting

PROVIDERS: tuple[Setting, ...] = (
    Setting(
        "openai_base_url",
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "https://api.openai.com/v1",
        "Base URL of OpenAI, Azure or any compatible server.",
    ),
    Setting(
        "openai_api_key", ("OPENAI_API_KEY",), "sk-foo", "Key for OPENAI_BASE_URL.", secret=True
    ),
    Setting(
        "openai_embedding_model",
        ("OPENAI_EMBEDDING_MODEL", "OPENAI_MODEL"),
        "text-embedding-ada-002",
        "Embedding model of OpenAI, Azure or a compatible server.",
        only_with={"OPENAI_MODEL": "EMBEDDING_GENERATOR"},
    ),
    Setting(
        "openai_embedding_endpoint",
        ("OPENAI_EMBEDDING_ENDPOINT",),
        "/embeddings",
        "Path below OPENAI_BASE_URL that embeds, for servers that have another one.",
    ),
    Setting(
        "openai_embedding_dimensions",
        ("OPENAI_EMBEDDING_DIMENSIONS",),
        0,
        "Dimensions to request; 0 is the model's own number.",
        minimum=0,
        maximum=100_000,
    ),
    Setting(
        "openai_api_version",
        ("OPENAI_API_VERSION", "AZURE_OPENAI_VERSION"),
        "2024-02-01",
        "Azure's API version.",
    ),
    Setting(
        "openai_api_type",
        ("OPENAI_API_TYPE", "OPENAI_TYPE"),
        "OPEN_AI",
        "OPEN_AI, AZURE (key) or AZURE_AD (token in OPENAI_API_KEY).",
        choices=("OPEN_AI", "AZURE", "AZURE_AD"),
        synonyms={"OPENAI": "OPEN_AI"},
        only_with={"OPENAI_TYPE": "EMBEDDING_GENERATOR"},
    ),
    Setting(
        "openai_azure_deployment",
        ("OPENAI_AZURE_DEPLOYMENT",),
        "",
        "Azure deployment; default: the model's name.",
    ),
    Setting(
        "openai_organization", ("OPENAI_ORG_ID",), "", "Organisation to which requests are billed."
    ),
    Setting(
        "openai_extra_headers",
        ("OPENAI_EXTRA_HEADERS",),
        "",
        'Headers for each request to OpenAI, Azure or a compatible server: "Name: value", '
        "separated by semicolons, or a JSON object.",
        secret=True,
    ),
    Setting(
        "azure_openai_endpoint",
        ("AZURE_OPENAI_ENDPOINT",),
        "",
        "Azure resource, such as https://NAME.openai.azure.com; default: OPENAI_BASE_URL.",
    ),
    Setting(
        "azure_openai_api_key",
        ("AZURE_OPENAI_API_KEY",),
        "",
        "Key for Azure; default: OPENAI_API_KEY.",
        secret=True,
    ),
    Setting(
        "azure_openai_use_active_directory",
        ("AZURE_OPENAI_USE_ACTIVE_DIRECTORY",),
        False,
        "Use a token for Azure: the key, or without a key that of the current sign-in.",
    ),
    *HOSTED,
)
