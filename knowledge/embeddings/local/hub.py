"""The Hugging Face hub: what was downloaded already, and one question before a download."""

from __future__ import annotations

from pathlib import Path


def downloading(name: str) -> str:
    """Return the sentence that is said before a model is downloaded."""
    return f"downloading the model {name}, since it is not on this machine yet"


def ask_hub(name: str, revision: str | None = None) -> None:
    """Ask the hub once whether it has a model; its own libraries try for a minute and more.

    Raises
    ------
    Exception
        Whatever the hub's library raises: there is no network, no such model, or no right to it.
    """
    from huggingface_hub import HfApi

    HfApi().model_info(name, revision=revision, timeout=10)


def knows(name: str, file: str, revision: str | None = None) -> bool:
    """Tell whether a file was downloaded, or is known to be missing from the model."""
    from huggingface_hub import try_to_load_from_cache

    return try_to_load_from_cache(name, file, revision=revision) is not None


def hub_file(name: str, file: str, revision: str | None = None) -> Path | None:
    """Return a small file of a model, downloaded where it must be; ``None`` when it has none.

    Raises
    ------
    Exception
        Whatever the hub's library raises.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import RemoteEntryNotFoundError

    if not knows(name, file, revision):
        ask_hub(name, revision)
        try:
            hf_hub_download(name, file, revision=revision)
        except RemoteEntryNotFoundError:
            return None
    path = try_to_load_from_cache(name, file, revision=revision)
    return Path(path) if isinstance(path, str) else None
