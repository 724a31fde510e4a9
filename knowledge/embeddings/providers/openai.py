"""OpenAI, Azure OpenAI and every server that speaks their protocol.

The ``openai`` package carries the requests with documents. A question is one small request, for
which importing the package would take longer than all else, so it goes by `HttpClient`. The
answers are read here, since the package's types do not stand what compatible servers send. Nothing
is tried again: the pool does that. Nothing is read from the environment but proxies and
certificates: what is sent is what the settings say.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from knowledge.embeddings.providers.hosted import common_settings
from knowledge.embeddings.providers.openai_answer import read_embeddings
from knowledge.embeddings.providers.openai_tokens import count_tokens
from knowledge.errors import UsageError
from knowledge.model import EmbedderSpec
from knowledge.remote.answers import UnusableAnswerError, parse_object
from knowledge.remote.client import CONNECT_SECONDS, HttpClient, check_key, reply_bytes
from knowledge.remote.endpoint import name_of
from knowledge.remote.openai import endpoint_of
from knowledge.remote.refusals import Failures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openai import OpenAI

    from knowledge.embeddings.embedder import Embeddings
    from knowledge.remote.endpoint import Endpoint
    from knowledge.settings.reading import Settings

KNOWN_DIMENSIONS: Mapping[str, int] = {
    "text-embedding-ada-002": 1536,
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
}
"""Models of OpenAI's own service; elsewhere these names may stand for any model."""

ROUTE = "/embeddings"
_PATH = re.compile(r"/?[\w.~-]+(?:/[\w.~-]+)*/?")

REPLY_BYTES_HEADER = "x-most-reply-bytes"
"""Tells the client how large a reply may be; it is not sent."""

_PLAIN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-stainless-raw-response",  # the package's own mark for answers it shall not parse
    }
)


class OpenAIEmbedder:
    """Embeds through an OpenAI-compatible server; calls may come from several threads at once.

    Parameters
    ----------
    endpoint:
        Where requests go, with the credential.
    model:
        The model's name.
    dimensions:
        Size of the vectors to ask for; ``None`` is the model's own. Sent only where it is not
        the model's own, since many models refuse the parameter.
    timeout:
        Seconds an answer may take.
    route:
        Path below the endpoint that embeds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        model: str,
        dimensions: int | None = None,
        timeout: float = 120.0,
        route: str = ROUTE,
    ) -> None:
        known = KNOWN_DIMENSIONS.get(endpoint.model) if endpoint.official else None
        self._counts = endpoint.official and model in KNOWN_DIMENSIONS
        asked = dimensions if dimensions != known else None
        self._optional = {"dimensions": asked} if asked else {}
        self.spec = EmbedderSpec(endpoint.provider, model, asked or known, self._optional)
        self.endpoint = endpoint.url
        self.max_input_tokens = 8191 if known else None
        self.max_batch = 2048
        self.cacheable = True
        self._target = endpoint
        self._failures = Failures(endpoint, model)
        self._timeout = timeout
        self._route = "/" + route.strip("/")
        self._client: OpenAI | None = None
        self._light = HttpClient(endpoint, self._failures, timeout=timeout)
        self._lock = threading.Lock()

    @classmethod
    def from_settings(
        cls, settings: Settings, *, model: str | None = None, dimensions: int | None = None
    ) -> Self:
        """Create the embedder from the ``openai_*`` settings; nothing is sent yet.

        Raises
        ------
        UsageError
            The base URL can't be used.
        """
        route = str(settings["openai_embedding_endpoint"])
        if not _PATH.fullmatch(route):
            raise UsageError(
                f"{name_of(settings, 'openai_embedding_endpoint')} must be a path, not {route!r}",
                hint="Such as /embeddings; OPENAI_BASE_URL has the server.",
            )
        model = model or str(settings["openai_embedding_model"])
        asked = dimensions or int(settings["openai_embedding_dimensions"])
        return cls(
            endpoint_of(settings, model),
            model=model,
            route=route,
            **common_settings(settings, asked or None),
        )

    def embed_documents(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in one request; vectors as the server gives them.

        Raises
        ------
        RemoteError
            One of its subclasses says what kind.
        """
        content = self._post(texts)
        try:
            body = parse_object(content)
            if body.get("error"):
                said = content.decode("utf-8", "replace")
                raise self._failures.of_status(200, {}, said, texts=len(texts))
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        return self._read(body)

    def embed_query(self, text: str) -> Embeddings:
        """Embed one question; equals what ``embed_documents`` gives for it."""
        if self._client is not None:
            return self.embed_documents([text])
        body = {
            "input": [text],
            "model": self._target.model,
            "encoding_format": "float",
            **self._optional,
        }
        return self._read(self._light.post(self._route, body, texts=1))

    def count_tokens(self, text: str) -> int | None:
        """Count a text's tokens as OpenAI does; ``None`` where that is not known here."""
        return count_tokens(text) if self._counts else None

    def _read(self, body: dict[str, Any]) -> Embeddings:
        try:
            answer = read_embeddings(body)
        except UnusableAnswerError as error:
            raise self._failures.of_answer(str(error), hint=error.hint) from error
        with self._lock:
            if self.spec.dimensions is None:
                self.spec = replace(self.spec, dimensions=answer.vectors.shape[1])
        return answer

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        self._light.close()

    def _post(self, texts: Sequence[str]) -> bytes:
        client = self._connect()
        if self._target.token is not None:
            self._target.token()  # kept by its source; the package would wrap what this may raise
        import openai

        optional: dict[str, Any] = self._optional
        try:
            response = client.embeddings.with_raw_response.create(
                input=list(texts),
                model=self._target.model,
                encoding_format="float",
                extra_headers={REPLY_BYTES_HEADER: str(reply_bytes(len(texts)))},
                **optional,
            )
        except openai.APITimeoutError as error:
            raise self._failures.of_connection(error, timeout=self._timeout) from error
        except openai.APIConnectionError as error:
            raise self._failures.of_connection(error) from error
        except openai.APIStatusError as error:
            answer = error.response
            raise self._failures.of_status(
                answer.status_code, answer.headers, answer.text, texts=len(texts)
            ) from error
        return bytes(response.http_response.content)

    def _connect(self) -> OpenAI:
        with self._lock:
            if self._client is None:
                check_key(self._target, self._failures)
                self._client = new_client(self._target, self._timeout, self._route)
            return self._client


def new_client(endpoint: Endpoint, timeout_seconds: float, route: str = ROUTE) -> OpenAI:
    """Return a client of the ``openai`` package that sends what the endpoint says, and no more.

    It tries nothing again, follows no redirect, and reads nothing from the environment but proxies
    and certificates. Replies are bounded; see `knowledge.remote.transport`.

    Parameters
    ----------
    timeout_seconds:
        Seconds that an answer may take.
    route:
        Path that embeds, in place of the package's own.
    """
    # The package looks at httpx where it finds it in sys.modules, which may be while another
    # thread is half through importing it. Importing it here waits for the end of that.
    import httpx
    import openai

    from knowledge.remote.transport import REPLY_BYTES, Bound, BoundedTransport

    def set_headers(request: httpx.Request) -> None:
        if route != ROUTE:
            path = request.url.path.removesuffix(ROUTE) + route
            request.url = request.url.copy_with(path=path)
        size = int(request.headers.get(REPLY_BYTES_HEADER, REPLY_BYTES))
        request.extensions["bound"] = Bound(timeout_seconds, size)
        for name in list(request.headers):
            if name.lower() not in _PLAIN_HEADERS:
                del request.headers[name]
        request.headers.update(endpoint.headers)
        if endpoint.token is not None:
            request.headers["Authorization"] = f"Bearer {endpoint.token()}"

    # The package's types name its own copy of httpx; it takes either.
    timeout: Any = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_SECONDS))
    http_client: Any = httpx.Client(
        transport=BoundedTransport(timeout_seconds),
        timeout=timeout,
        follow_redirects=False,
        event_hooks={"request": [set_headers]},
    )
    # Whatever is None here, the package takes from the environment.
    return openai.OpenAI(
        api_key="-",
        organization="",
        project="",
        base_url=endpoint.url,
        default_query=dict(endpoint.query),
        max_retries=0,
        timeout=timeout,
        http_client=http_client,
    )
