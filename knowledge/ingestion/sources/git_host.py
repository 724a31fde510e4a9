"""Where ``git`` connects to: the same checks of hosts as for pages."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from knowledge.ingestion.sources.addresses import Repository
from knowledge.ingestion.sources.fetch_limits import FetchLimits
from knowledge.ingestion.sources.private_hosts import checked_addresses
from knowledge.ingestion.sources.web import final_url

_SERVICE = "/info/refs?service=git-upload-pack"


@dataclass(frozen=True, slots=True)
class Host:
    """The URL that ``git`` is given, and settings that tie it to checked addresses."""

    url: str
    settings: tuple[str, ...] = ()


def checked_host(repository: Repository, limits: FetchLimits) -> Host:
    """Check where a repository's URL leads.

    A redirect is followed here, where its host is checked, and ``git`` follows none.

    Raises
    ------
    FetchError
        There is no such host, or it is in a private network.
    """
    if repository.protocol == "file" or limits.allow_private:
        return Host(repository.url)
    if repository.protocol == "ssh":
        _check_ssh(repository)
        return Host(repository.url)
    return checked_https(repository.url, limits)


def checked_https(url: str, limits: FetchLimits) -> Host:
    """Follow and check redirects of an ``https`` repository.

    Raises
    ------
    FetchError
        As :func:`checked_host`.
    """
    reached = final_url(url.rstrip("/") + _SERVICE, limits)
    parts = urlsplit(url)
    if "/info/refs" in reached:
        login = (
            parts.netloc.rpartition("@")[0] if parts.hostname == urlsplit(reached).hostname else ""
        )
        parts = urlsplit(reached.partition("/info/refs")[0])
        host = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{login}@{host}" if login else host)
    settings = ["http.followRedirects=false"]
    from knowledge.ingestion.sources.web_transport import check_behind_proxy, proxy_for

    host, port = parts.hostname or "", parts.port or 443
    if proxy_for(parts.scheme, host) is not None:
        check_behind_proxy(host, port, allow_private=False)
    else:
        addresses = checked_addresses(host, port, allow_private=False)
        listed = ",".join(f"[{a}]" if ":" in a else a for a in addresses)
        settings.append(f"http.curloptResolve={host}:{port}:{listed}")
    return Host(urlunsplit(parts), tuple(settings))


def without_login(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a URL without user and password, and settings of ``git`` that stand for them.

    A URL is in the command line of ``git`` and of the program that it starts to fetch.
    """
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at or parts.scheme not in ("http", "https"):
        return url, []
    origin = f"{parts.scheme}://{host}/"
    user, colon, password = (unquote(part) for part in login.partition(":"))
    plain = urlunsplit(parts._replace(netloc=host))
    if not colon:  # its password may be known to a helper of the user's
        return plain, [(f"credential.{origin}.username", user)]
    basic = b64encode(f"{user}:{password}".encode()).decode()
    return plain, [(f"http.{origin}.extraHeader", f"Authorization: Basic {basic}")]


def _check_ssh(repository: Repository) -> None:
    """Check the host of an SSH URL; a name that only the user's SSH settings know passes."""
    from knowledge.ingestion.sources.web_transport import check_behind_proxy

    parts = urlsplit(repository.url)
    check_behind_proxy(parts.hostname or "", parts.port or 22, allow_private=False)
