"""How deep a YAML or a JSON file may be nested."""

from __future__ import annotations

MAX_DEPTH = 100
"""Levels of lists and mappings."""
TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"
