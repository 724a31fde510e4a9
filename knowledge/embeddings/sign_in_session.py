"""A session of ``requests``, as the clouds' sign-in libraries take it, with bounded replies."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
import urllib3

from knowledge.errors import EmbeddingAuthError
from knowledge.transport import Bound, BoundedTransport, ReplyTooLargeError

SIGN_IN_SECONDS = 30.0
"""Most that a reply to a sign-in may take."""

TOKEN_BYTES = 1 << 20
"""Most bytes of such a reply."""


def bounded_session() -> requests.Session:
    """Return a session whose replies are bounded in bytes and in time as a whole."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


class _Adapter(requests.adapters.BaseAdapter):
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request; the reply is read whole, whatever ``stream`` says.

        Raises
        ------
        requests.exceptions.RequestException
            There is no reply.
        EmbeddingAuthError
            It is too large to be a token's.
        """
        del stream, cert, proxies  # the transport reads the proxies from the environment itself
        url = str(request.url)
        authorities = verify if isinstance(verify, str) else None
        given = timeout[1] if isinstance(timeout, tuple) else timeout
        seconds = min(given or SIGN_IN_SECONDS, SIGN_IN_SECONDS)
        sent = httpx.Request(
            str(request.method),
            url,
            headers={name: str(value) for name, value in request.headers.items()},
            content=_bytes(request.body),
            extensions={
                "timeout": httpx.Timeout(seconds).as_dict(),
                "bound": Bound(seconds, TOKEN_BYTES),
            },
        )
        try:
            # A token is asked for once an hour: no connection is kept.
            with BoundedTransport(seconds, TOKEN_BYTES, authorities=authorities) as transport:
                answer = transport.handle_request(sent)
                answer.read()
        except ReplyTooLargeError as error:
            raise EmbeddingAuthError(
                f"{urlsplit(url).hostname} {error}", hint="Check where the sign-in leads."
            ) from error
        except httpx.ConnectTimeout as error:
            raise requests.exceptions.ConnectTimeout(str(error), request=request) from error
        except httpx.TimeoutException as error:
            raise requests.exceptions.ReadTimeout(str(error), request=request) from error
        except httpx.HTTPError as error:
            raise requests.exceptions.ConnectionError(str(error), request=request) from error
        return _response(request, answer)

    def close(self) -> None:
        """Do nothing: no connection is kept."""


def _bytes(body: Any) -> bytes | None:
    return body.encode() if isinstance(body, str) else body


def _response(request: requests.PreparedRequest, answer: httpx.Response) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    response.reason = answer.reason_phrase
    response.headers = requests.structures.CaseInsensitiveDict(answer.headers)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.url = str(request.url)
    response.request = request
    response.raw = urllib3.HTTPResponse(
        io.BytesIO(answer.content),
        headers=dict(answer.headers),
        status=answer.status_code,
        reason=answer.reason_phrase,
        preload_content=False,
    )
    return response
