"""Fetch one page or file from the web: bounded in size and time, never from a private network."""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from knowledge.documents.formats import format_by_name
from knowledge.documents.media_types import extension_of
from knowledge.documents.options import MIB
from knowledge.errors import FetchError, KnowledgeError, PathNotFoundError
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.settings.reading import without_password

if TYPE_CHECKING:
    import httpx

    from knowledge.ingestion.sources.addresses import Page


_LONGEST_NAME = 200
MAX_REDIRECTS = 5
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0  # between two pieces of an answer


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page as it was answered.

    Parameters
    ----------
    path:
        File that holds its bytes.
    name:
        What people call it: the last part of the URL, or what the server says.
    load_as:
        The name with an extension for the kind, as far as the server knows it.
    size:
        Bytes.
    mtime_ns:
        When the server says it was modified; 0 when it does not say.
    remembered:
        ``etag`` and ``last_modified``, which ask for it the next time.
    """

    path: str
    name: str
    load_as: str
    size: int
    mtime_ns: int
    remembered: Mapping[str, str]


def fetch(
    page: Page, limits: FetchLimits, into: str, remembered: Mapping[str, Any]
) -> FetchedPage | None:
    """Fetch a page into a file; ``None`` when it is still the one that is remembered.

    Parameters
    ----------
    into:
        The file to be written.
    remembered:
        ``etag`` and ``last_modified`` of the stored version, if there is one.

    Raises
    ------
    FetchError
        It cannot be fetched; the message says why.
    PathNotFoundError
        The server says that there is no such page.
    """
    import httpx

    with (
        _translated(page.shown, limits),
        _client(limits, _headers(remembered)) as client,
        client.stream("GET", page.url, extensions=_bound(limits)) as response,
    ):
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        _check_status(page.shown, response)
        size = _save(response, into)
        return _fetched(page, response, into, size)


def final_url(url: str, limits: FetchLimits) -> str:
    """Return where the redirects of a URL end, whatever the server answers there.

    Raises
    ------
    FetchError
        There is no such host, it may not be asked, or does not answer.
    """
    with (
        _translated(without_password(url.partition("?")[0]), limits),
        _client(limits, _headers({})) as client,
        client.stream("GET", url, extensions=_bound(limits)) as response,
    ):
        return str(response.url)


def _client(limits: FetchLimits, headers: Mapping[str, str]) -> httpx.Client:
    import httpx

    from knowledge.ingestion.sources.web_transport import CheckedTransport

    pause = min(SILENCE_SECONDS, limits.seconds)
    return httpx.Client(
        transport=CheckedTransport(
            limits.seconds, limits.file_bytes, allow_private=limits.allow_private
        ),
        timeout=httpx.Timeout(pause, connect=min(CONNECT_SECONDS, limits.seconds)),
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers=headers,
    )


def _bound(limits: FetchLimits) -> dict[str, Any]:
    """Return the bound of a page and all redirects that lead to it."""
    from knowledge.remote.transport import Bound

    return {"bound": Bound(limits.seconds, limits.file_bytes)}


def _headers(remembered: Mapping[str, Any]) -> dict[str, str]:
    headers = {"User-Agent": "knowledge/0.1", "Accept": "*/*"}
    for name, header in (("etag", "If-None-Match"), ("last_modified", "If-Modified-Since")):
        if remembered.get(name):
            headers[header] = str(remembered[name])
    return headers


@contextlib.contextmanager
def _translated(shown: str, limits: FetchLimits) -> Iterator[None]:
    """Turn what httpx raises into our errors, which name the page."""
    import httpx

    from knowledge.remote.transport import ReplyTooLargeError

    try:
        yield
    except KnowledgeError as error:
        if shown not in error.message:
            error.message = f"{shown}: {error.message}"
        raise
    except httpx.TooManyRedirects as error:
        raise FetchError(f"{shown}: more than {MAX_REDIRECTS} redirects") from error
    except httpx.TimeoutException as error:
        raise FetchError(
            f"{shown}: no answer within {limits.seconds:g} s (KNOW_FETCH_TIMEOUT)"
        ) from error
    except ReplyTooLargeError as error:
        most = f"{limits.file_bytes / MIB:.0f} MiB (KNOW_MAX_FILE_SIZE)"
        raise FetchError(f"{shown}: it is larger than {most}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = without_password(str(error)) or type(error).__name__
        raise FetchError(f"{shown}: {reason}") from error


def _check_status(shown: str, response: httpx.Response) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    said = f"{status} {response.reason_phrase}".strip()
    if status in (404, 410):
        raise PathNotFoundError(f"{shown} does not exist ({said})", hint="Check the URL.")
    hint = "It wants a login: https://user:password@host/…" if status in (401, 403) else ""
    raise FetchError(f"{shown}: the server answers {said}", hint=hint)


def _save(response: httpx.Response, into: str) -> int:
    """Write the answer's body to a file; return its size."""
    size = 0
    with open(into, "wb") as file:
        for piece in response.iter_bytes():
            size += len(piece)
            _write(file, piece)
    return size


def _write(file: BinaryIO, piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise FetchError(f"cannot write it to disk: {error.strerror}") from error


def _fetched(page: Page, response: httpx.Response, into: str, size: int) -> FetchedPage:
    headers = response.headers
    name = page_name(urlsplit(page.shown).path, urlsplit(page.shown).hostname or "", headers)
    remembered = {
        key: headers[header]
        for key, header in (("etag", "etag"), ("last_modified", "last-modified"))
        if headers.get(header)
    }
    return FetchedPage(
        into,
        name,
        load_name(name, headers.get("content-type", "")),
        transcoded(into, headers.get("content-type", "")) or size,
        _time(headers.get("last-modified", "")),
        remembered,
    )


def _time(text: str) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return 0


def page_name(path: str, host: str, headers: Mapping[str, str]) -> str:
    """Return what a page is called: by ``Content-Disposition``, its URL's path, or its host."""
    named = _message("Content-Disposition", headers.get("content-disposition", "")).get_filename()
    last = named or unquote(path.rstrip("/").rpartition("/")[2]) or host
    last = re.split(r"[/\\]", last)[-1] if named else last.replace("/", "_")
    clean = "".join(c for c in last if c.isprintable()).strip()
    return clean[-_LONGEST_NAME:] or host


def load_name(name: str, content_type: str) -> str:
    """Return the name with an extension for the media type that the server names."""
    ending = extension_of(_message("Content-Type", content_type).get_content_type())
    if ending is None or not content_type or format_by_name(name) == format_by_name("x" + ending):
        return name
    return name + ending


def transcoded(path: str, content_type: str) -> int:
    """Rewrite a text as UTF-8 when the server names another encoding; return its new size.

    The server's word counts more than the page's own, as in browsers. 0 when nothing was done.
    """
    message = _message("Content-Type", content_type)
    charset = message.get_content_charset("")
    if not charset or message.get_content_maintype() != "text":
        return 0
    try:
        codec = codecs.lookup(charset).name
    except LookupError:
        return 0
    if codec in ("utf-8", "utf-8-sig", "ascii"):
        return 0
    with open(path, "rb") as file:
        content = file.read()
    text = _decoded_as(content, "cp1252" if codec == "iso8859-1" else codec)  # as browsers take it
    if text is None or _decoded_as(content, "utf-8") is not None:
        return 0
    content = text.encode("utf-8-sig")  # the mark wins over what the page says of itself
    with open(path, "wb") as file:
        file.write(content)
    return len(content)


def _decoded_as(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except (UnicodeError, LookupError):
        return None


def _message(header: str, value: str) -> Message:
    message = Message()
    if value:
        message[header] = re.sub(r"[\r\n]+", " ", value)
    return message
