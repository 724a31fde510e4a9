"""The embedding providers: one record each, from which everything else about them derives.

What `models list` shows, what a profile may hold, what trust refuses, whose consent a recorded
model needs and which class embeds stands here, or in the same record that another package brings
by an entry point of the group ``knowledge.embedders``. No provider's library is imported for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.model_name import PYTHON, is_path
from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.remote import openai
from knowledge.settings.installed import entry_points, load_record
from knowledge.settings.table import Setting
from knowledge.settings.table.embeddings import EMBEDDINGS
from knowledge.settings.table.local_models import LOCAL_MODELS
from knowledge.settings.table.providers import PROVIDERS
from knowledge.settings.trust import Reach, check_endpoint, may_not_name

if TYPE_CHECKING:
    from knowledge.settings.profiles import Profile
    from knowledge.settings.reading import Settings

__all__ = ["BUILT_IN", "Place", "Provider", "Reach", "Setting", "find", "provider_names"]


NOWHERE = Reach()


class Place(StrEnum):
    """Where texts are embedded."""

    MACHINE = "this machine"
    OWN_SERVER = "a server of yours"
    SERVICE = "a service"
    CODE = ""
    """Wherever the code does it that the model's name stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What there is to know of a provider before it is used.

    Parameters
    ----------
    embedder:
        Its class as ``module:Class``, which has the class method ``from_settings``.
    place:
        Where texts are embedded.
    reach:
        Which settings say where texts are sent, and what is shown there.
    requires:
        Names of settings: of each group one must be set.
    extra:
        The extra of this package that brings its library; of one that signs in, only for that.
    families:
        What the names of its settings begin with; default its own name.
    settings:
        Settings that it brings, beside those of ``knowledge.settings.table``.
    opens_files:
        Tells from a model's name and its arguments whether it stands for files of this machine.
    embeds_where_read:
        Each process that reads files loads the model and embeds their passages at once. For a
        model that is loaded in a fraction of a second, takes some dozens of megabytes and has no
        state: it is not ``cacheable``, runs on this machine, and its answers have ``counts``.
    """

    name: str
    embedder: str
    place: Place
    reach: Reach = NOWHERE
    requires: tuple[tuple[str, ...], ...] = ()
    extra: str = ""
    families: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    opens_files: Callable[[str, Mapping[str, Any]], bool] = field(default=lambda *_: False)
    embeds_where_read: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", self.families or (self.name.replace("-", "_"),))

    @property
    def profile_settings(self) -> dict[str, Setting]:
        """What a profile of the provider may hold, by name; of code of yours, any provider's."""
        own = tuple(f"{family}_" for family in self.families)
        if self.place is Place.MACHINE:
            own += ("local_model_",)
        rows = [*PROVIDERS, *LOCAL_MODELS, *self.settings]
        if self.place is not Place.CODE:
            rows = [row for row in rows if row.name.startswith((*own, "embedding_"))]
        found = {row.name: row for row in (*EMBEDDINGS, *rows)}
        del found["embedding_model_provider"]
        return found


_PROVIDERS = "knowledge.embeddings.providers"
_LOCAL = "knowledge.embeddings.local"


def _service(name: str, embedder: str) -> Provider:
    return Provider(
        name=name,
        embedder=f"{_PROVIDERS}.{embedder}",
        place=Place.SERVICE,
        reach=Reach((f"{name}_base_url",), (f"{name}_api_key",)),
        requires=((f"{name}_api_key",),),
    )


def _own_server(name: str, embedder: str, *endpoints: str) -> Provider:
    return Provider(
        name=name,
        embedder=f"{_PROVIDERS}.{embedder}",
        place=Place.OWN_SERVER,
        reach=Reach((f"{name}_base_url", *endpoints), (f"{name}_api_key",)),
    )


def _space(name: str, embedder: str) -> Provider:
    return Provider(
        name=name,
        embedder=f"{_PROVIDERS}.spaces:{embedder}",
        place=Place.SERVICE,
        reach=Reach(("spaces_url",), ("spaces_key",)),
        requires=(("spaces_url",),),
        families=("spaces",),
    )


def _library(
    name: str, embedder: str, opens_files: Callable[[str, Mapping[str, Any]], bool]
) -> Provider:
    return Provider(
        name=name,
        embedder=f"{_LOCAL}.{embedder}",
        place=Place.MACHINE,
        extra=name,
        opens_files=opens_files,
    )


def _framework(name: str, embedder: str) -> Provider:
    return Provider(
        name=name, embedder=f"{_LOCAL}.frameworks:{embedder}", place=Place.CODE, extra=name
    )


def _is_not_chromas(name: str, _: Mapping[str, Any]) -> bool:
    from knowledge.embeddings.local.onnx import MODEL

    return name != MODEL


def _is_folder(name: str, _: Mapping[str, Any]) -> bool:
    return is_path(name)


_RECORDS = (
    Provider(
        name="static",
        embedder=f"{_LOCAL}.static:StaticEmbedder",
        place=Place.MACHINE,
        embeds_where_read=True,
    ),
    _library("minilm", "minilm:MiniLmEmbedder", lambda *_: False),
    Provider(
        name="openai",
        embedder=f"{_PROVIDERS}.openai:OpenAIEmbedder",
        place=Place.SERVICE,
        reach=openai.OPENAI,
        requires=(("openai_api_key", "openai_base_url"),),
        families=("openai", "azure_openai"),
    ),
    Provider(
        name="azure",
        embedder=f"{_PROVIDERS}.openai:OpenAIEmbedder",
        place=Place.SERVICE,
        reach=openai.AZURE,
        requires=(("openai_base_url", "azure_openai_endpoint"),),
        extra="azure",
        families=("azure_openai", "azure", "openai"),
    ),
    _own_server("ollama", "ollama:OllamaEmbedder", "ollama_host"),
    _own_server("localai", "compatible:LocalAIEmbedder"),
    _own_server("lmstudio", "compatible:LMStudioEmbedder"),
    _own_server("tei", "tei:TeiEmbedder"),
    _service("cohere", "cohere:CohereEmbedder"),
    _service("jina", "compatible:JinaEmbedder"),
    _service("mistral", "compatible:MistralEmbedder"),
    _service("mixedbread", "compatible:MixedbreadEmbedder"),
    _service("voyage", "compatible:VoyageEmbedder"),
    _service("gemini", "gemini:GeminiEmbedder"),
    Provider(
        name="vertex",
        embedder=f"{_PROVIDERS}.gemini:VertexEmbedder",
        place=Place.SERVICE,
        reach=Reach(
            ("vertex_base_url",),
            ("vertex_api_key",),
            signs_in=lambda _: True,
            identities=("vertex_project",),
        ),
        requires=(("vertex_project",),),
        extra="vertex",
    ),
    _space("spaces", "SpacesTextEmbedder"),
    _space("spaces_text", "SpacesTextEmbedder"),
    _space("spaces_instruct", "SpacesInstructEmbedder"),
    Provider(
        name="onnx",
        embedder=f"{_LOCAL}.onnx:OnnxEmbedder",
        place=Place.MACHINE,
        opens_files=_is_not_chromas,
    ),
    _library("fastembed", "fastembed:FastEmbedEmbedder", lambda _, given: "path" in given),
    _library(
        "sentence-transformers", "sentence_transformers:SentenceTransformersEmbedder", _is_folder
    ),
    _library("model2vec", "model2vec:Model2VecEmbedder", _is_folder),
    _library("llama-cpp", "llama_cpp:LlamaCppEmbedder", lambda *_: True),
    _framework("langchain", "LangChainEmbedder"),
    _framework("llama-index", "LlamaIndexEmbedder"),
)
BUILT_IN: Mapping[str, Provider] = {record.name: record for record in _RECORDS}


def find(name: str) -> Provider | None:
    """Return the record of a provider; ``None`` where there is no such provider.

    Raises
    ------
    UsageError
        The package that registered it can't be imported, or brings no record that can be used.
    """
    if record := BUILT_IN.get(name):
        return record
    if name.startswith(PYTHON):
        return Provider(name=name, embedder=name.removeprefix(PYTHON), place=Place.CODE)
    entry = entry_points().get(name)
    if entry is None:
        return None
    try:
        found = load_record(entry)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"can't load the embedding provider {name!r}: {type(error).__name__}: {error}",
            hint=f"The package {entry.dist.name if entry.dist else entry.module} brings it; "
            "install that again.",
        ) from error
    _check_record(found, name)
    return found  # type: ignore[no-any-return]


def provider_names() -> list[str]:
    """List the names of all providers that are installed; no package is imported."""
    return [*BUILT_IN, *sorted(set(entry_points()) - set(BUILT_IN))]


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
    if not (name in BUILT_IN or name.startswith(PYTHON) or name in entry_points()):
        raise unknown_provider(name, profile, profiles)


def unknown_provider(
    name: str, profile: Profile | None = None, profiles: Iterable[str] = ()
) -> UsageError:
    """Return that there is no such provider; the parameters are those of `check_exists`."""
    import difflib

    from knowledge.embeddings.local.any_library import LOCAL

    of_profile = f", the type of profile {profile.name!r} in {profile.file}" if profile else ""
    names = [*provider_names(), LOCAL, *(() if profile else profiles)]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    ordered = [*near, *(other for other in names if other not in near), "python:module:Class"]
    return UsageError(
        f"there is no embedding provider {name!r}{of_profile}",
        hint=f"Choose one of {', '.join(ordered)}.",
    )


def destination(provider: str, model: str, endpoint: str) -> str:
    """Return where a model's texts go, as the end of a sentence that names it.

    Parameters
    ----------
    endpoint:
        Where the embedder says that it sends them; empty where it does not say.
    """
    if endpoint:
        return f"; texts are sent to {endpoint}"
    record = find(provider)
    if record is not None and record.place is Place.MACHINE:
        return ", on this machine"
    name = provider.removeprefix(PYTHON) if provider.startswith(PYTHON) else model.partition("?")[0]
    return f"; texts go wherever {name or provider} sends them"


def names_code(provider: str) -> bool:
    """Tell whether a provider, as a dataset records it, stands for code that its user names."""
    kind = provider.partition(":")[0].strip().lower()
    return f"{kind}:" == PYTHON or (kind in BUILT_IN and BUILT_IN[kind].place is Place.CODE)


def check_trust(settings: Settings, provider: str) -> None:
    """Refuse what the working directory, or a flows file, may not decide.

    Raises
    ------
    UntrustedEndpointError
        The endpoint is named there and the key comes from elsewhere, or code to load is; or
        nothing is known of the provider.
    """
    if names_code(provider) and may_not_name(settings, "embedding_model_provider"):
        origin = settings.origin("embedding_model_provider")
        raise UntrustedEndpointError(
            f"{origin} in {settings.folder} leads to code to load: {provider}",
        )
    for reach in _reaches(settings, provider):
        check_endpoint(settings, reach)


def _reaches(settings: Settings, provider: str) -> list[Reach]:
    """Return where a provider sends what; code of yours may do as any provider does."""
    record = find(provider)
    if record is None:
        raise UntrustedEndpointError(
            f"nothing is known of the provider {provider!r}, nor where it sends texts",
            hint="`knowledge models list` shows the providers that there are.",
        )
    if record.place is Place.CODE:
        every = (other.reach for other in BUILT_IN.values())
        return [Reach(one.endpoints, one.keys, identities=one.identities) for one in every]
    return [openai.reach_of(settings) if provider == "openai" else record.reach]


def _check_record(found: Any, name: str) -> None:
    """Check what another package brings."""
    if not isinstance(found, Provider):
        raise UsageError(
            f"the embedding provider {name!r} brings no record of itself",
            hint="Its entry point names a knowledge.embeddings.provider.Provider, or a class with "
            "one as provider; docs/providers.md shows it.",
        )
    if found.name != name:
        raise UsageError(f"the embedding provider {name!r} calls itself {found.name!r}")
    known = {row.name for row in (*EMBEDDINGS, *PROVIDERS, *LOCAL_MODELS, *found.settings)}
    reach = found.reach
    named = (*reach.endpoints, *reach.keys, *reach.identities, *sum(found.requires, ()))
    for setting in named:
        if setting not in known:
            raise UsageError(
                f"the embedding provider {name!r} names a setting that does not exist: {setting}"
            )
