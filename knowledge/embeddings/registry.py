"""Which embedder: by name, without importing any provider's library before it is needed.

A provider is named ``static``, ``openai`` or ``azure``, by an entry point of the group
``knowledge.embedders``, or as ``python:module:Class``. Wherever a provider is named, a model may
follow: ``openai:text-embedding-3-small``, ``python:module:Class:model``.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

    from knowledge.embeddings.embedder import Embedder
    from knowledge.model import EmbedderSpec
    from knowledge.settings import Settings

GROUP = "knowledge.embedders"
"""The entry-point group that third parties register embedders in."""

_BUILT_IN: Mapping[str, str] = {
    "static": "knowledge.embeddings.static:StaticEmbedder",
    "openai": "knowledge.embeddings.openai:OpenAIEmbedder",
    "azure": "knowledge.embeddings.openai:OpenAIEmbedder",
}
_PYTHON = "python:"


def create_embedder(
    provider: str,
    *,
    settings: Settings,
    model: str | None = None,
    dimensions: int | None = None,
) -> Embedder:
    """Create an embedder; nothing is sent and no model is read yet.

    Parameters
    ----------
    provider:
        A provider's name, or ``provider:model``.
    model:
        The model; default the provider's own, or what the settings say.
    dimensions:
        Size of the vectors to ask for; default the model's own, or what the settings say.

    Raises
    ------
    UsageError
        No such provider, a class that can't be loaded, or settings that do not fit it.
    """
    name, named_model = parse_model(provider)
    if model and named_model and model != named_model:
        raise UsageError(
            f"{provider!r} names the model {named_model!r}, but the model {model!r} is asked for",
            hint="Name the model once.",
        )
    if name == "azure" and settings["openai_api_type"] == "OPEN_AI":
        settings = settings.override(openai_api_type="AZURE")
    factory = _embedder_class(name).from_settings
    embedder: Embedder = factory(settings, model=model or named_model, dimensions=dimensions)
    if name not in _BUILT_IN and embedder.spec.provider != name:
        embedder.spec = replace(embedder.spec, provider=name)
    return embedder


def embedder_for(spec: EmbedderSpec, settings: Settings) -> Embedder:
    """Create the embedder that a dataset recorded: same provider, model and options.

    Dimensions that the settings ask for now do not count.

    Raises
    ------
    UsageError
        As for `create_embedder`.
    """
    embedder = create_embedder(
        spec.provider,
        settings=settings.override(openai_embedding_dimensions=0),
        model=spec.model,
        dimensions=spec.options.get("dimensions"),
    )
    if embedder.spec.dimensions is None:
        embedder.spec = replace(embedder.spec, dimensions=spec.dimensions)
    return embedder


def default_provider(settings: Settings) -> str:
    """Name the provider that the settings lead to; a model may follow the name.

    The one that is set; else ``openai`` where a key or a base URL for it is set; else ``static``.
    """
    chosen = str(settings["embedding_model_provider"]).strip()
    if chosen:
        return chosen
    if settings.is_set("openai_api_key") or settings.is_set("openai_base_url"):
        return "openai"
    return "static"


def parse_model(text: str) -> tuple[str, str | None]:
    """Take ``provider`` or ``provider:model`` apart; a model's name may itself hold colons.

    >>> parse_model("openai:nomic-embed-text:v1.5")
    ('openai', 'nomic-embed-text:v1.5')
    >>> parse_model("python:my.module:MyEmbedder")
    ('python:my.module:MyEmbedder', None)
    """
    text = text.strip()
    if text.lower().startswith(_PYTHON):
        _, module, name, model = (*text.split(":", 3), "", "")[:4]
        return f"{_PYTHON}{module}:{name}", model or None
    provider, _, model = text.partition(":")
    return provider.strip().lower(), model.strip() or None


def provider_names() -> list[str]:
    """List the names of all providers that are installed."""
    return [*_BUILT_IN, *sorted(set(_entry_points()) - set(_BUILT_IN))]


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # 20 ms

    return {entry.name.lower(): entry for entry in entry_points(group=GROUP)}


def _embedder_class(name: str) -> Any:
    """Load the class, checked to have ``from_settings``."""
    if name in _BUILT_IN:
        return _load(name, _BUILT_IN[name])
    if name.startswith(_PYTHON):
        found = _load(name, name.removeprefix(_PYTHON))
    elif entry := _entry_points().get(name):
        found = _load(name, entry.value)
    else:
        raise _unknown(name)
    if not callable(getattr(found, "from_settings", None)):
        raise UsageError(
            f"the embedding provider {name!r} has no class method from_settings",
            hint="It takes (settings, *, model, dimensions) and returns an embedder.",
        )
    return found


def _load(name: str, target: str) -> Any:
    module, _, attributes = target.partition(":")
    try:
        found: Any = import_module(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"can't load the embedding provider {name!r}: {error}",
            hint="Write python:module:Class, and install the module where knowledge runs.",
        ) from error
    return found


def _unknown(name: str) -> UsageError:
    import difflib

    names = provider_names()
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    ordered = [*near, *(other for other in names if other not in near), "python:module:Class"]
    return UsageError(
        f"there is no embedding provider {name!r}", hint=f"Choose one of {', '.join(ordered)}."
    )
