"""Settings of the providers that are reached over HTTP, except OpenAI and Azure.

Each has ``NAME_base_url``, ``NAME_api_key`` and ``NAME_model``; the variables have the names that
the provider's own documentation uses, or other tools.
"""

from __future__ import annotations

from knowledge.settings.table.setting import Setting


def _service(
    name: str,
    title: str,
    *,
    url: tuple[str, str],
    model: str,
    keys: tuple[str, ...] = (),
    prefix: str = "",
) -> tuple[Setting, Setting, Setting]:
    """Return the three rows of a service."""
    prefix = prefix or name.upper()
    return (
        Setting(f"{name}_base_url", (url[0],), url[1], f"Base URL of {title}."),
        Setting(
            f"{name}_api_key",
            keys or (f"{prefix}_API_KEY",),
            "",
            f"Key for {title}.",
            secret=True,
        ),
        Setting(f"{name}_model", (f"{prefix}_MODEL",), model, f"Embedding model of {title}."),
    )


HOSTED: tuple[Setting, ...] = (
    Setting(
        "embedding_dimensions",
        ("KNOW_EMBEDDING_DIMENSIONS",),
        0,
        "Dimensions of the vectors, for models that support several; 0 is the model's default.",
        minimum=0,
        maximum=100_000,
    ),
    Setting(
        "ollama_base_url",
        ("OLLAMA_BASE_URL",),
        "http://localhost:11434",
        "Base URL of Ollama, with or without /v1 or /api.",
    ),
    Setting(
        "ollama_host",
        ("OLLAMA_HOST",),
        "",
        "Address in Ollama's own form, such as 127.0.0.1:11434; OLLAMA_BASE_URL overrides it.",
    ),
    Setting(
        "ollama_api_key",
        ("OLLAMA_API_KEY",),
        "",
        "Key for Ollama behind a proxy, or in the cloud.",
        secret=True,
    ),
    Setting("ollama_model", ("OLLAMA_MODEL",), "mxbai-embed-large", "Embedding model of Ollama."),
    *_service(
        "localai",
        "LocalAI",
        url=("LOCALAI_BASE_URL", "http://localhost:8080/v1"),
        model="text-embedding-ada-002",
    ),
    *_service(
        "lmstudio",
        "LM Studio",
        url=("LMSTUDIO_BASE_URL", "http://localhost:1234/v1"),
        model="text-embedding-nomic-embed-text-v1.5",
    ),
    *_service(
        "tei",
        "Text Embeddings Inference",
        url=("TEI_BASE_URL", "http://localhost:8080"),
        model="text-embeddings-inference",
    ),
    *_service(
        "cohere",
        "Cohere",
        url=("COHERE_BASE_URL", "https://api.cohere.com/v2"),
        keys=("COHERE_API_KEY", "CO_API_KEY"),
        model="embed-english-v3.0",
    ),
    *_service(
        "jina",
        "Jina AI",
        url=("JINA_BASE_URL", "https://api.jina.ai/v1"),
        model="jina-embeddings-v2-base-en",
    ),
    *_service(
        "mistral",
        "Mistral",
        url=("MISTRAL_BASE_URL", "https://api.mistral.ai/v1"),
        model="mistral-embed",
    ),
    *_service(
        "mixedbread",
        "Mixedbread",
        url=("MIXEDBREAD_BASE_URL", "https://api.mixedbread.com/v1"),
        keys=("MXBAI_API_KEY", "MIXEDBREAD_API_KEY"),
        model="mixedbread-ai/mxbai-embed-large-v1",
    ),
    *_service(
        "voyage",
        "Voyage AI",
        url=("VOYAGE_BASE_URL", "https://api.voyageai.com/v1"),
        model="voyage-4",
    ),
    *_service(
        "gemini",
        "the Gemini API",
        url=("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com/v1beta"),
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        model="gemini-embedding-001",
    ),
    Setting(
        "vertex_project",
        ("VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT"),
        "",
        "Google Cloud project for vertex; default: that of the credentials.",
    ),
    Setting(
        "vertex_location",
        ("VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION"),
        "us-central1",
        "Region of Google Cloud for vertex, or global.",
    ),
    Setting(
        "vertex_base_url",
        ("VERTEX_API_ENDPOINT",),
        "",
        "Base URL of Vertex AI; default: that of the region.",
    ),
    Setting(
        "vertex_api_key",
        ("VERTEX_API_KEY",),
        "",
        "Access token for Vertex AI; default: application-default credentials.",
        secret=True,
    ),
    Setting(
        "vertex_model", ("VERTEX_MODEL",), "text-embedding-005", "Embedding model of Vertex AI."
    ),
    Setting(
        "spaces_url",
        ("SPACES_URL", "EMBEDDINGS_GENERATION_URL"),
        "",
        "Hugging Face Space with an embedding model: its URL, or owner/name.",
    ),
    Setting(
        "spaces_key",
        ("SPACES_KEY", "EMBEDDINGS_GENERATION_KEY"),
        "",
        "Hugging Face token for a private Space.",
        secret=True,
    ),
)
