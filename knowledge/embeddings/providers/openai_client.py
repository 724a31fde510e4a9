"""A client of the ``openai`` package that sends what an endpoint says, and nothing else.

It tries nothing again, follows no redirect, and reads nothing from the environment but proxies
and certificates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knowledge.remote.client import CONNECT_SECONDS

if TYPE_CHECKING:
    from openai import OpenAI

    from knowledge.remote.endpoint import Endpoint

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


def new_client(
    endpoint: Endpoint, timeout_seconds: float, *, longest_seconds: float = 0.0
) -> OpenAI:
    """Return a client whose requests carry exactly the endpoint's headers.

    Replies are bounded; see `knowledge.remote.transport`.

    Parameters
    ----------
    timeout_seconds:
        Seconds that an answer, or the next part of one, may take.
    longest_seconds:
        Seconds that an answer in parts may take in all.
    """
    # The package looks at httpx where it finds it in sys.modules, which may be while another
    # thread is half through importing it. Importing it here waits for the end of that.
    import httpx
    import openai

    from knowledge.remote.transport import REPLY_BYTES, Bound, BoundedTransport

    def set_headers(request: httpx.Request) -> None:
        size = int(request.headers.get(REPLY_BYTES_HEADER, REPLY_BYTES))
        request.extensions["bound"] = Bound(timeout_seconds, size, longest_seconds)
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
