"""Conditions on metadata, as ``--where`` writes them.

Numbers compare as numbers, all else as text, so dates must be ISO dates. A list passes when one of
its items does. ``!=`` and ``nin`` are the opposites of ``=`` and ``in``: metadata without the name
passes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from knowledge.model import Metadata


class Condition(Protocol):
    """Something that metadata passes or not; equal conditions are equal objects."""

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        ...


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of several conditions."""

    parts: tuple[Condition, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        return all(part.holds(metadata) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several conditions at least."""

    parts: tuple[Condition, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        return any(part.holds(metadata) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One name, one sign, and the values it is compared with: none for ``exists``."""

    name: str
    sign: str
    values: tuple[str, ...]

    def holds(self, metadata: Metadata) -> bool:
        """Tell whether ``metadata`` passes."""
        found = metadata.get(self.name)
        if self.sign == "exists":
            return found is not None
        if self.sign in ("!=", "nin"):
            return not self._any(found, _equal)
        return self._any(found, _TESTS[self.sign])

    def _any(self, found: Any, test: Callable[[Any, str], bool]) -> bool:
        items = found if isinstance(found, list) else [found]
        return any(test(item, value) for item in items if item is not None for value in self.values)


def _equal(item: Any, value: str) -> bool:
    return _order(item, value) == 0


def _contains(item: Any, value: str) -> bool:
    return value.casefold() in text_of(item).casefold()


def _order(item: Any, value: str) -> int:
    """Return -1, 0 or 1 as the item is less than, equal to or more than the value."""
    left, right = _number(item), _number(value)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    text = text_of(item)
    return (text > value) - (text < value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def text_of(item: Any) -> str:
    """Return a JSON value as one writes it in a condition: ``true``, not ``True``."""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TESTS: Mapping[str, Callable[[Any, str], bool]] = {
    "=": _equal,
    "in": _equal,
    "<": lambda item, value: _order(item, value) < 0,
    "<=": lambda item, value: _order(item, value) <= 0,
    ">": lambda item, value: _order(item, value) > 0,
    ">=": lambda item, value: _order(item, value) >= 0,
    "contains": _contains,
}
