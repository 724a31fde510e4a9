"""What fetching from elsewhere may take."""

from __future__ import annotations

from dataclasses import dataclass

from knowledge.documents.options import MIB
from knowledge.settings.reading import Settings


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

    @classmethod
    def from_settings(cls, settings: Settings) -> FetchLimits:
        """Return what the settings allow.

        A folder's own settings open no private network unless the folder is trusted.
        """
        from knowledge.settings.trust import is_trusted

        of_folder = settings.origin("allow_private_hosts").of_folder
        return cls(
            seconds=settings["fetch_timeout"],
            file_bytes=settings["max_file_size"] * MIB,
            repository_bytes=settings["max_repository_size"] * MIB,
            allow_private=settings["allow_private_hosts"]
            and (not of_folder or is_trusted(settings)),
        )
