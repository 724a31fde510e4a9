"""The chat models that the steps of a flow ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge.errors import NoChatModelError, RemoteError
from knowledge.flows.schema import ModelChoice
from knowledge.settings.reading import BY_NAME, Origin, Settings, Value

if TYPE_CHECKING:
    from knowledge.chat import ChatModel, Message

_OF_ANOTHER_SERVER = (
    "chat_base_url",
    "chat_api_key",
    "openai_api_key",
    "openai_api_type",
    "openai_extra_headers",
    "openai_organization",
    "azure_openai_endpoint",
    "azure_openai_api_key",
    "azure_openai_use_active_directory",
)

FAILURES = (RemoteError, NoChatModelError)
"""The failures of a chat model that a step goes on after."""
_AT_ONCE = 3

T = TypeVar("T")
Answer = TypeVar("Answer")


class LanguageModels:
    """Opens each model once.

    Parameters
    ----------
    settings:
        What holds where a step says nothing.
    origin:
        Where the flows file's own values come from.
    notify:
        Called when the user has to wait for long.
    """

    def __init__(
        self, settings: Settings, *, origin: Origin, notify: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._origin = origin
        self._notify = notify
        self._open: list[tuple[ModelChoice, int | None, ChatModel]] = []

    def get(self, choice: ModelChoice | None, *, max_tokens: int | None = None) -> ChatModel:
        """Return a model.

        Raises
        ------
        NoChatModelError
            Neither the step nor the settings name one.
        UsageError
            Its address cannot be used.
        UntrustedEndpointError
            A key would go to an address that the flow, or the working directory, named.
        """
        from knowledge.chat import ChatModel

        choice = choice or ModelChoice()
        for known, most, model in self._open:
            if (known, most) == (choice, max_tokens):
                return model
        model = ChatModel.from_settings(
            self._settings_for(choice),
            model=choice.model or None,
            max_tokens=max_tokens,
            notify=self._notify,
        )
        self._open.append((choice, max_tokens, model))
        return model

    def ask(
        self,
        choice: ModelChoice | None,
        prompt: str,
        schema: Mapping[str, Any],
        *,
        name: str,
        system: str = "",
    ) -> dict[str, Any]:
        """Return a model's answer to a text, as an object of a schema.

        Raises
        ------
        RemoteError, NoChatModelError
            There is no such answer.
        """
        messages: Sequence[Message] = [{"role": "user", "content": prompt}]
        if system:
            messages = [{"role": "system", "content": system}, *messages]
        return self.get(choice).complete(messages, schema=schema, name=name)

    def name(self, choice: ModelChoice | None) -> str:
        """Return the name of the model that a step leads to; empty where none is set."""
        own = choice.model if choice else ""
        return own or str(self._settings["chat_model"] or self._settings["openai_model"])

    def close(self) -> None:
        """Close the connections."""
        while self._open:
            self._open.pop()[2].close()

    def _settings_for(self, choice: ModelChoice) -> Settings:
        values: dict[str, Value] = {}
        if choice.base_url:
            # Keys of the settings are not for a server that the flow names.
            values = {
                name: Value(BY_NAME[name].default, Origin.DEFAULT) for name in _OF_ANOTHER_SERVER
            }
            values["openai_base_url"] = Value(choice.base_url, self._origin, "baseURL of the flow")
        if choice.api_type:
            values["openai_api_type"] = Value(choice.api_type, self._origin, "apiType")
        if choice.api_version:
            values["openai_api_version"] = Value(choice.api_version, self._origin, "apiVersion")
        if choice.api_key is not None:
            origin = choice.api_key.origin(self._origin)
            key = Value(choice.api_key.value, origin, "apiKey of the flow")
            own_server = self._settings.is_set("chat_base_url") and not choice.base_url
            names = ["chat_api_key"] if own_server else ["openai_api_key"]
            if choice.api_type.startswith("AZURE") or self._settings.is_set("azure_openai_api_key"):
                names.append("azure_openai_api_key")
            values |= dict.fromkeys(names, key)
        return self._settings.replaced(**values)


def ask_each(
    items: Sequence[T], ask: Callable[[T], Answer], *, otherwise: Answer
) -> tuple[list[Answer], list[RemoteError | NoChatModelError]]:
    """Ask a model about each item; after a failure about no more, which get ``otherwise``.

    Returns
    -------
    tuple
        The answers, and the failures.
    """
    failures: list[RemoteError | NoChatModelError] = []

    def asked(item: T) -> Answer:
        if failures:
            return otherwise
        try:
            return ask(item)
        except FAILURES as error:
            failures.append(error)
            return otherwise

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(asked, items)), failures
