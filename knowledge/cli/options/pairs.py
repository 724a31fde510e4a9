"""``k=v`` arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.errors import UsageError
from knowledge.files.bounded_data import parse_json

NULLS = ("", "-", "null", "nil")


def text_pairs(values: Sequence[str], flag: str) -> dict[str, str]:
    """Parse ``k=v`` arguments into texts.

    Raises
    ------
    UsageError
        One has no ``=`` or no name; the message names the flag.
    """
    pairs = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{flag} takes name=value, not {value!r}")
        pairs[name.strip()] = content
    return pairs


def metadata_pairs(values: Sequence[str], flag: str) -> dict[str, Any]:
    """Parse ``k=v`` arguments into metadata: numbers, true and false are taken as such.

    Raises
    ------
    UsageError
        As :func:`text_pairs`.
    """
    return {name: _scalar(text) for name, text in text_pairs(values, flag).items()}


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


def _scalar(text: str) -> Any:
    try:
        value = parse_json(text)
    except ValueError:
        return text
    plain = isinstance(value, bool | int | float) and str(value).lower() == text.lower()
    return value if plain and value == value else text
