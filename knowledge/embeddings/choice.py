"""Which embedder a dataset gets: the one it recorded, or the one the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from knowledge.embeddings import consent
from knowledge.embeddings.instructions import DOCUMENT, QUERY
from knowledge.embeddings.local.any_library import LOCAL, may_stand_for
from knowledge.embeddings.local.model_identity import POOLING
from knowledge.embeddings.model_name import parse_model
from knowledge.embeddings.profiles import Resolved, resolve, resolved, use_profile
from knowledge.embeddings.provider import check_exists, check_trust
from knowledge.embeddings.registry import create_embedder, default_provider, embedder_for
from knowledge.errors import ModelMismatchError, UntrustedEndpointError, UsageError
from knowledge.settings.trust import may_not_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knowledge.embeddings.embedder import Embedder
    from knowledge.model import Dataset, EmbedderSpec
    from knowledge.settings.reading import Settings


@dataclass(frozen=True, slots=True)
class Choice:
    """An embedder, and the settings it is to be used with: those of its profile included.

    ``notes`` are sentences for the user.
    """

    embedder: Embedder
    settings: Settings
    notes: tuple[str, ...] = ()


def choose(dataset: Dataset | None, settings: Settings) -> Choice:
    """Return the dataset's own embedder, or the one the settings ask for when it has none.

    Raises
    ------
    ModelMismatchError
        The settings ask for another model than the dataset's.
    UntrustedEndpointError
        The working directory may not name this endpoint.
    UntrustedModelError
        The dataset's model stands for code or files that the user has not named.
    """
    own = dataset.embedding if dataset is not None else None
    if own is None or dataset is None:
        return _asked_for(settings)
    if settings.is_set("embedding_model_provider") and not _is_local(own, settings):
        asked = _asked_for(settings).embedder.spec
        if not _same(asked, own, settings):
            raise ModelMismatchError(
                f"dataset {dataset.name!r} is embedded with {own}, not with {asked}",
                hint="Leave `embedding_model_provider` out to use the dataset's own model, "
                f"or change the model: `knowledge reembed {dataset.name} "
                f"--embedding-model-provider {asked.provider}:{asked.model}`.",
            )
        return _recorded(own, settings)
    return recorded(dataset, settings)


def recorded(dataset: Dataset, settings: Settings) -> Choice:
    """Return the embedder that a dataset recorded.

    Where a profile of the settings file leads to the same model, its address and key are used;
    the dataset knows the model, not the profile.

    Raises
    ------
    UntrustedEndpointError
        The working directory may not name this endpoint.
    UntrustedModelError
        The model stands for code or files that the user has not named.
    """
    own = dataset.embedding
    assert own is not None
    if (
        _needs_consent(own, settings)
        and not consent.is_remembered(dataset, settings)
        and not _is_asked_for(own, settings)
    ):
        raise consent.refusal(dataset, own, settings)
    return _recorded(own, settings)


def remember(dataset: Dataset, choice: Choice) -> str:
    """Remember that the user named the model that a dataset gets, where it stands for something.

    Returns
    -------
    str
        A sentence for the user where that can't be remembered; else empty.
    """
    spec = choice.embedder.spec
    if not _needs_consent(spec, choice.settings):
        return ""
    return consent.remember(dataset, spec, choice.settings)


def inherit(sources: Iterable[Dataset], made: Dataset, settings: Settings) -> str:
    """Remember for a dataset that was made of others what is remembered for all of them.

    Returns
    -------
    str
        As for `remember`.
    """
    own = made.embedding
    if own is None or not _needs_consent(own, settings):
        return ""
    embedded = [source for source in sources if source.embedding is not None]
    if not embedded or not all(consent.is_remembered(source, settings) for source in embedded):
        return ""
    return consent.remember(made, own, settings)


def replacement_for(dataset: Dataset, settings: Settings) -> Choice:
    """Return the embedder that the settings ask for instead of the dataset's own.

    Where only instructions are set, it is the dataset's own with these.

    Raises
    ------
    UsageError
        The settings ask for none.
    UntrustedEndpointError
        The working directory may not name this endpoint.
    """
    own = dataset.embedding
    assert own is not None
    if settings.is_set("embedding_model_provider"):
        return _asked_for(settings)
    given = {name: settings[name] for name in (QUERY, DOCUMENT) if settings.is_set(name)}
    if not given:
        raise UsageError(
            "which model is the dataset to have?",
            hint="Name it: `embedding_model_provider` PROVIDER:MODEL",
        )
    return recorded(
        replace(dataset, embedding=replace(own, options={**own.options, **given})), settings
    )


def _asked_for(settings: Settings) -> Choice:
    provider = default_provider(settings)
    there = resolve(provider, settings)
    _check(there, parse_model(provider)[0])
    return Choice(create_embedder(provider, settings=settings), there.settings, there.notes)


def _recorded(own: EmbedderSpec, settings: Settings) -> Choice:
    there = next(_profiles_for(own, settings), None) or resolved(own.provider, None, settings)
    check_trust(there.settings, own.provider)
    return Choice(embedder_for(own, there.settings), there.settings, there.notes)


def _is_local(own: EmbedderSpec, settings: Settings) -> bool:
    """Tell whether ``local`` is requested, and stood for the recorded model when it was recorded.

    What it stands for changes with what is installed; a dataset's model does not.
    """
    name, model = parse_model(default_provider(settings))
    if name != LOCAL or name in settings.profiles:
        return False
    return may_stand_for(model, own.provider, own.model)


def _is_asked_for(own: EmbedderSpec, settings: Settings) -> bool:
    """Tell whether the user's own settings lead to a model of the recorded name."""
    if not settings.is_set("embedding_model_provider"):
        return False
    provider = default_provider(settings)
    if resolve(provider, settings).provider != own.provider:
        return False
    asked = _asked_for(settings).embedder.spec
    return (asked.provider, asked.model) == (own.provider, own.model)


def _needs_consent(spec: EmbedderSpec, settings: Settings) -> bool:
    return bool(consent.needs_consent(spec.provider, spec.model, settings))


def _check(there: Resolved, name: str) -> None:
    """Refuse an endpoint, code or files that the working directory named."""
    settings = there.settings
    if name not in settings.profiles:
        check_exists(there.provider, profiles=settings.profiles)
    check_trust(settings, there.provider)
    named = consent.needs_consent(there.provider, there.model, settings)
    if named and may_not_name(settings, "embedding_model_provider"):
        origin = settings.origin("embedding_model_provider")
        raise UntrustedEndpointError(
            f"{origin} in {settings.folder} names {named}: {there.provider}:{there.model}"
        )


def _profiles_for(own: EmbedderSpec, settings: Settings) -> Iterator[Resolved]:
    """Yield the profiles that lead to a recorded model, the one that is named first."""
    text = str(settings["embedding_model_provider"])
    named, _ = parse_model(text)
    for name in sorted(settings.profiles, key=lambda name: name != named):
        profile = settings.profiles[name]
        kind = parse_model(profile.type)[0]
        if kind not in (own.provider, LOCAL) or (kind == LOCAL and name != named):
            continue
        if name != named and any(value.missing for value in profile.config.values()):
            continue  # it can't be used here, and nobody asked for it
        there = use_profile(profile, settings)
        loaded = consent.needs_consent(there.provider, there.model, there.settings)
        if loaded and may_not_name(there.settings, "embedding_model_provider"):
            continue  # nothing is loaded to find out whether it is the same
        spec = create_embedder(text if name == named else name, settings=settings).spec
        if _same(spec, own, settings):
            yield there


def _same(asked: EmbedderSpec, own: EmbedderSpec, settings: Settings) -> bool:
    """Tell whether a dataset's model is the one asked for.

    Instructions count only where somebody set them, and a pooling that was guessed never does:
    what is known of a model may grow.
    """
    silent = [POOLING, *(name for name in (QUERY, DOCUMENT) if not settings.is_set(name))]
    return _without(asked, silent).fingerprint == _without(own, silent).fingerprint


def _without(spec: EmbedderSpec, names: list[str]) -> EmbedderSpec:
    options = {name: value for name, value in spec.options.items() if name not in names}
    return replace(spec, options=options)
