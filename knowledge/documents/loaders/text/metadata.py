"""Metadata from documents: what can be stored and filtered by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from knowledge.text.cleaning import clean


def plain_metadata(given: Any) -> dict[str, Any]:
    """Return the entries of a mapping that are scalars or lists of them, dates as text.

    What is deeper is left out: by aliases, a few lines of YAML can nest lists without end.
    """
    if not isinstance(given, Mapping):
        return {}
    kept = {clean(str(key)): _plain(value) for key, value in given.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [item for item in map(_scalar, value) if item is not None]
    return _scalar(value)


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, date):  # datetime as well
        return value.isoformat()
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return value if isinstance(value, int | float) else None
