"""The program itself: its version, its settings, which folders it trusts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.records.schema import of

if TYPE_CHECKING:
    from knowledge.errors import KnowledgeError
    from knowledge.settings.reading import Origin, Setting

    Shown = tuple[Setting, str | int | float | bool, Origin]


def version(
    version: str, python: str, platform: str, dependencies: Mapping[str, str]
) -> dict[str, Any]:
    """Return the version, and those of what it runs on, as ``knowledge.version/1``."""
    content = {
        "version": version,
        "python": python,
        "platform": platform,
        "dependencies": dict(dependencies),
    }
    return of("version", content)


def config(
    rows: Iterable[Shown], places: Mapping[str, str], wrong: Mapping[str, KnowledgeError]
) -> dict[str, Any]:
    """Return settings with values (secrets masked) and origins as ``knowledge.config/1``.

    Parameters
    ----------
    places:
        Where each value stands, such as ``/home/ana/.env:3``.
    wrong:
        The errors by setting; "" for those of a whole file.
    """
    settings = [
        {
            "name": setting.name,
            "value": value,
            "origin": origin.value,
            "place": places[setting.name] or None,
            "error": wrong[setting.name].message if setting.name in wrong else None,
            "variables": list(setting.variables),
            "help": setting.help,
        }
        for setting, value, origin in rows
    ]
    errors = [one.message for one in wrong.values()]
    return of("config", {"settings": settings, "errors": errors})


def trust(folders: Sequence[str]) -> dict[str, Any]:
    """Return the folders whose settings are trusted as ``knowledge.trust/1``."""
    return of("trust", {"trusted": list(folders)})


def installed_for(client: str, file: str) -> dict[str, Any]:
    """Return where an agent's program was given this server, as ``knowledge.mcp/1``."""
    return of("mcp", {"client": client, "file": file})
