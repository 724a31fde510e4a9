"""How a provider and a model are written."""

from __future__ import annotations

PYTHON = "python:"


def parse_model(text: str) -> tuple[str, str | None]:
    """Take ``provider`` or ``provider:model`` apart; a model's name may itself hold colons.

    >>> parse_model("openai:nomic-embed-text:v1.5")
    ('openai', 'nomic-embed-text:v1.5')
    >>> parse_model("python:my.module:MyEmbedder")
    ('python:my.module:MyEmbedder', None)
    """
    text = text.strip()
    if text.lower().startswith(PYTHON):
        _, module, name, model = (*text.split(":", 3), "", "")[:4]
        return f"{PYTHON}{module}:{name}", model or None
    provider, _, model = text.partition(":")
    return provider.strip().lower(), model.strip() or None
