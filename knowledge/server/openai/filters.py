"""Filters of vector stores as conditions of ``where``.

    {"type": "and", "filters": [{"type": "gte", "key": "year", "value": 2020}, ...]}

https://platform.openai.com/docs/guides/retrieval#attribute-filtering
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from knowledge.errors import UsageError
from knowledge.retrieval.conditions import MAX_DEPTH, text_of
from knowledge.text.wording import brief

_SIGNS = {"eq": "=", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def condition(given: Any, depth: int = 0) -> str:
    """Return the condition that a filter means.

    Raises
    ------
    UsageError
        It is none; the message names ``filters``.
    """
    if not isinstance(given, Mapping) or depth > MAX_DEPTH:
        raise UsageError(f"`filters` can't be read: {brief(given)}")
    kind = given.get("type")
    if kind in ("and", "or"):
        parts = given.get("filters")
        if not isinstance(parts, list) or not parts:
            raise UsageError(f"`filters`: {kind!r} needs a list of filters")
        return "(" + f" {kind} ".join(condition(part, depth + 1) for part in parts) + ")"
    key, value = given.get("key"), given.get("value")
    if not isinstance(key, str) or not key:
        raise UsageError(f"`filters`: a comparison needs a key, not {brief(key)}")
    if kind in ("in", "nin"):
        if not isinstance(value, list) or not value:
            raise UsageError(f"`filters`: {kind!r} needs a list of values")
        return f"{_quoted(key)} {kind} ({', '.join(_quoted(_value(one)) for one in value)})"
    if kind not in _SIGNS:
        known = ", ".join([*_SIGNS, "in", "nin", "and", "or"])
        raise UsageError(f"`filters` has the type {brief(kind)}", hint=f"One of {known}.")
    return f"{_quoted(key)} {_SIGNS[kind]} {_quoted(_value(value))}"


def _value(value: Any) -> str:
    if not isinstance(value, str | int | float | bool):
        raise UsageError(f"`filters`: a value is a text, a number or a truth, not {brief(value)}")
    return text_of(value)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
