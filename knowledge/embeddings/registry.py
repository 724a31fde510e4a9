"""Which embedder: by name, without importing any provider's library before it is needed.

A provider is one of the built-in ones, an entry point of the group ``knowledge.embedders``, or
``python:module:Class``. Wherever a provider is named, a model may follow:
``openai:text-embedding-3-small``, ``python:module:Class:model``; and a profile of the settings
file may stand instead: ``my-cohere``, ``my-cohere:embed-v4.0``.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.embedder import Embedder
from knowledge.embeddings.importing import import_installed
from knowledge.embeddings.instructions import DOCUMENT, QUERY, instructed
from knowledge.embeddings.local.model_identity import check_same_files
from knowledge.embeddings.model_name import PYTHON, parse_model
from knowledge.embeddings.profiles import resolve
from knowledge.errors import UsageError
from knowledge.settings.reading import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

    from knowledge.model import EmbedderSpec
    from knowledge.settings.profiles import Profile
    from knowledge.settings.reading import Settings

GROUP = "knowledge.embedders"
"""The entry-point group that third parties register embedders in."""

_BUILT_IN: Mapping[str, str] = {
    "static": "knowledge.embeddings.local.static:StaticEmbedder",
    "openai": "knowledge.embeddings.providers.openai:OpenAIEmbedder",
    "azure": "knowledge.embeddings.providers.openai:OpenAIEmbedder",
    "ollama": "knowledge.embeddings.providers.ollama:OllamaEmbedder",
    "localai": "knowledge.embeddings.providers.compatible:LocalAIEmbedder",
    "lmstudio": "knowledge.embeddings.providers.compatible:LMStudioEmbedder",
    "cohere": "knowledge.embeddings.providers.cohere:CohereEmbedder",
    "jina": "knowledge.embeddings.providers.compatible:JinaEmbedder",
    "mistral": "knowledge.embeddings.providers.compatible:MistralEmbedder",
    "mixedbread": "knowledge.embeddings.providers.compatible:MixedbreadEmbedder",
    "voyage": "knowledge.embeddings.providers.compatible:VoyageEmbedder",
    "gemini": "knowledge.embeddings.providers.gemini:GeminiEmbedder",
    "vertex": "knowledge.embeddings.providers.gemini:VertexEmbedder",
    "spaces": "knowledge.embeddings.providers.spaces:SpacesTextEmbedder",
    "spaces_text": "knowledge.embeddings.providers.spaces:SpacesTextEmbedder",
    "spaces_instruct": "knowledge.embeddings.providers.spaces:SpacesInstructEmbedder",
    "onnx": "knowledge.embeddings.local.onnx:OnnxEmbedder",
    "fastembed": "knowledge.embeddings.local.fastembed:FastEmbedEmbedder",
    "sentence-transformers": "knowledge.embeddings.local.sentence_transformers:"
    "SentenceTransformersEmbedder",
    "model2vec": "knowledge.embeddings.local.model2vec:Model2VecEmbedder",
    "llama-cpp": "knowledge.embeddings.local.llama_cpp:LlamaCppEmbedder",
    "langchain": "knowledge.embeddings.local.foreign:LangChainEmbedder",
    "llama-index": "knowledge.embeddings.local.foreign:LlamaIndexEmbedder",
}
_NO_DIMENSIONS = {
    setting.name: 0
    for setting in TABLE
    if setting.name.endswith("_dimensions") and isinstance(setting.default, int)
}

_PARTS = (*Embedder.__annotations__, "embed_documents", "embed_query")

__all__ = [
    "GROUP",
    "create_embedder",
    "default_provider",
    "embedder_for",
    "entry_point_class",
    "is_plugin",
    "parse_model",
    "provider_names",
]


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
    there = resolve(provider, settings)
    _, named_model = parse_model(provider)
    if model and named_model and model != named_model:
        raise UsageError(
            f"{provider!r} names the model {named_model!r}, but the model {model!r} is asked for",
            hint="Name the model once.",
        )
    profile = settings.profiles.get(parse_model(provider)[0])
    check_exists(there.provider, profile, settings.profiles)
    return _create(there.provider, model or there.model, dimensions, there.settings)


def check_exists(name: str, profile: Profile | None = None, profiles: Iterable[str] = ()) -> None:
    """Raise where there is no such provider.

    Parameters
    ----------
    profile:
        The profile whose type the name is, where it is one's.
    profiles:
        Names of profiles, which may be what was meant.

    Raises
    ------
    UsageError
        There is none; the hint lists all.
    """
    if not (name in _BUILT_IN or name.startswith(PYTHON) or name in _entry_points()):
        raise _unknown(name, profile, profiles)


def is_plugin(name: str) -> bool:
    """Tell whether a provider is one that another package registered."""
    return name not in _BUILT_IN and not name.startswith(PYTHON) and name in _entry_points()


def _create(name: str, model: str | None, dimensions: int | None, settings: Settings) -> Embedder:
    """Create the embedder of a provider, which is no profile."""
    if name == "azure" and settings["openai_api_type"] == "OPEN_AI":
        settings = settings.override(openai_api_type="AZURE")
    factory = _embedder_class(name).from_settings
    embedder: Embedder = factory(settings, model=model, dimensions=dimensions)
    if name not in _BUILT_IN:
        _check_embedder(embedder, name)
    if name not in _BUILT_IN and embedder.spec.provider != name:
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


def entry_point_class(name: str) -> Any:
    """Load the class that another package registered.

    Raises
    ------
    UsageError
        There is none, or it can't be loaded.
    """
    return _embedder_class(name)


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
    if name.startswith(PYTHON):
        found = _load(name, name.removeprefix(PYTHON))
    elif entry := _entry_points().get(name):
        found = _load(name, entry.value)
    else:
        raise _unknown(name)
    if not (isinstance(found, type) and callable(getattr(found, "from_settings", None))):
        raise UsageError(
            f"the embedding provider {name!r} has no class method from_settings",
            hint="It takes (settings, *, model, dimensions) and returns an embedder.",
        )
    return found


def _check_embedder(embedder: Any, name: str) -> None:
    if not isinstance(embedder, Embedder):
        wanted = [part for part in _PARTS if not hasattr(embedder, part)]
        raise UsageError(
            f"the embedding provider {name!r} gives no embedder: it lacks {', '.join(wanted)}",
            hint="docs/providers.md shows a complete one.",
        )


def _load(name: str, target: str) -> Any:
    module, _, attributes = target.partition(":")
    try:
        found: Any = (import_installed if name.startswith(PYTHON) else import_module)(module)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"can't load the embedding provider {name!r}: {error}",
            hint="Write python:module:Class, and install the module where knowledge runs.",
        ) from error
    return found


def _unknown(name: str, profile: Profile | None = None, profiles: Iterable[str] = ()) -> UsageError:
    import difflib

    of_profile = f", the type of profile {profile.name!r} in {profile.file}" if profile else ""
    names = [*provider_names(), *(() if profile else profiles)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    ordered = [*near, *(other for other in names if other not in near), "python:module:Class"]
    return UsageError(
        f"there is no embedding provider {name!r}{of_profile}",
        hint=f"Choose one of {', '.join(ordered)}.",
    )
