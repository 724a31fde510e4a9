"""The folders that a user has for data, settings, caches and state, by the platform's custom."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from knowledge.errors import UsageError


def user_folder(kind: Literal["data", "config", "cache", "state"]) -> Path:
    """Return our folder among the user's.

    Raises
    ------
    UsageError
        The user has no home folder, as in some containers.
    """
    import platformdirs

    folders = {
        "data": platformdirs.user_data_dir,
        "config": platformdirs.user_config_dir,
        "cache": platformdirs.user_cache_dir,
        "state": platformdirs.user_state_dir,
    }
    try:
        return Path(folders[kind]("knowledge", appauthor=False))
    except RuntimeError as error:
        raise UsageError(
            "this user has no home folder",
            hint="Set HOME, or KNOW_DATA_DIR to a folder that may be written.",
        ) from error
