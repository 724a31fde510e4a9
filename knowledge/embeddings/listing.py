"""The providers there are, what each needs, and whether it is all there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from typing import TYPE_CHECKING

from knowledge.embeddings.consent import what_it_names
from knowledge.embeddings.model_name import parse_model
from knowledge.embeddings.profiles import use_profile
from knowledge.embeddings.registry import entry_point_class, provider_names
from knowledge.errors import KnowledgeError, UsageError
from knowledge.settings.reading import BY_NAME
from knowledge.settings.trust import names_code

if TYPE_CHECKING:
    from knowledge.settings.profiles import Profile
    from knowledge.settings.reading import Settings

MACHINE, SERVER, LOCAL_SERVER = "this machine", "a service", "a server of yours"
BUILT_IN, ENTRY_POINT, PROFILE = "built in", "installed", "profile"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must be set: any of these settings does.

    ``settings`` are their names, ``is_set`` tells whether one of them is set.
    """

    settings: tuple[str, ...]
    is_set: bool

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variable of each."""
        return tuple(BY_NAME[name].variables[0] for name in self.settings)


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider, or a profile, and what it needs.

    Parameters
    ----------
    kind:
        ``built in``, ``installed`` (another package's), or ``profile`` (of the settings file).
    where:
        Where texts are embedded; empty where we do not know.
    requires:
        What must be set.
    extra:
        The extra of this package that brings its library; empty where it needs none.
    installed:
        False when that library is not there.
    problem:
        Why it can't be used; empty where nothing else is in the way.
    names:
        ``code`` where the model's name is that of a class, ``path`` where a profile names files;
        else empty.
    """

    name: str
    kind: str
    where: str = ""
    requires: tuple[Requirement, ...] = ()
    extra: str = ""
    installed: bool = True
    problem: str = ""
    names: str = ""

    @property
    def ready(self) -> bool:
        """True when nothing is missing here; a server may still not run."""
        return self.installed and not self.problem and all(need.is_set for need in self.requires)

    @property
    def missing(self) -> str:
        """What is missing, in words; empty when nothing is."""
        parts = [f"set {' or '.join(n.variables)}" for n in self.requires if not n.is_set]
        if not self.installed:
            parts.append(f"pip install 'knowledge[{self.extra}]'")
        return "; ".join([*parts, self.problem] if self.problem else parts)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What we know of a built-in provider; settings that do not exist are passed over."""

    where: str
    requires: tuple[tuple[str, ...], ...] = ()
    extra: str = ""


def _service(name: str) -> _Facts:
    return _Facts(SERVER, ((f"{name}_api_key",),))


_SPACES = _Facts(SERVER, (("spaces_url",),))
_FACTS: Mapping[str, _Facts] = {
    "static": _Facts(MACHINE),
    "onnx": _Facts(MACHINE),
    "fastembed": _Facts(MACHINE, extra="fastembed"),
    "sentence-transformers": _Facts(MACHINE, extra="sentence-transformers"),
    "model2vec": _Facts(MACHINE, extra="model2vec"),
    "llama-cpp": _Facts(MACHINE, extra="llama-cpp"),
    "langchain": _Facts("", extra="langchain"),
    "llama-index": _Facts("", extra="llama-index"),
    "openai": _Facts(SERVER, (("openai_api_key", "openai_base_url"),)),
    "azure": _Facts(SERVER, (("openai_base_url", "azure_openai_endpoint"),)),
    "ollama": _Facts(LOCAL_SERVER),
    "localai": _Facts(LOCAL_SERVER),
    "lmstudio": _Facts(LOCAL_SERVER),
    "cohere": _service("cohere"),
    "jina": _service("jina"),
    "mistral": _service("mistral"),
    "mixedbread": _service("mixedbread"),
    "voyage": _service("voyage"),
    "gemini": _service("gemini"),
    "vertex": _Facts(SERVER, (("vertex_project",),), extra="vertex"),
    "spaces": _SPACES,
    "spaces_text": _SPACES,
    "spaces_instruct": _SPACES,
}


def _facts_of(name: str, settings: Settings) -> _Facts | None:
    """Return what we know of a provider; a cloud needs a key, or a library that signs in."""
    facts = _FACTS.get(name)
    if facts is None or name not in ("azure", "vertex"):
        return facts
    if name == "vertex":
        return replace(facts, extra="") if settings.is_set("vertex_api_key") else facts
    keys = ("azure_openai_api_key", "openai_api_key")
    directory = (
        settings["openai_api_type"] == "AZURE_AD" or settings["azure_openai_use_active_directory"]
    )
    if directory and not any(map(settings.is_set, keys)):
        return replace(facts, extra="azure")
    return replace(facts, requires=(*facts.requires, keys))


def list_providers(settings: Settings) -> list[ProviderInfo]:
    """Return all providers and profiles; nothing is sent, and no model is loaded."""
    infos = [_provider(name, settings) for name in provider_names()]
    return infos + [_profile(profile, settings) for profile in settings.profiles.values()]


def _provider(name: str, settings: Settings) -> ProviderInfo:
    facts = _facts_of(name, settings)
    if facts is not None:
        installed = _extra_is_installed(facts.extra)
        needs = tuple(_requirements(facts.requires, settings))
        named = what_it_names(name, None)
        return ProviderInfo(name, BUILT_IN, facts.where, needs, facts.extra, installed, names=named)
    try:
        found = entry_point_class(name)
    except UsageError as error:
        return ProviderInfo(name, ENTRY_POINT, problem=error.message)
    wanted = [(setting,) for setting in getattr(found, "requires", ())]
    needs = tuple(_requirements(wanted, settings))
    return ProviderInfo(name, ENTRY_POINT, requires=needs)


def _profile(profile: Profile, settings: Settings) -> ProviderInfo:
    provider, _ = parse_model(profile.type)
    try:
        there = use_profile(profile, settings)
        if provider not in provider_names() and not provider.startswith("python:"):
            return ProviderInfo(profile.name, PROFILE, problem=f"no provider {profile.type!r}")
    except KnowledgeError as error:
        return ProviderInfo(profile.name, PROFILE, problem=error.message)
    named = what_it_names(provider, there.model)
    if provider not in _FACTS and names_code(provider):
        return ProviderInfo(profile.name, PROFILE, names=named)  # a list loads no class
    info = _provider(provider, there.settings)
    return replace(info, name=profile.name, kind=PROFILE, names=named)


def _requirements(groups: Sequence[tuple[str, ...]], settings: Settings) -> Iterator[Requirement]:
    for group in groups:
        known = tuple(name for name in group if name in BY_NAME)
        if known:
            yield Requirement(known, any(settings.is_set(name) for name in known))


def _extra_is_installed(extra: str) -> bool:
    """Tell whether all packages of one of our extras are there, by what our metadata says."""
    if not extra:
        return True
    lines = metadata.requires("knowledge") or []
    marker = re.compile(rf"extra *== *['\"]{re.escape(extra)}['\"]")
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if marker.search(line)]
    return all(map(_is_installed, names or [extra]))


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
