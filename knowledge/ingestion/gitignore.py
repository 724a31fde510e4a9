"""Where Git itself would look for ignore rules: ``.gitignore`` and ``.git/info/exclude``."""

from __future__ import annotations

import os
from pathlib import Path

from knowledge.bounded_data import DataError, read_text
from knowledge.ingestion.patterns import Patterns, valid_lines
from knowledge.storage.shown_path import shown

GITIGNORE = ".gitignore"
GIT = ".git"
MAX_RULES = 1 << 20
"""Bytes of a file of rules."""

Layer = tuple[Patterns, str]
"""Patterns, and the path from their folder down to the folder at hand, ending in ``/`` or empty."""


def work_tree_of(folder: str) -> str | None:
    """Return the root of the Git work tree that holds a folder; ``None`` outside of any."""
    while not os.path.lexists(os.path.join(folder, GIT)):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def layers_above(work_tree: str, folder: str) -> list[Layer]:
    """Return the rules that reach a folder of a work tree from above it, the outermost first.

    Rules that would leave out the folder itself are dropped: it was named on purpose.
    """
    layers = excluded(work_tree)
    down = os.path.relpath(folder, work_tree)
    parts = [] if down == os.curdir else down.split(os.sep)
    here = work_tree
    for part in parts:
        layers += gitignore_of(here)
        step = shown(part) + "/"
        layers = [(patterns, prefix + step) for patterns, prefix in layers]
        here = os.path.join(here, part)
    return [
        (patterns.without_those_of(prefix) if prefix else patterns, prefix)
        for patterns, prefix in layers
    ]


def gitignore_of(folder: str) -> list[Layer]:
    """Return the rules of a folder's ``.gitignore``, if there are any."""
    return _layer(os.path.join(folder, GITIGNORE))


def excluded(work_tree: str) -> list[Layer]:
    """Return the rules of a work tree's ``info/exclude``, if there are any."""
    return _layer(os.path.join(_git_folder(work_tree), "info", "exclude"))


def _layer(path: str) -> list[Layer]:
    lines = _lines(path)
    patterns = Patterns(valid_lines(lines), shown(path)) if lines else None
    return [(patterns, "")] if patterns else []


def rule_lines(path: str | Path, errors: str = "strict") -> list[str]:
    r"""Return the lines of a file of rules; as for Git, nothing but ``\n`` ends one.

    Raises
    ------
    OSError, UnicodeDecodeError, DataError
        It can't be read, is no UTF-8, or is larger than any list of rules.
    """
    text = read_text(path, MAX_RULES, errors=errors)
    return [line.removesuffix("\r") for line in text.split("\n")]


def _lines(path: str) -> list[str]:
    """Return a file's lines, none when it can't be read: Git's files are not ours to judge."""
    try:
        return rule_lines(path, errors="replace")
    except (OSError, DataError):
        return []


def _git_folder(work_tree: str) -> str:
    """Return the folder of the repository itself, which linked work trees and submodules name."""
    path = os.path.join(work_tree, GIT)
    if os.path.isdir(path):
        return path
    named = "".join(_lines(path)[:1]).removeprefix("gitdir:").strip()
    folder = os.path.join(work_tree, named)
    common = "".join(_lines(os.path.join(folder, "commondir"))[:1]).strip()
    return os.path.join(folder, common)
