"""Fetch one page or file from the web: bounded in size and time, never from a private network."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from knowledge.documents.options import MIB
from knowledge.errors import FetchError, KnowledgeError, PathNotFoundError
from knowledge.ingestion.web_names import load_name, page_name, transcoded
from knowledge.settings import without_password

if TYPE_CHECKING:
    import httpx

    from knowledge.ingestion.addresses import Page

MAX_REDIRECTS = 5
CONNECT_SECONDS = 15.0
SILENCE_SECONDS = 30.0  # between two pieces of an answer
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What fetching may take.

    Parameters
    ----------
    seconds:
        For one page or repository.
    file_bytes, repository_bytes:
        Largest page or file, and largest repository.
    allow_private:
        Ask hosts of private networks too.
    """

    seconds: float
    file_bytes: int
    repository_bytes: int
    allow_private: bool = False


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
        The name with an ending that tells the kind, as far as the server knows it.
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
        It can't be had; the message says why.
    PathNotFoundError
        The server says that there is no such page.
    """
    import httpx

    deadline = time.monotonic() + limits.seconds
    with (
        _told(page.shown),
        _client(limits, _headers(remembered)) as client,
        client.stream("GET", page.url) as response,
    ):
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return None
        _check_status(page.shown, response)
        size = _save(response, into, limits.file_bytes, deadline)
        return _fetched(page, response, into, size)


def final_url(url: str, limits: FetchLimits) -> str:
    """Return where the redirects of a URL end, whatever the server answers there.

    Raises
    ------
    FetchError
        There is no such host, it may not be asked, or does not answer.
    """
    with (
        _told(without_password(url.partition("?")[0])),
        _client(limits, _headers({})) as client,
        client.stream("GET", url) as response,
    ):
        return str(response.url)


def _client(limits: FetchLimits, headers: Mapping[str, str]) -> httpx.Client:
    import httpx

    from knowledge.ingestion.web_transport import CheckedTransport

    pause = min(SILENCE_SECONDS, limits.seconds)
    return httpx.Client(
        transport=CheckedTransport(allow_private=limits.allow_private),
        timeout=httpx.Timeout(pause, connect=min(CONNECT_SECONDS, limits.seconds)),
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        headers=headers,
    )


def _headers(remembered: Mapping[str, Any]) -> dict[str, str]:
    headers = {"User-Agent": "knowledge/0.1", "Accept": "*/*", "Accept-Encoding": "gzip"}
    for name, header in (("etag", "If-None-Match"), ("last_modified", "If-Modified-Since")):
        if remembered.get(name):
            headers[header] = str(remembered[name])
    return headers


@contextlib.contextmanager
def _told(shown: str) -> Iterator[None]:
    """Turn what httpx raises into our errors, which name the page."""
    import httpx

    try:
        yield
    except KnowledgeError as error:
        if shown not in error.message:
            error.message = f"{shown}: {error.message}"
        raise
    except httpx.TooManyRedirects as error:
        raise FetchError(f"{shown}: more than {MAX_REDIRECTS} redirects") from error
    except httpx.TimeoutException as error:
        raise FetchError(f"{shown}: no answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL, zlib.error) as error:
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


def _save(response: httpx.Response, into: str, limit: int, deadline: float) -> int:
    """Write the answer's body to a file; return its size."""
    size = 0
    with open(into, "wb") as file:
        for piece in _decoded(response):
            size += len(piece)
            if size > limit:
                raise FetchError(f"it is larger than {limit / MIB:.0f} MiB (KNOW_MAX_FILE_SIZE)")
            if time.monotonic() > deadline:
                raise FetchError("it took too long (KNOW_FETCH_TIMEOUT)")
            _write(file, piece)
    return size


def _write(file: BinaryIO, piece: bytes) -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise FetchError(f"can't keep it: {error.strerror}") from error


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in small pieces, also when a few bytes of gzip stand for gigabytes."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        yield from response.iter_raw()
        return
    if coding not in ("gzip", "x-gzip"):
        raise FetchError(f"the server sent {coding!r}, which was not asked for")
    decoder = zlib.decompressobj(wbits=31)
    for piece in response.iter_raw():
        rest = piece
        while rest and not decoder.eof:
            yield decoder.decompress(rest, _PIECE)
            rest = decoder.unconsumed_tail
    while not decoder.eof:
        last = decoder.decompress(b"", _PIECE)
        if not last:
            raise FetchError("the answer broke off")
        yield last


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
