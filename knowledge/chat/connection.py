"""Requests to ``chat/completions``, with further tries."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge.errors import RemoteError
from knowledge.remote.answers import UnusableAnswerError, parse_object
from knowledge.remote.client import WHOLE, HttpClient
from knowledge.remote.refusals import Failures
from knowledge.remote.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable

    from knowledge.chat.dialect import Dialect
    from knowledge.remote.client import Event
    from knowledge.remote.endpoint import Endpoint
    from knowledge.remote.retry import Backoff

T = TypeVar("T")


class UnusableReplyError(ValueError):
    """The reply is not what was asked for; the message completes "the reply ..."."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chat model says.

    Parameters
    ----------
    cut_off:
        True when the answer ended at the limit of its length.
    """

    text: str
    cut_off: bool = False


STREAM_BYTES = 64 << 20
"""Most bytes of a streamed answer, whose events are some hundred bytes for each word."""

STREAM_TIMES = 10
"""A streamed answer may take so many times what its next part may."""

_PATH = "/chat/completions"
_LEARNT_FROM = (400, 404, 415, 422, 500, 501)
"""Statuses of refusals that the dialect may learn from."""


class ChatConnection:
    """Talks to one chat model; may be used by several threads at once.

    Parameters
    ----------
    endpoint:
        Where requests go, with the credential.
    dialect:
        What the server understands.
    timeout:
        Seconds an answer, or its next part, may take; in parts, ten times as long in all.
    retries:
        Further tries of a request that failed for a passing reason.
    backoff:
        How long to wait before them.
    notify:
        Told when the user has to wait for long.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        dialect: Dialect,
        *,
        timeout: float,
        retries: int,
        backoff: Backoff | None = None,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.failures = Failures(endpoint, endpoint.model)
        self._model = endpoint.model
        self._dialect = dialect
        self._timeout = timeout
        self._client = HttpClient(endpoint, self.failures, timeout=timeout, vectors=False)
        self._retry = Retrier(retries, stop=threading.Event(), backoff=backoff, notify=notify)

    def ask(self, build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send what ``build`` gives, and return the answer's body.

        ``build`` is called for each try, since the dialect may have learnt something meanwhile.

        Raises
        ------
        RemoteError
            There is no answer, or none that is a JSON object.
        """
        return self._answered(build, lambda body: self._client.post(_PATH, body, texts=1))

    def stream(self, build: Callable[[], dict[str, Any]]) -> Iterator[str]:
        """Send what ``build`` gives, and yield the answer's text as it comes.

        Raises
        ------
        RemoteError
            As for `ask`; also when the answer breaks off.
        """

        def open_stream(body: dict[str, Any]) -> Iterator[Event]:
            longest = STREAM_TIMES * self._timeout
            body["stream"] = True
            return self._client.events(_PATH, body, size=STREAM_BYTES, longest=longest)

        for event in self._answered(build, open_stream):
            if event.data == "[DONE]":
                return
            if event.name == WHOLE:
                yield answer_of(parse_object(event.data.encode())).text
            else:
                yield from self._text_of(event.data)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        self._client.close()

    def _answered(
        self, build: Callable[[], dict[str, Any]], send: Callable[[dict[str, Any]], T]
    ) -> T:
        return self._retry(lambda: self._understood(build, send))

    def _understood(
        self, build: Callable[[], dict[str, Any]], send: Callable[[dict[str, Any]], T]
    ) -> T:
        """Send what ``build`` gives, in other words where the dialect learns from a refusal."""
        while True:
            fields = build()
            try:
                return send({"model": self._model, **fields})
            except RemoteError as refused:
                learns = refused.status in _LEARNT_FROM
                if not (learns and self._dialect.learn(fields, refused.said)):
                    raise

    def _text_of(self, data: str) -> Iterator[str]:
        """Yield the text of one event, a part of the answer."""
        try:
            chunk = parse_object(data.encode())
        except UnusableAnswerError as error:
            raise self.failures.of_answer(f"sent a stream that can't be read: {error}") from error
        if chunk.get("error"):
            raise self.failures.of_status(200, {}, data, texts=1)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            delta = choice.get("delta") if isinstance(choice, dict) else None
            text = delta.get("content") if isinstance(delta, dict) else None
            if isinstance(text, str) and text:
                yield text


_THOUGHTS = re.compile(r"\A\s*<think>.*?(</think>|\Z)", re.DOTALL)

_OPENING = "<think>"

_CLOSING = "</think>"


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return an answer, without the thoughts that some models put before it.

    Raises
    ------
    UnusableReplyError
        It holds none.
    """
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UnusableReplyError("holds no message")
    if refusal := message.get("refusal"):
        raise UnusableReplyError(f"is a refusal: {refusal}")
    text = _THOUGHTS.sub("", _plain(message.get("content"))).strip()
    if not text:
        reason = choice.get("finish_reason")
        raise UnusableReplyError(f"holds no text (finish_reason {reason})")
    return Answer(text, choice.get("finish_reason") == "length")


def _plain(content: Any) -> str:
    """Return content that is a text, or a list of parts of which some are."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a text without thoughts and white space at its beginning."""
    held, answering = "", False
    for piece in pieces:
        if answering:
            yield piece
            continue
        held += piece
        rest = _after_thoughts(held)
        if rest:
            answering = True
            yield rest
    if not answering and not held.lstrip().startswith(_OPENING) and held.strip():
        yield held


def _after_thoughts(text: str) -> str:
    """Return what follows the thoughts; nothing while they may still go on, or begin."""
    start = text.lstrip()
    if start.startswith(_OPENING):
        return start.partition(_CLOSING)[2].lstrip()
    return "" if _OPENING.startswith(start) else start


def object_of(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read a reply as an object of a schema; words or a code fence around it do no harm.

    Raises
    ------
    UnusableReplyError
        There is no object, or it does not fit.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    found = _first_object(text)
    try:
        error = best_match(Draft202012Validator(dict(schema)).iter_errors(found))
    except RecursionError:
        raise UnusableReplyError("is nested too deeply") from None
    if error is not None:
        raise UnusableReplyError(f"does not fit the schema at {error.json_path}: {error.message}")
    return found


def _first_object(text: str) -> dict[str, Any]:
    decoder = json.JSONDecoder()
    problem = "there is no {"
    for brace in re.finditer(r"\{", text):
        try:
            found, _ = decoder.raw_decode(text, brace.start())
        except RecursionError:
            problem = "it is nested too deeply"
            break
        except ValueError as error:
            problem = str(error)
            continue
        if isinstance(found, dict):
            return found
    raise UnusableReplyError(f"holds no JSON object: {problem}")
