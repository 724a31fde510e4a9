"""Tokens of a user who is signed in to a cloud, where no key is set.

Each function gives back what gives a token; the cloud's library is imported, and asked, when the
first request is sent. The library keeps a token until it ends.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import requests
import urllib3

from knowledge.errors import RemoteAuthError, RemoteUnavailableError, UsageError
from knowledge.extras import install_command
from knowledge.remote.transport import Bound, BoundedTransport, ReplyTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable


def azure_token(scope: str) -> Callable[[], str]:
    """Return what gives Azure AD tokens, by `azure.identity.DefaultAzureCredential`.

    That looks at AZURE_CLIENT_ID and its like, managed identities, and the Azure CLI's sign-in.

    Raises
    ------
    UsageError
        The extra ``azure`` is not installed.
    """
    _need("azure.identity", "azure-identity", "azure", "OPENAI_API_KEY")
    lock = threading.Lock()
    source: list[Callable[[], str]] = []

    def token() -> str:
        with lock:
            if not source:
                source.append(_azure_provider(scope))
        from azure.core.exceptions import AzureError

        try:
            return source[0]()
        except AzureError as error:
            raise RemoteAuthError(
                f"Azure gives no token: {_first_line(error)}",
                hint="Sign in with `az login`, or set OPENAI_API_KEY.",
            ) from error

    return token


def _azure_provider(scope: str) -> Callable[[], str]:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    # It warns of each way that it tried; the error says the same.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    provider: Callable[[], str] = get_bearer_token_provider(
        DefaultAzureCredential(
            transport=RequestsTransport(session=bounded_session(), session_owner=False)
        ),
        scope,
    )
    return provider


class GoogleSignIn:
    """Gets Google Cloud tokens by application-default credentials.

    Raises
    ------
    UsageError
        The extra ``vertex`` is not installed.
    """

    def __init__(self) -> None:
        _need("google.auth", "google-auth", "vertex", "VERTEX_API_KEY")
        self._lock = threading.Lock()
        self._credentials: Any = None
        self._request: Any = None
        self._project = ""

    def token(self) -> str:
        """Return a token that is valid now.

        Raises
        ------
        RemoteAuthError
            Nobody is signed in, or Google refuses.
        RemoteUnavailableError
            Google can't be reached.
        """
        with self._lock:
            self._find()
            from google.auth.exceptions import GoogleAuthError, TransportError

            if not self._credentials.valid:
                try:
                    self._credentials.refresh(self._request)
                except GoogleAuthError as error:
                    said = f"Google gives no token: {_first_line(error)}"
                    if isinstance(error, TransportError) or error.retryable:
                        raise RemoteUnavailableError(said, hint="Try again later.") from error
                    raise RemoteAuthError(said, hint=_GOOGLE_HINT) from error
            return str(self._credentials.token)

    def project(self) -> str:
        """Return the project that the credentials belong to.

        Raises
        ------
        RemoteAuthError
            Nobody is signed in, or the credentials know no project.
        """
        with self._lock:
            self._find()
            if not self._project:
                raise RemoteAuthError(
                    "the credentials for Google Cloud name no project", hint="Set VERTEX_PROJECT."
                )
            return self._project

    def _find(self) -> None:
        if self._credentials is not None:
            return
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
        from google.auth.transport.requests import Request

        self._request = Request(bounded_session())
        try:
            self._credentials, project = google.auth.default(
                scopes=["https://www.googleapis.com/auth/cloud-platform"], request=self._request
            )
        except DefaultCredentialsError as error:
            raise RemoteAuthError(
                f"nobody is signed in to Google Cloud: {_first_line(error)}", hint=_GOOGLE_HINT
            ) from error
        self._project = project or ""


_GOOGLE_HINT = (
    "Run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, "
    "or set VERTEX_API_KEY to a token."
)


def _need(module: str, package: str, extra: str, variable: str) -> None:
    try:
        found = find_spec(module)
    except (ImportError, ValueError):  # there is not even its parent, or it is half imported
        found = None
    if found is None:
        raise UsageError(
            f"signing in needs the package {package}, which is not installed",
            hint=f"Install it: {install_command(extra)}; or set {variable}.",
        )


def _first_line(error: Exception) -> str:
    said = str(error.args[0] if error.args else "").strip()
    return (said.splitlines() or [type(error).__name__])[0][:300]


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
        RemoteAuthError
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
            raise RemoteAuthError(
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
