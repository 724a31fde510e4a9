"""Requests to one endpoint in JSON; whatever goes wrong is an error of ours.

Nothing is tried again here: that is a `Retrier`'s work. Nothing is read from the environment but
proxies and certificates.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from knowledge.errors import RemoteAuthError, RemoteError
from knowledge.remote.answers import UnusableAnswerError, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx

    from knowledge.remote.endpoint import Endpoint
    from knowledge.remote.refusals import Failures

CONNECT_SECONDS = 10.0
"""Most that is waited for a connection."""

BYTES_A_TEXT = 256 << 10
"""Most bytes of a reply for each text: some 10,000 dimensions as JSON, beside what all may take."""


WHOLE = "whole answer"
"""Name of the one event that stands for an answer which was not streamed."""


class NoSuchRouteError(RemoteError):
    """The server knows no such path, and says nothing of a model."""

    lasting = True


class Event(NamedTuple):
    """A server-sent event: its name, which may be empty, and its data."""

    name: str
    data: str


class HttpClient:
    """Talks to one endpoint; may be used by several threads at once.

    Parameters
    ----------
    timeout:
        Seconds an answer may take, its last byte included.
    vectors:
        True where each text of a request is answered with a vector, so that a reply may be larger.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        failures: Failures,
        *,
        timeout: float,
        vectors: bool = True,
    ) -> None:
        self._endpoint = endpoint
        self._failures = failures
        self._timeout = timeout
        self._vectors = vectors
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def post(
        self, path: str, body: Mapping[str, Any], *, texts: int, list_as: str = ""
    ) -> dict[str, Any]:
        """Send a JSON body to ``path`` below the endpoint's URL and return the JSON object.

        Parameters
        ----------
        texts:
            How many the request holds, which decides what a refusal for its size means.
        list_as:
            Name under which a bare list is returned, from a server that answers with one.

        Raises
        ------
        RemoteError
            No answer, a refusal, or something other than a JSON object.
        """
        return self._object(self._read(self._send(path, dict(body), texts)), texts, list_as)

    def prepare(self) -> None:
        """Do ahead what the first request would wait for: load what speaks HTTP."""
        with contextlib.suppress(RemoteError):  # the first request tells
            self._connect()

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at ``path``.

        Raises
        ------
        RemoteError
            As for `post`.
        """
        return self._object(self._read(self._send(path, None, 1)), 1)

    def events(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        texts: int = 1,
        size: int = 0,
        longest: float = 0.0,
    ) -> Iterator[Event]:
        """Send a request, and return the server-sent events that answer it.

        The request is sent, and a refusal raised, before this returns. The answer of a server that
        does not stream, a JSON object, is one event named `WHOLE`.

        Parameters
        ----------
        body:
            Posted as JSON; ``None`` is a GET.
        texts:
            As for `post`.
        size:
            Most bytes of the stream; 0 is as many as of any reply.
        longest:
            Seconds that the stream may take in all, where each event has the time-out to itself.
            With 0 the time-out is for the whole stream, so that heartbeats do not prolong it.

        Raises
        ------
        RemoteError
            As for `post`; while the events are read, also that the stream broke off.
        """
        answer = self._send(path, None if body is None else dict(body), texts, longest)
        if "json" in answer.headers.get("content-type", ""):
            content = self._read(answer)
            self._object(content, texts)
            return iter([Event(WHOLE, content.decode("utf-8", "replace"))])
        answer.extensions["bound"].size = size or answer.extensions["bound"].size
        return self._events(answer, renew=bool(longest))

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(self, path: str, body: Any, texts: int, longest: float = 0.0) -> httpx.Response:
        """Return an answer of status 200, whose body is not read yet."""
        client = self._connect()
        from knowledge.remote.transport import Bound

        size = reply_bytes(texts if self._vectors else 0)
        request = client.build_request(
            "GET" if body is None else "POST",
            self._endpoint.url + path,
            json=body,
            params=dict(self._endpoint.query) or None,
            headers=self._headers(),
            extensions={"bound": Bound(self._timeout, size, longest)},
        )
        with self._network_errors():
            answer = client.send(request, stream=True)
        if answer.status_code == 200:
            return answer
        said = self._read(answer).decode("utf-8", "replace")
        error = self._failures.of_status(answer.status_code, answer.headers, said, texts=texts)
        if answer.status_code in (404, 405) and "model" not in said.lower():
            unknown = NoSuchRouteError(error.message, hint=error.hint).of(error.service)
            unknown.status, unknown.said = error.status, error.said
            raise unknown
        raise error

    def _read(self, answer: httpx.Response) -> bytes:
        with contextlib.closing(answer), self._network_errors():
            return answer.read()

    def _object(self, content: bytes, texts: int, list_as: str = "") -> dict[str, Any]:
        try:
            found = parse_object(content, list_as=list_as)
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        if found.get("error"):
            said = content.decode("utf-8", "replace")
            raise self._failures.of_status(200, {}, said, texts=texts)
        return found

    def _events(self, answer: httpx.Response, *, renew: bool) -> Iterator[Event]:
        with contextlib.closing(answer), self._network_errors():
            for event in parse_events(answer.iter_bytes()):
                yield event
                if renew:  # after it, since whoever takes the event may take their time
                    answer.extensions["bound"].renew()

    @contextlib.contextmanager
    def _network_errors(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.TimeoutException as error:
            raise self._failures.of_connection(error, timeout=self._timeout) from error
        except httpx.RequestError as error:
            raise self._failures.of_connection(error) from error

    def _headers(self) -> dict[str, str]:
        headers = dict(self._endpoint.headers)
        if self._endpoint.token is not None:
            try:
                headers["Authorization"] = f"Bearer {self._endpoint.token()}"
            except RemoteError as error:
                raise error.of(self._endpoint.service) from error.__cause__
        return headers

    def _connect(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                check_key(self._endpoint, self._failures)
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> httpx.Client:
        import httpx

        from knowledge.remote.transport import BoundedTransport

        return httpx.Client(
            timeout=httpx.Timeout(self._timeout, connect=min(self._timeout, CONNECT_SECONDS)),
            transport=BoundedTransport(self._timeout),
            follow_redirects=False,
        )


def parse_events(content: Iterable[bytes]) -> Iterator[Event]:
    """Read server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Comments, identifiers and waits are left out. An event at the end needs no blank line after it.
    """
    name, data = "", []
    for line in _lines(content):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value.strip()
        elif field == "data":
            data.append(value)
        elif not line:
            if data:
                yield Event(name, "\n".join(data))
            name, data = "", []
    if data:
        yield Event(name, "\n".join(data))


def _lines(content: Iterable[bytes]) -> Iterator[str]:
    """Cut a stream at line feeds; any other sign that ends lines may stand in JSON."""
    held: list[bytes] = []
    for piece in content:
        first, *others = piece.split(b"\n")
        held.append(first)
        for start in others:
            yield b"".join(held).removesuffix(b"\r").decode("utf-8", "replace")
            held = [start]
    yield b"".join(held).decode("utf-8", "replace")


def reply_bytes(texts: int) -> int:
    """Return how large the reply to a request with so many texts may be."""
    from knowledge.remote.transport import REPLY_BYTES

    return REPLY_BYTES + texts * BYTES_A_TEXT


def check_key(endpoint: Endpoint, failures: Failures) -> None:
    """Find out before anything is sent that a key is missing, or can't be one.

    Raises
    ------
    RemoteAuthError
        The message does not show the key.
    """
    if endpoint.official and not endpoint.has_key and endpoint.token is None:
        raise RemoteAuthError(
            f"there is no key for {failures.who}", hint=f"Set {endpoint.variables.key}."
        ).of(endpoint.service)
    if not all(" " <= c <= "~" for value in endpoint.headers.values() for c in value):
        raise RemoteAuthError(
            f"the key for {failures.who} holds a character that no key has",
            hint=f"Set {endpoint.variables.key} again; look for quotes or line breaks in it.",
        ).of(endpoint.service)
