"""What a server understands of a chat request, learnt from what it refuses.

All speak one protocol, but not all of it: some take no ``response_format``, or not both kinds;
new models call the limit of an answer ``max_completion_tokens``; some take no temperature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
"""``{"role": "user", "content": "..."}``; the content may be a list of parts, such as images."""

_FORMATS = ("json_schema", "json_object", "")
_OF_FORMAT = re.compile(
    r"response.?format|json.?(schema|object|mode)|structured.?output|grammar", re.IGNORECASE
)
_UNKNOWN = re.compile(r"unsupported|not support|unknown|unrecogni|unexpected|extra", re.IGNORECASE)


class Dialect:
    """Puts requests into words that one server understands.

    Parameters
    ----------
    temperature, max_tokens:
        Sent where they are not ``None`` and the server takes them.
    """

    def __init__(self, temperature: float | None = None, max_tokens: int | None = None) -> None:
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._limit_name = "max_tokens"
        self._format = 0

    def request(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any] | None = None,
        name: str = "answer",
    ) -> dict[str, Any]:
        """Return the fields of a request, without the model.

        Parameters
        ----------
        schema:
            JSON schema of the object that the answer must be.
        name:
            What the schema is called.
        """
        fields: dict[str, Any] = {"messages": [dict(message) for message in messages]}
        if self._temperature is not None:
            fields["temperature"] = self._temperature
        if self._max_tokens is not None:
            fields[self._limit_name] = self._max_tokens
        if schema is None:
            return fields
        kind = _FORMATS[self._format]
        if kind == "json_schema":
            shape = {"name": name, "schema": dict(schema), "strict": is_strict(schema)}
            return {**fields, "response_format": {"type": kind, "json_schema": shape}}
        fields["messages"] = _instructed(fields["messages"], schema)
        return {**fields, "response_format": {"type": kind}} if kind else fields

    def learn(self, refused: Mapping[str, Any], said: str) -> bool:
        """Tell whether a refusal means that other words are worth a try, and use them from now on.

        Parameters
        ----------
        refused:
            The fields that the request had.
        said:
            The server's answer.
        """
        if "response_format" in refused and _OF_FORMAT.search(said):
            kind = refused["response_format"]["type"]
            self._format = max(self._format, _FORMATS.index(kind) + 1)
            return True
        if "max_tokens" in refused and (
            "max_completion_tokens" in said or ("max_tokens" in said and _UNKNOWN.search(said))
        ):
            self._limit_name = "max_completion_tokens"
            return True
        if "temperature" in refused and "temperature" in said:
            self._temperature = None
            return True
        return False


def is_strict(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema fits OpenAI's strict mode: all fields required, no others allowed."""
    kind = schema.get("type")
    if kind == "array":
        return is_strict(schema.get("items") or {})
    if kind != "object":
        return bool(kind or "enum" in schema)
    fields = schema.get("properties") or {}
    closed = schema.get("additionalProperties") is False
    required = set(schema.get("required") or ())
    return closed and required == set(fields) and all(map(is_strict, fields.values()))


def _instructed(messages: list[dict[str, Any]], schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say in words what the answer must be; there is one system message, as some servers demand."""
    wanted = (
        "Answer with one JSON object that fits this JSON schema, and with nothing else:\n"
        + json.dumps(schema, ensure_ascii=False)
    )
    if messages and messages[0].get("role") == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{wanted}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": wanted}, *messages]
