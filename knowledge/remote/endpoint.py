"""An address that texts are sent to, and the credential for it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from knowledge.errors import Service, UsageError
from knowledge.settings.reading import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knowledge.settings.reading import Settings


@dataclass(frozen=True, slots=True)
class Variables:
    """The names that a user sets a provider up with, for hints."""

    url: str = "OPENAI_BASE_URL"
    key: str = "OPENAI_API_KEY"
    model: str = "OPENAI_EMBEDDING_MODEL"
    timeout: str = "KNOW_EMBEDDING_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and the credential for it.

    Parameters
    ----------
    provider:
        The provider's name, such as ``openai`` or ``azure``.
    url:
        The base of all requests; free of credentials and of a query.
    model:
        What a request calls the model: its name, or Azure's deployment.
    query:
        Query parameters of each request.
    headers:
        The headers that carry the credential and the organisation; never shown.
    secrets:
        What must not appear in a message.
    official:
        True for the provider's own service, which wants a key, and where a model's name tells
        what it is.
    has_key:
        False when nobody set a key.
    variables:
        What the user set, as hints name it.
    token:
        Gives a bearer token for each request, where the user signs in instead of setting a key.
    advice:
        Hints for statuses that mean something particular here; 401 stands for a refused key.
    service:
        What is asked there, which its errors name.
    """

    provider: str
    url: str
    model: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    official: bool
    has_key: bool
    variables: Variables = Variables()
    token: Callable[[], str] | None = field(default=None, repr=False)
    advice: Mapping[int, str] = field(default_factory=dict)
    service: Service = Service.EMBEDDING


def name_of(settings: Settings, setting: str) -> str:
    """Return where a setting's value was set, as a hint names it, or its variable."""
    value = settings.values[setting]
    if " " in value.source:  # it says where by itself
        return value.source
    if value.origin is Origin.PROJECT_FILE and value.source:
        return f"{value.source} in {Origin.PROJECT_FILE.value}"
    if value.origin is Origin.CONFIG_FILE and value.source:
        return f"{value.source} in the settings file"
    if value.origin in (Origin.ENVIRONMENT, Origin.DOTENV):
        is_variable = value.source.replace("_", "").isalnum() and value.source.isupper()
        return value.source if is_variable else f"what {value.source} stands for"
    return settings.table[setting].variables[0]


def split_address(url: str, variable: str) -> SplitResult:
    """Take an address apart.

    Parameters
    ----------
    variable:
        Where it was set, for the message.

    Raises
    ------
    UsageError
        It is not an http:// or https:// address.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        usable = False
    if not usable:
        shown = url.rpartition("@")[2].partition("?")[0]
        raise UsageError(
            f"{variable} is not an http:// or https:// address: {shown!r}",
            hint="It looks like http://localhost:11434/v1.",
        )
    return parts


def bare_url(parts: SplitResult, path: str) -> str:
    """Put an address together again, without credentials and with another path."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def basic_authorization(parts: SplitResult) -> str | None:
    """Return the header for a name and a password in the address, or ``None``.

    They are for a proxy in front of the server, and take the place of the key, since a request
    has one ``Authorization``.
    """
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def compatible_path(path: str) -> str:
    """Return the base path of an OpenAI-compatible server: ``/v1`` where none is given.

    >>> compatible_path("/"), compatible_path("/v1/embeddings"), compatible_path("/api/openai")
    ('/v1', '/v1', '/api/openai')
    """
    bare = path.rstrip("/")
    return without_route(bare) if bare else "/v1"


def without_route(path: str) -> str:
    """Return a path without the name of what is asked there, which users copy along."""
    path = path.rstrip("/").removesuffix("/embeddings").removesuffix("/chat/completions")
    return path.rstrip("/")


def service_endpoint(
    settings: Settings,
    provider: str,
    model: str | None,
    *,
    path: Callable[[str], str] = compatible_path,
    key_header: str = "Authorization",
    advice: Mapping[int, str] | None = None,
    service: Service = Service.EMBEDDING,
) -> Endpoint:
    """Build the endpoint of a provider from its settings.

    The settings are named ``PROVIDER_base_url``, ``PROVIDER_api_key`` and ``PROVIDER_model``.

    Parameters
    ----------
    model:
        The model, where it is not the settings' one.
    path:
        Gives the base path for the one that the user wrote.
    key_header, advice, service:
        As for `keyed_endpoint`.

    Raises
    ------
    UsageError
        The base URL can't be used.
    """
    names = [f"{provider}_{part}" for part in ("base_url", "api_key", "model")]
    variables = Variables(*(name_of(settings, name) for name in names))
    given = split_address(str(settings[names[0]]), variables.url)
    own_host = urlsplit(str(settings.table[names[0]].default)).hostname
    return keyed_endpoint(
        provider,
        given,
        path=path(given.path),
        model=model or str(settings[names[2]]),
        key=str(settings[names[1]]),
        key_header=key_header,
        official=given.hostname == own_host != "localhost",
        variables=variables,
        advice=advice,
        service=service,
    )


def keyed_endpoint(
    provider: str,
    given: SplitResult,
    *,
    path: str,
    model: str,
    key: str,
    variables: Variables,
    official: bool,
    key_header: str = "Authorization",
    advice: Mapping[int, str] | None = None,
    service: Service = Service.EMBEDDING,
) -> Endpoint:
    """Build an endpoint that is shown a key, where there is one.

    Parameters
    ----------
    given:
        The address as the user wrote it.
    path:
        The base path of all requests.
    key_header:
        Where the key goes: ``Authorization`` as a bearer token, or a header of its own.
    advice:
        Hints for statuses; see `Endpoint`. They may hold ``{model}``.
    service:
        What is asked there.
    """
    key = key.strip()
    headers = {}
    if authorization := basic_authorization(given):
        headers["Authorization"] = authorization
    elif key:
        headers[key_header] = f"Bearer {key}" if key_header == "Authorization" else key
    return Endpoint(
        provider=provider,
        url=bare_url(given, path),
        model=model,
        query=dict(parse_qsl(given.query)),
        headers=headers,
        secrets=tuple(filter(None, (key, unquote(given.password or "")))),
        official=official,
        has_key=bool(headers),
        variables=variables,
        advice={status: text.format(model=model) for status, text in (advice or {}).items()},
        service=service,
    )
