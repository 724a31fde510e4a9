"""Whether a folder's own settings may decide where a key, or code, comes from.

A key from the environment never goes to an endpoint that the working directory's ``.env`` or
``knowledge.yaml`` named, unless it is a loopback address or the user trusted the folder. The list
of trusted folders lies in the user's configuration folder, which no project file can move.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from urllib.parse import urlsplit

from knowledge.errors import KnowledgeError, UntrustedEndpointError
from knowledge.settings import Origin, Settings


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
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(sorted(folders), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
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
    if provider.startswith("python:") and chosen_by and not is_trusted(settings):
        raise UntrustedEndpointError(
            f"{chosen_by} in {settings.folder} leads to code to load: {provider}",
        )
    endpoint, key = settings.origin("openai_base_url"), settings.origin("openai_api_key")
    if (
        provider in ("openai", "azure")
        and endpoint.of_folder
        and not key.of_folder
        and key is not Origin.DEFAULT
        and not _is_loopback(settings["openai_base_url"])
        and not is_trusted(settings)
    ):
        host = urlsplit(settings["openai_base_url"]).netloc.rpartition("@")[2]
        raise UntrustedEndpointError(
            f"{endpoint} in {settings.folder} sends texts and your OPENAI_API_KEY to {host}; "
            f"the key comes from the {key}"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
