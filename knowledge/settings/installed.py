"""Embedding providers that other packages register, and the settings that they bring.

Nothing of another package is imported before it is asked for: names are in the packages' metadata.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from knowledge.settings.importing import import_installed
from knowledge.settings.table import Setting

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "knowledge.embedders"
"""The entry-point group that third parties register embedding providers in."""

OURS = "knowledge."


def entry_points() -> dict[str, EntryPoint]:
    """Return the registered providers by name, in lower case; our own need no registration."""
    from importlib.metadata import entry_points  # 20 ms

    found = {entry.name.lower(): entry for entry in entry_points(group=GROUP)}
    return {name: entry for name, entry in found.items() if not entry.module.startswith(OURS)}


def load_record(entry: EntryPoint) -> Any:
    """Import what an entry point names, and return its record, unchecked.

    It is the object itself, or what a class has as ``provider``.

    Raises
    ------
    UsageError
        It lies in the working directory.
    ImportError, AttributeError, ValueError
        It can't be imported.
    """
    found: Any = import_installed(entry.module)
    for name in filter(None, entry.attr.split(".")):
        found = getattr(found, name)
    return getattr(found, "provider", found)


@cache
def installed_settings() -> tuple[Setting, ...]:
    """Return the settings that registered providers bring.

    A provider that can't be loaded brings none; `knowledge models list` shows why.
    """
    found: dict[str, Setting] = {}
    for entry in entry_points().values():
        try:
            rows = tuple(getattr(load_record(entry), "settings", ()))
        except Exception:  # noqa: BLE001, S112  whatever another package raises, others still work
            continue
        for row in rows:
            if isinstance(row, Setting):
                found.setdefault(row.name, row)
    return tuple(found.values())
