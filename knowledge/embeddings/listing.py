"""The providers there are, what each needs, and whether it is all there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.embeddings.consent import what_it_names
from knowledge.embeddings.local.any_library import EXTRAS, LOCAL
from knowledge.embeddings.model_name import parse_model
from knowledge.embeddings.profiles import use_profile
from knowledge.embeddings.provider import BUILT_IN as BUILT_IN_PROVIDERS
from knowledge.embeddings.provider import Place, Provider, find, names_code, provider_names
from knowledge.errors import KnowledgeError, UsageError
from knowledge.extras import is_installed

if TYPE_CHECKING:
    from knowledge.settings.profiles import Profile
    from knowledge.settings.reading import Settings

BUILT_IN, ENTRY_POINT, PROFILE = "built in", "installed", "profile"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must be set: any of these environment variables does."""

    variables: tuple[str, ...]
    is_set: bool


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
            parts.append(f"the extra {self.extra}")
        return "; ".join([*parts, self.problem] if self.problem else parts)


def list_providers(settings: Settings) -> list[ProviderInfo]:
    """Return all providers and profiles; nothing is sent, and no model is loaded."""
    infos = [_provider(name, settings) for name in provider_names()]
    infos.insert(len(BUILT_IN_PROVIDERS), _local())
    return infos + [_profile(profile, settings) for profile in settings.profiles.values()]


def _local() -> ProviderInfo:
    """Return the name that stands for any library which runs models in this process."""
    extra = next(filter(is_installed, EXTRAS), EXTRAS[-1])
    installed = is_installed(extra)
    return ProviderInfo(LOCAL, BUILT_IN, Place.MACHINE, extra=extra, installed=installed)


def _provider(name: str, settings: Settings) -> ProviderInfo:
    kind = BUILT_IN if name in BUILT_IN_PROVIDERS else ENTRY_POINT
    try:
        record = find(name)
        if record is None:
            return ProviderInfo(name, kind, problem=f"no provider {name!r}")
        settings = settings.extended(record.settings)
    except UsageError as error:
        return ProviderInfo(name, kind, problem=error.message)
    groups, extra = _needs(record, settings)
    return ProviderInfo(
        name,
        kind,
        record.place,
        tuple(_requirements(groups, settings)),
        extra,
        not extra or is_installed(extra),
        names=what_it_names(name, None),
    )


def _needs(record: Provider, settings: Settings) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Return which settings are needed, and which extra; a cloud needs a key or a sign-in."""
    signs_in, keys = record.reach.signs_in, record.reach.keys
    if signs_in is None:
        return record.requires, record.extra
    if signs_in(settings) and not any(map(settings.is_set, keys)):
        return record.requires, record.extra
    return (*record.requires, keys), ""


def _profile(profile: Profile, settings: Settings) -> ProviderInfo:
    provider, _ = parse_model(profile.type)
    try:
        there = use_profile(profile, settings)
    except KnowledgeError as error:
        return ProviderInfo(profile.name, PROFILE, problem=error.message)
    provider = there.provider
    named = what_it_names(provider, there.model)
    if provider not in BUILT_IN_PROVIDERS and names_code(provider):
        return ProviderInfo(profile.name, PROFILE, names=named)  # a list loads no class
    info = _provider(provider, there.settings)
    return replace(info, name=profile.name, kind=PROFILE, names=named)


def _requirements(groups: Sequence[tuple[str, ...]], settings: Settings) -> Iterator[Requirement]:
    for group in groups:
        variables = tuple(settings.table[name].variables[0] for name in group)
        yield Requirement(variables, any(map(settings.is_set, group)))
