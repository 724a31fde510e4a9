"""What every object has: the name of its schema, which lies in ``docs/schemas``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of(name: str, content: Mapping[str, Any], version: int = 1) -> dict[str, Any]:
    """Return content with its schema before it, such as ``knowledge.retrieve/1``."""
    return {"schema": f"knowledge.{name}/{version}", **content}
