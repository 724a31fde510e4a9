"""Errors as replies: a status, and one object in the language of whoever asked.

No reply holds a traceback: what nobody expected is logged, and the reply names the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from knowledge.errors import (
    DatasetExistsError,
    DocumentError,
    FetchError,
    FileNotInDatasetError,
    KnowledgeError,
    LockedError,
    ModelMismatchError,
    NotFoundError,
    PrivateHostError,
    RemoteError,
    RemoteInputTooLongError,
    RemoteUnavailableError,
    StoreServerError,
    UntrustedEndpointError,
    UntrustedModelError,
    UsageError,
    VectorServerError,
)
from knowledge.records import errors as records
from knowledge.server.replies import JsonReply

_FIELD = re.compile(r"`([a-z_]+)`")


class RefusedError(KnowledgeError):
    """The server refuses a request, whatever it asks for.

    Parameters
    ----------
    status:
        The HTTP status.
    headers:
        Of the reply, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


STATUSES: tuple[tuple[type[KnowledgeError], int], ...] = (
    (UntrustedEndpointError, 403),
    (UntrustedModelError, 403),
    (PrivateHostError, 403),
    (UsageError, 400),
    (NotFoundError, 404),
    (DatasetExistsError, 409),
    (ModelMismatchError, 409),
    (LockedError, 423),
    (DocumentError, 422),
    (FetchError, 422),
    (RemoteInputTooLongError, 400),
    (RemoteUnavailableError, 503),
    (StoreServerError, 503),
    (VectorServerError, 503),
    (RemoteError, 502),
)
"""The status of each kind of error; the first that fits counts, and any other is 500."""

OPENAI_PATHS = re.compile(r"/(v\d+|embeddings|models|rerank|reranking|vector_stores|files)(/|$)")
"""Paths whose clients read errors as OpenAI's API writes them."""


def status_of(error: KnowledgeError) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, RefusedError):
        return error.status
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def spelled(text: str) -> str:
    """Return a text of the library with its fields as JSON names them."""
    return _FIELD.sub(r'"\1"', text)


def for_clients(error: KnowledgeError) -> KnowledgeError:
    """Return an error as a client may read it: fields as JSON names them, nothing of our disk."""
    if type(error) is FileNotInDatasetError:  # whether a path exists here is not said
        error = FileNotInDatasetError("the dataset holds no such file or chunk")
    error.message, error.hint = spelled(error.message), spelled(error.hint)
    return error


def reply_to(path: str, error: KnowledgeError) -> Response:
    """Return the reply for an error at a path."""
    status = status_of(error)
    error = for_clients(error)
    headers = dict(error.headers) if isinstance(error, RefusedError) else {}
    if isinstance(error, LockedError) or status == 503:
        wait = getattr(error, "retry_after", None) or 1
        headers.setdefault("Retry-After", str(max(1, round(wait))))
    if OPENAI_PATHS.match(path):
        return JsonReply(openai_error(error, status), status, headers)
    return JsonReply(records.error(error), status, headers)


_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


def openai_error(error: KnowledgeError, status: int) -> dict[str, Any]:
    """Return an error as OpenAI's API writes it (https://platform.openai.com/docs/guides)."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    kind = "rate_limit_error" if status == 429 else _OPENAI_TYPES.get(status, kind)
    named = re.search(r'"([a-z_]+)"', error.message)
    param = named[1] if named and isinstance(error, UsageError) else None
    content = {"message": error.in_full, "type": kind, "param": param, "code": error.code}
    return {"error": content}
