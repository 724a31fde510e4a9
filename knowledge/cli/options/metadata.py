"""How commands change metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowledge.cli.options.declared import PAIRS
from knowledge.errors import UsageError
from knowledge.requests import Request, option

NULLS = ("", "-", "null", "nil")


@dataclass(frozen=True, slots=True)
class MetadataOptions(Request):
    """One change of a dataset's or a file's metadata."""

    update: Mapping[str, Any] | None = option(
        "Set a value; an empty value, - or null removes it.",
        "--update-metadata",
        "--metadata",
        metavar=PAIRS,
    )
    replace: Mapping[str, Any] | None = option(
        "Set a value and remove all others.", "--replace-metadata", metavar=PAIRS
    )
    reset: bool = option("Remove all metadata.", "--reset-metadata", default=False)

    def edited(self, current: Mapping[str, Any]) -> dict[str, Any]:
        """Return metadata as the flags ask for.

        Raises
        ------
        UsageError
            None of the flags is given, or several are.
        """
        if sum((self.update is not None, self.replace is not None, self.reset)) != 1:
            raise UsageError(
                "give one of --update-metadata, --replace-metadata and --reset-metadata"
            )
        metadata = dict(current) if self.update else {}
        for key, value in (self.update or self.replace or {}).items():
            if value in NULLS:
                metadata.pop(key, None)
            else:
                metadata[key] = value
        return metadata
