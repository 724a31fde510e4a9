"""``k=v`` arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.errors import UsageError
from knowledge.settings.pairs import metadata_pairs

NULLS = ("", "-", "null", "nil")


def edited_metadata(
    current: Mapping[str, Any],
    update: Sequence[str] | None,
    replace: Sequence[str] | None,
    reset: bool,
) -> dict[str, Any]:
    """Return metadata as ``--update-metadata`` and its like ask for.

    Raises
    ------
    UsageError
        None of the flags is given, or several are.
    """
    if sum(map(bool, (update, replace, reset))) != 1:
        raise UsageError("give one of --update-metadata, --replace-metadata and --reset-metadata")
    metadata = dict(current) if update else {}
    flag = "--update-metadata" if update else "--replace-metadata"
    for key, value in metadata_pairs(update or replace or [], flag).items():
        if value in NULLS:
            metadata.pop(key, None)
        else:
            metadata[key] = value
    return metadata
