"""Requests to ``chat/completions``, with further tries; what goes wrong is a `ChatError`.

The tries, the addresses and the meaning of a refusal are those of embedding requests.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.embeddings.providers.openai_client import REPLY_BYTES_HEADER, new_client
from knowledge.errors import (
    ChatAuthError,
    ChatError,
    ChatInputTooLongError,
    ChatQuotaError,
    ChatResponseError,
    ChatUnavailableError,
    EmbeddingAuthError,
    EmbeddingError,
    EmbeddingInputTooLongError,
    EmbeddingQuotaError,
    EmbeddingResponseError,
    TransientEmbeddingError,
)
from knowledge.remote.answers import UnusableAnswerError, parse_object
from knowledge.remote.client import check_key
from knowledge.remote.refusals import Failures
from knowledge.remote.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from openai import OpenAI

    from knowledge.chat.dialect import Dialect
    from knowledge.remote.endpoint import Endpoint
    from knowledge.remote.retry import Backoff


# Reading what a chat model says: text, or an object that must have a certain shape.

_THOUGHTS = re.compile(r"\A\s*<think>.*?(</think>|\Z)", re.DOTALL)
_OPENING = "<think>"
_CLOSING = "</think>"


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


STREAM_BYTES = 64 << 20
"""Most bytes of a streamed answer, whose events are some hundred bytes for each word."""

STREAM_TIMES = 10
"""A streamed answer may take so many times what its next part may."""

_FAMILY: tuple[tuple[type[EmbeddingError], type[ChatError]], ...] = (
    (EmbeddingAuthError, ChatAuthError),
    (EmbeddingQuotaError, ChatQuotaError),
    (EmbeddingInputTooLongError, ChatInputTooLongError),
    (TransientEmbeddingError, ChatUnavailableError),
    (EmbeddingResponseError, ChatResponseError),
    (EmbeddingError, ChatError),
)


class _RefusedError(Exception):
    """A refusal that the dialect may learn from."""

    def __init__(self, fields: Mapping[str, Any], said: str, error: EmbeddingError) -> None:
        super().__init__(said)
        self.fields = fields
        self.said = said
        self.error = error


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
        self._endpoint = endpoint
        self._dialect = dialect
        self._timeout = timeout
        self._retry = Retrier(retries, stop=threading.Event(), backoff=backoff, notify=notify)
        self._client: OpenAI | None = None
        self._lock = threading.Lock()

    def ask(self, build: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Send what ``build`` gives, and return the answer's body.

        ``build`` is called for each try, since the dialect may have learnt something meanwhile.

        Raises
        ------
        ChatError
            There is no answer, or none that is a JSON object.
        """
        with chat_errors():
            response = self._answered(build)
            return self._body(bytes(response.http_response.content))

    def stream(self, build: Callable[[], dict[str, Any]]) -> Iterator[str]:
        """Send what ``build`` gives, and yield the answer's text as it comes.

        Raises
        ------
        ChatError
            As for `ask`; also when the answer breaks off.
        """
        with chat_errors():
            response = self._answered(lambda: {**build(), "stream": True})
            kind = response.http_response.headers.get("content-type", "")
            if "json" in kind:  # it does not stream
                yield answer_of(self._body(self._read(response.http_response))).text
                return
            yield from self._pieces(response)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _answered(self, build: Callable[[], dict[str, Any]]) -> Any:
        return self._retry(lambda: self._understood(build))

    def _understood(self, build: Callable[[], dict[str, Any]]) -> Any:
        """Send what ``build`` gives, in other words where the dialect learns from a refusal."""
        while True:
            try:
                return self._post(build())
            except _RefusedError as refused:
                if not self._dialect.learn(refused.fields, refused.said):
                    raise refused.error from refused.__cause__

    def _post(self, fields: dict[str, Any]) -> Any:
        client = self._connect()
        from knowledge.remote.transport import REPLY_BYTES

        if self._endpoint.token is not None:
            self._endpoint.token()  # kept by its source; the package would wrap what it raises
        size = STREAM_BYTES if fields.get("stream") else REPLY_BYTES
        with self._network_errors(fields):
            return client.chat.completions.with_raw_response.create(
                model=self._endpoint.model,
                extra_headers={REPLY_BYTES_HEADER: str(size)},
                **fields,
            )

    @contextlib.contextmanager
    def _network_errors(self, fields: Mapping[str, Any]) -> Iterator[None]:
        import httpx
        import openai

        try:
            yield
        except (openai.APITimeoutError, httpx.TimeoutException) as error:
            raise self.failures.of_connection(error, timeout=self._timeout) from error
        except (openai.APIConnectionError, httpx.RequestError) as error:
            raise self.failures.of_connection(error) from error
        except openai.APIStatusError as error:
            answer = error.response
            judged = self.failures.of_status(
                answer.status_code, answer.headers, answer.text, texts=1
            )
            if answer.status_code in (400, 404, 415, 422, 500, 501):
                raise _RefusedError(fields, answer.text, judged) from error
            raise judged from error

    def _body(self, content: bytes) -> dict[str, Any]:
        try:
            body = parse_object(content)
        except UnusableAnswerError as error:
            raise self.failures.of_answer(str(error), hint=error.hint) from error
        if body.get("error"):
            said = content.decode("utf-8", "replace")
            raise self.failures.of_status(200, {}, said, texts=1)
        return body

    def _read(self, answer: httpx.Response) -> bytes:
        """Read an answer that was to be streamed, and is one JSON object."""
        from knowledge.remote.transport import REPLY_BYTES

        answer.extensions["bound"].size = REPLY_BYTES
        with self._network_errors({}):
            return answer.read()

    def _pieces(self, response: Any) -> Iterator[str]:
        import openai

        bound = response.http_response.extensions["bound"]
        chunks = response.parse()
        try:
            with self._network_errors({}):
                for chunk in chunks:
                    yield from _text_of_chunk(chunk)
                    bound.renew()  # after it, since whoever takes the text may take their time
        except openai.APIError as error:  # an error in the middle of the stream
            said = json.dumps({"error": error.body or error.message})
            raise self.failures.of_status(200, {}, said, texts=1) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise self.failures.of_answer(f"sent a stream that can't be read: {error}") from error
        finally:
            chunks.close()

    def _connect(self) -> OpenAI:
        with self._lock:
            if self._client is None:
                check_key(self._endpoint, self.failures)
                self._client = new_client(
                    self._endpoint, self._timeout, longest_seconds=STREAM_TIMES * self._timeout
                )
            return self._client


def _text_of_chunk(chunk: Any) -> Iterator[str]:
    for choice in getattr(chunk, "choices", None) or ():
        text = getattr(getattr(choice, "delta", None), "content", None)
        if isinstance(text, str) and text:
            yield text


@contextlib.contextmanager
def chat_errors() -> Iterator[None]:
    """Raise the errors of embedding requests as those of a chat model."""
    try:
        yield
    except EmbeddingError as error:
        kind = next(own for family, own in _FAMILY if isinstance(error, family))
        hint = error.hint
        if kind is ChatInputTooLongError:
            hint = "Give it fewer or shorter passages, or choose a model that takes more."
        raise kind(error.message, hint=hint) from error
