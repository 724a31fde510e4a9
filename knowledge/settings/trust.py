"""Whether a folder's own settings may decide where a key, or code, comes from.

A key or an identity from the environment never goes to an endpoint that the working directory's
``.env`` or ``knowledge.yaml``, or a flows file, named, unless it is a loopback address or the user
trusted the folder. The list of trusted folders lies in the user's configuration folder, which no
project file can move.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from knowledge.errors import KnowledgeError, UntrustedEndpointError, UsageError
from knowledge.files.bounded_data import MAX_JSON, parse_json, read_text
from knowledge.files.private import replace_text
from knowledge.settings.reading import Origin, Settings
from knowledge.settings.user_folders import user_folder

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Reach:
    """Which settings say where a service is, and what it is shown there.

    Parameters
    ----------
    endpoints:
        Settings of the address; the first that is set counts.
    keys:
        Settings of keys; one that is set takes the place of a sign-in.
    signs_in:
        Tells whether the user's sign-in to a cloud takes the place of a key that is not set;
        ``None`` for a service that has no such thing.
    identities:
        Settings of what else tells who the user is, or is secret.
    """

    endpoints: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    signs_in: Callable[[Settings], bool] | None = None
    identities: tuple[str, ...] = ()


TRUST_FLOWS = (
    "If you trust the flows file, run `knowledge trust` on its folder, or set KNOW_TRUST_PROJECT=1 "
    "once."
)
"""What helps where a flows file is refused something."""


def trust_file() -> Path:
    """Return the file that lists trusted folders."""
    return user_folder("config") / "trusted.json"


def trusted_folders() -> list[str]:
    """Return the trusted folders, sorted; an unreadable list trusts nothing."""
    try:
        folders = parse_json(read_text(trust_file(), MAX_JSON))
    except (OSError, ValueError, UsageError):  # the last: no home folder
        return []
    return sorted(map(str, folders)) if isinstance(folders, list) else []


def set_trust(folder: Path, trusted: bool) -> None:
    """Trust a folder, or no longer.

    Raises
    ------
    KnowledgeError
        The list can't be written.
    """
    folders = set(trusted_folders())
    (folders.add if trusted else folders.discard)(str(folder.resolve()))
    path = trust_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(sorted(folders), indent=1) + "\n")
    except OSError as error:
        raise KnowledgeError(f"can't write {path}: {error.strerror}") from error


def is_trusted(settings: Settings) -> bool:
    """Tell whether the folder's own settings are trusted; its own word on that does not count."""
    return _trusts_all(settings) or str(settings.folder.resolve()) in trusted_folders()


def trusts_file(settings: Settings, file: Path) -> bool:
    """Tell whether the user trusts a file that he named: its folder, or the one he works in."""
    if _trusts_all(settings):
        return True
    folders = trusted_folders()
    here, there = settings.folder.resolve(), file.resolve().parent
    return str(there) in folders or (str(here) in folders and there.is_relative_to(here))


def check_endpoint(settings: Settings, reach: Reach) -> None:
    """Refuse an endpoint that the working directory, or a flows file, may not name.

    Raises
    ------
    UntrustedEndpointError
        The endpoint is named there, and what it is shown comes from elsewhere.
    """
    endpoint = next((name for name in reach.endpoints if settings.is_set(name)), None)
    if endpoint is None or not may_not_name(settings, endpoint):
        return
    origin = settings.origin(endpoint)
    shown = _shown(settings, reach, origin)
    if not shown or is_loopback(settings[endpoint]):
        return
    of_flow = origin is Origin.FLOWS_FILE
    named_by = f"{origin} in {settings.folder}"
    where = f"the flows file {settings['flows_file']}" if of_flow else named_by
    raise UntrustedEndpointError(
        f"{where} sends texts and {shown[0]} to {_host(settings[endpoint])}; {shown[1]}",
        hint=TRUST_FLOWS if of_flow else None,
    )


def may_not_name(settings: Settings, name: str) -> bool:
    """Tell whether a file that the user has not trusted has set ``name``."""
    origin = settings.origin(name)
    # A flows file has this origin only where it is not trusted.
    return origin is Origin.FLOWS_FILE or (origin.of_folder and not is_trusted(settings))


def is_loopback(address: str) -> bool:
    """Tell whether an address, with or without its scheme, is one of this machine."""
    if re.fullmatch(r"[^/@]*", address):  # OLLAMA_HOST may leave out the scheme
        address = f"//{address}"
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trusts_all(settings: Settings) -> bool:
    return bool(settings["trust_project"]) and not settings.origin("trust_project").of_folder


def _shown(settings: Settings, reach: Reach, endpoint: Origin) -> tuple[str, str] | None:
    """Name what is shown that is not of who named the endpoint, and where it comes from."""
    for name in (*reach.keys, *reach.identities):
        origin = settings.origin(name)
        theirs = origin is endpoint if endpoint is Origin.FLOWS_FILE else origin.of_folder
        if settings[name] and settings.is_set(name) and not theirs:
            what = "it" if name in reach.identities else "the key"
            return f"your {settings.table[name].variables[0]}", f"{what} comes from the {origin}"
    if reach.signs_in is not None and not any(
        settings.is_set(n) and settings[n] for n in reach.keys
    ):
        return "a token of yours", "no key is set, so that you sign in"
    return None


def _host(address: str) -> str:
    after_scheme = address.partition("://")[2] or address
    return re.split(r"[/?#]", after_scheme, maxsplit=1)[0].rpartition("@")[2]
