"""What every object has: the name of its schema, which lies in ``docs/schemas``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve()
_FOLDERS = (_HERE.parent / "schemas", _HERE.parents[2] / "docs" / "schemas")
"""Where the schemas lie: in an installed package, and in a checkout."""


def of(name: str, content: Mapping[str, Any], version: int = 1) -> dict[str, Any]:
    """Return content with its schema before it, such as ``knowledge.retrieve/1``."""
    return {"schema": f"knowledge.{name}/{version}", **content}


@cache
def contract(name: str, version: int = 1) -> Mapping[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a record, such as ``retrieve``.

    Raises
    ------
    FileNotFoundError
        There is no such record.
    """
    file = f"{name}-{version}.json"
    folder = next((one for one in _FOLDERS if (one / file).is_file()), _FOLDERS[0])
    found: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
    return found
