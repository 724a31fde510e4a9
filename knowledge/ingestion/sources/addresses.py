"""What the user names as a source: a path, a page, a Git repository, or objects of a storage.

    https://host/page                       a page or file
    https://github.com/owner/repo[@ref]     a repository, as on other well-known hosts
    https://host/any/path.git[@ref]         a repository
    git+https://…[@ref], git+ssh://…[@ref], git+file:///path[@ref]
    s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, sftp://[user@]host/folder

``ref`` is a branch, a tag or a commit's full hash. A prefix may be a single object; nothing in it
is decoded, as keys may hold any sign.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from knowledge.errors import UsageError
from knowledge.settings.reading import without_password

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"})
_NOT_OWNERS = re.compile(
    "about|apps|collections|customer-stories|dashboard|enterprise|events|explore|features|groups|"
    "help|issues|login|marketplace|notifications|organizations|orgs|pricing|pulls|search|security|"
    "settings|site|sponsors|topics|trending|users",
    re.IGNORECASE,
)
"""First parts of paths on such hosts that are the host's own pages."""
_FORMS = {
    "s3": "s3://bucket/docs",
    "gs": "gs://bucket/docs",
    "az": "az://container/docs",
    "sftp": "sftp://user@host/srv/docs",
}
OBJECT_PROTOCOLS = frozenset(_FORMS)
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
_SERVER = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_HOST = {"s3": _BUCKET, "gs": _BUCKET, "az": _BUCKET, "sftp": _SERVER}


@dataclass(frozen=True, slots=True)
class Page:
    """A page or file on the web.

    Parameters
    ----------
    url:
        Fetches it; may hold a password.
    shown:
        Names it in the catalog: without user, password, fragment and secrets in the query.
    """

    url: str = field(repr=False)
    shown: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A Git repository.

    Parameters
    ----------
    url:
        What the program ``git`` is given; may hold a password.
    name:
        Names it in the catalog: ``https://host/owner/repo`` or ``git+file:///path``, no password.
    ref:
        Branch, tag or commit; empty is the branch that the repository names as its own.
    """

    url: str = field(repr=False)
    name: str
    ref: str = ""

    @property
    def protocol(self) -> str:
        """``https``, ``ssh`` or ``file``."""
        return self.url.partition("://")[0]


@dataclass(frozen=True, slots=True)
class Objects:
    """A folder of objects, or a single one, in an object storage or on an SFTP server.

    Parameters
    ----------
    protocol:
        ``s3``, ``gs``, ``az`` or ``sftp``.
    host:
        Bucket, container, or a server with its port.
    path:
        Key of the object or prefix of the objects, without slashes around it; empty is everything.
    is_folder:
        It was written with a slash at its end.
    login:
        ``user`` or ``user:password`` of a server.
    """

    protocol: str
    host: str
    path: str
    is_folder: bool = field(compare=False)
    login: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Names it in the catalog: without user, password and a slash at the end."""
        return f"{self.protocol}://{self.host}/{self.path}".rstrip("/")


Address = Page | Repository | Objects


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the URLs of a run name."""

    pages: Sequence[Page] = ()
    repositories: Sequence[Repository] = ()
    objects: Sequence[Objects] = ()


def is_address(text: str) -> bool:
    """Tell whether a source is a URL rather than a path."""
    return _SCHEME.match(text) is not None and not os.path.lexists(text)


def is_page(text: str) -> bool:
    """Tell whether a source is the URL of a single page or file."""
    try:
        return is_address(text) and isinstance(parse_address(text), Page)
    except UsageError:
        return False


def parse_address(text: str) -> Address:
    """Return what a URL names.

    Raises
    ------
    UsageError
        It is no URL that can be read.
    """
    scheme, _, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme in OBJECT_PROTOCOLS:
        return _objects(scheme, rest)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise UsageError(f"{_shown(text)} is not a valid URL") from error
    if any(ord(c) <= 32 for c in text) or not port_is_valid or not (parts.hostname or parts.path):
        raise UsageError(f"{_shown(text)!r} is not a valid URL")
    if scheme in ("git+https", "git+ssh", "git+file"):
        return _repository(scheme.removeprefix("git+"), rest)
    if scheme not in ("http", "https"):
        raise UsageError(
            f"can't read {scheme}:// URLs",
            hint="There are https://, http://, git+https://, git+ssh://, git+file://, s3://, "
            "gs://, az:// and sftp://.",
        )
    if not parts.hostname:
        raise UsageError(f"{_shown(text)!r} names no host")
    if scheme == "https" and _is_repository(parts.hostname, parts.path):
        return _repository(scheme, rest.partition("#")[0])
    return _page(text)


def parse_addresses(sources: Sequence[str]) -> Addresses:
    """Return what URLs name; the same page or objects twice are one.

    Raises
    ------
    UsageError
        One is no URL that can be read, two name the same repository, or the same objects by
        another user.
    """
    parsed = [parse_address(source) for source in sources]
    pages = {one.shown: one for one in parsed if isinstance(one, Page)}
    repositories: dict[str, Repository] = {}
    objects: dict[str, Objects] = {}
    for one in parsed:
        if isinstance(one, Repository) and repositories.setdefault(one.name, one) != one:
            raise UsageError(
                f"{one.name} is named twice",
                hint="A dataset holds one commit of a repository; use two datasets for two.",
            )
        if isinstance(one, Objects) and objects.setdefault(one.name, one) != one:
            raise UsageError(f"{one.name} is named twice, by two users")
    return Addresses(list(pages.values()), list(repositories.values()), list(objects.values()))


def _shown(text: str) -> str:
    """Return what is no URL without what may be its password, which may hold any sign."""
    scheme, _, rest = text.partition("://")
    _, login, place = rest.rpartition("@")
    return without_password(f"{scheme}://********@{place}" if login else text)


def _page(text: str) -> Page:
    parts = urlsplit(text)._replace(fragment="")
    if not parts.path:
        parts = parts._replace(path="/")
    host = parts.netloc.rpartition("@")[2].lower()
    scheme = parts.scheme.lower()
    url = urlunsplit(parts._replace(scheme=scheme))
    return Page(url, without_password(urlunsplit(parts._replace(scheme=scheme, netloc=host))))


def _objects(protocol: str, rest: str) -> Objects:
    place, slash, path = rest.partition("/")
    login, at, host = place.rpartition("@")
    shown = f"{protocol}://{'********@' if at else ''}{host}{slash}{path}"
    if not path.isprintable() or not _HOST[protocol].fullmatch(host):
        raise UsageError(f"{shown!r} is not a valid URL", hint=f"{_FORMS[protocol]}, for example.")
    if at and protocol != "sftp":
        raise UsageError(
            f"{shown}: a URL of {protocol}:// takes no login",
            hint="Credentials are taken from the environment.",
        )
    key = path.strip("/") if protocol == "sftp" else path.rstrip("/")
    return Objects(
        protocol,
        host.lower() if at or protocol == "sftp" else host,
        key,
        path.endswith("/") or not key,
        login,
    )


def _is_repository(host: str, path: str) -> bool:
    if re.search(r"\.git(@[^/].*)?/?$", path):
        return True
    if host.removeprefix("www.") not in _FORGES and not host.startswith("gitlab."):
        return False
    base, _, ref = path.partition("@")
    parts = [part for part in base.split("/") if part]
    if len(parts) < 2 or _NOT_OWNERS.fullmatch(parts[0]) or "-" in parts:
        return False
    return len(parts) == 2 or bool(ref)


def _repository(protocol: str, rest: str) -> Repository:
    host, slash, path = rest.partition("/")
    if protocol == "file":
        if host not in ("", "localhost"):
            raise UsageError("git+file:// takes an absolute path", hint="git+file:///srv/repo.git")
        base, ref = _split_file(slash + path)
        base = os.path.abspath(base)
        return Repository(f"file://{quote(base)}", f"git+file://{base}", unquote(ref))
    match = re.match(r"(?P<base>.*?\.git|.*?[^/@])/?(?:@(?P<ref>.+))?$", path)
    if not host or match is None:
        raise UsageError(f"git+{protocol}:// takes a host and a path, then perhaps @ref")
    base, ref = match["base"], match["ref"] or ""
    user, _, name = host.rpartition("@")
    shown_user = "git@" if user == "git" else ""
    prefix = "git+ssh://" + shown_user if protocol == "ssh" else "https://"
    place = without_password(f"https://{name.lower()}/{base.removesuffix('.git')}")
    shown = prefix + place.removeprefix("https://")
    return Repository(f"{protocol}://{host}/{base}", shown, _checked(unquote(ref)))


def _split_file(path: str) -> tuple[str, str]:
    """Split ``/path@ref``; an ``@`` may belong to the path."""
    path = unquote(path)
    cut = len(path)
    while cut > 0 and not os.path.isdir(path[:cut]):
        cut = path.rfind("@", 0, cut)
    if cut <= 0:
        base, _, ref = path.partition("@")
        return base, _checked(ref)
    return path[:cut], _checked(path[cut + 1 :])


def _checked(ref: str) -> str:
    """Return a ref that ``git`` cannot take for a flag or for several.

    Raises
    ------
    UsageError
        It is none.
    """
    if ref and (not re.fullmatch(r"[^\s~^:?*\[\\\x00-\x1f\x7f-][^\s~^:?*\[\\\x00-\x1f\x7f]*", ref)):
        raise UsageError(f"{ref!r} is not a branch, tag or commit")
    return ref
