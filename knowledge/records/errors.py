"""Errors, whatever the face that shows them."""

from __future__ import annotations

from typing import Any

from knowledge.errors import KnowledgeError
from knowledge.records.schema import of


def error(one: KnowledgeError) -> dict[str, Any]:
    """Return an error as ``knowledge.error/1``."""
    return of("error", {"error": {"code": one.code, "message": one.message, "hint": one.hint}})
