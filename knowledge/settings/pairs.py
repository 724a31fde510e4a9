"""``k=v`` texts as metadata, from flags and from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from knowledge.errors import UsageError
from knowledge.files.bounded_data import parse_json

_NEXT = r",\s*(?=[^\s,=]+=)"
"""Between two pairs in one text: a comma before a name and ``=``; values may hold other commas."""


def metadata_pairs(values: str | Sequence[str], named: str) -> dict[str, Any]:
    """Parse ``k=v`` texts, each with one pair or several between commas, into metadata.

    Numbers, true and false are taken as such.

    Parameters
    ----------
    named:
        Where they come from, for the error.

    Raises
    ------
    UsageError
        One has no ``=`` or no name.
    """
    pairs = {}
    for value in [values] if isinstance(values, str) else values:
        for pair in re.split(_NEXT, value):
            name, equals, content = pair.partition("=")
            if not equals or not name.strip():
                raise UsageError(f"{named} takes name=value, not {pair!r}")
            pairs[name.strip()] = _scalar(content)
    return pairs


def setting_pairs(value: str) -> Mapping[str, Any] | None:
    """Parse the setting of pairs; ``None`` where it is empty."""
    return metadata_pairs(value, "KNOW_INGEST_METADATA") if value.strip() else None


def listed(value: str) -> tuple[str, ...]:
    """Return the entries of a list with commas."""
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _scalar(text: str) -> Any:
    try:
        value = parse_json(text)
    except ValueError:
        return text
    plain = isinstance(value, bool | int | float) and str(value).lower() == text.lower()
    return value if plain and value == value else text
