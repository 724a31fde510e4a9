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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from knowledge.errors import KnowledgeError, UntrustedEndpointError
from knowledge.files.bounded_data import MAX_JSON, parse_json, read_text
from knowledge.files.private import replace_text
from knowledge.settings.reading import BY_NAME, Origin, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Reach:
    """Which settings say where a provider sends texts, and what it shows there.

    Parameters
    ----------
    endpoints:
        Settings of the address; the first that is set counts.
    keys:
        Settings of keys; one that is set takes the place of a sign-in.
    signs_in:
        True when the user's sign-in to a cloud takes the place of a key that is not set.
    identities:
        Settings of what else tells who the user is, or is secret.
    """

    endpoints: tuple[str, ...]
    keys: tuple[str, ...]
    signs_in: bool = False
    identities: tuple[str, ...] = ()


_PLAIN = ("localai", "lmstudio", "cohere", "jina", "mistral", "mixedbread", "voyage", "gemini")
_OPENAI = ("openai_extra_headers", "openai_organization")
_SPACES = Reach(("spaces_url",), ("spaces_key",))

REACH: Mapping[str, Reach] = {
    "openai": Reach(("openai_base_url",), ("openai_api_key",), identities=_OPENAI),
    "azure": Reach(
        ("azure_openai_endpoint", "openai_base_url"),
        ("azure_openai_api_key", "openai_api_key"),
        signs_in=True,
        identities=_OPENAI,
    ),
    "ollama": Reach(("ollama_base_url", "ollama_host"), ("ollama_api_key",)),
    "vertex": Reach(
        ("vertex_base_url",), ("vertex_api_key",), signs_in=True, identities=("vertex_project",)
    ),
    "rerank": Reach(("rerank",), ("rerank_api_key",)),
    "spaces": _SPACES,
    "spaces_text": _SPACES,
    "spaces_instruct": _SPACES,
    **{name: Reach((f"{name}_base_url",), (f"{name}_api_key",)) for name in _PLAIN},
}
"""By provider."""

LOCAL = frozenset(
    {"static", "onnx", "fastembed", "sentence-transformers", "model2vec", "llama-cpp"}
)
"""The providers that send texts nowhere."""

TRUST_FLOWS = (
    "If you trust the flows file, run `knowledge trust` on its folder, or set KNOW_TRUST_PROJECT=1 "
    "once."
)
"""What helps where a flows file is refused something."""


def trust_file() -> Path:
    """Return the file that lists trusted folders."""
    import platformdirs

    return Path(platformdirs.user_config_dir("knowledge", appauthor=False)) / "trusted.json"


def trusted_folders() -> list[str]:
    """Return the trusted folders, sorted; an unreadable list trusts nothing."""
    try:
        folders = parse_json(read_text(trust_file(), MAX_JSON))
    except (OSError, ValueError):
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


def check_endpoint(settings: Settings, provider: str, *, is_plugin: bool = False) -> None:
    """Refuse what the working directory, or a flows file, may not decide.

    Parameters
    ----------
    is_plugin:
        True for a provider that another package registered, which may use any setting.

    Raises
    ------
    UntrustedEndpointError
        The endpoint is named there and the key comes from elsewhere, or code to load is; or
        nothing is known of the provider.
    """
    origin = settings.origin("embedding_model_provider")
    if names_code(provider) and may_not_name(settings, "embedding_model_provider"):
        raise UntrustedEndpointError(
            f"{origin} in {settings.folder} leads to code to load: {provider}",
        )
    for reach in _reaches(settings, provider, is_plugin=is_plugin):
        _check_reach(settings, reach)


def may_not_name(settings: Settings, name: str) -> bool:
    """Tell whether a file that the user has not trusted has set ``name``."""
    origin = settings.origin(name)
    # A flows file has this origin only where it is not trusted.
    return origin is Origin.FLOWS_FILE or (origin.of_folder and not is_trusted(settings))


def names_code(provider: str) -> bool:
    """Tell whether a provider, as a dataset records it, stands for code that its user names."""
    return provider.partition(":")[0].strip().lower() in ("python", "langchain", "llama-index")


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


def _reaches(settings: Settings, provider: str, *, is_plugin: bool) -> Iterable[Reach]:
    """Return where a provider sends what; code of others may do as any provider does."""
    if provider in LOCAL:
        return ()
    if is_plugin or names_code(provider):
        return [replace(reach, signs_in=False) for reach in REACH.values()]
    if provider == "openai" and settings["openai_api_type"] != "OPEN_AI":
        provider = "azure"
    if provider not in REACH:
        raise UntrustedEndpointError(
            f"nothing is known of the provider {provider!r}, nor where it sends texts",
            hint="`knowledge models list` shows the providers that there are.",
        )
    return (REACH[provider],)


def _check_reach(settings: Settings, reach: Reach) -> None:
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


def _shown(settings: Settings, reach: Reach, endpoint: Origin) -> tuple[str, str] | None:
    """Name what is shown that is not of who named the endpoint, and where it comes from."""
    for name in (*reach.keys, *reach.identities):
        origin = settings.origin(name)
        theirs = origin is endpoint if endpoint is Origin.FLOWS_FILE else origin.of_folder
        if settings[name] and settings.is_set(name) and not theirs:
            what = "it" if name in reach.identities else "the key"
            return f"your {BY_NAME[name].variables[0]}", f"{what} comes from the {origin}"
    if reach.signs_in and not any(settings.is_set(n) and settings[n] for n in reach.keys):
        return "a token of yours", "no key is set, so that you sign in"
    return None


def _host(address: str) -> str:
    after_scheme = address.partition("://")[2] or address
    return re.split(r"[/?#]", after_scheme, maxsplit=1)[0].rpartition("@")[2]
