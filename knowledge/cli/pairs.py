"""``k=v`` arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from knowledge.errors import UsageError

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


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    plain = isinstance(value, bool | int | float) and str(value).lower() == text.lower()
    return value if plain and value == value else text
