"""One chat model: text, streamed text, or an object of a given shape."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, overload
from urllib.parse import quote

from knowledge.chat.connection import (
    Answer,
    ChatConnection,
    UnusableReplyError,
    answer_of,
    object_of,
    without_thoughts,
)
from knowledge.chat.dialect import Dialect, Message
from knowledge.errors import NoChatModelError, RemoteResponseError, Service
from knowledge.remote.endpoint import Variables
from knowledge.remote.openai import endpoint_of, reach_of
from knowledge.settings.reading import BY_NAME, Origin, Settings, Value
from knowledge.settings.trust import check_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from knowledge.remote.endpoint import Endpoint
    from knowledge.remote.retry import Backoff


_REPAIR = (
    "That can't be used: the reply {problem}. Answer again with the corrected JSON object, "
    "and with nothing else."
)


class ChatModel:
    """Answers messages; may be used by several threads at once.

    Parameters
    ----------
    endpoint:
        Where requests go, with the credential.
    timeout:
        Seconds an answer, or its next part, may take.
    retries:
        Further tries of a request that failed for a passing reason.
    temperature, max_tokens:
        Sent where they are not ``None``.
    backoff:
        How long to wait before further tries.
    notify:
        Told when the user has to wait for long.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout: float = 120.0,
        retries: int = 3,
        temperature: float | None = None,
        max_tokens: int | None = None,
        backoff: Backoff | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.name = endpoint.model
        self.endpoint = endpoint.url
        self._dialect = Dialect(temperature, max_tokens)
        self._connection = ChatConnection(
            endpoint,
            self._dialect,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            notify=notify,
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        notify: Callable[[str], None] | None = None,
        **overrides: Any,
    ) -> Self:
        """Create the model that the settings ask for; nothing is sent yet.

        Parameters
        ----------
        model:
            Its name, where it is not that of KNOW_CHAT_MODEL or OPENAI_MODEL.
        overrides:
            Settings by name that win over the given ones, such as ``chat_timeout=30``.

        Raises
        ------
        NoChatModelError
            No chat model is set.
        UsageError
            The base URL can't be used.
        UntrustedEndpointError
            A key would go to an address that the working directory named.
        """
        settings = settings.override(**overrides)
        return cls(
            chat_endpoint(settings, model),
            timeout=settings["chat_timeout"],
            retries=settings["chat_retries"],
            temperature=temperature,
            max_tokens=max_tokens,
            notify=notify,
        )

    @overload
    def complete(
        self, messages: Sequence[Message], *, schema: None = None, name: str = "answer"
    ) -> str: ...

    @overload
    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any], name: str = "answer"
    ) -> dict[str, Any]: ...

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        name: str = "answer",
    ) -> str | dict[str, Any]:
        """Return the answer to messages, as text or as an object of a schema.

        With a schema the server is asked for JSON of that shape, for any JSON, or in words, by
        what it understands. A reply that does not fit is shown to the model once, with what is
        wrong.

        Parameters
        ----------
        messages:
            As OpenAI's protocol has them: ``{"role": "user", "content": "..."}``.
        schema:
            JSON schema of an object.
        name:
            What the schema is called: letters, digits, ``_`` and ``-``.

        Raises
        ------
        RemoteError
            One of its subclasses says what kind.
        """
        if schema is None:
            return self.answer(messages).text
        reply = self.answer(messages, schema, name).text
        try:
            return object_of(reply, schema)
        except UnusableReplyError as error:
            shown = [
                *messages,
                {"role": "assistant", "content": reply},
                {"role": "user", "content": _REPAIR.format(problem=error)},
            ]
        reply = self.answer(shown, schema, name).text
        try:
            return object_of(reply, schema)
        except UnusableReplyError as error:
            raise self._unusable(error) from error

    def answer(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        name: str = "answer",
    ) -> Answer:
        """Return the answer to messages as text, unchecked, and whether it was cut off.

        Raises
        ------
        RemoteError
            As for `complete`.
        """
        body = self._connection.ask(lambda: self._dialect.request(messages, schema, name))
        try:
            return answer_of(body)
        except UnusableReplyError as error:
            raise self._unusable(error) from error

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """Yield the answer to messages piece by piece, as it comes.

        Raises
        ------
        RemoteError
            Before the first piece, or when the answer breaks off.
        """
        try:
            pieces = self._connection.stream(lambda: self._dialect.request(messages))
            yield from without_thoughts(pieces)
        except UnusableReplyError as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._connection.close()

    def _unusable(self, error: UnusableReplyError) -> RemoteResponseError:
        failures = self._connection.failures
        return RemoteResponseError(
            f"{failures.who}: the reply {failures.scrub(str(error))}",
            hint="Try another chat model.",
        ).of(Service.CHAT)


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
    check_endpoint(settings, reach_of(settings))
    endpoint = endpoint_of(settings, str(name))
    variables = Variables(
        url="KNOW_CHAT_BASE_URL" if own else endpoint.variables.url,
        key="KNOW_CHAT_API_KEY" if own else endpoint.variables.key,
        model="KNOW_CHAT_MODEL" if settings["chat_model"] else "OPENAI_MODEL",
        timeout="KNOW_CHAT_TIMEOUT",
    )
    # An Azure address may name the deployment that embeds.
    url = re.sub(r"/deployments/[^/]+", f"/deployments/{quote(str(name), safe='')}", endpoint.url)
    return replace(endpoint, url=url, variables=variables, service=Service.CHAT)


def _with_own_server(settings: Settings) -> Settings:
    """Return settings in which the chat model's own server stands in the place of OpenAI's."""
    values = {name: Value(BY_NAME[name].default, Origin.DEFAULT) for name in _NOT_FOR_OTHERS}
    values["openai_base_url"] = settings.values["chat_base_url"]
    values["openai_api_type"] = Value("OPEN_AI", Origin.DEFAULT)
    if settings.is_set("chat_api_key"):
        values["openai_api_key"] = settings.values["chat_api_key"]
    return settings.replaced(**values)
