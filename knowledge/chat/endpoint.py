"""Where the chat model is, and how one shows it a key."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from knowledge.embeddings.endpoint import Variables
from knowledge.embeddings.openai_endpoint import endpoint_of
from knowledge.errors import NoChatModelError
from knowledge.settings import BY_NAME, Origin, Settings, Value
from knowledge.trust import check_endpoint

if TYPE_CHECKING:
    from knowledge.embeddings.endpoint import Endpoint

_NOT_FOR_OTHERS = ("openai_api_key", "openai_extra_headers", "openai_organization")
"""What is meant for OPENAI_BASE_URL, and no other server is shown."""


def chat_endpoint(settings: Settings, model: str | None = None) -> Endpoint:
    """Build the endpoint of the chat model that the settings ask for.

    Parameters
    ----------
    model:
        The model, where it is not the settings' one.

    Raises
    ------
    NoChatModelError
        No model is set.
    UsageError
        The base URL can't be used.
    UntrustedEndpointError
        A key would go to an address that the working directory named.
    """
    name = model or settings["chat_model"] or settings["openai_model"]
    if not name:
        raise NoChatModelError("no chat model is set")
    own = settings.is_set("chat_base_url")
    if own:
        settings = _with_own_server(settings)
    settings = settings.replaced(openai_azure_deployment=Value(name, Origin.FLAG))
    check_endpoint(settings, "openai")
    endpoint = endpoint_of(settings, str(name))
    variables = Variables(
        url="KNOW_CHAT_BASE_URL" if own else endpoint.variables.url,
        key="KNOW_CHAT_API_KEY" if own else endpoint.variables.key,
        model="KNOW_CHAT_MODEL" if settings["chat_model"] else "OPENAI_MODEL",
        timeout="KNOW_CHAT_TIMEOUT",
    )
    # An Azure address may name the deployment that embeds.
    url = re.sub(r"/deployments/[^/]+", f"/deployments/{quote(str(name), safe='')}", endpoint.url)
    return replace(endpoint, url=url, variables=variables)


def _with_own_server(settings: Settings) -> Settings:
    """Return settings in which the chat model's own server stands in the place of OpenAI's."""
    values = {name: Value(BY_NAME[name].default, Origin.DEFAULT) for name in _NOT_FOR_OTHERS}
    values["openai_base_url"] = settings.values["chat_base_url"]
    values["openai_api_type"] = Value("OPEN_AI", Origin.DEFAULT)
    if settings.is_set("chat_api_key"):
        values["openai_api_key"] = settings.values["chat_api_key"]
    return settings.replaced(**values)
