"""Where OpenAI, Azure and compatible servers are, and how one shows them a key.

Base URLs come with or without ``/v1``, with a trailing slash, or with ``/embeddings`` at the end;
Azure puts the deployment into the path and the API version into the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote

from knowledge.errors import UsageError
from knowledge.files.bounded_data import parse_json
from knowledge.remote.endpoint import (
    Endpoint,
    Variables,
    bare_url,
    basic_authorization,
    compatible_path,
    name_of,
    split_address,
    without_route,
)
from knowledge.settings.trust import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from knowledge.settings.reading import Settings

AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"
"""What an Azure AD token must be for."""


def is_azure(settings: Settings) -> bool:
    """Tell whether the settings are for Azure."""
    return settings["openai_api_type"] in ("AZURE", "AZURE_AD")


def uses_directory(settings: Settings) -> bool:
    """Tell whether Azure is shown a token of Azure AD: the key, or a sign-in where none is set."""
    return bool(
        settings["openai_api_type"] == "AZURE_AD" or settings["azure_openai_use_active_directory"]
    )


_IDENTITIES = ("openai_extra_headers", "openai_organization")
OPENAI = Reach(("openai_base_url",), ("openai_api_key",), identities=_IDENTITIES)
AZURE = Reach(
    ("azure_openai_endpoint", "openai_base_url"),
    ("azure_openai_api_key", "openai_api_key"),
    signs_in=uses_directory,
    identities=_IDENTITIES,
)


def reach_of(settings: Settings) -> Reach:
    """Return what decides where `endpoint_of` leads."""
    return AZURE if is_azure(settings) else OPENAI


def endpoint_of(settings: Settings, model: str) -> Endpoint:
    """Build the endpoint that the ``openai_*`` and ``azure_openai_*`` settings describe.

    Raises
    ------
    UsageError
        The base URL, or the extra headers, can't be used.
    """
    return _azure(settings, model) if is_azure(settings) else _openai(settings, model)


def _openai(settings: Settings, model: str) -> Endpoint:
    variables = Variables(
        url=name_of(settings, "openai_base_url"),
        key=name_of(settings, "openai_api_key"),
        model=name_of(settings, "openai_embedding_model"),
    )
    given = split_address(str(settings["openai_base_url"]), variables.url)
    key = str(settings["openai_api_key"]).strip()
    host = given.hostname or ""
    return Endpoint(
        provider="openai",
        url=bare_url(given, compatible_path(given.path)),
        model=model,
        query=dict(parse_qsl(given.query)),
        headers=_headers(settings, {"Authorization": f"Bearer {key}"}, given),
        secrets=_secrets(settings, key, given),
        official=host == "api.openai.com" or host.endswith(".api.openai.com"),
        has_key=settings.is_set("openai_api_key") or given.password is not None,
        variables=variables,
    )


def _azure(settings: Settings, model: str) -> Endpoint:
    address = _first_set(settings, "azure_openai_endpoint", "openai_base_url")
    if address is None:
        raise UsageError(
            f"OPENAI_API_TYPE is {settings['openai_api_type']}, "
            "but neither OPENAI_BASE_URL nor AZURE_OPENAI_ENDPOINT is set",
            hint="Set one to the Azure resource, such as https://NAME.openai.azure.com.",
        )
    variables = Variables(
        name_of(settings, address),
        name_of(
            settings,
            _first_set(settings, "azure_openai_api_key", "openai_api_key") or "openai_api_key",
        ),
    )
    given = split_address(str(settings[address]), variables.url)
    deployment = str(settings["openai_azure_deployment"]) or model
    path = _azure_path(given.path, deployment)
    query = dict(parse_qsl(given.query))
    if "/deployments/" in path:
        query.setdefault("api-version", str(settings["openai_api_version"]))
    credential, key, token = _azure_credential(settings)
    url = bare_url(given, path)
    return Endpoint(
        provider="azure",
        url=url,
        model=deployment,
        query=query,
        headers=_headers(settings, credential, given),
        secrets=_secrets(settings, key, given),
        official=(given.hostname or "").endswith(".azure.com"),
        has_key=bool(key) or given.password is not None,
        variables=variables,
        token=token if given.username is None else None,
        advice=azure_advice(variables.key, url),
    )


def azure_advice(key_variable: str, url: str) -> Mapping[int, str]:
    """Return hints for the statuses that mean something particular on Azure."""
    return {
        401: f"Check {key_variable} and OPENAI_API_TYPE (AZURE for a key, AZURE_AD for a token).",
        404: f"Check OPENAI_AZURE_DEPLOYMENT, OPENAI_API_VERSION and {url}",
    }


def _azure_credential(
    settings: Settings,
) -> tuple[dict[str, str], str, Callable[[], str] | None]:
    """Return the headers that carry the key, the key, and what gives tokens in its place."""
    name = _first_set(settings, "azure_openai_api_key", "openai_api_key")
    directory = uses_directory(settings)
    if directory and name is None:
        from knowledge.remote.sign_in import azure_token

        return {}, "", azure_token(AZURE_SCOPE)
    key = str(settings[name or "openai_api_key"]).strip()
    header = {"Authorization": f"Bearer {key}"} if directory else {"api-key": key}
    return header, key if name else "", None


def _first_set(settings: Settings, *names: str) -> str | None:
    return next((name for name in names if settings.is_set(name)), None)


def _azure_path(path: str, deployment: str) -> str:
    path = without_route(path)
    if "/deployments/" in path or path.endswith("/openai/v1"):
        return path
    return f"{path.removesuffix('/openai')}/openai/deployments/{quote(deployment, safe='')}"


def _headers(
    settings: Settings, credential: Mapping[str, str], given: SplitResult
) -> dict[str, str]:
    """Return the credential, the organisation and the user's own headers, which win."""
    authorization = basic_authorization(given)
    headers = {"Authorization": authorization} if authorization else dict(credential)
    if organization := str(settings["openai_organization"]):
        _check_sendable(organization, name_of(settings, "openai_organization"))
        headers["OpenAI-Organization"] = organization
    for name, value in extra_headers(settings).items():
        headers = {known: kept for known, kept in headers.items() if known.lower() != name.lower()}
        headers[name] = value
    return headers


def _secrets(settings: Settings, key: str, given: SplitResult) -> tuple[str, ...]:
    values = extra_headers(settings).values()
    return tuple(filter(None, (key, unquote(given.password or ""), *values)))


def extra_headers(settings: Settings) -> dict[str, str]:
    """Read OPENAI_EXTRA_HEADERS: ``Name: value`` pairs with ``;`` between, or a JSON object.

    Raises
    ------
    UsageError
        It is neither; the message does not show what it holds.
    """
    text = str(settings["openai_extra_headers"]).strip()
    pairs: Any = _json_pairs(text) if text.startswith("{") else _plain_pairs(text)
    if pairs is None or not all(name and _is_token(name) for name in pairs):
        raise UsageError(
            "OPENAI_EXTRA_HEADERS can't be read",
            hint='Write "X-Team: search; X-Trace: on", or a JSON object of names and values.',
        )
    for value in pairs.values():
        _check_sendable(value, "OPENAI_EXTRA_HEADERS")
    return dict(pairs)


def _check_sendable(value: str, variable: str) -> None:
    if not (value.isascii() and value.isprintable()):
        raise UsageError(
            f"{variable} holds a character that no header can carry",
            hint="A header is one line of letters, digits and signs of ASCII.",
        )


def _plain_pairs(text: str) -> dict[str, str] | None:
    parts = [part.partition(":") for part in text.replace("\n", ";").split(";") if part.strip()]
    if not all(colon for _, colon, _ in parts):
        return None
    return {name.strip(): value.strip() for name, _, value in parts}


def _json_pairs(text: str) -> dict[str, str] | None:
    try:
        content = parse_json(text)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    return {str(name): str(value) for name, value in content.items()}


def _is_token(name: str) -> bool:
    return all(
        character.isascii() and (character.isalnum() or character in "-_.!#$%&'*+^`|~")
        for character in name
    )
