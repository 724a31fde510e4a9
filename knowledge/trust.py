"""Whether a folder's own settings may decide where a key, or code, comes from.

A key from the environment never goes to an endpoint that the working directory's ``.env`` or
``knowledge.yaml`` named, unless it is a loopback address or the user trusted the folder. The list
of trusted folders lies in the user's configuration folder, which no project file can move.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from knowledge.errors import KnowledgeError, UntrustedEndpointError
from knowledge.private_files import replace_text
from knowledge.settings import BY_NAME, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Reach:
    """Which settings say where a provider sends texts, and what it shows there.

    Parameters
    ----------
    endpoints:
        Settings of the address; the first that is set counts.
    keys:
        Settings of what is secret.
    signs_in:
        True when the user's sign-in to a cloud takes the place of a key that is not set.
    """

    endpoints: tuple[str, ...]
    keys: tuple[str, ...]
    signs_in: bool = False


_PLAIN = ("localai", "lmstudio", "cohere", "jina", "mistral", "mixedbread", "voyage", "gemini")
_SPACES = Reach(("spaces_url",), ("spaces_key",))

REACH: Mapping[str, Reach] = {
    "openai": Reach(("openai_base_url",), ("openai_api_key", "openai_extra_headers")),
    "azure": Reach(
        ("azure_openai_endpoint", "openai_base_url"),
        ("azure_openai_api_key", "openai_api_key", "openai_extra_headers"),
        signs_in=True,
    ),
    "ollama": Reach(("ollama_base_url", "ollama_host"), ("ollama_api_key",)),
    "vertex": Reach(("vertex_base_url",), ("vertex_api_key",), signs_in=True),
    "rerank": Reach(("rerank",), ("rerank_api_key",)),
    "spaces": _SPACES,
    "spaces_text": _SPACES,
    "spaces_instruct": _SPACES,
    **{name: Reach((f"{name}_base_url",), (f"{name}_api_key",)) for name in _PLAIN},
}
"""By provider; one that has no address, or no secret, is not here."""


def trust_file() -> Path:
    """Return the file that lists trusted folders."""
    import platformdirs

    return Path(platformdirs.user_config_dir("knowledge", appauthor=False)) / "trusted.json"


def trusted_folders() -> list[str]:
    """Return the trusted folders, sorted; an unreadable list trusts nothing."""
    try:
        folders = json.loads(trust_file().read_text(encoding="utf-8"))
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
    if settings["trust_project"] and not settings.origin("trust_project").of_folder:
        return True
    return str(settings.folder.resolve()) in trusted_folders()


def check_endpoint(settings: Settings, provider: str) -> None:
    """Refuse what the working directory may not decide.

    Raises
    ------
    UntrustedEndpointError
        The folder names the endpoint and the key comes from elsewhere, or the folder names code
        to load.
    """
    # A data folder that the working directory names brings datasets, which name providers.
    origins = map(settings.origin, ("embedding_model_provider", "data_dir"))
    chosen_by = next((origin for origin in origins if origin.of_folder), None)
    if names_code(provider) and chosen_by and not is_trusted(settings):
        raise UntrustedEndpointError(
            f"{chosen_by} in {settings.folder} leads to code to load: {provider}",
        )
    reach = _reach(settings, provider)
    endpoint = next((name for name in reach.endpoints if settings.is_set(name)), None)
    if endpoint is None or not settings.origin(endpoint).of_folder:
        return
    shown = _shown(settings, reach)
    if shown and not _is_loopback(settings[endpoint]) and not is_trusted(settings):
        raise UntrustedEndpointError(
            f"{settings.origin(endpoint)} in {settings.folder} sends texts and {shown[0]} to "
            f"{_host(settings[endpoint])}; {shown[1]}"
        )


def names_code(provider: str) -> bool:
    """Tell whether a provider, as a dataset records it, stands for code that its user names."""
    return provider.partition(":")[0].lower() in ("python", "langchain", "llama-index")


def _reach(settings: Settings, provider: str) -> Reach:
    if provider == "openai" and settings["openai_api_type"] != "OPEN_AI":
        provider = "azure"
    return REACH.get(provider, Reach((), ()))


def _shown(settings: Settings, reach: Reach) -> tuple[str, str] | None:
    """Name what is shown to the endpoint that is not the folder's own, and where it comes from."""
    for name in reach.keys:
        if settings.is_set(name) and not settings.origin(name).of_folder:
            variable = BY_NAME[name].variables[0]
            return f"your {variable}", f"the key comes from the {settings.origin(name)}"
    if reach.signs_in and not any(settings.is_set(name) for name in reach.keys):
        return "a token of yours", "no key is set, so that you sign in"
    return None


def _host(address: str) -> str:
    return urlsplit(address).netloc.rpartition("@")[2] or address.rpartition("@")[2]


def _is_loopback(address: str) -> bool:
    if re.fullmatch(r"[^/@]*", address):  # OLLAMA_HOST may leave out the scheme
        address = f"//{address}"
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
