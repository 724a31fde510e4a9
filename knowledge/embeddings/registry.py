"""Making embedders: by the name of a provider or a profile, or as a dataset recorded them.

Wherever a provider is named, a model may follow: ``openai:text-embedding-3-small``,
``python:module:Class:model``; and a profile of the settings file may stand instead: ``my-cohere``,
``my-cohere:embed-v4.0``.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.instructions import DOCUMENT, QUERY, instructed
from knowledge.embeddings.local.model_identity import check_same_files
from knowledge.embeddings.model_name import parse_model
from knowledge.embeddings.profiles import resolve
from knowledge.embeddings.provider import BUILT_IN, check_exists, find, unknown_provider
from knowledge.errors import UsageError
from knowledge.settings.importing import import_installed
from knowledge.settings.reading import TABLE

if TYPE_CHECKING:
    from knowledge.model import EmbedderSpec
    from knowledge.settings.reading import Settings

_NO_DIMENSIONS = {
    setting.name: 0
    for setting in TABLE
    if setting.name.endswith("_dimensions") and isinstance(setting.default, int)
}

_PARTS = (*Embedder.__annotations__, "embed_documents", "embed_query")


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
        The name of a provider or of a profile; a model may follow after a colon.
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
    there = resolve(f"{name}:{model}" if model else provider, settings)
    profile = settings.profiles.get(name)
    check_exists(there.provider, profile, settings.profiles)
    return _create(there.provider, there.model, dimensions, there.settings)


def _create(name: str, model: str | None, dimensions: int | None, settings: Settings) -> Embedder:
    """Create the embedder of a provider, which is no profile."""
    record = find(name)
    if record is None:
        raise unknown_provider(name)
    settings = settings.extended(record.settings)
    if name == "azure" and settings["openai_api_type"] == "OPEN_AI":
        settings = settings.override(openai_api_type="AZURE")
    factory = _embedder_class(name, record.embedder).from_settings
    embedder: Embedder = factory(settings, model=model, dimensions=dimensions)
    if name not in BUILT_IN:
        _check_embedder(embedder, name)
        if embedder.spec.provider != name:
            embedder.spec = replace(embedder.spec, provider=name)
    return instructed(embedder, settings)


def embedder_for(spec: EmbedderSpec, settings: Settings) -> Embedder:
    """Create the embedder that a dataset recorded: same provider, model and options.

    Dimensions and instructions that the settings ask for now do not count, and no profile does.

    Raises
    ------
    UsageError
        As for `create_embedder`.
    """
    recorded = {name: spec.options.get(name, "") for name in (QUERY, DOCUMENT)}
    embedder = _create(
        spec.provider,
        spec.model,
        spec.options.get("dimensions"),
        settings.override(**_NO_DIMENSIONS, **recorded),
    )
    check_same_files(spec, embedder.spec)
    if callable(as_recorded := getattr(embedder, "as_recorded", None)):
        as_recorded(spec)
    if embedder.spec.dimensions is None:
        embedder.spec = replace(embedder.spec, dimensions=spec.dimensions)
    return embedder


def default_provider(settings: Settings) -> str:
    """Name the provider that the settings lead to; a model may follow the name.

    The one that is set, which may be a profile; else ``openai`` where a key or a base URL for it
    is set; else ``static``.
    """
    chosen = str(settings["embedding_model_provider"]).strip()
    if chosen:
        return chosen
    if settings.is_set("openai_api_key") or settings.is_set("openai_base_url"):
        return "openai"
    return "static"


def _embedder_class(name: str, place: str) -> Any:
    """Load the class at ``module:Class``; code of others is checked to have ``from_settings``."""
    module, _, attributes = place.partition(":")
    try:
        found: Any = (import_module if name in BUILT_IN else import_installed)(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"can't load the embedding provider {name!r}: {error}",
            hint="Write python:module:Class, and install the module where knowledge runs.",
        ) from error
    if not (isinstance(found, type) and callable(getattr(found, "from_settings", None))):
        raise UsageError(
            f"the embedding provider {name!r} has no class method from_settings",
            hint="It takes (settings, *, model, dimensions) and returns an embedder.",
        )
    return found


def _check_embedder(embedder: Any, name: str) -> None:
    if not isinstance(embedder, Embedder):
        missing = [part for part in _PARTS if not hasattr(embedder, part)]
        raise UsageError(
            f"the embedding provider {name!r} gives no embedder: it lacks {', '.join(missing)}",
            hint="docs/providers.md shows a complete one.",
        )
