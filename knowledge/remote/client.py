"""Requests to one endpoint in JSON; whatever goes wrong is an error of ours.

Nothing is tried again here: the pool does that. Nothing is read from the environment but proxies
and certificates.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn

from knowledge.errors import EmbeddingAuthError, EmbeddingError
from knowledge.remote.answers import UnusableAnswerError, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx

    from knowledge.remote.endpoint import Endpoint
    from knowledge.remote.refusals import Failures

CONNECT_SECONDS = 10.0
"""Most that is waited for a connection."""

BYTES_A_TEXT = 256 << 10
"""Most bytes of a reply for each text: some 10,000 dimensions as JSON, beside what all may take."""


class NoSuchRouteError(EmbeddingError):
    """The server knows no such path, and says nothing of a model."""

    lasting = True


class HttpClient:
    """Talks to one endpoint; may be used by several threads at once.

    Parameters
    ----------
    timeout:
        Seconds an answer may take, its last byte included.
    """

    def __init__(self, endpoint: Endpoint, failures: Failures, *, timeout: float) -> None:
        self._endpoint = endpoint
        self._failures = failures
        self._timeout = timeout
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
        EmbeddingError
            No answer, a refusal, or something other than a JSON object.
        """
        return self._ask("POST", path, dict(body), texts, list_as)

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object at ``path``.

        Raises
        ------
        EmbeddingError
            As for `post`.
        """
        return self._ask("GET", path, None, 1)

    def events(self, path: str, *, texts: int) -> Iterator[tuple[str, str]]:
        """Yield the server-sent events at ``path``, as names and data, until the stream ends.

        Raises
        ------
        EmbeddingError
            As for `post`. The time-out is for the whole stream, whose heartbeats would otherwise
            keep it open for ever.
        """
        client = self._connect()
        import httpx

        try:
            with client.stream("GET", **self._request(path, texts)) as answer:
                if answer.status_code != 200:
                    self._refuse(answer, answer.read(), texts)
                name = ""
                for line in answer.iter_lines():
                    kind, _, value = line.partition(":")
                    if kind == "event":
                        name = value.strip()
                    elif kind == "data":
                        yield name, value.strip()
        except httpx.TimeoutException as error:
            raise self._failures.of_connection(error, timeout=self._timeout) from error
        except httpx.RequestError as error:
            raise self._failures.of_connection(error) from error

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask(
        self, method: str, path: str, body: Any, texts: int, list_as: str = ""
    ) -> dict[str, Any]:
        client = self._connect()
        import httpx

        try:
            answer = client.request(method, json=body, **self._request(path, texts))
        except httpx.TimeoutException as error:
            raise self._failures.of_connection(error, timeout=self._timeout) from error
        except httpx.RequestError as error:
            raise self._failures.of_connection(error) from error
        if answer.status_code != 200:
            self._refuse(answer, answer.content, texts)
        try:
            content = parse_object(answer.content, list_as=list_as)
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        if content.get("error"):
            said = answer.content.decode("utf-8", "replace")
            raise self._failures.of_status(200, {}, said, texts=texts)
        return content

    def _refuse(self, answer: httpx.Response, content: bytes, texts: int) -> NoReturn:
        said = content.decode("utf-8", "replace")
        error = self._failures.of_status(answer.status_code, answer.headers, said, texts=texts)
        if answer.status_code in (404, 405) and "model" not in said.lower():
            raise NoSuchRouteError(error.message, hint=error.hint)
        raise error

    def _request(self, path: str, texts: int) -> dict[str, Any]:
        """Return where a request goes, what each has, and what its reply may take."""
        from knowledge.remote.transport import Bound

        headers = dict(self._endpoint.headers)
        if self._endpoint.token is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.token()}"
        query = dict(self._endpoint.query) or None
        return {
            "url": self._endpoint.url + path,
            "params": query,
            "headers": headers,
            "extensions": {"bound": Bound(self._timeout, reply_bytes(texts))},
        }

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


def reply_bytes(texts: int) -> int:
    """Return how large the reply to a request with so many texts may be."""
    from knowledge.remote.transport import REPLY_BYTES

    return REPLY_BYTES + texts * BYTES_A_TEXT


def check_key(endpoint: Endpoint, failures: Failures) -> None:
    """Find out before anything is sent that a key is missing, or can't be one.

    Raises
    ------
    EmbeddingAuthError
        The message does not show the key.
    """
    if endpoint.official and not endpoint.has_key and endpoint.token is None:
        raise EmbeddingAuthError(
            f"there is no key for {failures.who}", hint=f"Set {endpoint.variables.key}."
        )
    if not all(" " <= c <= "~" for value in endpoint.headers.values() for c in value):
        raise EmbeddingAuthError(
            f"the key for {failures.who} holds a character that no key has",
            hint=f"Set {endpoint.variables.key} again; look for quotes or line breaks in it.",
        )
