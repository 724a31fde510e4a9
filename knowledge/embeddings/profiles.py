"""From a profile's name to its provider and the settings in force for it.

A profile's values stand where its file stands: above the defaults and the file's own settings,
below ``.env``, the environment and flags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.embeddings.local.any_library import LOCAL, library_for
from knowledge.embeddings.model_name import is_path, parse_model
from knowledge.embeddings.provider import Place, Provider, find, unknown_provider
from knowledge.errors import UntrustedEndpointError, UsageError
from knowledge.settings.reading import Origin, Settings, Value, convert
from knowledge.settings.trust import is_trusted

if TYPE_CHECKING:
    from knowledge.settings.profiles import Profile
from knowledge.settings.variables import ProfileValue

_SAME = (
    ("model", "embedding_model"),
    ("base_url", "endpoint", "api_endpoint", "url", "api_base"),
    ("api_key", "key", "token"),
    ("dimensions", "embedding_dimensions"),
    ("deployment", "azure_deployment"),
    ("api_version", "version"),
    ("org_id", "organization"),
)
"""Names of the same thing: one of them stands in the file, another in our table."""
_PATHS = ("path", "modelPath", "model_path")
"""Names of a model that is a path."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A provider and a model with the settings in force for them."""

    provider: str
    model: str | None
    settings: Settings
    notes: tuple[str, ...] = ()


def resolve(text: str, settings: Settings) -> Resolved:
    """Read ``provider``, ``provider:model``, ``profile`` or ``profile:model``.

    ``local`` stands for another provider, which the result names, with a note.

    Raises
    ------
    UsageError
        The profile's values do not fit; or no library runs the model that ``local`` names.
    UntrustedEndpointError
        The working directory's file would put a variable of the environment somewhere.
    """
    name, model = parse_model(text)
    profile = settings.profiles.get(name)
    if profile is not None:
        return use_profile(profile, settings, model)
    if name == LOCAL:
        return _resolved_local(model, settings)
    return resolved(name, model, settings)


def resolved(provider: str, model: str | None, settings: Settings) -> Resolved:
    """Return a provider that is no profile, and the settings with those that it brings."""
    record = find(provider)
    return Resolved(provider, model, settings.extended(record.settings) if record else settings)


def _resolved_local(model: str | None, settings: Settings) -> Resolved:
    provider, model = library_for(model)
    note = f"{LOCAL} stands for {provider}:{model} here"
    return replace(resolved(provider, model, settings), notes=(note,))


def use_profile(profile: Profile, settings: Settings, model: str | None = None) -> Resolved:
    """Return a profile's provider and the settings in force for it.

    Raises
    ------
    UsageError, UntrustedEndpointError
        As for `resolve`.
    """
    profile = _of_library(profile, model)
    provider, typed_model = parse_model(profile.type)
    record = find(provider)
    if record is None:
        raise unknown_provider(provider, profile)
    settings = settings.extended(record.settings)
    origin = Origin.PROJECT_FILE if profile.of_folder else Origin.CONFIG_FILE
    values = {}
    model_key = _model_key(record, profile)
    for key, given in profile.config.items():
        where = _where(key, profile)
        _check_there(given, where)
        if key == model_key:
            _check_variables(given, where, profile, settings)
            typed_model = _as_typed(str(given.value), key)
            continue
        setting = settings.table[_setting_name(key, record, profile)]
        if not setting.secret:
            _check_variables(given, where, profile, settings)
        value = convert(setting, given.value, where)
        values[setting.name] = Value(value, _origin(given, origin, secret=setting.secret), key)
    notes = tuple(
        f"{settings.values[name].source} of the {settings.origin(name)} wins over {value.source} "
        f"of profile {profile.name!r}"
        for name, value in values.items()
        if not _is_weak(settings.origin(name)) and settings[name] != value.value
    )
    there = settings.beneath(values)
    if profile.of_folder:
        # Code that the file names is the folder's choice, whoever chose the profile.
        named = f"{provider}:{typed_model}" if model_key else profile.type
        chosen = Value(named, Origin.PROJECT_FILE, profile.name)
        there = there.replaced(embedding_model_provider=chosen)
    return Resolved(provider, model or typed_model, there, notes)


def _model_key(record: Provider, profile: Profile) -> str:
    """Return the key that names the model of a provider without a setting for it; else empty.

    Raises
    ------
    UsageError
        It is named twice.
    """
    if record.place not in (Place.MACHINE, Place.CODE):
        return ""
    own = [key for key in profile.config if key in ("model", *_PATHS)]
    typed = parse_model(profile.type)[1]
    if len(own) > 1 or (own and typed):
        named = " and ".join([*own, *(["type"] if typed else [])])
        raise UsageError(f"{profile.file}: {named} of profile {profile.name!r} both name a model")
    return own[0] if own else ""


def _as_typed(model: str, key: str) -> str:
    """Return a model as a user types it behind its provider: a path with what shows that it is."""
    return f"./{model}" if key in _PATHS and not is_path(model) else model


def _setting_name(key: str, record: Provider, profile: Profile) -> str:
    """Find the setting that a key of a profile stands for.

    It may be the setting's name or variable, or the short name that the provider's own settings
    have behind the provider's name: ``apiKey``, ``baseURL``, ``model``.
    """
    allowed = record.profile_settings
    for name, setting in allowed.items():
        if key == name or key in setting.variables:
            return name
    short = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace("-", "_").lower()
    names = next((names for names in _SAME if short in names), ())
    families = (*record.families, "embedding")
    for family in families:
        for name in (short, *names):
            if f"{family}_{name}" in allowed:
                return f"{family}_{name}"
    known = [name for name in sorted(allowed) if name.startswith(families)]
    raise UsageError(
        f"{profile.file}: {key!r} of profile {profile.name!r} is not a setting of {profile.type}",
        hint=f"Known are {', '.join(known or sorted(allowed))}.",
    )


def _of_library(profile: Profile, model: str | None) -> Profile:
    """Return a profile of the type ``local`` as one of the library that runs its model here."""
    kind, typed = parse_model(profile.type)
    if kind != LOCAL:
        return profile
    key = next((key for key in profile.config if key in ("model", *_PATHS)), "")
    if key:
        given = profile.config[key]
        _check_there(given, _where(key, profile))
        typed = _as_typed(str(given.value), key)
    provider, found = library_for(model or typed)
    if not key:
        return replace(profile, type=f"{provider}:{found}")
    config = {**profile.config, key: profile.config[key]._replace(value=found)}
    return replace(profile, type=profile.type.replace(LOCAL, provider, 1), config=config)


def _where(key: str, profile: Profile) -> str:
    return f"{profile.file}: {key} of profile {profile.name!r}"


def _check_there(given: ProfileValue, where: str) -> None:
    if given.missing:
        raise UsageError(
            f"{where} needs the variable {given.missing[0]}, which is not set",
            hint=f"Set {given.missing[0]} in the environment or in .env.",
        )


def _check_variables(given: ProfileValue, where: str, profile: Profile, settings: Settings) -> None:
    """Let no stranger's file send a variable of the environment to a server of his choice."""
    if given.environment and profile.of_folder and not is_trusted(settings):
        raise UntrustedEndpointError(
            f"{where} in {settings.folder} takes {given.environment[0]} from your environment"
        )


def _origin(given: ProfileValue, origin: Origin, *, secret: bool) -> Origin:
    """Tell where a value came from: a secret is where its variable was found."""
    if secret and given.environment:
        return Origin.ENVIRONMENT
    return Origin.DOTENV if secret and given.dotenv else origin


def _is_weak(origin: Origin) -> bool:
    return origin in (Origin.DEFAULT, Origin.PROJECT_FILE, Origin.CONFIG_FILE)
