"""Where an OpenAI-compatible server is, and how one shows it a key.

Base URLs come with or without ``/v1``, with a trailing slash, or with ``/embeddings`` at the end;
Azure puts the deployment into the path and the API version into the query.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from knowledge.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from knowledge.settings import Settings


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and the credential for it.

    Parameters
    ----------
    provider:
        ``openai`` or ``azure``.
    url:
        Requests go to ``url`` + ``/embeddings``; free of credentials and of a query.
    model:
        What the request's body calls the model: its name, or Azure's deployment.
    query:
        Query parameters of each request.
    headers:
        The headers that carry the credential and the organisation; never shown.
    secrets:
        What must not appear in a message.
    official:
        True for the services of OpenAI and Azure, where a model's name tells its dimensions.
    has_key:
        False when nobody set a key.
    """

    provider: str
    url: str
    model: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    official: bool
    has_key: bool


def endpoint_of(settings: Settings, model: str) -> Endpoint:
    """Build the endpoint that the settings describe.

    Raises
    ------
    UsageError
        The base URL can't be used.
    """
    given = _split(str(settings["openai_base_url"]))
    azure = settings["openai_api_type"] != "OPEN_AI"
    if azure and not settings.is_set("openai_base_url"):
        raise UsageError(
            f"OPENAI_API_TYPE is {settings['openai_api_type']}, but OPENAI_BASE_URL is not set",
            hint="Set it to the Azure resource, such as https://NAME.openai.azure.com.",
        )
    query = dict(parse_qsl(given.query))
    deployment = (str(settings["openai_azure_deployment"]) if azure else "") or model
    if azure:
        path = _azure_path(given.path, deployment)
        if "/deployments/" in path:
            query.setdefault("api-version", str(settings["openai_api_version"]))
    else:
        path = _openai_path(given.path)
    headers, secrets = _credential(settings, given)
    return Endpoint(
        provider="azure" if azure else "openai",
        url=f"{given.scheme}://{given.netloc.rpartition('@')[2]}{path}",
        model=deployment,
        query=query,
        headers=headers,
        secrets=secrets,
        official=_is_official(given.hostname or ""),
        has_key=settings.is_set("openai_api_key") or given.password is not None,
    )


def _split(url: str) -> SplitResult:
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
            f"OPENAI_BASE_URL is no http:// or https:// address: {shown!r}",
            hint="It looks like http://localhost:11434/v1.",
        )
    return parts


def _openai_path(path: str) -> str:
    bare = path.rstrip("/")
    return bare.removesuffix("/embeddings").rstrip("/") if bare else "/v1"


def _azure_path(path: str, deployment: str) -> str:
    path = path.rstrip("/").removesuffix("/embeddings").rstrip("/")
    if "/deployments/" in path or path.endswith("/openai/v1"):
        return path
    return f"{path.removesuffix('/openai')}/openai/deployments/{quote(deployment, safe='')}"


def _credential(settings: Settings, given: SplitResult) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the headers that carry the credential, and the secrets in them.

    A name and a password in the base URL are for a proxy in front of the server; they take the
    place of the key, since a request has one ``Authorization``.
    """
    key = str(settings["openai_api_key"]).strip()
    secrets = tuple(filter(None, (key, unquote(given.password or ""))))
    if given.username is not None:
        pair = f"{unquote(given.username)}:{unquote(given.password or '')}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    elif settings["openai_api_type"] == "AZURE":
        headers = {"api-key": key}
    else:
        headers = {"Authorization": f"Bearer {key}"}
    if organization := str(settings["openai_organization"]):
        headers["OpenAI-Organization"] = organization
    return headers, secrets


def _is_official(host: str) -> bool:
    return host == "api.openai.com" or host.endswith((".api.openai.com", ".azure.com"))
