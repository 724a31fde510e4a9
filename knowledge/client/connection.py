"""HTTP to a server: records in, records out, errors as the server's own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx

from knowledge.errors import (
    KnowledgeError,
    RemoteError,
    RemoteUnavailableError,
    ServerError,
    UntrustedEndpointError,
    UsageError,
)
from knowledge.files.bounded_data import DataError, parse_json
from knowledge.remote.transport import Bound, BoundedTransport, ReplyTooLargeError
from knowledge.settings.trust import Reach, check_endpoint, is_loopback, may_not_name
from knowledge.text.masking import masked_urls, scrubbed, without_secrets
from knowledge.text.wording import without_number

if TYPE_CHECKING:
    from knowledge.settings.reading import Settings

Result = TypeVar("Result")

_CODE = re.compile(r"[a-z][a-z0-9-]{0,60}")

REACH = Reach(("server",), ("server_token", "server_read_token"))
CONNECT_SECONDS = 10.0
READ_SECONDS = 300.0
"""That a reply may take as a whole, or each event of one; files that are sent have more."""
LEAST_SPEED = 64 << 10
"""Bytes a second at which files are sent, at least."""
MOST_BYTES = 256 << 20
"""Of a reply, or of what comes between two events."""


class Connection:
    """A server's REST face.

    Raises
    ------
    UsageError
        The address is none.
    UntrustedEndpointError
        The working directory may not name this server.
    """

    def __init__(self, settings: Settings) -> None:
        url = str(settings["server"]).rstrip("/")
        if not url.lower().startswith(("http://", "https://")):
            raise UsageError(
                f"`server` must be an address such as http://127.0.0.1:7411, not {url!r}"
            )
        local = is_loopback(url)
        check_endpoint(settings, REACH)
        if may_not_name(settings, "server") and not local:
            raise UntrustedEndpointError(
                f"{settings.origin('server')} in {settings.folder} sends what you ask to "
                f"{masked_urls(url)}"
            )
        self._shown = masked_urls(url)
        token = str(settings["server_token"] or settings["server_read_token"])
        self._secrets = [token]
        self._client = httpx.Client(
            base_url=f"{url}/api/v1/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            transport=BoundedTransport(READ_SECONDS, direct=local),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, method: str, path: str, *, sent: int = 0, **arguments: Any) -> dict[str, Any]:
        """Return the record that a request is answered with.

        Parameters
        ----------
        path:
            Below ``/api/v1``, made by :func:`path_of`.
        sent:
            Bytes of the files that are sent.
        arguments:
            As httpx takes them: ``json``, ``params``, ``files``, ``data``, ``content``.

        Raises
        ------
        KnowledgeError
            The error that the server answers with.
        ServerError
            It can't be reached, or is no such server.
        """
        bound = Bound(READ_SECONDS + sent / LEAST_SPEED, MOST_BYTES)
        try:
            reply = self._client.request(method, path, extensions={"bound": bound}, **arguments)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return self._record(reply)

    def read(self, reader: Callable[[Any], Result], record: Any) -> Result:
        """Return what a reader makes of a record, or of a part of one.

        Raises
        ------
        ServerError
            It lacks what the reader looks for.
        """
        try:
            return reader(record)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ServerError(
                f"{self._shown} gave an answer of another form than expected",
                hint="Is it a server of `knowledge`, of this version?",
            ) from error

    def events(self, method: str, path: str, **arguments: Any) -> Iterator[tuple[str, Any]]:
        """Yield name and data of each event that a request is answered with.

        Raises
        ------
        KnowledgeError, ServerError
            As for :meth:`ask`.
        """
        headers = {"Accept": "text/event-stream"}
        bound = Bound(READ_SECONDS, MOST_BYTES, math.inf)
        given = {"headers": headers, "extensions": {"bound": bound}, **arguments}
        try:
            with self._client.stream(method, path, **given) as reply:
                if reply.is_error:
                    reply.read()
                    self._record(reply)
                name = ""
                for line in reply.iter_lines():
                    bound.renew(len(line))
                    key, _, value = line.partition(": ")
                    if key == "event":
                        name = value
                    elif key == "data":
                        yield name, self._data(name, value)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def error(self, told: Mapping[str, Any]) -> KnowledgeError:
        """Return the error that a part of a record tells of."""
        return self._error_of({"error": told}, 0)

    def _data(self, name: str, text: str) -> Any:
        try:
            data = parse_json(text)
        except DataError as error:
            raise self._foreign() from error
        if name == "error":
            raise self.read(lambda told: self._error_of(told, 0), data)
        return data

    def _record(self, reply: httpx.Response) -> dict[str, Any]:
        try:
            record = parse_json(reply.content)
        except DataError as error:
            raise self._foreign(reply.status_code) from error
        if not isinstance(record, dict) or "schema" not in record:
            raise self._foreign(reply.status_code)
        if reply.is_error:
            raise self._error_of(record, reply.status_code)
        return record

    def _error_of(self, record: Mapping[str, Any], status: int) -> KnowledgeError:
        """Return the error that a record tells of, of its own class where we have it."""
        told = record.get("error")
        told = told if isinstance(told, Mapping) else {}
        code, message = str(told.get("code", "failed")), str(told.get("message", f"HTTP {status}"))
        kind = _by_code().get(code, ServerError if status >= 500 else KnowledgeError)
        error = kind(
            without_secrets(message, self._secrets),
            hint=without_secrets(str(told.get("hint", "")), self._secrets),
        )
        error.code = code if _CODE.fullmatch(code) else kind.code
        return error

    def _unreachable(self, error: Exception) -> ServerError:
        if isinstance(error, ReplyTooLargeError):
            return ServerError(
                f"the server {self._shown} {error}", hint="Ask for less, or ask it on its machine."
            )
        said = without_number(scrubbed(str(error), self._secrets)) or type(error).__name__
        return ServerError(
            f"the server {self._shown} cannot be reached: {said}",
            hint="Is it running there? `knowledge serve` starts one.",
        )

    def _foreign(self, status: int = 200) -> ServerError:
        return ServerError(
            f"{self._shown} answers (HTTP {status}), but is not a server of `knowledge`",
            hint="Check `server`: it is the address that `knowledge serve` prints.",
        )


def path_of(*parts: str) -> str:
    """Return a path of parts that may hold any character."""
    return "/".join(quote(part, safe="") for part in parts)


def _by_code() -> dict[str, type[KnowledgeError]]:
    found: dict[str, type[KnowledgeError]] = {}
    waiting: list[type[KnowledgeError]] = [KnowledgeError, RemoteError, RemoteUnavailableError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        if issubclass(kind, RemoteError):
            found.setdefault(kind.chat_code, kind)
        waiting += kind.__subclasses__()
    return found
