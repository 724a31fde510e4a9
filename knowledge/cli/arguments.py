"""What people type, as the parser wants it: common flags first, ``help``, other programs' names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

SYNONYMS = {
    "add": "ingest",
    "ls": "list-datasets",
    "query": "retrieve",
    "search": "retrieve",
}
"""Names that other programs have for commands."""
GROUPS = frozenset({"cache", "flows", "models"})
"""Commands of two words."""

_FLAG = re.compile(r"--(json|quiet|verbose|debug|no-pager)|-[qv]+|--(data-dir|config-file)=.*")
_VALUED = ("--data-dir", "--config-file", "-c")


def arranged(arguments: Sequence[str]) -> list[str]:
    """Return a command line with its common flags behind the command.

    ``help`` becomes ``--help``, ``-V`` becomes ``--version``, and a synonym the command's name.
    """
    flags, rest = _common(list(arguments))
    if rest[:1] == ["help"]:
        return [*_names(rest[1:]), "--help"]
    if rest[:1] == ["-V"]:
        return ["--version"]
    if not rest or rest[0].startswith("-"):
        return [*rest] if rest else []
    words = _names(rest)
    at = 2 if words[0] in GROUPS and words[1:2] and not words[1].startswith("-") else 1
    return [*words[:at], *flags, *words[at:]]


def _common(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Divide the common flags before the command from what follows."""
    at = 0
    while at < len(arguments):
        if _FLAG.fullmatch(arguments[at]):
            at += 1
        elif arguments[at] in _VALUED and at + 1 < len(arguments):
            at += 2
        else:
            break
    return arguments[:at], arguments[at:]


def _names(words: list[str]) -> list[str]:
    return [SYNONYMS.get(words[0], words[0]), *words[1:]] if words else []


def from_environment() -> list[str]:
    """Return the flags that the environment sets: ``--json`` where KNOW_JSON is true."""
    given = os.environ.get("KNOW_JSON", "").strip().lower()
    return ["--json"] if given in ("1", "true", "yes", "on") else []
